"""The facts of the removal explainer, read from what the device reported and what we sent.

How a profile came is told by the list itself where it can (Source, IsManaged), and otherwise by our own record: macOS
and supervised devices leave IsManaged out.

Apple: developer.apple.com/documentation/devicemanagement/profilelistresponse
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from devices.models import Answer, Device, Enrollment, InstalledProfile
from mdm_project import plist
from profiles.models import DesiredItem, ItemStatus
from profiles.networks import takes_last_network
from profiles.removal.consequences import MDM
from profiles.removal.facts import DeviceFacts, Origin, ProfileFacts

# What the list says of profiles that a declaration brought (iOS 18, macOS 15).
DECLARED = "Declarative Device Management"
State = ItemStatus.State
_ON_DEVICE = (State.SENT, State.ACKNOWLEDGED, State.VERIFIED, State.REMOVING, State.FAILED)


@dataclass(frozen=True, eq=False)
class Removable:
    """A profile on the device with its facts; ``profile_id`` where it is one of ours."""

    installed: InstalledProfile
    facts: ProfileFacts
    profile_id: int | None

    @property
    def channel(self) -> str:
        channel = self.installed.channel
        return channel.user_short_name or channel.user_key or "device"


def removable_profiles(device: Device) -> tuple[DeviceFacts, list[Removable]]:
    """Return the facts of a device and of every profile on it; six statements, however many there are."""
    order = ("channel__user_key", "display_name", "id")
    rows = list(device.installed_profiles.select_related("channel").order_by(*order))
    sent = _sent(device)
    wanted = DesiredItem.objects.filter(channel__device=device, refusal="")
    wanted = set(wanted.order_by("id").values_list("channel", "identifier"))
    answers = _answers(device)
    sources = _sources(answers)
    types = [_types(row, sent.get((row.channel_id, row.identifier))) for row in rows]
    found = []
    for index, (row, kinds) in enumerate(zip(rows, types, strict=True)):
        others = [each for at, each in enumerate(types) if at != index and rows[at].channel_id == row.channel_id]
        key = (row.channel_id, row.identifier)
        status = sent.get(key)
        origin = _origin(row, sources.get((row.channel.user_key, row.identifier), ""), status)
        facts = ProfileFacts(
            identifier=row.identifier,
            name=row.display_name,
            origin=origin,
            is_enrollment=MDM in kinds,
            is_removal_disallowed=bool(row.is_removal_disallowed),
            has_removal_password=bool(row.has_removal_passcode),
            payload_types=kinds,
            is_wanted=key in wanted,
            is_only_network=takes_last_network([kinds], others),
            ends=_ends(status),
        )
        found.append(Removable(row, facts, status.profile_id if status else None))
    # What was chosen in Automated Device Enrollment is told by the list, at the enrollment profile.
    flags = [each.installed.is_removal_disallowed for each in found if each.facts.is_enrollment]
    is_removable = None if not flags or flags[0] is None else not flags[0]
    return _device_facts(device, answers, [each.facts for each in found], is_removable), found


def _sent(device: Device) -> dict[tuple[int, str], ItemStatus]:
    statuses = ItemStatus.objects.filter(channel__device=device, state__in=_ON_DEVICE).exclude(uuid="")
    statuses = statuses.select_related("version__profile").order_by("id")
    return {(each.channel_id, each.identifier): each for each in statuses}


def _types(row: InstalledProfile, status: ItemStatus | None) -> tuple[str, ...]:
    """Return the payload types that the device names, and where it names none (encrypted profiles) those we sent."""
    named = set(row.payload_types)
    if not named and status is not None and status.version is not None:
        named = set(status.version.payload_types)
    return tuple(sorted(named))


def _origin(row: InstalledProfile, source: str, status: ItemStatus | None) -> Origin:
    if source == DECLARED:
        return Origin.DECLARATION
    if row.is_managed or status is not None:
        return Origin.MDM
    return Origin.UNKNOWN


def _ends(status: ItemStatus | None) -> str:
    if status is None or status.version is None:
        return ""
    content = plist.from_json(status.version.content)
    if content.get("RemovalDate"):
        return f"on {content['RemovalDate']:%Y-%m-%d at %H:%M} UTC"
    if content.get("DurationUntilRemoval"):
        return f"{content['DurationUntilRemoval']:,.0f} seconds after it was installed"
    return ""


def _answers(device: Device) -> list[Answer]:
    kinds = ("DeviceInformation", "ProfileList")
    return list(Answer.objects.filter(device=device, request_type__in=kinds).order_by("request_type", "user_key", "id"))


def _sources(answers: Sequence[Answer]) -> dict[tuple[str, str], str]:
    """Return Source by user key and identifier; rows have no column for it."""
    found = {}
    for answer in answers:
        if answer.request_type != "ProfileList" or not isinstance(answer.content.get("ProfileList"), list):
            continue
        for item in answer.content["ProfileList"]:
            if isinstance(item, dict) and item.get("Source"):
                found[answer.user_key, str(item.get("PayloadIdentifier"))] = str(item["Source"])
    return found


def _device_facts(
    device: Device, answers: Sequence[Answer], profiles: Collection[ProfileFacts], is_removable: bool | None
) -> DeviceFacts:
    enrollment = device.enrollments.order_by("-is_current", "-id").first()
    told = next(
        (each.content for each in answers if each.request_type == "DeviceInformation" and not each.user_key), {}
    )
    return DeviceFacts(
        platform=device.platform,
        os_version=device.os_version,
        is_supervised=device.is_supervised,
        is_enrolled=enrollment is not None and enrollment.is_current and enrollment.state == "enrolled",
        enrollment_kind=_kind(device, enrollment),
        is_enrollment_removable=is_removable,
        eas_identifier=str(told.get("EASDeviceIdentifier") or ""),
        managed_app_count=device.applications.filter(is_managed=True).count(),
        managed_profile_count=sum(each.origin is Origin.MDM and not each.is_enrollment for each in profiles),
    )


def _kind(device: Device, enrollment: Enrollment | None) -> str:
    if device.is_ade_enrolled:
        return Enrollment.Kind.ADE.value
    return enrollment.kind if enrollment else Enrollment.Kind.DEVICE.value
