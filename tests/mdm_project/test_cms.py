import base64
import hashlib
import plistlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mdm_project import ber, cms
from mdm_project.cms import IdentityHeaderInvalid, SignatureInvalid
from tests.fixtures import capture, captures

BODY = b"<plist><dict><key>Status</key><string>Idle</string></dict></plist>"
HASHES = {"sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256, "sha384": hashes.SHA384}
HASHES["sha512"] = hashes.SHA512
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate_of(key, subject: str = "") -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)] if subject else [])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Issuer")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


RSA_CERTIFICATE = certificate_of(RSA_KEY)
EC_CERTIFICATE = certificate_of(EC_KEY, "Mac")


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def signature_of(key, digest: str, signed: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), HASHES[digest]())
    return key.sign(signed, ec.ECDSA(HASHES[digest]()))


def message(
    key=RSA_KEY,
    certificate=RSA_CERTIFICATE,
    *,
    content: bytes = BODY,
    digest: str = "sha256",
    algorithm: str | None = None,
    has_attributes: bool = True,
    by_key_id: bool = False,
    is_detached: bool = True,
    others: tuple = (),
    attributes: dict | None = None,
) -> asn1_cms.ContentInfo:
    """Build a signed message with asn1crypto, independently of the code under test."""
    asn1_certificate = asn1_x509.Certificate.load(der_of(certificate))
    algorithm = algorithm or f"{digest}_{'rsa' if isinstance(key, rsa.RSAPrivateKey) else 'ecdsa'}"
    signer = {
        "version": "v1",
        "digest_algorithm": {"algorithm": digest},
        "signature_algorithm": {"algorithm": algorithm},
    }
    identifier = asn1_cms.IssuerAndSerialNumber(
        {"issuer": asn1_certificate.issuer, "serial_number": asn1_certificate.serial_number}
    )
    signer["sid"] = asn1_cms.SignerIdentifier("issuer_and_serial_number", identifier)
    if by_key_id:
        signer["sid"] = asn1_cms.SignerIdentifier("subject_key_identifier", asn1_certificate.key_identifier)
    signed = content
    if has_attributes:
        values = {
            "content_type": "data",
            "signing_time": asn1_cms.Time({"utc_time": datetime(2001, 1, 1, tzinfo=UTC)}),
            "message_digest": hashlib.new(digest, content).digest(),
        } | (attributes or {})
        signer["signed_attrs"] = asn1_cms.CMSAttributes([{"type": k, "values": [v]} for k, v in values.items()])
        signed = b"\x31" + signer["signed_attrs"].dump()[1:]
    signer["signature"] = signature_of(key, digest, signed)
    return asn1_cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": {
                "version": "v1",
                "digest_algorithms": [{"algorithm": digest}],
                "encap_content_info": {"content_type": "data", "content": None if is_detached else content},
                "certificates": [*[asn1_x509.Certificate.load(der_of(other)) for other in others], asn1_certificate],
                "signer_infos": [signer],
            },
        }
    )


def indefinite(der: bytes, depth: int = 4) -> bytes:
    """Write the outer constructed elements anew with indefinite lengths, as devices do."""
    tag, start, end = der[0], *_bounds(der, 0)
    if depth == 0 or not tag & 0x20:
        return der[:end]
    inside, at = b"", start
    while at < end:
        child_end = _bounds(der, at)[1]
        inside += indefinite(der[at:child_end], 0 if der[at] in (0xA0, 0x31) and depth < 3 else depth - 1)
        at = child_end
    return bytes([tag, 0x80]) + inside + b"\x00\x00"


def _bounds(der: bytes, at: int) -> tuple[int, int]:
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    return start, start + length


@pytest.mark.parametrize("digest", HASHES)
@pytest.mark.parametrize("has_attributes", [True, False])
@pytest.mark.parametrize("is_ber", [True, False])
def test_every_form_of_signature_is_verified(digest, has_attributes, is_ber):
    for key, certificate in ((RSA_KEY, RSA_CERTIFICATE), (EC_KEY, EC_CERTIFICATE)):
        der = message(key, certificate, digest=digest, has_attributes=has_attributes).dump()
        der = indefinite(der) if is_ber else der
        assert der[1] == 0x80 or not is_ber
        assert cms.verify_detached(der, BODY) == der_of(certificate)
        with pytest.raises(SignatureInvalid):
            cms.verify_detached(der, BODY + b" ")


