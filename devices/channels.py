"""Memberships and channels: how they begin, open, go on and end, and which certificate may speak for them.

Called by the check-in handlers (enrollment) and the command endpoint (commands), each call inside one transaction.
Locks: Authenticate, TokenUpdate and CheckOut of one device are serialised by the row lock on its device channel.
"""

import time
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from devices import escrow, outbox
from devices.automated import note_automated
from devices.changes import tell_changed
from devices.erasing import Contact, note_contact
from devices.identity import Presented
from devices.keys import ChannelKey
from devices.models import CertificateAuthority, Channel, Device, Enrollment, EscrowedSecret, Identity
from devices.platforms import platform_of, version_parts
from devices.timeline import record_event
from mdm_project.errors import Refused

SUPERSEDED = "superseded"
# What an erased device does not have any more.
ERASED_WITH_IT = (
    EscrowedSecret.Kind.FILEVAULT_RECOVERY_KEY, EscrowedSecret.Kind.LOCAL_ADMIN_PASSWORD,
)  # fmt: skip
MAX_FACT_LENGTH = 255  # some are indexed, and PostgreSQL takes entries up to 2,700 bytes
MAX_USERS = 500  # of one device; the largest Shared iPads in schools stay far below
STATE = Channel.State
ENDED_BY_ENROLLING = (
    EscrowedSecret.Kind.BOOTSTRAP_TOKEN, EscrowedSecret.Kind.UNLOCK_TOKEN, EscrowedSecret.Kind.LOCK_PIN,
)  # fmt: skip


class IdentityRefused(Refused):
    """The certificate may not speak for this device."""

    code = "identity_refused"


class NotEnrolled(Refused):
    code = "not_enrolled"


class TooManyUsers(Refused):
    code = "too_many_users"


@dataclass(frozen=True)
class Terms:
    """What a new enrollment was given by its profile; frozen in the Enrollment row."""

    kind: str = Enrollment.Kind.DEVICE
    profile_slug: str = ""
    server_url: str = ""
    check_in_url: str = ""
    access_rights: int = 8191
    capabilities: tuple[str, ...] = ()


# Identities


def pin_identity(key: ChannelKey, presented: Presented) -> Identity:
    """Bind the certificate of an Authenticate to its enrollment key; raise IdentityRefused when it belongs elsewhere.

    A certificate is pinned to one key for good. Two devices that present one certificate at the same time: the unique
    fingerprint lets one of them in.
    """
    if presented.not_after < time.time():
        raise IdentityRefused("this client certificate has expired; enrolling needs a valid one")
    identity = _locked_identity(presented.fingerprint) or _record_outside(key, presented)
    if not identity.is_active and identity.end_reason != SUPERSEDED:
        raise IdentityRefused(f"this client certificate was ended: {identity.end_reason}")
    if identity.enrollment_key not in ("", key.enrollment):
        raise IdentityRefused("this client certificate belongs to another device")
    if identity.bound_key not in ("", key.enrollment):
        raise IdentityRefused("this client certificate was issued for another device")
    identity.enrollment_key = key.enrollment
    identity.pinned_at = identity.pinned_at or timezone.now()
    identity.is_active, identity.ended_at, identity.end_reason = True, None, ""
    identity.save(update_fields=["enrollment_key", "pinned_at", "is_active", "ended_at", "end_reason"])
    return identity


def _locked_identity(fingerprint: bytes) -> Identity | None:
    return Identity.objects.select_for_update().filter(fingerprint=fingerprint).first()


def _record_outside(key: ChannelKey, presented: Presented) -> Identity:
    authority = CertificateAuthority.objects.get(pk=presented.authority_id)
    if authority.kind == CertificateAuthority.Kind.OURS:
        raise IdentityRefused("this client certificate bears our authority's name but was not recorded when issued")
    certificate = x509.load_der_x509_certificate(presented.der)
    public_key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        with transaction.atomic():
            return Identity.objects.create(
                fingerprint=presented.fingerprint,
                authority=authority,
                origin=Identity.Origin.OUTSIDE,
                serial_hex=f"{certificate.serial_number:x}",
                subject=certificate.subject.rfc4514_string(),
                key_hash=sha256(public_key).digest(),
                certificate_der=presented.der,
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                enrollment_key=key.enrollment,
            )
    except IntegrityError:
        return _locked_identity(presented.fingerprint)


