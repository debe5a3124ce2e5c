"""RemoveProfile: harmless for most, but the enrollment profile takes the device out of management, and the last network
takes it out of reach.

Apple: developer.apple.com/documentation/devicemanagement/remove-profile-command
"""

from collections.abc import Collection, Mapping

from django.db.models import Q

from commands.meanings import Danger, Meaning, meaning
from commands.models import Command, QueuedCommand
from commands.outcomes import DONE
from devices.models import InstalledProfile
from devices.own_profiles import ENROLLMENT_PREFIX
from mdm_project import plist
from mdm_project.crypto import unseal
from profiles.models import DesiredItem
from profiles.networks import takes_last_network

MDM = "com.apple.mdm"
# "The profile is not installed"; the domain differs between systems.
_NOT_INSTALLED = frozenset({("MCMDMErrorDomain", 12075), ("MDMErrorDomain", 12075)})
_BY_HAND = "a person or Apple Configurator installed the profile, and without supervision MDM cannot remove it"


@meaning("RemoveProfile")
class RemoveProfile(Meaning):
    is_judged_by_queue = True

    def refused(self, error_chain, status):
        """That there is no such profile is what a removal is to come to."""
        return DONE if says_not_installed(error_chain) else super().refused(error_chain, status)

    def refusals(self, candidates, payload):
        """Without supervision MDM removes only what it installed, as iPhones tell of each profile. One statement."""
        if payload is None:
            return {}
        unsupervised = [it.channel_id for it in candidates if it.target.supervised is False and not it.is_mac]
        rows = InstalledProfile.objects.filter(channel__in=unsupervised, identifier__iexact=payload["Identifier"])
        rows = rows.filter(is_managed=False).order_by("id")
        return {row.channel_id: _BY_HAND for row in rows if MDM not in row.payload_types}

    def warnings(self, candidates, payload):
        """What is assigned comes back. One statement."""
        wanted = DesiredItem.objects.filter(refusal="", identifier__iexact=payload["Identifier"])
        wanted = wanted.filter(channel__in=[candidate.channel_id for candidate in candidates])
        number = wanted.order_by().values("channel__device").distinct().count()
        which = "this device" if number == len(candidates) == 1 else f"{number} of these devices"
        return [f"It is assigned to {which}: Espalier installs it again while it is."] if number else []

    def dangers(self, candidates, payload):
        by_channel: dict[int, list[InstalledProfile]] = {}
        rows = InstalledProfile.objects.filter(channel__in=[candidate.channel_id for candidate in candidates])
        for row in rows.order_by("id").only("channel_id", "identifier", "payloads", "reported_at"):
            by_channel.setdefault(row.channel_id, []).append(row)
        leaving = _leaving(by_channel)
        found = {}
        for candidate in candidates:
            installed = by_channel.get(candidate.channel_id, [])
            gone = leaving.get(candidate.channel_id, set())
            danger = _danger(installed, payload["Identifier"], gone, candidate.is_user_channel)
            if danger:
                found[candidate.channel_id] = danger
        return found


def losing_last_network(going: Mapping[int, Collection[str]]) -> set[int]:
    """Return the ids of the channels that have no network left once these identifiers are gone from them; three
    statements.
    """
    by_channel: dict[int, list[InstalledProfile]] = {}
    rows = InstalledProfile.objects.filter(channel__in=list(going)).order_by("id")
    for row in rows.only("channel_id", "identifier", "payloads", "reported_at"):
        by_channel.setdefault(row.channel_id, []).append(row)
    leaving = _leaving(by_channel)
    found = set()
    for channel_id, installed in by_channel.items():
        gone = leaving.get(channel_id, set()) | {name.casefold() for name in going[channel_id]}
        dangers = {_danger(installed, name, gone, True) for name in going[channel_id]}
        found |= {channel_id} if Danger.NETWORK in dangers else set()
    return found


def says_not_installed(error_chain: list | None) -> bool:
    """Tell whether a device refuses to remove a profile because it has none by that identifier."""
    links = (link for link in error_chain or [] if isinstance(link, dict))
    return any((link.get("ErrorDomain"), link.get("ErrorCode")) in _NOT_INSTALLED for link in links)


def _leaving(by_channel: dict[int, list[InstalledProfile]]) -> dict[int, set[str]]:
    """Return, by channel id, the identifiers whose removal was asked and that the device may have listed before it.

    Else two networks could be taken one after the other, neither being the last one. Two statements.
    """
    listed_at = {pk: min(row.reported_at for row in rows) for pk, rows in by_channel.items()}
    if not listed_at:
        return {}
    state = QueuedCommand.State
    asked = QueuedCommand.objects.filter(channel__in=list(listed_at), command__request_type="RemoveProfile")
    asked = asked.filter(Q(finished_at=None) | Q(finished_at__gte=min(listed_at.values())))
    # What was delivered before it was cancelled may be carried out all the same.
    asked = asked.exclude(state__in=(state.FAILED, state.QUARANTINED))
    asked = asked.exclude(state__in=(state.CANCELLED, state.EXPIRED), deliveries=0)
    rows = list(asked.order_by().values_list("channel_id", "command_id", "finished_at"))
    names = _identifiers({command_id for _channel, command_id, _finished in rows})
    found: dict[int, set[str]] = {}
    for channel_id, command_id, finished_at in rows:
        if finished_at is None or finished_at >= listed_at[channel_id]:
            found.setdefault(channel_id, set()).add(names[command_id])
    return found


def _identifiers(command_ids: set[int]) -> dict[int, str]:
    names = {}
    for command in Command.objects.filter(pk__in=command_ids):
        body = plist.loads(unseal(bytes(command.body_encrypted), command.body_context))
        names[command.pk] = str(body["Command"].get("Identifier", "")).casefold()
    return names


def _danger(installed: list[InstalledProfile], identifier: str, gone: set[str], is_user_channel: bool) -> Danger | None:
    """Say what goes with a profile. One that the device did not list may be its enrollment, unless that is known."""
    going = [row for row in installed if row.identifier.casefold() == identifier.casefold()]
    enrollments = [row for row in installed if MDM in row.payload_types]
    if any(row in enrollments for row in going) or not (going or enrollments or is_user_channel):
        return Danger.UNENROLL
    # One that is listed without its payloads may be it, unless another is; one that goes by our identifier is it.
    is_untold = any(not row.payload_types for row in going) and not enrollments and not is_user_channel
    if is_untold or identifier.casefold().startswith(ENROLLMENT_PREFIX):
        return Danger.UNENROLL
    staying = [row for row in installed if row not in going and row.identifier.casefold() not in gone]
    is_last = takes_last_network((row.payload_types for row in going), (row.payload_types for row in staying))
    return Danger.NETWORK if is_last else None
