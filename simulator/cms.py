"""CMS as devices write and read it: signatures over requests, signed profiles, SCEP's messages and envelopes.

Owns encoding and cryptographic checking; what a message means is the caller's. Written with a DER encoder of its own,
so that every variant seen in the field can be made: BER of indefinite length (Macs), with and without signed
attributes, SHA-1 and SHA-256, RSA and ECDSA. RFC 5652; RFC 3370 for the algorithms.
"""

import hashlib
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding

SEQUENCE, SET, OCTETS, EXPLICIT_0, IMPLICIT_OCTETS_0 = 0x30, 0x31, 0x04, 0xA0, 0x80
NULL = b"\x05\x00"
DIGESTS = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
DIGEST_OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
RSA_SIGNATURE_OIDS = {"sha1": "1.2.840.113549.1.1.5", "sha256": "1.2.840.113549.1.1.11"}
ECDSA_SIGNATURE_OIDS = {"sha1": "1.2.840.10045.4.1", "sha256": "1.2.840.10045.4.3.2"}
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"
RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
CIPHER_OIDS = {
    "aes128": "2.16.840.1.101.3.4.1.2",
    "aes256": "2.16.840.1.101.3.4.1.42",
    "3des": "1.2.840.113549.3.7",
    "des": "1.3.14.3.2.7",
}


class CmsError(ValueError):
    """A message is malformed, was changed, or is not for this reader."""


@dataclass(frozen=True)
class Identity:
    """A private key with its certificate."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Style:
    """How one kind of device writes its signatures."""

    digest: str = "sha256"
    with_attributes: bool = True
    indefinite: bool = False


MAC_STYLE = Style(digest="sha1", with_attributes=False, indefinite=True)
IPHONE_STYLE = Style(digest="sha256", with_attributes=True)


@dataclass(frozen=True)
class Signed:
    """A SignedData whose signature was checked; signer and attributes are those of its one SignerInfo."""

    content: bytes
    certificates: tuple[x509.Certificate, ...]
    signer: x509.Certificate
    attributes: dict[str, core.Asn1Value] = field(default_factory=dict)


def tlv(tag: int, *contents: bytes) -> bytes:
    """Encode one DER element."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _indefinite(tag: int, *contents: bytes) -> bytes:
    return bytes((tag, 0x80)) + b"".join(contents) + b"\x00\x00"


def oid(dotted: str) -> bytes:
    return core.ObjectIdentifier(dotted).dump()


def integer(value: int) -> bytes:
    return core.Integer(value).dump()


def sign_detached(body: bytes, identity: Identity, style: Style = IPHONE_STYLE) -> bytes:
    """Sign a request body as the Mdm-Signature header does: the body itself is left out."""
    return _sign(body, identity, style, encapsulate=False, extra_attributes=())


def sign_attached(content: bytes, identity: Identity, style: Style, extra_attributes=()) -> bytes:
    """Sign content and carry it; extra_attributes are (dotted OID, DER value) pairs."""
    return _sign(content, identity, style, encapsulate=True, extra_attributes=extra_attributes)


def _sign(content: bytes, identity: Identity, style: Style, *, encapsulate: bool, extra_attributes) -> bytes:
    box = _indefinite if style.indefinite else tlv
    digest_algorithm = tlv(SEQUENCE, oid(DIGEST_OIDS[style.digest]), NULL)
    attributes = _attributes(content, style.digest, extra_attributes) if style.with_attributes else b""
    to_sign = tlv(SET, attributes) if attributes else content
    signature_oids = RSA_SIGNATURE_OIDS if isinstance(identity.key, rsa.RSAPrivateKey) else ECDSA_SIGNATURE_OIDS
    parameters = NULL if isinstance(identity.key, rsa.RSAPrivateKey) else b""
    signer_info = tlv(
        SEQUENCE,
        integer(1),
        _issuer_and_serial(identity.certificate),
        digest_algorithm,
        tlv(EXPLICIT_0, attributes) if attributes else b"",
        tlv(SEQUENCE, oid(signature_oids[style.digest]), parameters),
        tlv(OCTETS, sign_bytes(identity.key, to_sign, style.digest)),
    )
    carried = box(EXPLICIT_0, tlv(OCTETS, content)) if encapsulate else b""
    signed_data = box(
        SEQUENCE,
        integer(1),
        tlv(SET, digest_algorithm),
        box(SEQUENCE, oid("1.2.840.113549.1.7.1"), carried),
        box(EXPLICIT_0, identity.certificate_der),
        tlv(SET, signer_info),
    )
    return box(SEQUENCE, oid("1.2.840.113549.1.7.2"), box(EXPLICIT_0, signed_data))


