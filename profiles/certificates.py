"""Certificates and identities as payloads carry them: what is in the data, and what it is called.

Reading only. Apple: CertificateRoot, CertificatePEM, CertificatePKCS1, CertificatePKCS12.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Identity:
    """What a PKCS #12 file holds: a certificate and, for an identity, its key."""

    certificate: x509.Certificate | None
    has_key: bool


def identity_in(data: bytes, password: str | None) -> Identity | None:
    """Return what a PKCS #12 file holds; None where it is none, or the password does not open it."""
    if len(data) > MAX_BYTES:
        return None
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(data, password.encode() if password else None)
    except (ValueError, TypeError, x509.InvalidVersion):
        return None
    return Identity(certificate, key is not None)


def certificates_in(data: bytes) -> list[x509.Certificate]:
    """Return the certificates in DER, PEM or PKCS #7; none for anything else."""
    for load in (_der, x509.load_pem_x509_certificates, pkcs7.load_der_pkcs7_certificates):
        try:
            return load(data)
        except (ValueError, x509.InvalidVersion):
            continue
    return []


def _der(data: bytes) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(data)]


def name_of(name: x509.Name) -> str:
    """Return the common name, or the whole name where it has none."""
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string() or "no name"
