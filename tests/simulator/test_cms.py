"""The simulator's CMS is read by OpenSSL, which shares no code with it."""

import itertools
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from simulator import cms
from simulator.keys import identity_to_pem

KEYS = {"rsa": rsa.generate_private_key(65537, 2048), "ec": ec.generate_private_key(ec.SECP256R1())}


def self_signed(key) -> cms.Identity:
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return cms.Identity(key, builder.sign(key, hashes.SHA256()))


@pytest.mark.parametrize(
    ("key", "digest", "with_attributes", "indefinite"),
    list(itertools.product(KEYS, ("sha1", "sha256"), (True, False), (True, False))),
)
def test_openssl_verifies_every_style_of_signature(tmp_path, key, digest, with_attributes, indefinite):
    body = b"<plist/>\r\n"
    style = cms.Style(digest, with_attributes, indefinite)
    signature = cms.sign_detached(body, self_signed(KEYS[key]), style)
    assert signature[1] == 0x80 if indefinite else signature[1] != 0x80
    (tmp_path / "signature").write_bytes(signature)
    (tmp_path / "body").write_bytes(body)
    command = ["openssl", "cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in", "signature"]
    done = subprocess.run([*command, "-content", "body"], cwd=tmp_path, capture_output=True, check=False)
    assert done.stdout == body, done.stderr


@pytest.mark.parametrize("cipher", ["aes128", "aes256", "3des"])
def test_openssl_opens_an_envelope(tmp_path, cipher):
    identity = self_signed(KEYS["rsa"])
    (tmp_path / "envelope").write_bytes(cms.envelope(b"request" * 5, identity.certificate, cipher))
    (tmp_path / "identity.pem").write_bytes(identity_to_pem(identity))
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", "envelope", "-inkey", "identity.pem"]
    done = subprocess.run([*command, "-recip", "identity.pem"], cwd=tmp_path, capture_output=True, check=False)
    assert done.stdout == b"request" * 5, done.stderr


def test_an_envelope_for_someone_else_is_refused():
    mine, other = self_signed(KEYS["rsa"]), self_signed(rsa.generate_private_key(65537, 2048))
    renamed = cms.Identity(other.key, x509.load_der_x509_certificate(other.certificate_der))
    with pytest.raises(cms.CmsError):
        cms.open_envelope(cms.envelope(b"secret", mine.certificate), renamed)
