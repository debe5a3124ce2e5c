import base64
import contextlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import csr as asn1_csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID

from mdm_project import cms, csr, enveloped, pki
from simulator.cms import integer, oid, tlv
from tests.fixtures import capture

AUTHORITY, AUTHORITY_KEY = pki.make_authority("Test CA")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP384R1())
NOW = datetime.now(UTC)


def name(text: str = "") -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def request_der(key=KEY, subject: x509.Name | None = None, names=(), challenge: bytes | None = b"secret", digest=None):
    builder = x509.CertificateSigningRequestBuilder(name("device") if subject is None else subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if challenge is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge)
    return builder.sign(key, digest or hashes.SHA256()).public_bytes(Encoding.DER)


def handmade(challenge: bytes, version: int = 0) -> bytes:
    """Make a request with an independent encoder, with what libraries do not write."""
    public_key_info = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    attribute = tlv(0x30, oid("1.2.840.113549.1.9.7"), tlv(0x31, challenge))
    info = tlv(0x30, integer(version), b"\x30\x00", public_key_info, tlv(0xA0, attribute))
    algorithm = tlv(0x30, oid("1.2.840.113549.1.1.11"), b"\x05\x00")
    signature = KEY.sign(info, padding.PKCS1v15(), hashes.SHA256())
    return tlv(0x30, info, algorithm, tlv(0x03, b"\x00", signature))


# Requests


@pytest.mark.parametrize("digest", [hashes.SHA224, hashes.SHA256, hashes.SHA384, hashes.SHA512])
@pytest.mark.parametrize("key", [KEY, EC_KEY], ids=["rsa", "ecdsa"])
def test_requests_are_read(key, digest):
    request = csr.read_request(request_der(key, names=[x509.DNSName("a.example")], digest=digest()))
    assert request.subject == name("device").public_bytes()
    assert request.challenge == "secret"
    assert request.public_key == key.public_key()
    assert "secret" not in repr(request)


def test_a_request_of_version_two_is_read():
    der = handmade(tlv(0x13, b"secret"), version=2)
    with pytest.raises(x509.InvalidVersion):
        x509.load_der_x509_csr(der)
    assert csr.read_request(der).challenge == "secret"


@pytest.mark.parametrize(
    ("tag", "encoding"),
    [(0x0C, "utf-8"), (0x14, "latin-1"), (0x16, "latin-1"), (0x1C, "utf-32-be"), (0x1E, "utf-16-be")],
)
def test_the_challenge_may_be_a_string_of_any_type(tag, encoding):
    assert csr.read_request(handmade(tlv(tag, "Grüße".encode(encoding)))).challenge == "Grüße"


@pytest.mark.parametrize("challenge", [tlv(0x13, b"\xff"), tlv(0x02, b"1"), tlv(0x1E, b"a"), b"", b"\x13"])
def test_a_challenge_that_is_no_text_is_refused(challenge):
    with pytest.raises(csr.RequestInvalid):
        csr.read_request(handmade(challenge))


def test_a_request_without_challenge_and_subject_is_read():
    request = csr.read_request(request_der(subject=name(), challenge=None))
    assert (request.challenge, request.subject_alt_name, request.subject) == (None, None, b"\x30\x00")


def test_a_request_that_is_not_signed_with_its_own_key_is_refused():
    other = request_der(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    forged = asn1_csr.CertificationRequest.load(request_der())
    forged["signature"] = asn1_csr.CertificationRequest.load(other)["signature"]
    with pytest.raises(csr.RequestInvalid, match="own key"):
        csr.read_request(forged.dump(force=True))


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(public_exponent=65537, key_size=1024), ec.generate_private_key(ec.SECP224R1())],
    ids=["rsa-1024", "p-224"],
)
def test_weak_keys_are_refused(key):
    with pytest.raises(csr.RequestInvalid, match="refused"):
        csr.read_request(request_der(key))