@pytest.mark.parametrize("has_attributes", [True, False])
def test_the_algorithm_may_be_plain_rsa(has_attributes):
    der = message(algorithm="rsassa_pkcs1v15", has_attributes=has_attributes).dump()
    assert cms.verify_detached(der, BODY) == der_of(RSA_CERTIFICATE)


def test_a_signer_may_be_named_by_key_identifier():
    der = message(by_key_id=True, others=(EC_CERTIFICATE,)).dump()
    assert cms.verify_detached(der, BODY) == der_of(RSA_CERTIFICATE)


def test_the_signer_is_found_among_other_certificates_of_any_kind():
    other = certificate_of(ed25519.Ed25519PrivateKey.generate(), "other")
    der = message(others=(other, EC_CERTIFICATE)).dump()
    assert cms.verify_detached(der, BODY) == der_of(RSA_CERTIFICATE)


def test_a_signing_time_before_the_certificate_is_accepted():
    early = asn1_cms.Time({"utc_time": datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)})
    der = message(attributes={"signing_time": early}).dump()
    assert cms.verify_detached(der, BODY) == der_of(RSA_CERTIFICATE)


@pytest.mark.parametrize(
    "attributes",
    [{"message_digest": hashlib.sha256(b"other").digest()}, {"message_digest": b""}, {"content_type": "signed_data"}],
)
def test_attributes_for_other_content_are_refused(attributes):
    with pytest.raises(SignatureInvalid):
        cms.verify_detached(message(attributes=attributes).dump(), BODY)


def with_signer(change) -> bytes:
    info = message()
    change(info["content"])
    return info.dump(force=True)


def second_signer(signed_data) -> None:
    signed_data["signer_infos"].append(signed_data["signer_infos"][0].copy())


def no_certificates(signed_data) -> None:
    signed_data["certificates"] = None


def no_signer(signed_data) -> None:
    signed_data["signer_infos"] = asn1_cms.SignerInfos([])


def other_certificate(signed_data) -> None:
    signed_data["certificates"] = [asn1_x509.Certificate.load(der_of(EC_CERTIFICATE))]


def two_digests(signed_data) -> None:
    attributes = list(signed_data["signer_infos"][0]["signed_attrs"])
    attributes.append({"type": "message_digest", "values": [hashlib.sha256(BODY).digest()]})
    signer = signed_data["signer_infos"][0]
    signer["signed_attrs"] = asn1_cms.CMSAttributes(attributes)
    signer["signature"] = signature_of(RSA_KEY, "sha256", b"\x31" + signer["signed_attrs"].dump()[1:])


@pytest.mark.parametrize("change", [second_signer, no_certificates, no_signer, other_certificate, two_digests])
def test_messages_without_exactly_one_known_signer_are_refused(change):
    with pytest.raises(SignatureInvalid):
        cms.verify_detached(with_signer(change), BODY)


def test_a_certificate_with_the_signers_name_but_another_key_is_refused():
    certificate = asn1_x509.Certificate.load(der_of(RSA_CERTIFICATE))
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    info = message()
    signed = b"\x31" + info["content"]["signer_infos"][0]["signed_attrs"].dump()[1:]
    info["content"]["signer_infos"][0]["signature"] = signature_of(other, "sha256", signed)
    assert info["content"]["certificates"][0].chosen.serial_number == certificate.serial_number
    with pytest.raises(SignatureInvalid, match="does not match"):
        cms.verify_detached(info.dump(force=True), BODY)


def test_an_rsa_algorithm_with_an_ecdsa_key_is_refused():
    der = message(EC_KEY, EC_CERTIFICATE, algorithm="sha256_rsa").dump()
    with pytest.raises(SignatureInvalid, match="another kind"):
        cms.verify_detached(der, BODY)


def test_certificates_are_bounded():
    der = message(others=(EC_CERTIFICATE,) * 10).dump()
    with pytest.raises(SignatureInvalid):
        cms.verify_detached(der, BODY)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x80" * 50_000,
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x89" + b"\xff" * 9,
        b"\x30\x00",
        bytes(range(256)),
        b"\x04\x80\x00\x00",
        b"junk" * 100,
    ],
)
def test_junk_is_refused(junk):
    with pytest.raises(SignatureInvalid):
        cms.verify_detached(junk, BODY)


