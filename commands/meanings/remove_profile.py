"""RemoveProfile: harmless for most, but the enrollment profile takes the device out of management, and the last network
takes it out of reach.

Apple: developer.apple.com/documentation/devicemanagement/remove-profile-command
"""

from commands.meanings import Danger, Meaning, meaning
from devices.models import InstalledProfile

MDM = "com.apple.mdm"
NETWORKS = frozenset({"com.apple.wifi.managed", "com.apple.cellular", "com.apple.firstactiveethernet.managed",
                      "com.apple.globalethernet.managed"})  # fmt: skip


@meaning("RemoveProfile")
class RemoveProfile(Meaning):
    def dangers(self, candidates, payload):
        by_channel: dict[int, list[InstalledProfile]] = {}
        rows = InstalledProfile.objects.filter(channel__in=[candidate.channel_id for candidate in candidates])
        for row in rows.order_by("id").only("channel_id", "identifier", "payloads"):
            by_channel.setdefault(row.channel_id, []).append(row)
        found = {}
        for candidate in candidates:
            installed = by_channel.get(candidate.channel_id, [])
            danger = _danger(installed, payload["Identifier"], candidate.is_user_channel)
            if danger:
                found[candidate.channel_id] = danger
        return found


def _danger(installed: list[InstalledProfile], identifier: str, is_user_channel: bool) -> Danger | None:
    """Say what goes with a profile. One that the device did not list may be its enrollment, unless that is known."""
    going = [row for row in installed if row.identifier.casefold() == identifier.casefold()]
    enrollments = [row for row in installed if MDM in types_of(row)]
    if any(row in enrollments for row in going) or not (going or enrollments or is_user_channel):
        return Danger.UNENROLL
    networks = [row for row in installed if NETWORKS & types_of(row)]
    if going and networks and all(row in going for row in networks):
        return Danger.NETWORK
    return None


def types_of(row: InstalledProfile) -> set[str]:
    """Return the payload types of a profile that a device listed."""
    payloads = row.payloads if isinstance(row.payloads, list) else []
    return {each.get("PayloadType", "") for each in payloads if isinstance(each, dict)}