def test_keys_of_other_kinds_are_refused():
    builder = x509.CertificateSigningRequestBuilder(name("device"))
    der = builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(Encoding.DER)
    with pytest.raises(csr.RequestInvalid):
        csr.read_request(der)


def test_no_changed_byte_of_what_is_asked_for_is_accepted():
    original = request_der(EC_KEY, names=[x509.DNSName("a.example")])
    info = asn1_csr.CertificationRequest.load(original)["certification_request_info"].dump()
    for position in range(len(original)):
        for bit in (0x01, 0x80):
            changed = bytearray(original)
            changed[position] ^= bit
            if info in changed:
                with contextlib.suppress(csr.RequestInvalid):
                    csr.read_request(bytes(changed))
                continue
            with pytest.raises(csr.RequestInvalid):
                csr.read_request(bytes(changed))


def test_no_truncated_request_is_accepted():
    original = request_der(EC_KEY)
    for length in range(len(original)):
        with pytest.raises(csr.RequestInvalid):
            csr.read_request(original[:length])


def test_huge_requests_are_refused():
    with pytest.raises(csr.RequestInvalid, match="large"):
        csr.read_request(b"\x30" * 50_000)


# Authority and identities


def extension(certificate: x509.Certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def test_the_authority_signs_certificates_and_takes_encrypted_requests():
    assert AUTHORITY.public_key().key_size == 3072
    assert extension(AUTHORITY, x509.BasicConstraints).value.ca
    usage = extension(AUTHORITY, x509.KeyUsage).value
    assert usage.key_cert_sign and usage.crl_sign and usage.key_encipherment and usage.digital_signature
    assert AUTHORITY.not_valid_after_utc > NOW + timedelta(days=3650)
    AUTHORITY.verify_directly_issued_by(AUTHORITY)


def issued(**changes) -> x509.Certificate:
    return pki.issue_identity(csr.read_request(request_der(**changes)), AUTHORITY, AUTHORITY_KEY)


def test_an_identity_is_for_clients_and_begins_an_hour_ago():
    certificate = issued()
    assert certificate.public_key() == KEY.public_key()
    assert not extension(certificate, x509.BasicConstraints).value.ca
    usage = extension(certificate, x509.KeyUsage).value
    assert usage.digital_signature and usage.key_encipherment and not usage.key_cert_sign
    assert list(extension(certificate, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    authority_id = extension(certificate, x509.AuthorityKeyIdentifier).value.key_identifier
    assert authority_id == extension(AUTHORITY, x509.SubjectKeyIdentifier).value.digest
    assert abs(certificate.not_valid_before_utc - (datetime.now(UTC) - timedelta(hours=1))) < timedelta(minutes=1)
    assert pki.issued_by(certificate, AUTHORITY)


def test_subject_and_names_stay_byte_for_byte():
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Jürgen, “iPad” 🍏"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Zürich", _type=x509.name._ASN1Type.BMPString),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
        ]
    )
    names = [x509.DNSName("a.example"), x509.RFC822Name("a@example.com"), x509.UniformResourceIdentifier("x:y")]
    certificate = issued(subject=subject, names=names)
    assert certificate.subject.public_bytes() == subject.public_bytes()
    assert list(extension(certificate, x509.SubjectAlternativeName).value) == names
    assert not extension(certificate, x509.SubjectAlternativeName).critical


def test_an_identity_may_be_nameless():
    certificate = issued(subject=name(), names=[x509.DNSName("a.example")])
    assert certificate.subject.public_bytes() == b"\x30\x00"
    assert extension(certificate, x509.SubjectAlternativeName).critical


def test_serial_numbers_are_random_and_positive():
    numbers = {issued().serial_number for _ in range(20)}
    assert len(numbers) == 20 and all(0 < number < 2**159 for number in numbers)


