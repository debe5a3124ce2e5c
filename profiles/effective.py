"""The effective configuration of a device: each key of all its profiles, whose value holds, and what was overruled.

Of our profiles the version that the device has counts, or where it has none yet the one it should have. What others
installed is known by name only. The device's own channel and each user's are told apart. How values come together is
profiles.merging's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from devices.models import Channel, Device, InstalledProfile
from mdm_project import plist
from profiles import variables
from profiles.applicability import WAITS, Facts, judge, used_content
from profiles.catalogue.availability import system_of
from profiles.masking import mask
from profiles.merging import Contribution, Setting, contributions_of, merge
from profiles.models import DesiredItem, ItemStatus, Profile, ProfileVersion
from profiles.refusals import shape_of_version
from profiles.traits import facts_of_channels

State = ItemStatus.State


@dataclass(frozen=True, eq=False)
class Carrier:
    """A profile on a channel. ``version`` and ``profile`` are None for what is not ours, or of which nothing is left.

    ``state`` is verified, acknowledged, pending (not there yet), removing, unknown to us, or not_applicable: nothing
    of it holds, because of ``refusal``. ``ignored`` says which payloads the device skips, ``unchecked`` which types
    Apple's schema does not know.
    """

    channel: Channel
    identifier: str
    name: str
    state: str
    profile: Profile | None = None
    version: ProfileVersion | None = None
    refusal: str = ""
    ignored: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        return self.version is not None


@dataclass(frozen=True, eq=False)
class ChannelConfiguration:
    """What holds on one channel; the sources of settings are its carriers."""

    channel: Channel
    carriers: tuple[Carrier, ...]
    settings: tuple[Setting, ...]

    @property
    def conflicts(self) -> list[Setting]:
        return [setting for setting in self.settings if setting.is_conflict]


def effective_configuration(device: Device, *, show_secrets: bool = False) -> list[ChannelConfiguration]:
    """Return what holds on each channel of the device, its own first; at most eight statements."""
    joined = device.channels.reachable().select_related("device").order_by("user_key", "id")
    channels = list(joined)
    facts = facts_of_channels([channel.pk for channel in channels])
    carriers = [_judged(each, facts[each.channel.pk]) for each in _carriers(channels)]
    names = {name for each in carriers if each.version for name in each.version.variables}
    values = variables.values_for(channels, sorted(names), for_people=True) if names else {}
    return [
        _configuration(
            channel, [each for each in carriers if each.channel is channel], facts[channel.pk], values, show_secrets
        )
        for channel in channels
    ]


def _configuration(
    channel: Channel,
    carriers: Sequence[Carrier],
    facts: Facts,
    values: dict[int, dict[str, str]],
    show_secrets: bool,
) -> ChannelConfiguration:
    contributions = [
        contribution
        for carrier in carriers
        if carrier.version is not None and not carrier.refusal
        for contribution in _contributions(carrier, facts, values.get(channel.pk, {}), show_secrets)
    ]
    platform = channel.device.platform
    settings = merge(contributions, system_of(platform) if platform else "")
    return ChannelConfiguration(channel, tuple(carriers), tuple(settings))


def _judged(carrier: Carrier, facts: Facts) -> Carrier:
    """Say what the device makes of a carrier: nothing at all (the row says so, or what was sent before), or a part."""
    if carrier.version is None or carrier.refusal:
        return carrier
    found = judge(shape_of_version(carrier.version), facts)
    refusal = "" if found.anyway.startswith(WAITS) else found.anyway
    state = "not_applicable" if refusal else carrier.state
    return replace(carrier, state=state, refusal=refusal, ignored=found.ignored, unchecked=found.unchecked)


def _contributions(carrier: Carrier, facts: Facts, values: dict[str, str], show_secrets: bool) -> list[Contribution]:
    content = used_content(carrier.version.content, facts)
    shown = content if show_secrets else mask(content)
    filled = [plist.from_json(each) for each in (content, shown)]
    if carrier.version.variables:
        filled = [variables.fill(each, values) for each in filled]
    return contributions_of(carrier, *filled, carrier.profile.payload_slugs)


def _carriers(channels: Sequence[Channel]) -> list[Carrier]:
    """Return what is on the channels or should be, by channel and name; three statements."""
    joined = ("profile", "version__profile")
    by_id = {channel.pk: channel for channel in channels}
    wanted = DesiredItem.objects.filter(channel__in=by_id).select_related(*joined).order_by("id")
    statuses = ItemStatus.objects.filter(channel__in=by_id).select_related(*joined).order_by("id")
    installed = InstalledProfile.objects.filter(channel__in=by_id).order_by("id")
    found = {(each.channel_id, each.identifier): _wanted(each, by_id) for each in wanted}
    for status in statuses:
        carrier = _had(status, by_id)
        if carrier is not None:
            found[status.channel_id, status.identifier] = carrier
    for each in installed:
        found.setdefault((each.channel_id, each.identifier), _foreign(each, by_id))
    return sorted(found.values(), key=lambda each: (each.channel.pk, each.name, each.identifier))


def _wanted(item: DesiredItem, channels: dict[int, Channel]) -> Carrier:
    channel = channels[item.channel_id]
    state = "not_applicable" if item.refusal and not item.is_waiting else "pending"
    return Carrier(channel, item.identifier, item.profile.name, state, item.profile, item.version, item.refusal)


_HAD = {State.VERIFIED: "verified", State.ACKNOWLEDGED: "acknowledged", State.REMOVING: "removing"}


def _had(status: ItemStatus, channels: dict[int, Channel]) -> Carrier | None:
    """Return what the device has of ours, None where that is not known or it has nothing."""
    if status.state not in _HAD or status.version is None or status.profile is None:
        return None
    channel = channels[status.channel_id]
    word = _HAD[State(status.state)]
    return Carrier(channel, status.identifier, status.profile.name, word, status.profile, status.version)


def _foreign(row: InstalledProfile, channels: dict[int, Channel]) -> Carrier:
    return Carrier(channels[row.channel_id], row.identifier, row.display_name or row.identifier, "unknown")
