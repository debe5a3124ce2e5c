"""Signed CMS messages: reading, verifying and making them; and certificates that proxies relay in headers.

Owns signatures only: whether a signer is one of ours is asked of mdm_project.pki and devices. Written for the one
message that every request of a device carries (Mdm-Signature), hence the small BER reader and the cache of signers'
public keys, which holds nothing about trust. RFC 5652, RFC 9440; Apple: "Pass an Identity Certificate Through a Proxy".
"""

import re
from binascii import a2b_base64
from functools import lru_cache
from hashlib import new as new_digest
from typing import NamedTuple
from urllib.parse import unquote_plus

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from mdm_project import ber
from mdm_project.errors import BadRequest

MAX_HEADER_BYTES = 32 * 1024
MAX_CERTIFICATES = 10
SIGNERS_KEPT = 16_384  # about 2 kB each


class SignatureInvalid(BadRequest):
    code = "signature_invalid"


class IdentityHeaderInvalid(BadRequest):
    code = "identity_header_invalid"


_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_DATA = bytes.fromhex("2a864886f70d010701")
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")

_HASHES = {"sha1": hashes.SHA1(), "sha224": hashes.SHA224(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384()}
_HASHES["sha512"] = hashes.SHA512()
_DIGESTS = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040204"): "sha224",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_DIGEST_OIDS = {name: oid for oid, name in _DIGESTS.items()}
_RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")
# Signature algorithm: is it RSA, and the digest it names (none: the one the signer names elsewhere).
SIGNATURE_ALGORITHMS = {
    bytes.fromhex("2a864886f70d010101"): (True, None),
    bytes.fromhex("2a864886f70d010105"): (True, "sha1"),
    bytes.fromhex("2a864886f70d01010e"): (True, "sha224"),
    bytes.fromhex("2a864886f70d01010b"): (True, "sha256"),
    bytes.fromhex("2a864886f70d01010c"): (True, "sha384"),
    bytes.fromhex("2a864886f70d01010d"): (True, "sha512"),
    bytes.fromhex("2a8648ce3d0201"): (False, None),
    bytes.fromhex("2a8648ce3d0401"): (False, "sha1"),
    bytes.fromhex("2a8648ce3d040301"): (False, "sha224"),
    bytes.fromhex("2a8648ce3d040302"): (False, "sha256"),
    bytes.fromhex("2a8648ce3d040303"): (False, "sha384"),
    bytes.fromhex("2a8648ce3d040304"): (False, "sha512"),
}
_PKCS1 = padding.PKCS1v15()


class SignedMessage(NamedTuple):
    """A SignedData message with its one signer, taken apart but not verified."""

    content_type: bytes
    content: bytes | None
    certificates: tuple[bytes, ...]
    signer_id: bytes | tuple[bytes, bytes]  # subject key identifier, or issuer and serial number as encoded
    digest: str
    attributes: bytes | None  # as signed: a SET OF
    is_rsa: bool
    signature: bytes


class _Signer(NamedTuple):
    issuer_and_serial: tuple[bytes, bytes]
    public_key: object
    is_rsa: bool | None  # None: neither RSA nor ECDSA


def verify_detached(signature_der: bytes, content: bytes) -> bytes:
    """Verify a signature over content that travels beside it and return the signer's certificate (DER).

    The certificate's chain and validity are the caller's business. Raises SignatureInvalid.
    """
    return verify(read_signed(signature_der), content)


def signed_content(der: bytes) -> tuple[bytes, bytes]:
    """Verify a message that carries its content and return the content and the signer's certificate (DER)."""
    message = read_signed(der)
    if message.content is None:
        raise SignatureInvalid("The signed message has no content.")
    return message.content, verify(message, message.content)


def signer_certificate_of_header(value: str, content: bytes) -> bytes:
    """Verify an Mdm-Signature header over the request's body and return the signer's certificate (DER)."""
    if len(value) > MAX_HEADER_BYTES:
        raise SignatureInvalid("The signature header is too large.")
    try:
        der = a2b_base64(value.strip(), strict_mode=True)
    except ValueError:
        raise SignatureInvalid("The signature header is not base64.") from None
    return verify_detached(der, content)


# Reading


def read_signed(der: bytes) -> SignedMessage:
    """Take a SignedData message apart; raises SignatureInvalid unless it has exactly one signer."""
    try:
        return _read_signed(der)
    except (ber.Malformed, IndexError, ValueError, KeyError):  # KeyError: an algorithm not in the tables
        raise SignatureInvalid("The signature is not a CMS message that can be read.") from None


def _read_signed(der: bytes) -> SignedMessage:
    kind, wrapper = ber.children(der, ber.only(der))
    if ber.content(der, kind, ber.OID) != _SIGNED_DATA:
        raise ber.Malformed("not signed data")
    (body,) = ber.children(der, wrapper, ber.CONTEXT_0)
    version, digests, encapsulated, *optional, signers = ber.children(der, body)
    if version.tag != ber.INTEGER or digests.tag != ber.SET:
        raise ber.Malformed("not signed data")
    certificates: tuple[bytes, ...] = ()
    for node in optional:
        if node.tag == ber.CONTEXT_0:
            certificates = _certificates(der, node)
    content_type, content = _encapsulated(der, encapsulated)
    (signer,) = ber.children(der, signers, ber.SET)
    return SignedMessage(content_type, content, certificates, *_signer_info(der, signer))


def _certificates(der: bytes, node: ber.Node) -> tuple[bytes, ...]:
    nodes = ber.children(der, node, ber.CONTEXT_0)
    if len(nodes) > MAX_CERTIFICATES:
        raise ber.Malformed("too many certificates")
    return tuple(der[c.at : c.following] for c in nodes if c.tag == ber.SEQUENCE)  # others are attribute certificates


def _encapsulated(der: bytes, node: ber.Node) -> tuple[bytes, bytes | None]:
    kind, *wrapper = ber.children(der, node)
    content_type = ber.content(der, kind, ber.OID)
    if not wrapper:
        return content_type, None
    (octets,) = ber.children(der, wrapper[0], ber.CONTEXT_0)
    return content_type, ber.octets(der, octets)


def _signer_info(der: bytes, node: ber.Node):
    version, signer_id, digest_algorithm, *rest = ber.children(der, node)
    if version.tag != ber.INTEGER:
        raise ber.Malformed("not a signer")
    attributes = None
    if rest[0].tag == ber.CONTEXT_0:
        signed = rest.pop(0)
        # What was signed is the DER form with the tag of a set; other lengths cannot have been signed.
        attributes = b"\x31" + der[signed.at + 1 : signed.following]
    algorithm, signature = rest[:2]
    digest = _DIGESTS[algorithm_oid(der, digest_algorithm)]
    is_rsa, named_digest = SIGNATURE_ALGORITHMS[algorithm_oid(der, algorithm)]
    if named_digest not in (None, digest):
        raise ber.Malformed("two digest algorithms")
    return _signer_id(der, signer_id), digest, attributes, is_rsa, ber.octets(der, signature)


def _signer_id(der: bytes, node: ber.Node) -> bytes | tuple[bytes, bytes]:
    if node.tag == 0x80:
        return der[node.start : node.end]
    issuer, serial = ber.children(der, node)
    return der[issuer.at : issuer.following], ber.content(der, serial, ber.INTEGER)


def algorithm_oid(der: bytes, node: ber.Node) -> bytes:
    """Return the encoded object identifier of an AlgorithmIdentifier."""
    return ber.content(der, ber.children(der, node)[0], ber.OID)


def signed_attributes(message: SignedMessage) -> dict[bytes, bytes]:
    """Return the signed attributes: the encoded type against the one encoded value of each.

    Raises SignatureInvalid where a type occurs twice or has not exactly one value: readers could disagree.
    """
    if message.attributes is None:
        return {}
    try:
        return _attributes(message.attributes)
    except (ber.Malformed, IndexError, ValueError):
        raise SignatureInvalid("The signed attributes cannot be read.") from None


def _attributes(der: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for attribute in ber.children(der, ber.only(der), ber.SET):
        kind, values = ber.children(der, attribute)
        (value,) = ber.children(der, values, ber.SET)
        name = ber.content(der, kind, ber.OID)
        if name in found:
            raise ber.Malformed("an attribute occurs twice")
        found[name] = der[value.at : value.following]
    return found


# Verifying


def verify(message: SignedMessage, content: bytes) -> bytes:
    """Verify a message over this content and return the signer's certificate (DER).

    The signing time is deliberately ignored: devices whose clock is off by seconds could not enroll otherwise.
    """
    certificate, signer = _find_signer(message)
    signed = content
    if message.attributes is not None:
        _check_attributes(message, content)
        signed = message.attributes
    if signer.is_rsa != message.is_rsa:
        raise SignatureInvalid("The signature is of another kind than the signer's key.")
    check_signature(signer.public_key, message.is_rsa, message.digest, message.signature, signed)
    return certificate


def check_signature(public_key, is_rsa: bool, digest: str, signature: bytes, signed: bytes) -> None:
    """Check one signature (PKCS#1 v1.5 or ECDSA); raises SignatureInvalid."""
    try:
        if is_rsa:
            public_key.verify(signature, signed, _PKCS1, _HASHES[digest])
        else:
            public_key.verify(signature, signed, ec.ECDSA(_HASHES[digest]))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise SignatureInvalid("The signature does not match the message.") from None


def _check_attributes(message: SignedMessage, content: bytes) -> None:
    attributes = signed_attributes(message)
    expected = new_digest(message.digest, content, usedforsecurity=False).digest()
    if attributes.get(_MESSAGE_DIGEST) != bytes([ber.OCTETS, len(expected)]) + expected:
        raise SignatureInvalid("The signature does not match the message.")
    if attributes.get(_CONTENT_TYPE) != bytes([ber.OID, len(message.content_type)]) + message.content_type:
        raise SignatureInvalid("The signature is for another type of content.")


def _find_signer(message: SignedMessage) -> tuple[bytes, _Signer]:
    by_key_id = isinstance(message.signer_id, bytes)
    for certificate in message.certificates:
        signer = _signer(certificate)
        if message.signer_id == (_subject_key_id(certificate) if by_key_id else signer.issuer_and_serial):
            return certificate, signer
    raise SignatureInvalid("The signer's certificate is not in the message.")


_UNREADABLE = (ValueError, IndexError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)


@lru_cache(maxsize=SIGNERS_KEPT)
def _signer(der: bytes) -> _Signer:
    try:
        public_key = x509.load_der_x509_certificate(der).public_key()
        issuer_and_serial = _issuer_and_serial(der)
    except _UNREADABLE:
        raise SignatureInvalid("A certificate in the message cannot be read.") from None
    is_rsa = isinstance(public_key, rsa.RSAPublicKey) or None
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        is_rsa = False
    return _Signer(issuer_and_serial, public_key, is_rsa)


def _issuer_and_serial(der: bytes) -> tuple[bytes, bytes]:
    body, *_rest = ber.children(der, ber.only(der))
    fields = ber.children(der, body)
    if fields[0].tag == ber.CONTEXT_0:
        del fields[0]
    serial, _algorithm_id, issuer = fields[:3]
    return der[issuer.at : issuer.following], ber.content(der, serial, ber.INTEGER)


def _subject_key_id(der: bytes) -> bytes | None:
    try:
        extensions = x509.load_der_x509_certificate(der).extensions
        return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return None


# Headers of proxies

_PEM = re.compile(r"\s*-----BEGIN[ +]CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END[ +]CERTIFICATE-----\s*", re.ASCII)


@lru_cache(maxsize=4096)
def certificate_from_header(value: str) -> bytes:
    """Return the certificate (DER) that a TLS-terminating proxy relays.

    Either RFC 9440 (``:base64:``) or URL-escaped PEM as nginx' ``$ssl_client_escaped_cert``, in which a plus may stand
    for a space. Raises IdentityHeaderInvalid. Whether the proxy may say so is the caller's business.
    """
    if len(value) > MAX_HEADER_BYTES:
        raise IdentityHeaderInvalid("The client certificate header is too large.")
    encoded = _rfc9440(value) if value.startswith(":") else _escaped_pem(value)
    try:
        der = a2b_base64(encoded, strict_mode=True)
        x509.load_der_x509_certificate(der).public_key()
    except _UNREADABLE:
        raise IdentityHeaderInvalid("The client certificate header has no certificate.") from None
    return der


def _rfc9440(value: str) -> str:
    value = value.rstrip()
    if len(value) < 2 or not value.endswith(":"):
        raise IdentityHeaderInvalid("The client certificate header is not as RFC 9440 has it.")
    return value[1:-1]


def _escaped_pem(value: str) -> str:
    # Unescaped PEM has pluses of base64; in the escaped form these are %2B and a bare plus is a space.
    match = _PEM.fullmatch(unquote_plus(value) if "%" in value else value)
    if not match:
        raise IdentityHeaderInvalid("The client certificate header is neither RFC 9440 nor URL-escaped PEM.")
    return "".join(match[1].split())


# Making


def sign(content: bytes, certificate: x509.Certificate, key, chain=()) -> bytes:
    """Return a DER SignedData that carries the content, as signed profiles are."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    for issuer in chain:
        builder = builder.add_certificate(issuer)
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities])


def sign_attributed(content: bytes, certificate: x509.Certificate, key, attributes: dict[bytes, bytes], digest: str):
    """Return a DER SignedData that carries content and, beside the usual ones, these encoded attributes (RSA only)."""
    der = certificate.public_bytes(Encoding.DER)
    issuer, serial = _issuer_and_serial(der)
    set_of = _signed_set(content, attributes, digest)
    digest_algorithm = ber.element(ber.SEQUENCE, ber.element(ber.OID, _DIGEST_OIDS[digest]), _NULL)
    signer = ber.element(
        ber.SEQUENCE,
        _VERSION_1,
        ber.element(ber.SEQUENCE, issuer, ber.element(ber.INTEGER, serial)),
        digest_algorithm,
        bytes([ber.CONTEXT_0]) + set_of[1:],
        ber.element(ber.SEQUENCE, ber.element(ber.OID, _RSA_ENCRYPTION), _NULL),
        ber.element(ber.OCTETS, key.sign(set_of, _PKCS1, _HASHES[digest])),
    )
    data = (ber.element(ber.OID, _DATA), ber.element(ber.CONTEXT_0, ber.element(ber.OCTETS, content)))
    return _signed_data(data, [der], digest_algorithm, signer)


def _signed_set(content: bytes, attributes: dict[bytes, bytes], digest: str) -> bytes:
    digested = new_digest(digest, content, usedforsecurity=False).digest()
    everything = attributes | {
        _CONTENT_TYPE: ber.element(ber.OID, _DATA),
        _MESSAGE_DIGEST: ber.element(ber.OCTETS, digested),
    }
    encoded = [
        ber.element(ber.SEQUENCE, ber.element(ber.OID, kind), ber.element(ber.SET, value))
        for kind, value in everything.items()
    ]
    return ber.element(ber.SET, *sorted(encoded))


def certificates_only(certificates: list[x509.Certificate]) -> bytes:
    """Return a SignedData without content and signer, in which certificates travel."""
    data = (ber.element(ber.OID, _DATA),)
    return _signed_data(data, [certificate.public_bytes(Encoding.DER) for certificate in certificates])


_NULL = b"\x05\x00"
_VERSION_1 = b"\x02\x01\x01"


def _signed_data(data, certificates: list[bytes], digest_algorithm: bytes = b"", signer: bytes = b"") -> bytes:
    body = ber.element(
        ber.SEQUENCE,
        _VERSION_1,
        ber.element(ber.SET, digest_algorithm),
        ber.element(ber.SEQUENCE, *data),
        ber.element(ber.CONTEXT_0, *certificates),
        ber.element(ber.SET, signer),
    )
    return ber.element(ber.SEQUENCE, ber.element(ber.OID, _SIGNED_DATA), ber.element(ber.CONTEXT_0, body))
