"""Taking in, renewing and watching push certificates.

Owns what makes an upload acceptable, the encrypted key, and requests for the vendor route (docs/push-certificate.md).
It does not push, and never shows a key again. Apple: "Setting up push notifications for your MDM customers"; the topic
is the UID of the subject and may not change in the life of an enrollment.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from django.db import transaction
from django.utils import timezone

from apns.models import PushCertificate, PushCertificateRequest
from devices.models import Enrollment
from devices.timeline import Actor, record_event
from mdm_project.crypto import seal, unseal
from mdm_project.errors import BadRequest, Conflict
from mdm_project.pki import fingerprint, key_hash

TOPIC_PREFIX = "com.apple.mgmt."
REQUEST_KEY_BITS = 2048
MAX_UPLOAD_BYTES = 256 * 1024
CLOCK_SKEW = timedelta(minutes=10)

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


class PushCertificateInvalid(BadRequest):
    """The upload is no usable MDM push certificate with its key; the message says why."""

    code = "push_certificate_invalid"


class TopicWouldChange(Conflict):
    """The certificate has another topic than the one in use: enrolled devices could not follow."""

    code = "push_topic_would_change"


@dataclass(frozen=True)
class Upload:
    """A certificate with its private key, read but not judged."""

    certificate: x509.Certificate
    key: object

    @property
    def topic(self) -> str:
        values = self.certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
        return str(values[0].value) if values else ""


@transaction.atomic
def store_push_certificate(
    data: bytes,
    passphrase: str = "",
    *,
    actor: Actor,
    name: str = "",
    apple_account: str = "",
    force_topic_change: bool = False,
) -> PushCertificate:
    """Keep a push certificate (PEM, DER or PKCS#12) with its key: a new one, or the renewal of one with the same topic.

    The key may be left out when it was made here (`create_push_csr`) or is that of the certificate being renewed.
    Raises PushCertificateInvalid, and TopicWouldChange for another topic than the present one unless it is forced;
    forced, it becomes the one for new enrollments and the old one stays for those it has. Storing the same
    certificate again changes nothing.
    """
    upload = read_upload(data, passphrase)
    _check(upload)
    # All rows, so that of two uploads at once the second sees what the first one did.
    known = {row.topic: row for row in PushCertificate.objects.select_for_update().order_by("id")}
    current = known.get(upload.topic)
    print_ = fingerprint(upload.certificate)
    if current is not None and bytes(current.fingerprint) == print_ and not current.alarm:
        return current
    if current is None and known and not force_topic_change:
        raise TopicWouldChange(_topic_change_warning(upload.topic, known.values()))
    certificate = current or PushCertificate(topic=upload.topic)
    _fill(certificate, upload, name, apple_account)
    if current is None:
        PushCertificate.objects.filter(is_default=True).update(is_default=False)
        certificate.is_default = True
    certificate.save()
    _tell(certificate, actor, is_renewal=current is not None)
    return certificate


def _check(upload: Upload) -> None:
    if upload.certificate.public_key() != upload.key.public_key():
        raise PushCertificateInvalid("the private key does not belong to this certificate")
    if not upload.topic.startswith(TOPIC_PREFIX):
        raise PushCertificateInvalid(
            f"this is not an MDM push certificate: the UID of its subject must start with {TOPIC_PREFIX}"
        )
    now = datetime.now(UTC)
    if upload.certificate.not_valid_after_utc <= now:
        raise PushCertificateInvalid(f"this certificate expired on {upload.certificate.not_valid_after_utc:%Y-%m-%d}")
    if upload.certificate.not_valid_before_utc > now + CLOCK_SKEW:
        begin = upload.certificate.not_valid_before_utc
        raise PushCertificateInvalid(f"this certificate is not valid before {begin:%Y-%m-%d}")


def _topic_change_warning(topic: str, known) -> str:
    affected = Enrollment.objects.enrolled().filter(topic__in=[row.topic for row in known]).count()
    in_use = ", ".join(sorted(row.topic for row in known))
    return (
        f"the topic of this certificate is {topic}, but {in_use} is in use: {affected} enrolled devices would have to "
        "enroll again. Renew the old certificate with the Apple Account that made it, or force the change."
    )


def _fill(certificate: PushCertificate, upload: Upload, name: str, apple_account: str) -> None:
    key_pem = upload.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate.name = name or certificate.name or "Push certificate"
    certificate.apple_account = apple_account or certificate.apple_account
    certificate.certificate_pem = upload.certificate.public_bytes(serialization.Encoding.PEM).decode()
    certificate.key_encrypted = seal(key_pem, certificate.key_context)
    certificate.fingerprint = fingerprint(upload.certificate)
    certificate.not_before = upload.certificate.not_valid_before_utc
    certificate.not_after = upload.certificate.not_valid_after_utc
    certificate.alarm, certificate.alarm_at = "", None
    certificate.updated_at = timezone.now()


def _tell(certificate: PushCertificate, actor: Actor, *, is_renewal: bool) -> None:
    what = "renewed" if is_renewal else "added"
    record_event(
        f"push_certificate_{what}",
        f"push certificate {what}: {certificate.topic}, valid until {certificate.not_after:%Y-%m-%d}",
        actor=actor.name,
        push_certificate_id=certificate.pk,
    )


# Reading an upload


def read_upload(data: bytes, passphrase: str = "") -> Upload:
    """Return certificate and key of an upload, looking for the key here when it is not in it."""
    if len(data) > MAX_UPLOAD_BYTES:
        raise PushCertificateInvalid("this file is too large for a push certificate")
    if b"-----BEGIN " in data:
        certificates, key = _read_pem(data, passphrase)
    else:
        certificates, key = _read_binary(data, passphrase)
    if not certificates:
        raise PushCertificateInvalid("there is no certificate in this file")
    if key is None:
        return _with_key_kept_here(certificates)
    ours = [certificate for certificate in certificates if certificate.public_key() == key.public_key()]
    return Upload((ours or certificates)[0], key)


def _read_pem(data: bytes, passphrase: str) -> tuple[list[x509.Certificate], object | None]:
    try:
        certificates = x509.load_pem_x509_certificates(data) if b"BEGIN CERTIFICATE-" in data else []
    except _UNREADABLE as error:
        raise PushCertificateInvalid("the certificate in this PEM file cannot be read") from error
    if b"PRIVATE KEY-----" not in data:
        return certificates, None
    is_encrypted = b"BEGIN ENCRYPTED PRIVATE KEY" in data or b"Proc-Type: 4,ENCRYPTED" in data
    if is_encrypted and not passphrase:
        raise PushCertificateInvalid("the private key is encrypted: its passphrase is needed")
    try:
        # Given a passphrase it does not need, the library refuses the key.
        return certificates, serialization.load_pem_private_key(data, passphrase.encode() if is_encrypted else None)
    except _UNREADABLE as error:
        detail = "or the passphrase is wrong" if is_encrypted else "it may be damaged"
        raise PushCertificateInvalid(f"the private key cannot be read, {detail}") from error


def _read_binary(data: bytes, passphrase: str) -> tuple[list[x509.Certificate], object | None]:
    try:
        return [x509.load_der_x509_certificate(data)], None
    except _UNREADABLE:
        pass  # not a lone certificate, so PKCS#12 or nothing
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, passphrase.encode() or None)
    except UnsupportedAlgorithm as error:
        raise PushCertificateInvalid(
            "this PKCS#12 file uses a cipher that is not supported here; export it again with AES, or as PEM"
        ) from error
    except (ValueError, TypeError) as error:
        raise PushCertificateInvalid("this is neither PEM nor a PKCS#12 file that this passphrase opens") from error
    return [one for one in (certificate, *others) if one is not None], key


def _with_key_kept_here(certificates: list[x509.Certificate]) -> Upload:
    for certificate in certificates:
        key_pem = _key_kept_here(certificate)
        if key_pem is not None:
            return Upload(certificate, serialization.load_pem_private_key(key_pem, None))
    raise PushCertificateInvalid(
        "the private key is missing: this certificate was not requested here, so its key must be uploaded with it"
    )


def _key_kept_here(certificate: x509.Certificate) -> bytes | None:
    wanted = key_hash(certificate.public_key())
    request = PushCertificateRequest.objects.filter(key_hash=wanted).first()
    if request is not None:
        return unseal(request.key_encrypted, request.key_context)
    for row in PushCertificate.objects.exclude(certificate_pem="").order_by("id"):
        if x509.load_pem_x509_certificate(row.certificate_pem.encode()).public_key() == certificate.public_key():
            return unseal(row.key_encrypted, row.key_context)
    return None


# Requests


@transaction.atomic
def create_push_csr(*, actor: Actor, common_name: str = "Espalier push certificate") -> PushCertificateRequest:
    """Make a key and the certificate request that goes to an MDM vendor; the key stays here, encrypted."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=REQUEST_KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    request = PushCertificateRequest(
        csr_pem=csr.public_bytes(serialization.Encoding.PEM).decode(),
        key_hash=key_hash(key.public_key()),
        created_by=actor.user,
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    request.key_encrypted = seal(key_pem, request.key_context)
    request.save()
    record_event("push_certificate_requested", "request for a push certificate made", actor=actor.name)
    return request


# Expiry

WARN_DAYS = (60, 30, 7)


@dataclass(frozen=True)
class ExpiryWarning:
    """How near the end is: `threshold_days` is the warning that was passed last (60, 30, 7; 0: expired)."""

    threshold_days: int
    days_left: int
    text: str

    @property
    def is_expired(self) -> bool:
        return self.threshold_days == 0


def expiry_warning(certificate: PushCertificate, now: datetime | None = None) -> ExpiryWarning | None:
    """Return the warning a certificate deserves, or None while there are more than 60 days left."""
    left = certificate.not_after - (now or timezone.now())
    days_left = max(left.days, 0)
    if left <= timedelta(0):
        text = f"expired on {certificate.not_after:%Y-%m-%d}: devices cannot be woken until it is renewed"
        return ExpiryWarning(0, 0, text)
    passed = [days for days in WARN_DAYS if left <= timedelta(days=days)]
    if not passed:
        return None
    account = f" with the Apple Account {certificate.apple_account}" if certificate.apple_account else ""
    unit = "day" if days_left == 1 else "days"
    return ExpiryWarning(min(passed), days_left, f"expires in {days_left} {unit}; renew it{account}")
