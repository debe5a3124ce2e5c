"""Certificate requests (PKCS#10), read as devices write them.

Owns reading and the proof that the requester holds the key; who may have a certificate is decided by enrollment.
Libraries refuse what Apple's SCEP client sends (the version field is 2 instead of 0), hence a reader of our own, which
keeps subject and names as the bytes they came as. RFC 2986, RFC 2985 (challengePassword, extensionRequest).
"""

from dataclasses import dataclass

from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mdm_project import ber, cms
from mdm_project.errors import BadRequest

MAX_REQUEST_BYTES = 32 * 1024
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
# Names have seven levels at most; asn1crypto, which reads them whole, follows any number by recursion.
MAX_DEPTH = 16

_CHALLENGE_PASSWORD = bytes.fromhex("2a864886f70d010907")
_EXTENSION_REQUEST = bytes.fromhex("2a864886f70d01090e")
_SUBJECT_ALT_NAME = bytes.fromhex("551d11")
_TEXT_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "latin-1", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}


class RequestInvalid(BadRequest):
    code = "certificate_request_invalid"


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What a request asks for, as encoded; ``challenge`` is its challengePassword, a secret."""

    subject: bytes
    subject_alt_name: bytes | None
    public_key_info: bytes
    challenge: str | None

    def __repr__(self):
        return f"<CertificateRequest for {self.subject_text}>"

    @property
    def public_key(self):
        return load_der_public_key(self.public_key_info)

    @property
    def subject_text(self) -> str:
        """The subject for people to read."""
        return asn1_x509.Name.load(self.subject).human_friendly


def read_request(der: bytes) -> CertificateRequest:
    """Read a request and verify that it is signed with the key it is for; raises RequestInvalid."""
    if len(der) > MAX_REQUEST_BYTES:
        raise RequestInvalid("The certificate request is too large.")
    try:
        return _read(der)
    except cms.SignatureInvalid:
        raise RequestInvalid("The certificate request is not signed with its own key.") from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, UnsupportedAlgorithm):
        # ber.Malformed and bad text are ValueErrors; asn1crypto has the others for values of unexpected kinds.
        raise RequestInvalid("The certificate request cannot be read.") from None


def _read(der: bytes) -> CertificateRequest:
    root = ber.only(der)
    _check_depth(der, root)
    info, algorithm, signature = ber.children(der, root)
    _version, subject, public_key_info, *attributes = ber.children(der, info)
    key = load_der_public_key(der[public_key_info.at : public_key_info.following])
    _check_key(key)
    is_rsa, digest = cms.SIGNATURE_ALGORITHMS[cms.algorithm_oid(der, algorithm)]
    if digest is None or is_rsa != isinstance(key, rsa.RSAPublicKey):
        raise ber.Malformed("the signature is not of the key's kind")
    bits = ber.content(der, signature, ber.BITS)
    cms.check_signature(key, is_rsa, digest, bits[1:], der[info.at : info.following])
    found = _attributes(der, attributes[0]) if attributes else {}
    subject_der = der[subject.at : subject.following]
    asn1_x509.Name.load(subject_der, strict=True).human_friendly  # noqa: B018 - reads all of it, or raises ValueError
    return CertificateRequest(
        subject_der,
        _subject_alt_name(found.get(_EXTENSION_REQUEST)),
        der[public_key_info.at : public_key_info.following],
        _text(found.get(_CHALLENGE_PASSWORD)),
    )


def _check_depth(der: bytes, node: ber.Node, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ber.Malformed("nested too deeply")
    if node.tag & 0x20:
        for child in ber.children(der, node, node.tag):
            _check_depth(der, child, depth + 1)


def _check_key(key) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            raise RequestInvalid(f"An RSA key of {key.key_size} bits is refused; {MIN_RSA_BITS} are needed.")
    elif not isinstance(key, ec.EllipticCurvePublicKey) or key.key_size < 256:
        raise RequestInvalid("The key is of a kind or size that is refused.")


def _attributes(der: bytes, node: ber.Node) -> dict[bytes, bytes]:
    found = {}
    for attribute in ber.children(der, node, ber.CONTEXT_0):
        kind, values = ber.children(der, attribute)
        (value,) = ber.children(der, values, ber.SET)
        found[ber.content(der, kind, ber.OID)] = der[value.at : value.following]
    return found


def _text(der: bytes | None) -> str | None:
    """Return the text of a string of any type."""
    if der is None:
        return None
    node = ber.only(der)
    return der[node.start : node.end].decode(_TEXT_ENCODINGS[node.tag])


def _subject_alt_name(extensions: bytes | None) -> bytes | None:
    if extensions is None:
        return None
    for extension in ber.children(extensions, ber.only(extensions)):
        kind, *_critical, value = ber.children(extensions, extension)
        if ber.content(extensions, kind, ber.OID) == _SUBJECT_ALT_NAME:
            encoded = ber.content(extensions, value, ber.OCTETS)
            _check_depth(encoded, ber.only(encoded))
            asn1_x509.GeneralNames.load(encoded, strict=True).native  # noqa: B018 - reads all of it, or raises
            return encoded
    return None