def is_pinned(key: ChannelKey, presented: Presented) -> bool:
    return Identity.objects.filter(
        fingerprint=presented.fingerprint, enrollment_key=key.enrollment, is_active=True
    ).exists()


@transaction.atomic
def pin_renewed_identity(key: ChannelKey, presented: Presented) -> bool:
    """Let a renewed certificate in at its first contact: one that we issued to go on with this very enrollment.

    Devices differ in what they send after a renewal; some start using the new identity without any check-in.
    """
    waiting = Q(enrollment_key="", bound_key=key.enrollment, is_renewal=True, is_active=True)
    pinned = Identity.objects.filter(waiting, fingerprint=presented.fingerprint).update(
        enrollment_key=key.enrollment, pinned_at=timezone.now()
    )
    if not pinned:
        return False
    supersede_identities(key.enrollment, keep=presented.fingerprint)
    device = Device.objects.filter(enrollments__key=key.enrollment, enrollments__is_current=True).first()
    record_event("identity_renewed", "now uses its renewed client certificate", device=device, actor="device")
    return True


def supersede_identities(enrollment_key: str, *, keep: bytes) -> int:
    """End the other certificates of an enrollment; they no longer open anything."""
    others = Identity.objects.filter(enrollment_key=enrollment_key, is_active=True).exclude(fingerprint=keep)
    return others.update(is_active=False, ended_at=timezone.now(), end_reason=SUPERSEDED)


def require_pinned(key: ChannelKey, presented: Presented) -> None:
    """Raise IdentityRefused, saying why, unless the certificate may speak for the enrollment."""
    if not is_pinned(key, presented) and not pin_renewed_identity(key, presented):
        raise IdentityRefused(explain_refusal(key, presented))


def explain_refusal(key: ChannelKey, presented: Presented) -> str:
    """Say in words why a certificate may not speak for a channel."""
    identity = Identity.objects.filter(fingerprint=presented.fingerprint).first()
    if identity is None or not identity.enrollment_key:
        return "this client certificate was never pinned to a device: no Authenticate came with it"
    if identity.enrollment_key != key.enrollment:
        return "this client certificate belongs to another device"
    if not identity.is_active:
        return f"this client certificate was ended: {identity.end_reason}"
    return "this channel is not known: no TokenUpdate came for it"


# Memberships


def begin_enrollment(message: dict, key: ChannelKey, topic: str, terms: Terms) -> Channel:
    """Open a new membership at Authenticate: an earlier one under the same key ends, its tokens and secrets with it.

    The channel stays closed until the TokenUpdate. The caller clears the queue.
    """
    channel = Channel.objects.select_for_update().filter(enrollment_key=key.enrollment, user_key="").first()
    device = _device_of(message, key, channel)
    now = timezone.now()
    if Enrollment.objects.filter(key=key.enrollment, is_current=True, state=Enrollment.State.ERASED).exists():
        escrow.end_secrets(device, *ERASED_WITH_IT)
    Enrollment.objects.filter(key=key.enrollment, is_current=True, unenrolled_at=None).update(
        is_current=False, state=Enrollment.State.UNENROLLED, unenrolled_at=now, end_reason="enrolled again"
    )
    Enrollment.objects.filter(key=key.enrollment, is_current=True).update(is_current=False)
    kind = Enrollment.Kind.USER if key.is_user_enrollment else terms.kind
    enrollment = Enrollment.objects.create(
        device=device,
        key=key.enrollment,
        kind=kind,
        topic=topic,
        profile_slug=terms.profile_slug,
        server_url=terms.server_url,
        check_in_url=terms.check_in_url,
        access_rights=terms.access_rights,
        capabilities=list(terms.capabilities),
        authenticated_at=now,
    )
    _close_channels(key, enrollment)
    if channel is None:
        channel = Channel.objects.create(
            device=device, enrollment=enrollment, enrollment_key=key.enrollment, user_key="", topic=topic
        )
    # What opened the device of before opens nothing now: it starts anew, without a lock.
    escrow.end_secrets(device, *ENDED_BY_ENROLLING)
    Device.objects.filter(pk=device.pk).update(locked_at=None, replaced_by=None)
    return channel


