"""Making certificates and judging who issued one. Pure functions: no rows, no keys kept.

Owns the shape of our authority, of device identities and of the profile signer. Which authorities there are, and which
identities were issued, is kept by devices.authorities. RFC 5280.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from asn1crypto import algos as asn1_algos
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mdm_project.csr import CertificateRequest
from mdm_project.errors import BadRequest

AUTHORITY_KEY_BITS = 3072
AUTHORITY_LIFETIME = timedelta(days=20 * 365)
IDENTITY_LIFETIME = timedelta(days=2 * 365)
SIGNER_LIFETIME = timedelta(days=5 * 365)
# Devices judge a fresh certificate by their own clock.
BACKDATED_BY = timedelta(hours=1)
CLOCK_SKEW = timedelta(minutes=5)

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)


class CertificateInvalid(BadRequest):
    code = "certificate_invalid"


def make_authority(name: str) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Make a self-signed authority: RSA, since SCEP encrypts requests to it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=AUTHORITY_KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key(), AUTHORITY_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    # It also signs and decrypts SCEP messages itself.
    usage = _key_usage("digital_signature", "key_encipherment", "key_cert_sign", "crl_sign")
    builder = builder.add_extension(usage, critical=True)
    return builder.sign(key, hashes.SHA256()), key


def make_signer(name: str, authority: x509.Certificate, authority_key) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Make the certificate that signs profiles; its extended key usage keeps it from passing for a device."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    lifetime = min(SIGNER_LIFETIME, authority.not_valid_after_utc - datetime.now(UTC))
    builder = _builder(subject, authority.subject, key.public_key(), lifetime)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage("digital_signature"), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    authority_id = x509.AuthorityKeyIdentifier(_key_id(authority), None, None)
    return builder.add_extension(authority_id, critical=False).sign(authority_key, hashes.SHA256()), key


def make_escrow_pair(name: str) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Make the self-signed certificate to which a Mac encrypts its recovery key, and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = _builder(subject, subject, key.public_key(), AUTHORITY_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage("key_encipherment", "data_encipherment"), critical=True)
    return builder.sign(key, hashes.SHA256()), key


def _builder(subject, issuer, public_key, lifetime: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, public_key, x509.random_serial_number())
    builder = builder.not_valid_before(now - BACKDATED_BY).not_valid_after(now + lifetime)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)


def _key_usage(*names: str) -> x509.KeyUsage:
    known = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    known += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: name in names for name in known})


def issue_identity(
    request: CertificateRequest,
    authority: x509.Certificate,
    authority_key: rsa.RSAPrivateKey,
    lifetime: timedelta = IDENTITY_LIFETIME,
) -> x509.Certificate:
    """Issue the client certificate a request asks for; its subject and alternative names stay byte for byte.

    It ends no later than the authority. Built with asn1crypto because cryptography would encode the names anew.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    not_after = min(now + lifetime, authority.not_valid_after_utc)
    algorithm = asn1_algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"})
    body = asn1_x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": secrets.randbits(158) + 1,
            "signature": algorithm,
            "issuer": asn1_x509.Name.load(authority.subject.public_bytes()),
            "validity": {"not_before": _time(now - BACKDATED_BY), "not_after": _time(not_after)},
            "subject": asn1_x509.Name.load(request.subject),
            "subject_public_key_info": asn1_keys.PublicKeyInfo.load(request.public_key_info),
            "extensions": _identity_extensions(request, authority),
        }
    ).dump()
    certificate = asn1_x509.Certificate(
        {
            "tbs_certificate": asn1_x509.TbsCertificate.load(body),
            "signature_algorithm": algorithm,
            "signature_value": authority_key.sign(body, padding.PKCS1v15(), hashes.SHA256()),
        }
    )
    return x509.load_der_x509_certificate(certificate.dump())


def _time(moment: datetime) -> asn1_x509.Time:
    return asn1_x509.Time({"utc_time" if moment.year < 2050 else "general_time": moment})


def _identity_extensions(request: CertificateRequest, authority: x509.Certificate) -> list[dict]:
    public_key = request.public_key
    usage = (
        {"digital_signature", "key_encipherment"} if isinstance(public_key, rsa.RSAPublicKey) else {"digital_signature"}
    )
    own_id = x509.SubjectKeyIdentifier.from_public_key(public_key).digest
    issuer_id = _key_id(authority)
    extensions = [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": False}},
        {"extn_id": "key_usage", "critical": True, "extn_value": usage},
        {"extn_id": "extended_key_usage", "critical": False, "extn_value": ["client_auth"]},
        {"extn_id": "key_identifier", "critical": False, "extn_value": own_id},
        {
            "extn_id": "authority_key_identifier",
            "critical": False,
            "extn_value": {"key_identifier": issuer_id},
        },
    ]
    if request.subject_alt_name is not None:
        names = asn1_x509.GeneralNames.load(request.subject_alt_name)
        is_nameless = request.subject == b"\x30\x00"
        extensions.append({"extn_id": "subject_alt_name", "critical": is_nameless, "extn_value": names})
    return extensions


def _key_id(authority: x509.Certificate) -> bytes:
    """Return the key identifier by which certificates of an authority name it: its own, however it was made."""
    try:
        return authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(authority.public_key()).digest


# Judging


def issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Tell whether an authority issued a client certificate: name, signature, use, and that both have begun.

    Without an extended key usage a certificate may be used for anything. The end of the certificate is for the caller
    to judge, since a device with an expired identity should be renewed, not lost; an expired authority vouches for
    nobody.
    """
    now = datetime.now(UTC)
    if certificate.not_valid_before_utc > now + CLOCK_SKEW or authority.not_valid_before_utc > now + CLOCK_SKEW:
        return False
    if authority.not_valid_after_utc < now or not is_authority(authority):
        return False
    try:
        if not _is_for_clients(certificate):
            return False
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return True


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate says that it may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return False


def _is_for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


# Reading


def read_authorities(pem: bytes) -> list[x509.Certificate]:
    """Read the certificates of a PEM file, all of which must be authorities; raises CertificateInvalid."""
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except _UNREADABLE:
        raise CertificateInvalid("The file holds no certificates in PEM format.") from None
    for certificate in certificates:
        if not is_authority(certificate):
            name = certificate.subject.rfc4514_string() or "without a name"
            raise CertificateInvalid(f"The certificate {name} is not that of an authority.")
    return certificates


def fingerprint(certificate: x509.Certificate) -> bytes:
    """Return the SHA-256 of a certificate, by which it is known everywhere."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def key_hash(public_key) -> bytes:
    """Return the SHA-256 of a public key (SubjectPublicKeyInfo)."""
    encoded = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()
