"""SCEP messages: taking requests apart and writing the answers. Bytes in, bytes out; no rows, no policy.

Who is entitled to an identity is decided in issuing. RFC 8894; the oddities of old clients that
are handled here are single DES, SHA-1, PKCS#10 version 2 and self-signed signers whose dates are long past.
"""

import os
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from mdm_project import ber, cms
from mdm_project.csr import CertificateRequest, read_request
from mdm_project.enveloped import Recipient, envelope, open_enveloped
from mdm_project.errors import BadRequest

PKCS_REQ, RENEWAL_REQ, UPDATE_REQ = "19", "17", "18"
CAPABILITIES = "\n".join(
    ["POSTPKIOperation", "Renewal", "SCEPStandard", "AES", "DES3", "SHA-1", "SHA-256", "SHA-512", ""]
)

_ARC = bytes.fromhex("6086480186f8450109")  # 2.16.840.1.113733.1.9
MESSAGE_TYPE, PKI_STATUS, FAIL_INFO = _ARC + b"\x02", _ARC + b"\x03", _ARC + b"\x04"
SENDER_NONCE, RECIPIENT_NONCE, TRANSACTION_ID = _ARC + b"\x05", _ARC + b"\x06", _ARC + b"\x07"

SUCCESS, FAILURE = "0", "2"
BAD_ALGORITHM, BAD_MESSAGE_CHECK, BAD_REQUEST = "0", "1", "2"
NONCE_BYTES = 16


class UnreadableMessage(BadRequest):
    """Not a SCEP message, so there is nothing that an answer could refer to."""

    code = "scep_message_unreadable"


class RequestFailed(Exception):
    """A SCEP request that is answered with a failure; ``reason`` is for the log and never holds a secret."""

    def __init__(self, fail_info: str, reason: str):
        super().__init__(reason)
        self.fail_info = fail_info
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PkiMessage:
    """The outside of a request: verified against its own signer's certificate, whoever that is."""

    message_type: str
    transaction_id: bytes  # as encoded
    sender_nonce: bytes | None  # as encoded
    signer: x509.Certificate
    digest: str
    content: bytes


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """The inside of a request, which of our keys it was encrypted to, and the cipher its sender used."""

    request: CertificateRequest
    recipient_index: int
    cipher: str


def read_message(der: bytes) -> PkiMessage:
    """Read and verify the outside of a request; raises UnreadableMessage or SignatureInvalid."""
    signed = cms.read_signed(der)
    signer = cms.verify(signed, signed.content or b"")
    attributes = cms.signed_attributes(signed)
    try:
        message_type, transaction_id = _text(attributes[MESSAGE_TYPE]), attributes[TRANSACTION_ID]
    except (KeyError, ValueError, IndexError):
        raise UnreadableMessage("The message has no SCEP message type or no transaction id.") from None
    certificate = x509.load_der_x509_certificate(signer)
    nonce = attributes.get(SENDER_NONCE)
    return PkiMessage(message_type, transaction_id, nonce, certificate, signed.digest, signed.content or b"")


def _text(encoded: bytes) -> str:
    node = ber.only(encoded)
    return encoded[node.start : node.end].decode("ascii")


def open_request(message: PkiMessage, recipients: list[Recipient]) -> OpenedRequest:
    """Decrypt and read the certificate request inside; raises RequestFailed."""
    if message.message_type not in (PKCS_REQ, RENEWAL_REQ, UPDATE_REQ):
        raise RequestFailed(BAD_REQUEST, f"message type {message.message_type[:20]!r} is not supported")
    if not isinstance(message.signer.public_key(), rsa.RSAPublicKey):
        raise RequestFailed(BAD_ALGORITHM, "the answer could not be encrypted to a key that is not RSA")
    try:
        opened = open_enveloped(message.content, recipients)
        request = read_request(opened.content)
    except BadRequest as error:
        # One answer, whether it could not be decrypted or makes no sense decrypted: two would be a padding oracle.
        raise RequestFailed(BAD_MESSAGE_CHECK, error.detail) from None
    return OpenedRequest(request, opened.recipient_index, opened.cipher)


def success(message: PkiMessage, certificates: list[x509.Certificate], cipher: str, replier: Recipient) -> bytes:
    """Return the CertRep that hands out a certificate (the first), encrypted to whoever signed the request."""
    content = envelope(cms.certificates_only(certificates), message.signer, cipher)
    return _reply(message, content, {PKI_STATUS: _printable(SUCCESS)}, replier)


def failure(message: PkiMessage, fail_info: str, replier: Recipient) -> bytes:
    """Return the CertRep that says that there is none."""
    return _reply(message, b"", {PKI_STATUS: _printable(FAILURE), FAIL_INFO: _printable(fail_info)}, replier)


def _reply(message: PkiMessage, content: bytes, attributes: dict[bytes, bytes], replier: Recipient) -> bytes:
    attributes = attributes | {
        MESSAGE_TYPE: _printable("3"),
        TRANSACTION_ID: message.transaction_id,
        SENDER_NONCE: ber.element(ber.OCTETS, os.urandom(NONCE_BYTES)),
    }
    if message.sender_nonce is not None:
        attributes[RECIPIENT_NONCE] = message.sender_nonce
    # In the digest of the request: that is one its sender can surely read.
    return cms.sign_attributed(content, replier.certificate, replier.key, attributes, message.digest)


def _printable(text: str) -> bytes:
    return ber.element(0x13, text.encode())