def test_an_identity_ends_no_later_than_its_authority():
    request = csr.read_request(request_der())
    certificate = pki.issue_identity(request, AUTHORITY, AUTHORITY_KEY, timedelta(days=36_500))
    assert certificate.not_valid_after_utc == AUTHORITY.not_valid_after_utc


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("key", [KEY, EC_KEY], ids=["rsa", "ecdsa"])
def test_openssl_accepts_what_is_issued(tmp_path, key):
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.public_bytes(Encoding.PEM))
    (tmp_path / "device.pem").write_bytes(issued(key=key).public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", "device.pem"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).stdout == b"device.pem: OK\n"


# Judging


def client_certificate(key=AUTHORITY_KEY, issuer=AUTHORITY.subject, usage=None, begins=NOW, ends=None):
    builder = x509.CertificateBuilder(issuer, name("device"), KEY.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(ends or NOW + timedelta(days=1))
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    return builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize(
    ("certificate", "is_accepted"),
    [
        (client_certificate(), True),
        (client_certificate(usage=[ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), True),
        (client_certificate(usage=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), True),
        (client_certificate(usage=[ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (client_certificate(key=KEY), False),
        (client_certificate(issuer=name("Other CA")), False),
        (client_certificate(begins=NOW + timedelta(hours=1)), False),
        (client_certificate(begins=NOW + timedelta(minutes=1)), True),
        (client_certificate(begins=NOW - timedelta(days=9), ends=NOW - timedelta(days=1)), True),
    ],
    ids=["plain", "client", "any", "server", "forged", "other", "future", "skew", "expired-is-for-the-caller"],
)
def test_who_issued_a_certificate_is_judged(certificate, is_accepted):
    assert pki.issued_by(certificate, AUTHORITY) is is_accepted


def make_root(
    *, is_authority: bool = True, begins=NOW - timedelta(days=9), ends=NOW + timedelta(days=9), key=AUTHORITY_KEY
):
    builder = x509.CertificateBuilder(AUTHORITY.subject, AUTHORITY.subject, key.public_key(), 1)
    builder = builder.not_valid_before(begins).not_valid_after(ends)
    builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    return builder.sign(key, hashes.SHA256())


def test_an_authority_must_be_one_and_be_valid():
    certificate = client_certificate()
    assert pki.issued_by(certificate, make_root())
    assert not pki.issued_by(certificate, make_root(is_authority=False))
    assert not pki.issued_by(certificate, make_root(ends=NOW - timedelta(days=1)))
    assert not pki.issued_by(certificate, make_root(begins=NOW + timedelta(days=1)))


def test_ecdsa_authorities_are_judged():
    root = make_root(key=EC_KEY)
    assert pki.issued_by(client_certificate(key=EC_KEY), root)
    assert not pki.issued_by(client_certificate(), root)


def test_the_signer_of_profiles_does_not_pass_for_a_device():
    certificate, key = pki.make_signer("Signer", AUTHORITY, AUTHORITY_KEY)
    certificate.verify_directly_issued_by(AUTHORITY)
    assert certificate.public_key() == key.public_key()
    assert not pki.issued_by(certificate, AUTHORITY)


def test_the_captured_device_certificates_are_judged():
    authority = x509.load_pem_x509_certificate(capture("mdm-signature/generated-sha1-rsa.ca.pem"))
    der = base64.b64decode(capture("mdm-signature/generated-sha1-rsa.header.txt"))
    signer = cms.verify_detached(der, capture("mdm-signature/generated-sha1-rsa.body.plist"))
    certificate = x509.load_der_x509_certificate(signer)
    assert pki.issued_by(certificate, authority)
    assert not pki.issued_by(certificate, AUTHORITY)


def test_a_file_of_authorities_is_read():
    pem = AUTHORITY.public_bytes(Encoding.PEM) + b"text between\n" + make_root().public_bytes(Encoding.PEM)
    assert pki.read_authorities(pem) == [AUTHORITY, make_root()]


@pytest.mark.parametrize(
    "pem", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "device"]
)
def test_a_file_without_authorities_is_refused(pem):
    content = client_certificate().public_bytes(Encoding.PEM) if pem == "device" else pem
    with pytest.raises(pki.CertificateInvalid):
        pki.read_authorities(content)


# Encrypted messages

RECIPIENTS = [enveloped.Recipient(make_root(key=KEY), KEY), enveloped.Recipient(AUTHORITY, AUTHORITY_KEY)]


@pytest.mark.parametrize("cipher", ["des", "tripledes_3key", "aes128_cbc", "aes192_cbc", "aes256_cbc"])
def test_messages_are_opened_by_whoever_they_are_for(cipher):
    der = enveloped.envelope(b"a secret", AUTHORITY, cipher)
    assert enveloped.open_enveloped(der, RECIPIENTS) == (b"a secret", 1, cipher)
    with pytest.raises(enveloped.CannotOpen):
        enveloped.open_enveloped(der, RECIPIENTS[:1])


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize(
    "options", [["-aes128"], ["-aes-256-cbc", "-stream"], ["-des3"], ["-aes128", "-keyid"], ["-aes128", "-oaep"]]
)
def test_what_openssl_encrypts_is_opened(tmp_path, options):
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.public_bytes(Encoding.PEM))
    (tmp_path / "body").write_bytes(b"a secret" * 500)
    keyopt = ["-recip", "ca.pem", "-keyopt", "rsa_padding_mode:oaep"] if "-oaep" in options else ["ca.pem"]
    flags = [option for option in options if option != "-oaep"]
    command = ["openssl", "cms", "-encrypt", "-binary", "-outform", "DER", "-in", "body", *flags, *keyopt]
    der = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert enveloped.open_enveloped(der, RECIPIENTS).content == b"a secret" * 500


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("cipher", ["tripledes_3key", "aes128_cbc", "aes256_cbc"])
def test_openssl_opens_what_is_encrypted(tmp_path, cipher):
    (tmp_path / "message").write_bytes(enveloped.envelope(b"a secret", AUTHORITY, cipher))
    key = AUTHORITY_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.public_bytes(Encoding.PEM) + key)
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", "message", "-recip", "ca.pem"]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout == b"a secret"


def test_a_captured_request_is_opened_and_shows_how_apple_asks():
    authority = x509.load_pem_x509_certificate(capture("scep/scep-testca.pem"))
    key = load_der_private_key(capture("scep/scep-testca.key.der"), None)
    message = cms.read_signed(capture("scep/PKCSReq-apple-real.der"))
    opened = enveloped.open_enveloped(message.content, [enveloped.Recipient(authority, key)])
    assert opened.cipher == "tripledes_3key"
    with pytest.raises(x509.InvalidVersion):
        x509.load_der_x509_csr(opened.content)
    with pytest.raises(csr.RequestInvalid, match="1024"):
        csr.read_request(opened.content)


def test_damaged_messages_are_refused_alike():
    der = enveloped.envelope(b"a secret", AUTHORITY, "aes128_cbc")
    complaints = set()
    for position in range(0, len(der), 3):
        changed = bytearray(der)
        changed[position] ^= 0x11
        try:
            enveloped.open_enveloped(bytes(changed), RECIPIENTS)
        except enveloped.CannotOpen as error:
            complaints.add(error.detail)
    assert len(complaints) == 1


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x30\x80\x00\x00", b"\x30\x03\x02\x01\x01"])
def test_junk_is_not_opened(junk):
    with pytest.raises(enveloped.CannotOpen):
        enveloped.open_enveloped(junk, RECIPIENTS)


def test_signed_data_is_not_opened():
    with pytest.raises(enveloped.CannotOpen):
        enveloped.open_enveloped(cms.certificates_only([AUTHORITY]), RECIPIENTS)


def test_certificates_travel_in_a_message_without_signer():
    signed_data = asn1_cms.ContentInfo.load(cms.certificates_only([AUTHORITY]))["content"]
    assert signed_data["certificates"][0].chosen.dump() == AUTHORITY.public_bytes(Encoding.DER)
    assert len(signed_data["signer_infos"]) == 0