def reference_verify(der: bytes, content: bytes) -> bytes:
    """Verify with asn1crypto as the reference; raises anything when it does not hold."""
    info = asn1_cms.ContentInfo.load(der, strict=True)
    signed_data = info["content"]
    (signer,) = signed_data["signer_infos"]
    identifier = signer["sid"].chosen
    certificate = next(
        c.chosen
        for c in signed_data["certificates"]
        if c.chosen.serial_number == identifier["serial_number"].native and c.chosen.issuer == identifier["issuer"]
    )
    digest = signer["digest_algorithm"]["algorithm"].native
    signed = content
    if signer["signed_attrs"]:
        values = {a["type"].native: a["values"][0].native for a in signer["signed_attrs"]}
        if values["message_digest"] != hashlib.new(digest, content).digest():
            raise InvalidSignature
        signed = b"\x31" + signer["signed_attrs"].dump()[1:]
    public = x509.load_der_x509_certificate(certificate.dump()).public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signer["signature"].native, signed, padding.PKCS1v15(), HASHES[digest]())
    else:
        public.verify(signer["signature"].native, signed, ec.ECDSA(HASHES[digest]()))
    return certificate.dump()


@pytest.mark.parametrize("has_attributes", [True, False])
@pytest.mark.parametrize("is_ber", [True, False])
def test_no_changed_byte_is_accepted_that_the_reference_refuses(has_attributes, is_ber):
    original = message(EC_KEY, EC_CERTIFICATE, has_attributes=has_attributes).dump()
    original = indefinite(original) if is_ber else original
    assert reference_verify(original, BODY) == der_of(EC_CERTIFICATE)
    accepted = 0
    for position in range(len(original)):
        changed = bytearray(original)
        changed[position] ^= 1 << position % 8
        try:
            certificate = cms.verify_detached(bytes(changed), BODY)
        except SignatureInvalid:
            continue
        accepted += 1
        # What is left: versions, the unused list of digests, and the certificate's own signature.
        assert reference_verify(bytes(changed), BODY) == certificate
    assert 0 < accepted < len(original) / 2


def test_content_that_travels_inside_is_returned_with_its_signer():
    der = message(is_detached=False).dump()
    assert cms.signed_content(der) == (BODY, der_of(RSA_CERTIFICATE))
    with pytest.raises(SignatureInvalid, match="no content"):
        cms.signed_content(message().dump())


def test_content_written_in_pieces_is_joined():
    pieces = b"\x24\x80\x04\x03abc\x24\x80\x04\x02de\x00\x00\x00\x00"
    assert ber.octets(pieces, ber.only(pieces)) == b"abcde"


def test_a_profile_is_signed_with_its_chain_inside():
    der = cms.sign(BODY, RSA_CERTIFICATE, RSA_KEY, [EC_CERTIFICATE])
    assert cms.signed_content(der) == (BODY, der_of(RSA_CERTIFICATE))
    assert der_of(EC_CERTIFICATE) in cms.read_signed(der).certificates


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("options", [[], ["-noattr"], ["-keyid"], ["-stream"], ["-md", "sha1", "-stream", "-noattr"]])
def test_what_openssl_signs_is_verified(tmp_path, options):
    (tmp_path / "key").write_bytes(RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "certificate").write_bytes(RSA_CERTIFICATE.public_bytes(Encoding.PEM))
    (tmp_path / "body").write_bytes(BODY)
    command = ["openssl", "cms", "-sign", "-binary", "-outform", "DER", "-in", "body"]
    command += ["-signer", "certificate", "-inkey", "key", *options]
    der = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert ("-stream" in options) == (der[1] == 0x80)
    assert cms.verify_detached(der, BODY) == der_of(RSA_CERTIFICATE)


# Messages that devices sign with what Apple built into them


@pytest.mark.parametrize("name", captures("machineinfo", "*.p7"))
def test_captured_device_information_is_read_with_its_signer(name):
    der = capture(name)
    content, signer = cms.signed_content(der)
    assert {"PRODUCT", "VERSION"} <= set(plistlib.loads(content))
    assert x509.load_der_x509_certificate(signer).issuer.rfc4514_string()
    changed = der.replace(b"PRODUCT", b"product")
    assert changed != der
    with pytest.raises(SignatureInvalid):
        cms.signed_content(changed)