def _close_channels(key: ChannelKey, enrollment: Enrollment) -> None:
    Channel.objects.filter(enrollment_key=key.enrollment).update(
        enrollment=enrollment, device=enrollment.device, topic=enrollment.topic, state=STATE.PENDING,
        token=None, push_magic="", token_updated_at=None, push_gone_at=None,
    )  # fmt: skip


def _device_of(message: dict, key: ChannelKey, channel: Channel | None) -> Device:
    """Find the hardware: by its channel, by UDID, or one made before it enrolled, by serial number; else make it."""
    facts = _facts(message, key)
    device = Device.objects.filter(pk=channel.device_id).first() if channel else None
    if device is None and not key.is_user_enrollment:
        device = Device.objects.filter(udid=key.enrollment).first() or _pre_assigned(facts)
    if device is None:
        device = Device(name=facts.get("name", ""))
    for column, value in facts.items():
        setattr(device, column, value)
    if device.pk is None:
        device.save()
    else:
        Device.objects.filter(pk=device.pk).update(**facts)
    return device


def _pre_assigned(facts: dict) -> Device | None:
    if not facts.get("serial_number"):
        return None
    return Device.objects.filter(serial_number=facts["serial_number"], udid=None).order_by("id").first()


def _facts(message: dict, key: ChannelKey) -> dict:
    """The columns of Device that an Authenticate tells; absent or odd values are left out."""
    names = {
        "SerialNumber": "serial_number", "DeviceName": "name", "ModelName": "model_name", "OSVersion": "os_version",
        "BuildVersion": "build_version", "IMEI": "imei", "MEID": "meid",
    }  # fmt: skip
    facts = {column: message[name] for name, column in names.items() if _is_text(message.get(name))}
    model = message.get("ProductName") or message.get("Model")
    if _is_text(model):
        facts["model"] = model
        facts["platform"] = platform_of(model, message.get("ModelName"))
    if "os_version" in facts:
        facts["os_version_parts"] = version_parts(facts["os_version"])
    if not key.is_user_enrollment:
        facts["udid"] = key.enrollment
    return facts


