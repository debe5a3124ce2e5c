"""Which payload a key may name: an identity, with which a device signs in, or a certificate that is only trusted.

The console's lists offer what is of the right kind, and lint says where something else is named.
"""

import re
from enum import StrEnum

IDENTITIES = (
    "com.apple.security.pkcs12",
    "com.apple.security.scep",
    "com.apple.security.acme",
    "com.apple.ADCertificate.managed",
)
CERTIFICATES = (
    "com.apple.security.root",
    "com.apple.security.pem",
    "com.apple.security.pkcs1",
    "com.apple.security.der",
)

# Keys that name a certificate's payload. VPNUUID, RelayUUID and the like name what they are in, or another profile.
_REFERENCE = re.compile(r"(certificate(anchor)?|certpayload|identity)uuids?$", re.IGNORECASE)
_TRUSTED = re.compile(r"Anchor|CACert|Pinning|Trusted|Issuer|^EncryptCert", re.IGNORECASE)
# Payloads whose PayloadCertificateUUID is encrypted to, or preferred, and needs no key.
_TRUSTED_IN = frozenset({"filevault2", "mcx-filevault2", "security-certificatepreference"})


class Kind(StrEnum):
    IDENTITY = "identity"
    CERTIFICATE = "certificate"


TYPES = {Kind.IDENTITY: IDENTITIES, Kind.CERTIFICATE: CERTIFICATES}


def kind_of(key: str, slug: str = "") -> Kind | None:
    """Return what a key refers to in a payload of this kind; None where it refers to no certificate."""
    if not _REFERENCE.search(key):
        return None
    is_trusted = bool(_TRUSTED.search(key)) or slug in _TRUSTED_IN
    return Kind.CERTIFICATE if is_trusted else Kind.IDENTITY
