"""Drift as events: a profile that a device no longer has as it was sent, that is back, or that removed itself.

Facts on the timelines of the devices, with the profile's id, so that a profile's own page finds them, too. What a list
proves is commands.profile_results'.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from devices.models import Event
from devices.timeline import record_events
from profiles.models import Profile, ProfileVersion


class Proven(NamedTuple):
    """What a list of profiles said about an item, by the names of `commands.item_statements.PROVE`."""

    outcome: str | None
    channel_id: int
    identifier: str
    profile_id: int | None
    version_id: int | None


# Kind of event and words, by outcome.
_TOLD = {
    "vanished": ("profile_vanished", "{} vanished from the device; it is sent again"),
    "vanished_again": ("profile_vanished", "{} vanished from the device again"),
    "changed": ("profile_changed_on_device", "{} was changed on the device; it is sent again"),
    "changed_again": ("profile_changed_on_device", "{} was changed on the device again"),
    "superseded": ("profile_not_proven", "{} was acknowledged, but the device lists another version of it"),
    "unproven": ("profile_not_proven", "{} was acknowledged, but the device does not list it"),
    "put_back": ("profile_put_back", "{} is on the device again"),
    "ended": ("profile_ended", "{} was removed by its own rule"),
    "returned": ("profile_returned", "{} was removed, but the device lists it again; it is removed again"),
}
KINDS = tuple(dict.fromkeys(kind for kind, _words in _TOLD.values()))


def tell_drift(proven: Iterable[Proven], device_of: dict[int, int]) -> None:
    """Write an event for each device whose list showed drift, its mending or an end; ``device_of`` is by channel."""
    devices = defaultdict(list)
    for each in proven:
        if each.outcome in _TOLD:
            told = (each.outcome, each.profile_id, each.version_id, each.identifier)
            devices[told].append(device_of[each.channel_id])
    if not devices:
        return
    names = dict(Profile.objects.filter(pk__in={told[1] for told in devices}).values_list("pk", "name"))
    numbers = dict(ProfileVersion.objects.filter(pk__in={told[2] for told in devices}).values_list("pk", "number"))
    for (outcome, profile_id, version_id, identifier), device_ids in devices.items():
        kind, words = _TOLD[outcome]
        version = f", version {numbers[version_id]}," if version_id in numbers else ""
        summary = words.format(f"profile {names.get(profile_id, identifier)}{version}")
        record_events(kind, summary, sorted(set(device_ids)), profile=profile_id)


def drift_of(profile: Profile, user):
    """Return the events of drift of one profile, newest first, of devices that the person may see."""
    seen = Event.objects.visible_to(user).filter(kind__in=KINDS, data__profile=profile.pk)
    return seen.select_related("device").order_by("-at", "-id")