@pytest.mark.parametrize("name", captures("machineinfo", "*.deviceinfo-header.txt"))
def test_captured_device_information_may_come_in_a_header(name):
    content, _signer = cms.signed_content(base64.b64decode(capture(name)))
    assert "SERIAL" in plistlib.loads(content)


def test_unsigned_device_information_is_refused():
    with pytest.raises(SignatureInvalid):
        cms.signed_content(capture("machineinfo/unsigned-machineinfo.plist"))


# Headers


def header(name: str) -> str:
    return capture(f"mdm-signature/{name}.header.txt").decode()


@pytest.mark.parametrize("name", ["real-1", "generated-sha1-rsa"])
def test_captured_headers_verify_over_exactly_their_body(name):
    body = capture(f"mdm-signature/{name}.body.plist")
    signer = x509.load_der_x509_certificate(cms.signer_certificate_of_header(header(name), body))
    assert signer.serial_number
    for changed in (body + b"\n", body[:-1], body.replace(b"UDID", b"udid"), b""):
        with pytest.raises(SignatureInvalid):
            cms.signer_certificate_of_header(header(name), changed)


@pytest.mark.parametrize("name", ["generated-bad-signature", "not-base64", "not-cms"])
def test_captured_headers_that_are_wrong_are_refused(name):
    body = capture("mdm-signature/generated-sha1-rsa.body.plist")
    with pytest.raises(SignatureInvalid):
        cms.signer_certificate_of_header(header(name), body)


def test_every_flipped_byte_of_a_body_is_noticed():
    value = base64.b64encode(message().dump()).decode()
    for position in range(len(BODY)):
        changed = bytearray(BODY)
        changed[position] ^= 1
        with pytest.raises(SignatureInvalid):
            cms.signer_certificate_of_header(value, bytes(changed))


@pytest.mark.parametrize("value", ["", "=", "AAA", "é", "A" * 40_000, "MIIC\n\tMIIC"])
def test_headers_that_are_no_signature_are_refused(value):
    with pytest.raises(SignatureInvalid):
        cms.signer_certificate_of_header(value, BODY)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    "write",
    [
        lambda c: f":{base64.b64encode(der_of(c)).decode()}:",
        lambda c: quote(pem(c), safe=""),
        lambda c: quote_plus(pem(c)),
        lambda c: quote(pem(c), safe=" ").replace(" ", "+"),
        lambda c: pem(c).replace("\n", " "),
        lambda c: pem(c).replace("\n", "\n\t"),
    ],
    ids=["rfc9440", "nginx", "go", "space-as-plus", "one-line", "folded"],
)
def test_proxies_may_relay_a_certificate_in_several_forms(write):
    # Ten certificates: each has some plus signs in its base64, which these forms treat differently.
    for _ in range(10):
        certificate = certificate_of(EC_KEY, "Zürich")
        assert cms.certificate_from_header(write(certificate)) == der_of(certificate)


def test_the_captured_escaped_certificate_is_read():
    value = capture("proxy-client-cert/x-ssl-client-cert.url-escaped.txt").decode().strip()
    certificate = x509.load_der_x509_certificate(cms.certificate_from_header(value))
    assert certificate.subject.rfc4514_string() == "CN=mdm.example.org"


@pytest.mark.parametrize("name", ["invalid-43f4ca", "invalid-6707c9"])
def test_captured_certificate_headers_that_are_wrong_are_refused(name):
    with pytest.raises(IdentityHeaderInvalid):
        cms.certificate_from_header(capture(f"proxy-client-cert/{name}.txt").decode())


WHOLE = base64.b64encode(der_of(EC_CERTIFICATE)).decode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":",
        "::",
        f":{WHOLE}",
        f"{WHOLE}:",
        f":{WHOLE}:, :{WHOLE}:",
        f":{WHOLE[:100]}:",
        "(null)",
        "%",
        "%00",
        "x" * 40_000,
        quote(pem(EC_CERTIFICATE) * 2),
        pem(EC_CERTIFICATE).replace("END", "FIN"),
    ],
)
def test_certificate_headers_that_are_wrong_are_refused(value):
    with pytest.raises(IdentityHeaderInvalid):
        cms.certificate_from_header(value)