def _is_text(value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_FACT_LENGTH and "\0" not in value


# Channels


def update_token(message: dict, key: ChannelKey, presented: Presented) -> Channel:
    """Take a TokenUpdate: open the channel, keep its token; the newest wins. Raise NotEnrolled without an Authenticate.

    The first one of a membership completes the enrollment and posts `enrolled` to the outbox; the one that opens the
    channel of a user posts `user_channel_opened`.
    """
    device_channel = _open_device_channel(key)
    # Asked again with the row locked: of two at once, the first may have ended the certificate of the other.
    require_pinned(key, presented)
    channel = _user_channel(message, key, device_channel) if key.user else device_channel
    channel.token = message["Token"]
    channel.push_magic = message["PushMagic"]
    channel.topic = message["Topic"]
    if key.user and channel.state != STATE.ENABLED:
        outbox.post("user_channel_opened", {"channel_id": channel.pk})
    channel.state = STATE.ENABLED
    channel.token_updated_at = timezone.now()
    channel.push_gone_at = None
    if isinstance(message.get("NotOnConsole"), bool):
        channel.is_on_console = not message["NotOnConsole"]
    channel.save(
        update_fields=[
            "token",
            "push_magic",
            "topic",
            "state",
            "token_updated_at",
            "push_gone_at",
            "is_on_console",
            "user_id",
            "user_short_name",
            "user_long_name",
        ]  # fmt: skip
    )
    if not key.user:
        _count_token_update(channel, message, presented)
    return channel


def _open_device_channel(key: ChannelKey) -> Channel:
    channel = Channel.objects.select_for_update().filter(enrollment_key=key.enrollment, user_key="").first()
    if channel is None:
        raise NotEnrolled("no Authenticate came from this device")
    if channel.state == STATE.DISABLED:
        if note_contact(key.enrollment, at_once=not key.user) is not Contact.REOPENED:
            raise NotEnrolled("this device left; it must send Authenticate first")
        channel.refresh_from_db(fields=["state"])
    return channel


def _user_channel(message: dict, key: ChannelKey, device_channel: Channel) -> Channel:
    channel, was_created = _get_or_make_user_channel(key, device_channel)
    channel.user_id = _clipped(message.get("UserID") or message.get("EnrollmentUserID"))
    channel.user_short_name = _clipped(message.get("UserShortName")) or channel.user_short_name
    channel.user_long_name = _clipped(message.get("UserLongName")) or channel.user_long_name
    if was_created:
        name = channel.user_long_name or channel.user_short_name or key.user
        record_event("user_channel_opened", f"user channel of {name} opened", device=channel.device_id, actor="device")
    return channel


def _clipped(value) -> str:
    return value[:MAX_FACT_LENGTH].replace("\0", "") if isinstance(value, str) else ""


def _get_or_make_user_channel(key: ChannelKey, device_channel: Channel) -> tuple[Channel, bool]:
    """Return the channel of a user; raise TooManyUsers for a device that makes up one user after the other."""
    channel = Channel.objects.filter(enrollment_key=key.enrollment, user_key=key.user).first()
    if channel is not None:
        return channel, False
    if Channel.objects.filter(enrollment_key=key.enrollment).count() > MAX_USERS:
        raise TooManyUsers(f"this device has {MAX_USERS} users already")
    return Channel.objects.get_or_create(
        enrollment_key=key.enrollment,
        user_key=key.user,
        defaults={"device_id": device_channel.device_id, "enrollment_id": device_channel.enrollment_id},
    )


def _count_token_update(channel: Channel, message: dict, presented: Presented) -> None:
    enrollment = channel.enrollment
    tally = enrollment.token_update_tally + 1
    Enrollment.objects.filter(pk=enrollment.pk).update(token_update_tally=F("token_update_tally") + 1)
    awaiting = message.get("AwaitingConfiguration")
    if isinstance(awaiting, bool):
        Device.objects.filter(pk=channel.device_id).update(is_awaiting_configuration=awaiting)
        if awaiting:
            note_automated([channel.device_id])
    unlock_token = message.get("UnlockToken")
    if isinstance(unlock_token, bytes) and 0 < len(unlock_token) <= escrow.MAX_SECRET_BYTES:
        escrow.keep_secret(channel.device_id, EscrowedSecret.Kind.UNLOCK_TOKEN, unlock_token)
    supersede_identities(channel.enrollment_key, keep=presented.fingerprint)
    if tally == 1:
        _complete(enrollment, channel)


def _complete(enrollment: Enrollment, channel: Channel) -> None:
    now = timezone.now()
    Enrollment.objects.filter(pk=enrollment.pk).update(state=Enrollment.State.ENROLLED, enrolled_at=now)
    record_event("enrolled", f"enrolled ({enrollment.get_kind_display()})", device=channel.device_id, actor="device")
    outbox.post("enrolled", {"channel_id": channel.pk})
    tell_changed([channel.device_id])


@transaction.atomic
def open_user_channel(key: ChannelKey, presented: Presented) -> bool:
    """Make the channel of a user who reports before any TokenUpdate, on a device that may speak; False: not so."""
    if not key.user or not is_pinned(key, presented):
        return False
    device_channel = Channel.objects.filter(enrollment_key=key.enrollment, user_key="").first()
    if device_channel is None or device_channel.state == STATE.DISABLED:
        return False
    _, was_created = _get_or_make_user_channel(key, device_channel)
    return was_created


def check_out(key: ChannelKey, *, asked_by: str = "") -> list[int]:
    """End a membership (device channel) or one user's channel; return the ids of the channels that closed.

    ``asked_by`` says who here wanted the device to leave.
    """
    closing = Channel.objects.select_for_update().filter(enrollment_key=key.enrollment)
    if key.user:
        closing = closing.filter(user_key=key.user)
    channels = list(closing.order_by("id"))
    Channel.objects.filter(pk__in=[channel.pk for channel in channels]).update(
        state=STATE.DISABLED, token=None, push_magic=""
    )
    if channels and not key.user:
        Enrollment.objects.filter(key=key.enrollment, is_current=True).update(
            state=Enrollment.State.UNENROLLED, unenrolled_at=timezone.now(), end_reason="the device checked out",
            end_asked_by=asked_by,
        )  # fmt: skip
        words = "left management" + (f", as {asked_by} asked" if asked_by else "")
        record_event("checked_out", words, device=channels[0].device_id, actor="device")
        tell_changed([channels[0].device_id])
    return [channel.pk for channel in channels]


def revive_push(channel_id: int) -> None:
    """Push to a channel again that APNs had called gone: it was just heard of."""
    Channel.objects.filter(pk=channel_id).update(push_gone_at=None)
