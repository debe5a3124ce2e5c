"""PKCS #10 requests as a device makes them from a SCEP payload.

Owns subjects, alternative names and the challenge password. Built with the DER encoder of simulator.cms so that the
version oddity of Apple's own requests can be reproduced. RFC 2986; com.apple.security.scep.
"""

import re

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from simulator.cms import EXPLICIT_0, NULL, RSA_SIGNATURE_OIDS, SEQUENCE, SET, integer, oid, sign_bytes, tlv

PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")
CHALLENGE_PASSWORD, EXTENSION_REQUEST = "1.2.840.113549.1.9.7", "1.2.840.113549.1.9.14"
SUBJECT_ALT_NAME, MICROSOFT_UPN = "2.5.29.17", "1.3.6.1.4.1.311.20.2.3"
SHORT_NAMES = {
    "C": NameOID.COUNTRY_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}


def subject(payload: dict) -> x509.Name:
    """Read a payload's Subject: an array of RDNs, each an array of [OID or short name, value]."""
    rdns = []
    for rdn in payload.get("Subject", ()):
        pairs = [(SHORT_NAMES.get(kind) or x509.ObjectIdentifier(kind), value) for kind, value in rdn]
        rdns.append(x509.RelativeDistinguishedName([x509.NameAttribute(kind, value) for kind, value in pairs]))
    return x509.Name(rdns)


def build(key, payload: dict, *, version: int = 0) -> bytes:
    """Make and sign a request; version is written as given (old Apple devices wrote 2, which no RFC knows)."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = tlv(SEQUENCE, integer(version), subject(payload).public_bytes(), spki, tlv(EXPLICIT_0, _attributes(payload)))
    algorithm = tlv(SEQUENCE, oid(RSA_SIGNATURE_OIDS["sha256"]), NULL)
    return tlv(SEQUENCE, info, algorithm, tlv(0x03, b"\x00", sign_bytes(key, info, "sha256")))


def _attributes(payload: dict) -> bytes:
    attributes = []
    if payload.get("Challenge"):
        attributes.append(tlv(SEQUENCE, oid(CHALLENGE_PASSWORD), tlv(SET, _string(payload["Challenge"]))))
    names = _alternative_names(payload.get("SubjectAltName") or {})
    if names:
        extension = tlv(SEQUENCE, oid(SUBJECT_ALT_NAME), tlv(0x04, tlv(SEQUENCE, names)))
        attributes.append(tlv(SEQUENCE, oid(EXTENSION_REQUEST), tlv(SET, tlv(SEQUENCE, extension))))
    return b"".join(sorted(attributes))


def _string(value: str) -> bytes:
    """Encode as PrintableString where its small alphabet allows, otherwise as UTF8String."""
    return tlv(0x13 if PRINTABLE.fullmatch(value) else 0x0C, value.encode())


def _alternative_names(names: dict) -> bytes:
    encoded = []
    for tag, key in ((0x81, "rfc822Name"), (0x82, "dNSName"), (0x86, "uniformResourceIdentifier")):
        values = names.get(key) or []
        encoded += [tlv(tag, value.encode("ascii")) for value in ([values] if isinstance(values, str) else values)]
    if names.get("ntPrincipalName"):
        encoded.append(
            tlv(0xA0, oid(MICROSOFT_UPN), tlv(EXPLICIT_0, tlv(0x0C, names["ntPrincipalName"].encode("utf-8"))))
        )
    return b"".join(encoded)
