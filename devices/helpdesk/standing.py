"""How a device stands, in the words of the helpdesk's header: system, owner, how it is heard of, compliance."""

from dataclasses import dataclass
from datetime import datetime

from devices.console.page import Health
from devices.models import Answer, AvailableUpdate, Channel, Device, Enrollment
from devices.platforms import version_parts
from mdm_project.status import Status

KIND = Enrollment.Kind
OWNERS = {
    KIND.ADE: "company owned",
    KIND.ACCOUNT_DEVICE: "company owned",
    KIND.USER: "personal",
}


@dataclass(frozen=True)
class Seen:
    """When a device was last heard of, and on which line."""

    at: datetime | None
    channel: str


@dataclass(frozen=True)
class Standing:
    """What the header tells beside name, model and person; all are words for people."""

    update: Status | None
    enrollment: str
    ownership: str
    seen: Seen
    compliance: Status


def standing_of(device: Device, health: Health) -> Standing:
    """Return how a device stands, compliance as it was looked up for the header: three statements."""
    enrollment = health.channel.enrollment if health.channel else None
    return Standing(
        update=_update(device),
        enrollment=enrollment.get_kind_display() if enrollment else "",
        ownership=ownership_of(device, enrollment),
        seen=_seen(device, health.last_seen_at),
        compliance=health.compliance.status,
    )


def ownership_of(device: Device, enrollment: Enrollment | None) -> str:
    """Say whose a device is, as far as the way it enrolled tells."""
    if device.is_ade_enrolled:
        return OWNERS[KIND.ADE]
    if device.is_user_enrollment:
        return OWNERS[KIND.USER]
    known = OWNERS.get(enrollment.kind) if enrollment else None
    return known or ("company owned" if device.is_supervised else "owner not known")


def _update(device: Device) -> Status | None:
    """Say whether a newer system was offered to the device; None while it was never asked."""
    updates = list(AvailableUpdate.objects.filter(device=device).exclude(version="").values_list("version", flat=True))
    newer = [version for version in updates if version_parts(version) > (device.os_version_parts or [])]
    if newer:
        newest = max(newer, key=version_parts)
        return Status(f"{newest} is available", "attn", "system_update")
    if not updates and not Answer.objects.filter(device=device, request_type="AvailableOSUpdates").exists():
        return None
    return Status("Up to date", "ok", "check_circle")


def _seen(device: Device, newest: datetime | None) -> Seen:
    heard = Channel.objects.filter(device=device, contact__isnull=False, enrollment__is_current=True)
    channel = heard.select_related("contact").order_by("-contact__seen_at", "user_key", "id").first()
    if channel is None:
        return Seen(newest, "")
    user = channel.user_short_name or channel.user_long_name or "a user"
    at = max(channel.contact.seen_at, newest or channel.contact.seen_at)
    return Seen(at, f"user channel of {user}" if channel.is_user_channel else "device channel")