def _attributes(content: bytes, digest: str, extra) -> bytes:
    now = core.UTCTime(datetime.now(UTC).replace(microsecond=0)).dump()
    pairs = [
        (CONTENT_TYPE, oid("1.2.840.113549.1.7.1")),
        (SIGNING_TIME, now),
        (MESSAGE_DIGEST, tlv(OCTETS, hashlib.new(digest, content).digest())),
        *extra,
    ]
    # DER sorts the members of a SET OF, and the signature is over the DER form.
    return b"".join(sorted(tlv(SEQUENCE, oid(dotted), tlv(SET, value)) for dotted, value in pairs))


def _issuer_and_serial(certificate: x509.Certificate) -> bytes:
    return tlv(SEQUENCE, certificate.issuer.public_bytes(), integer(certificate.serial_number))


def sign_bytes(key, data: bytes, digest: str) -> bytes:
    """Sign data with an RSA (PKCS #1 v1.5) or elliptic-curve key."""
    algorithm = DIGESTS[digest]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, rsa_padding.PKCS1v15(), algorithm)
    return key.sign(data, ec.ECDSA(algorithm))


def open_signed(data: bytes, detached_content: bytes | None = None) -> Signed:
    """Parse a SignedData, find its one signer among its certificates and check the signature; raise CmsError."""
    signed_data = _load(data, "signed_data")
    certificates = _certificates(signed_data)
    signer_infos = signed_data["signer_infos"]
    if len(signer_infos) != 1:
        raise CmsError(f"one signer was expected, not {len(signer_infos)}")
    info = signer_infos[0]
    signer = _find_signer(info, certificates)
    carried = signed_data["encap_content_info"]["content"]
    content = carried.native if carried.native is not None else detached_content
    if content is None:
        raise CmsError("the signed content is missing")
    digest = info["digest_algorithm"]["algorithm"].native
    if digest not in DIGESTS:
        raise CmsError(f"unsupported digest {digest}")
    attributes = {attribute["type"].dotted: attribute["values"][0] for attribute in info["signed_attrs"] or ()}
    _check_signature(info, signer, content, digest, attributes)
    return Signed(content, certificates, signer, attributes)


def open_degenerate(data: bytes) -> tuple[x509.Certificate, ...]:
    """Read the certificates of a SignedData without signers, in their order."""
    signed_data = _load(data, "signed_data")
    if len(signed_data["signer_infos"]):
        raise CmsError("a degenerate SignedData has no signer")
    return _certificates(signed_data)


def _load(data: bytes, expected: str):
    try:
        info = cms.ContentInfo.load(data)
        if info["content_type"].native != expected:
            raise CmsError(f"{expected} was expected, not {info['content_type'].native}")
        content = info["content"]
        content.native  # noqa: B018  asn1crypto parses lazily: errors are wanted here
        return content
    except (ValueError, TypeError, KeyError) as error:
        raise CmsError(f"malformed CMS: {error}") from error


def _certificates(signed_data) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_der_x509_certificate(choice.chosen.dump()) for choice in signed_data["certificates"])
    except ValueError as error:
        raise CmsError(f"malformed certificate: {error}") from error


def _find_signer(info, certificates) -> x509.Certificate:
    sid = info["sid"]
    if sid.name != "issuer_and_serial_number":
        raise CmsError("the signer must be named by issuer and serial number")
    issuer, serial = sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native
    for certificate in certificates:
        if certificate.serial_number == serial and certificate.issuer.public_bytes() == issuer:
            return certificate
    raise CmsError("the signer's certificate is not among those sent")


