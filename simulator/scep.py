"""A SCEP client as strict as the one in a device.

Owns GetCACaps, GetCACert, PKCSReq and RenewalReq, and the checks of what comes back. Does not poll: a PENDING answer
is reported as a failure. RFC 8894; com.apple.security.scep for the payload's keys.
"""

import base64
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from asn1crypto import core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from simulator import cms, csr
from simulator.cms import Identity
from simulator.http import Client, Response

MESSAGE_TYPE, PKI_STATUS, FAIL_INFO, SENDER_NONCE, RECIPIENT_NONCE, TRANSACTION_ID = (
    f"2.16.840.1.113733.1.9.{number}" for number in range(2, 8)
)
CERT_REP, PKCS_REQ, RENEWAL_REQ = "3", "19", "17"
SUCCESS, FAILURE, PENDING = "0", "2", "3"
FAIL_INFO_NAMES = {"0": "badAlg", "1": "badMessageCheck", "2": "badRequest", "3": "badTime", "4": "badCertId"}
MAKE_KEY = Callable[[int], Awaitable[rsa.RSAPrivateKey]]


class ScepError(Exception):
    """The server refused, or its answer is not one a device accepts; fail_info is set for a refusal."""

    def __init__(self, detail: str, *, code: int = 22013, fail_info: str | None = None):
        super().__init__(detail)
        self.code = code  # in Apple's domain MCSCEPErrorDomain
        self.fail_info = fail_info


@dataclass(frozen=True)
class Authority:
    """What GetCACaps and GetCACert told: capabilities, all certificates, and the one to encrypt to."""

    capabilities: frozenset[str]
    certificates: tuple[x509.Certificate, ...]
    recipient: x509.Certificate

    @property
    def digest(self) -> str:
        return "sha256" if self.capabilities & {"SHA-256", "SCEPStandard"} else "sha1"

    @property
    def cipher(self) -> str:
        if self.capabilities & {"AES", "SCEPStandard"}:
            return "aes128"
        return "3des" if "DES3" in self.capabilities else "des"

    @property
    def takes_post(self) -> bool:
        return bool(self.capabilities & {"POSTPKIOperation", "SCEPStandard"})


@dataclass(frozen=True)
class Exchange:
    """The nonce and transaction of one request, which its answer has to repeat."""

    transaction_id: str
    sender_nonce: bytes


async def enroll(client: Client, payload: dict, make_key: MAKE_KEY, *, renew: Identity | None = None) -> Identity:
    """Obtain an identity as a SCEP payload's PayloadContent says; raise ScepError.

    With renew, the request is a RenewalReq signed by that identity instead of by a throw-away certificate.
    """
    url = payload.get("URL")
    if not isinstance(url, str):
        raise ScepError("the SCEP payload has no URL", code=22011)
    authority = await discover(client, url, payload)
    size_bits = payload.get("Keysize", 1024)
    if size_bits not in (1024, 2048, 4096):
        raise ScepError(f"key size {size_bits} cannot be made", code=22001)
    key = await make_key(size_bits)
    signer = renew or Identity(key, self_signed(key, payload))
    request = csr.build(key, payload)
    message, exchange = pki_message(request, signer, authority, RENEWAL_REQ if renew else PKCS_REQ)
    response = await _pki_operation(client, url, authority, message)
    certificate = read_cert_rep(response, exchange, authority, signer, key)
    return Identity(key, certificate)


async def discover(client: Client, url: str, payload: dict) -> Authority:
    """Ask for capabilities and certificates, and check them against the payload's CAFingerprint."""
    name = payload.get("Name", "")
    caps = await client.request("GET", _operation(url, "GetCACaps", name))
    _expect(caps, "text/plain", "GetCACaps")
    capabilities = frozenset(line.strip() for line in caps.body.decode("ascii", "replace").splitlines() if line.strip())
    answer = await client.request("GET", _operation(url, "GetCACert", name))
    certificates = _ca_certificates(answer)
    _check_fingerprint(certificates, payload.get("CAFingerprint"))
    return Authority(capabilities, certificates, _recipient(certificates))


def _operation(url: str, operation: str, message: str) -> str:
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode({'operation': operation, 'message': message}, quote_via=quote)}"


def _expect(response: Response, content_type: str, operation: str) -> None:
    if response.status != 200:
        raise ScepError(f"{operation} was answered with status {response.status}", code=22005)
    media_type = response.content_type.split(";")[0].strip() if content_type == "text/plain" else response.content_type
    if media_type != content_type:
        raise ScepError(f"{operation} was answered with content type {response.content_type!r}, not {content_type}")


def _ca_certificates(answer: Response) -> tuple[x509.Certificate, ...]:
    if answer.status == 200 and answer.content_type == "application/x-x509-ca-cert":
        try:
            return (x509.load_der_x509_certificate(answer.body),)
        except ValueError as error:
            raise ScepError(f"GetCACert: no certificate: {error}", code=22002) from error
    _expect(answer, "application/x-x509-ca-ra-cert", "GetCACert")
    try:
        certificates = cms.open_degenerate(answer.body)
    except cms.CmsError as error:
        raise ScepError(f"GetCACert: {error}", code=22003) from error
    if len(certificates) < 2:
        raise ScepError("GetCACert: one certificate belongs in application/x-x509-ca-cert", code=22003)
    return certificates


