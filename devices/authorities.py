"""Our certificate authority, the outside ones that are trusted, and the identities that were issued.

Owns the rows and the keys, which are encrypted at rest. What a certificate looks like is made in mdm_project.pki; who
may have one is decided in enrollment; whether a presented one is accepted, in devices.identity.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devices import identity
from devices.models import CertificateAuthority, Identity
from devices.timeline import SYSTEM, Actor, record_event
from mdm_project import pki
from mdm_project.crypto import seal, unseal
from mdm_project.csr import CertificateRequest
from mdm_project.errors import Conflict
from mdm_project.locks import Lock, take

AUTHORITY_NAME = "Espalier Device CA"
SIGNER_NAME = "Espalier Profile Signing"


@dataclass(frozen=True)
class KeyPair:
    """A certificate of ours with its private key."""

    id: int
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def issuing_authority() -> KeyPair:
    """Return the authority that issues identities; the first call of an installation makes it."""
    row = CertificateAuthority.objects.filter(is_issuing=True).first()
    return _opened(row) if row else _create_once()


@transaction.atomic
def _create_once() -> KeyPair:
    _lock_creation()
    row = CertificateAuthority.objects.filter(is_issuing=True).first()
    return _opened(row or _make_authority(SYSTEM))


def our_authorities() -> list[KeyPair]:
    """Return our trusted authorities: the issuing one first, then earlier ones, to which devices may still write."""
    rows = CertificateAuthority.objects.filter(kind=CertificateAuthority.Kind.OURS, is_trusted=True)
    authorities = [_opened(row) for row in rows.order_by("-is_issuing", "-id")]
    return authorities or [issuing_authority()]


@transaction.atomic
def rotate_authority(*, actor: Actor = SYSTEM, reason: str = "") -> KeyPair:
    """Make a new issuing authority; the previous ones stay trusted, so devices go on until they renew."""
    _lock_creation()
    CertificateAuthority.objects.filter(is_issuing=True).update(is_issuing=False)
    return _opened(_make_authority(actor, reason))


def _lock_creation() -> None:
    take(Lock.AUTHORITY)


def _make_authority(actor: Actor, reason: str = "") -> CertificateAuthority:
    number = CertificateAuthority.objects.filter(kind=CertificateAuthority.Kind.OURS).count() + 1
    # Each has a name of its own: two authorities of one name could not be told apart in a certificate.
    certificate, key = pki.make_authority(f"{AUTHORITY_NAME} {number}")
    row = _store(certificate, key, CertificateAuthority.Kind.OURS, is_issuing=True)
    summary = f"certificate authority {row.name} made{_because(reason)}"
    record_event("authority_created", summary, actor=actor.name, authority=row.pk)
    return row


def _store(certificate: x509.Certificate, key, kind: str, **fields) -> CertificateAuthority:
    fingerprint = pki.fingerprint(certificate)
    encoded = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    row = CertificateAuthority.objects.create(
        kind=kind,
        key_encrypted=seal(encoded, _key_context(fingerprint)),
        **_columns(certificate),
        **fields,
    )
    transaction.on_commit(identity.forget_cached)
    return row


def _columns(certificate: x509.Certificate) -> dict:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return {
        "name": str(names[0].value)[:200] if names else certificate.subject.rfc4514_string()[:200],
        "certificate_pem": certificate.public_bytes(Encoding.PEM).decode(),
        "fingerprint": pki.fingerprint(certificate),
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
    }


def _key_context(fingerprint: bytes) -> str:
    return f"authority-key:{fingerprint.hex()}"


def _opened(row: CertificateAuthority) -> KeyPair:
    return _open(row.pk, bytes(row.fingerprint), row.certificate_pem, bytes(row.key_encrypted))


@lru_cache(maxsize=16)
def _open(pk: int, fingerprint: bytes, pem: str, key_encrypted: bytes) -> KeyPair:
    encoded = unseal(key_encrypted, _key_context(fingerprint))
    # The key is authenticated by its encryption; checking that its numbers are prime would take half a second.
    key = load_der_private_key(encoded, None, unsafe_skip_rsa_key_validation=True)
    return KeyPair(pk, x509.load_pem_x509_certificate(pem.encode()), key)


# Outside authorities


@transaction.atomic
def trust_authority(pem: bytes, name: str = "", *, actor: Actor = SYSTEM) -> list[CertificateAuthority]:
    """Trust the authorities of a PEM file: devices may enroll with certificates that one of them issued directly.

    A certificate that is known already is trusted again and keeps its name. Raises CertificateInvalid.
    """
    return [_trust(certificate, name, actor) for certificate in pki.read_authorities(pem)]


def _trust(certificate: x509.Certificate, name: str, actor: Actor) -> CertificateAuthority:
    columns = _columns(certificate)
    fingerprint = columns.pop("fingerprint")
    columns["name"] = name[:200] or columns["name"]
    row, is_new = CertificateAuthority.objects.get_or_create(
        fingerprint=fingerprint, defaults=columns | {"kind": CertificateAuthority.Kind.OUTSIDE}
    )
    if is_new or not row.is_trusted:
        row.is_trusted = True
        row.save(update_fields=["is_trusted"])
        record_event("authority_trusted", f"outside authority {row.name} trusted", actor=actor.name, authority=row.pk)
        transaction.on_commit(identity.forget_cached)
    return row


@transaction.atomic
def distrust_authority(row: CertificateAuthority, *, actor: Actor = SYSTEM, reason: str = "") -> None:
    """Trust an authority no longer: its devices are refused within seconds. The issuing one must be rotated first."""
    changed = CertificateAuthority.objects.filter(pk=row.pk, is_issuing=False).update(is_trusted=False)
    if not changed:
        raise Conflict("this authority issues identities; rotate it first")
    summary = f"authority {row.name} no longer trusted{_because(reason)}"
    record_event("authority_distrusted", summary, actor=actor.name, authority=row.pk)
    transaction.on_commit(identity.forget_cached)


@transaction.atomic
def trust_again(row: CertificateAuthority, *, actor: Actor = SYSTEM, reason: str = "") -> None:
    """Trust an authority again that was distrusted; raise Conflict when it is trusted."""
    if not CertificateAuthority.objects.filter(pk=row.pk, is_trusted=False).update(is_trusted=True):
        raise Conflict("this authority is trusted already")
    summary = f"authority {row.name} trusted again{_because(reason)}"
    record_event("authority_trusted", summary, actor=actor.name, authority=row.pk)
    transaction.on_commit(identity.forget_cached)


def _because(reason: str) -> str:
    return f": {reason.strip()}" if reason.strip() else ""


# Identities


def issue_identity(
    request: CertificateRequest,
    authority: KeyPair,
    *,
    challenge_id: int | None = None,
    bound_key: str = "",
    is_renewal: bool = False,
) -> x509.Certificate:
    """Issue a client certificate and record it; it waits to be pinned by the Authenticate of the enrollment it is for.

    Whether the requester is entitled to it has been checked by the caller, in the same transaction.
    """
    certificate = pki.issue_identity(request, authority.certificate, authority.key)
    Identity.objects.create(
        fingerprint=pki.fingerprint(certificate),
        authority_id=authority.id,
        origin=Identity.Origin.SCEP,
        serial_hex=f"{certificate.serial_number:x}",
        subject=request.subject_text.replace("\x00", ""),
        key_hash=pki.key_hash(request.public_key),
        certificate_der=certificate.public_bytes(Encoding.DER),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        challenge_id=challenge_id,
        bound_key=bound_key,
        is_renewal=is_renewal,
    )
    return certificate


def identity_of_challenge(challenge_id: int, key_hash: bytes) -> Identity | None:
    """Return the newest identity that a public key got with a challenge."""
    return Identity.objects.filter(challenge_id=challenge_id, key_hash=key_hash).order_by("-id").first()


def was_revoked(enrollment_key: str) -> bool:
    """Tell whether an enrollment has no certificate any more because one was revoked."""
    own = Identity.objects.filter(enrollment_key=enrollment_key)
    return own.filter(end_reason__startswith=Identity.REVOKED).exists() and not own.filter(is_active=True).exists()


def renewable_identity(fingerprint: bytes) -> Identity | None:
    """Return the identity that may be exchanged for a new one: issued by us, pinned to a device and still active.

    One that expired within the grace that devices are given (IDENTITY_EXPIRY_GRACE_DAYS) still counts.
    """
    expired_before = timezone.now() - timedelta(days=settings.IDENTITY_EXPIRY_GRACE_DAYS)
    is_usable = Q(is_active=True, authority__is_trusted=True, not_after__gt=expired_before)
    pinned = Identity.objects.filter(is_usable, origin=Identity.Origin.SCEP, fingerprint=fingerprint)
    return pinned.exclude(enrollment_key="").first()


# The signer of profiles


def profile_signer() -> KeyPair:
    """Return the certificate that signs profiles, issued by our authority; made at first use and after a rotation."""
    authority = issuing_authority()
    row = _current_signer(authority)
    return _opened(row) if row else _make_signer(authority)


def _current_signer(authority: KeyPair) -> CertificateAuthority | None:
    """Return the newest signer, if it is of the authority (made after it) and good for another month."""
    signers = CertificateAuthority.objects.filter(kind=CertificateAuthority.Kind.SIGNER, id__gt=authority.id)
    return signers.filter(not_after__gt=timezone.now() + timedelta(days=30)).first()


@transaction.atomic
def _make_signer(authority: KeyPair) -> KeyPair:
    _lock_creation()
    row = _current_signer(authority)
    if row is None:
        certificate, key = pki.make_signer(SIGNER_NAME, authority.certificate, authority.key)
        row = _store(certificate, key, CertificateAuthority.Kind.SIGNER, is_trusted=False)
    return _opened(row)