def _check_signature(info, signer, content: bytes, digest: str, attributes: dict) -> None:
    signed = content
    if attributes:
        if MESSAGE_DIGEST not in attributes or CONTENT_TYPE not in attributes:
            raise CmsError("signed attributes lack the content type or the message digest")
        if attributes[MESSAGE_DIGEST].native != hashlib.new(digest, content).digest():
            raise CmsError("the content was changed after it was signed")
        signed = b"\x31" + info["signed_attrs"].dump(force=False)[1:]
    key, signature = signer.public_key(), info["signature"].native
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, rsa_padding.PKCS1v15(), DIGESTS[digest]())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(DIGESTS[digest]()))
        else:
            raise CmsError(f"unsupported signer key {type(key).__name__}")
    except InvalidSignature as error:
        raise CmsError("the signature does not verify") from error


def envelope(content: bytes, recipient: x509.Certificate, cipher: str = "aes128") -> bytes:
    """Encrypt content to an RSA certificate (PKCS #1 v1.5 key transport; aes128, aes256, 3des or des in CBC)."""
    key_size = {"aes128": 16, "aes256": 32, "3des": 24, "des": 8}[cipher]
    key, block_size = os.urandom(key_size), 16 if cipher.startswith("aes") else 8
    vector = os.urandom(block_size)
    padder = padding.PKCS7(block_size * 8).padder()
    encryptor = Cipher(_cipher(cipher, key), modes.CBC(vector)).encryptor()
    encrypted = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    recipient_info = tlv(
        SEQUENCE,
        integer(0),
        _issuer_and_serial(recipient),
        tlv(SEQUENCE, oid(RSA_ENCRYPTION), NULL),
        tlv(OCTETS, recipient.public_key().encrypt(key, rsa_padding.PKCS1v15())),
    )
    algorithm = tlv(SEQUENCE, oid(CIPHER_OIDS[cipher]), tlv(OCTETS, vector))
    body = tlv(SEQUENCE, oid("1.2.840.113549.1.7.1"), algorithm, tlv(IMPLICIT_OCTETS_0, encrypted))
    enveloped = tlv(SEQUENCE, integer(0), tlv(SET, recipient_info), body)
    return tlv(SEQUENCE, oid("1.2.840.113549.1.7.3"), tlv(EXPLICIT_0, enveloped))


def open_envelope(data: bytes, identity: Identity) -> bytes:
    """Decrypt an EnvelopedData that names this identity as a recipient; raise CmsError."""
    enveloped = _load(data, "enveloped_data")
    info = _own_recipient_info(enveloped, identity.certificate)
    body = enveloped["encrypted_content_info"]
    algorithm = body["content_encryption_algorithm"]
    names = {dotted: name for name, dotted in CIPHER_OIDS.items()}
    cipher = names.get(algorithm["algorithm"].dotted)
    if cipher is None:
        raise CmsError(f"unsupported content encryption {algorithm['algorithm'].dotted}")
    try:
        key = identity.key.decrypt(info["encrypted_key"].native, rsa_padding.PKCS1v15())
        decryptor = Cipher(_cipher(cipher, key), modes.CBC(algorithm["parameters"].native)).decryptor()
        padded = decryptor.update(body["encrypted_content"].native) + decryptor.finalize()
        unpadder = padding.PKCS7(128 if cipher.startswith("aes") else 64).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise CmsError(f"the content does not decrypt: {error}") from error


def _own_recipient_info(enveloped, certificate: x509.Certificate):
    own = (certificate.issuer.public_bytes(), certificate.serial_number)
    for choice in enveloped["recipient_infos"]:
        if choice.name != "ktri":
            continue
        rid = choice.chosen["rid"]
        if rid.name != "issuer_and_serial_number":
            continue
        if (rid.chosen["issuer"].dump(), rid.chosen["serial_number"].native) == own:
            return choice.chosen
    raise CmsError("the envelope is not addressed to this certificate")


def _cipher(name: str, key: bytes):
    if name.startswith("aes"):
        return algorithms.AES(key)
    # Single DES lives in OpenSSL's legacy provider only; three times the same key gives the same result.
    return TripleDES(key * 3 if name == "des" else key)