def _check_fingerprint(certificates, fingerprint: bytes | None) -> None:
    if fingerprint is None:
        return
    algorithm = {16: "md5", 20: "sha1", 32: "sha256"}.get(len(fingerprint))
    found = [hashlib.new(algorithm, one.public_bytes(Encoding.DER)).digest() for one in certificates if algorithm]
    if fingerprint not in found:
        raise ScepError("no certificate of the authority matches CAFingerprint", code=22002)


def _recipient(certificates) -> x509.Certificate:
    """Choose an RA certificate that may encipher keys before the CA's own."""
    usable = [one for one in certificates if isinstance(one.public_key(), rsa.RSAPublicKey) and _may_encipher(one)]
    if not usable:
        raise ScepError("no RSA certificate to encrypt to", code=22002)
    return min(usable, key=_is_authority)


def _extension(certificate: x509.Certificate, kind):
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _may_encipher(certificate: x509.Certificate) -> bool:
    usage = _extension(certificate, x509.KeyUsage)
    return usage is None or usage.key_encipherment or usage.key_cert_sign


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def self_signed(key: rsa.RSAPrivateKey, payload: dict) -> x509.Certificate:
    """Make the throw-away certificate that signs a PKCSReq."""
    subject, now = csr.subject(payload), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=365))
    return builder.sign(key, hashes.SHA256())


def pki_message(request: bytes, signer: Identity, authority: Authority, kind: str) -> tuple[bytes, Exchange]:
    """Wrap a PKCS #10 request: enveloped to the authority, signed, with the attributes of RFC 8894, 3.2.1."""
    spki = signer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    exchange = Exchange(hashlib.sha1(spki + request).hexdigest().upper(), os.urandom(16))
    attributes = (
        (MESSAGE_TYPE, core.PrintableString(kind).dump()),
        (TRANSACTION_ID, core.PrintableString(exchange.transaction_id).dump()),
        (SENDER_NONCE, cms.tlv(cms.OCTETS, exchange.sender_nonce)),
    )
    content = cms.envelope(request, authority.recipient, authority.cipher)
    return cms.sign_attached(content, signer, cms.Style(digest=authority.digest), attributes), exchange


async def _pki_operation(client: Client, url: str, authority: Authority, message: bytes) -> Response:
    if not authority.takes_post:
        return await client.request("GET", _operation(url, "PKIOperation", base64.b64encode(message).decode()))
    joint = "&" if "?" in url else "?"
    headers = {"Content-Type": "application/x-pki-message"}
    return await client.request("POST", f"{url}{joint}operation=PKIOperation", headers=headers, body=message)


def read_cert_rep(response: Response, exchange: Exchange, authority: Authority, signer: Identity, key):
    """Check a CertRep as a device does and return the issued certificate; raise ScepError."""
    _expect(response, "application/x-pki-message", "PKIOperation")
    try:
        reply = cms.open_signed(response.body)
    except cms.CmsError as error:
        raise ScepError(f"CertRep: {error}") from error
    if reply.signer not in authority.certificates:
        raise ScepError("CertRep is not signed by the authority of GetCACert")
    _check_attributes(reply.attributes, exchange)
    status = _printable(reply.attributes, PKI_STATUS)
    if status == FAILURE:
        info = _printable(reply.attributes, FAIL_INFO)
        name = FAIL_INFO_NAMES.get(info, "unknown")
        raise ScepError(f"the authority refused: failInfo {info} ({name})", fail_info=name)
    if status != SUCCESS:
        raise ScepError(f"pkiStatus {status} is not supported")
    try:
        issued = cms.open_degenerate(cms.open_envelope(reply.content, signer))
    except cms.CmsError as error:
        raise ScepError(f"CertRep: {error}") from error
    return _check_issued(issued, authority, key)


def _check_attributes(attributes: dict, exchange: Exchange) -> None:
    if _printable(attributes, MESSAGE_TYPE) != CERT_REP:
        raise ScepError("messageType is not CertRep")
    if _printable(attributes, TRANSACTION_ID) != exchange.transaction_id:
        raise ScepError("transactionID is not that of the request")
    if _octets(attributes, RECIPIENT_NONCE) != exchange.sender_nonce:
        raise ScepError("recipientNonce is not the senderNonce of the request")
    if len(_octets(attributes, SENDER_NONCE)) != 16:
        raise ScepError("senderNonce is not 16 bytes long")


def _printable(attributes: dict, dotted: str) -> str:
    value = attributes.get(dotted)
    if not isinstance(value, core.PrintableString):
        value = _reread(value, core.PrintableString, dotted)
    return value.native


def _octets(attributes: dict, dotted: str) -> bytes:
    value = attributes.get(dotted)
    if not isinstance(value, core.OctetString):
        value = _reread(value, core.OctetString, dotted)
    return value.native


def _reread(value, kind, dotted: str):
    """Read an attribute whose type asn1crypto does not know as the type RFC 8894 demands."""
    if value is None:
        raise ScepError(f"CertRep lacks attribute {dotted}")
    try:
        return kind.load(value.dump())
    except ValueError as error:
        raise ScepError(f"attribute {dotted} is no {kind.__name__}") from error


def _check_issued(issued, authority: Authority, key) -> x509.Certificate:
    if not issued:
        raise ScepError("CertRep holds no certificate", code=22007)
    certificate = issued[0]
    if certificate.public_key() != key.public_key():
        raise ScepError("the first certificate is not for the requested key", code=22007)
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ScepError("the issued certificate is not valid now", code=22007)
    if not any(_issued_by(certificate, candidate) for candidate in (*authority.certificates, *issued[1:])):
        raise ScepError("the issued certificate is not signed by the authority", code=22007)
    return certificate


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
