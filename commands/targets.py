"""Who a command is for: names given from outside become channels, and whoever cannot be found is named back.

Owns the search only; queueing is commands.queue. Seven statements at most, whatever the number of names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from devices.models import Channel, Device, Enrollment, Group, SavedSearch
from devices.querysets import ChannelQuerySet, DeviceQuerySet
from devices.same_serial import ambiguous
from devices.saved_searches import BrokenSearch, devices_of
from mdm_project.errors import BadRequest, Conflict

_COLUMNS = {"udids": "udid", "serial_numbers": "serial_number", "device_ids": "id"}
_WORDS = {
    "udids": "no device has this UDID",
    "serial_numbers": "no device has this serial number",
    "device_ids": "no device has this id",
    "enrollment_ids": "nothing is enrolled under this id",
}


class UnknownTarget(BadRequest):
    """A target that does not exist or may not be seen; ``fields`` names each."""

    code = "unknown_target"


class AmbiguousTarget(Conflict):
    """A serial number that several devices report: nothing is sent to a device that may not be meant."""

    code = "ambiguous_target"

    def __init__(self, several: dict[str, int], named: Sequence[str]):
        serial, number = min(several.items())
        others = f", and {len(several) - 1} more serial numbers are not unique" if len(several) > 1 else ""
        super().__init__(
            f"{number} devices have the serial number {serial}: name the one you mean by its UDID or id{others}",
            fields={
                f"targets.serial_numbers.{index}": f"{several[name]} devices have it"
                for index, name in enumerate(named)
                if name in several
            },
        )


class NoReachableTarget(Conflict):
    """The targets exist, but nothing can be queued for any of them."""

    code = "no_reachable_target"


@dataclass(frozen=True)
class Targets:
    """Devices by any of their names, by group and by saved search, or all; on their device channels or on those of
    their users."""

    udids: Sequence[str] = ()
    serial_numbers: Sequence[str] = ()
    device_ids: Sequence[int] = ()
    enrollment_ids: Sequence[str] = ()
    group_id: int | None = None
    saved_search_id: int | None = None
    is_all: bool = False
    is_user_channel: bool = False


@dataclass(frozen=True)
class Reach:
    """The channels to queue for, and the ids of devices that were named but have none that can be asked."""

    channels: ChannelQuerySet
    skipped_device_ids: list[int] = field(default_factory=list)
    meant_for: str = ""


def find_channels(targets: Targets, user) -> Reach:
    """Find what the person means; raises UnknownTarget or NoReachableTarget."""
    channels = Channel.objects.visible_to(user).reachable()
    channels = channels.user_channels() if targets.is_user_channel else channels.device_channels()
    if not targets.is_all:
        return _named(targets, user, channels)
    if not channels.exists():
        raise NoReachableTarget(_why_unreachable(targets))
    return Reach(channels)


def _named(targets: Targets, user, channels: ChannelQuerySet) -> Reach:
    unknown: dict[str, str] = {}
    visible = Device.objects.visible_to(user)
    device_ids: set[int] = set()
    for name, column in _COLUMNS.items():
        device_ids |= _found(name, getattr(targets, name), visible, column, "id", unknown)
    device_ids |= _members(targets.group_id, user, visible, unknown)
    searched_ids, meant_for = _searched(targets.saved_search_id, user, unknown)
    device_ids |= searched_ids
    memberships = Enrollment.objects.current().filter(device__in=visible)
    enrolled_ids = _found("enrollment_ids", targets.enrollment_ids, memberships, "key", "device_id", unknown)
    several = ambiguous(targets.serial_numbers, visible) if targets.serial_numbers else {}
    if several:
        raise AmbiguousTarget(several, targets.serial_numbers)
    if unknown:
        raise UnknownTarget(_summary(unknown), fields=unknown)
    # An enrollment id names one membership, not whatever else the device may be enrolled under.
    chosen = channels.filter(device_id__in=device_ids)
    if targets.enrollment_ids:
        chosen = chosen | channels.filter(enrollment_key__in=set(targets.enrollment_ids))
    reached = set(chosen.order_by().values_list("device_id", flat=True))
    if not reached:
        raise NoReachableTarget(_why_unreachable(targets))
    return Reach(chosen, sorted((device_ids | enrolled_ids) - reached), meant_for)


def _found(name: str, wanted: Sequence, rows, column: str, device_column: str, unknown: dict[str, str]) -> set[int]:
    """Return the devices of the rows that have the wanted names, and note the names that no row has."""
    if not wanted:
        return set()
    pairs = list(rows.filter(**{f"{column}__in": set(wanted)}).order_by().values_list(column, device_column))
    known = {value for value, _ in pairs}
    for index, value in enumerate(wanted):
        if value not in known:
            unknown[f"targets.{name}.{index}"] = f"{_WORDS[name]}: {value}"
    return {device_id for _, device_id in pairs}


def _members(group_id: int | None, user, visible: DeviceQuerySet, unknown: dict[str, str]) -> set[int]:
    if group_id is None:
        return set()
    if not Group.objects.visible_to(user).filter(pk=group_id).exists():
        unknown["targets.group"] = f"there is no group with this id: {group_id}"
    return set(visible.filter(memberships__group=group_id).order_by().values_list("id", flat=True))


def _searched(search_id: int | None, user, unknown: dict[str, str]) -> tuple[set[int], str]:
    """Return whom a saved search finds for the person now, and its name; what is wrong with it is noted as unknown."""
    if search_id is None:
        return set(), ""
    saved = SavedSearch.objects.visible_to(user).filter(pk=search_id).first()
    if saved is None:
        unknown["targets.saved_search"] = f"there is no saved search with this id: {search_id}"
        return set(), ""
    try:
        found = devices_of(saved, user)
    except BrokenSearch as error:
        unknown["targets.saved_search"] = error.detail
        return set(), ""
    return set(found.order_by().values_list("id", flat=True)), words_of_search(saved)


def words_of_search(saved: SavedSearch) -> str:
    """Return how a command says that it was meant for a saved search."""
    return f"saved search \u201c{saved}\u201d"


def _summary(unknown: dict[str, str]) -> str:
    first = next(iter(unknown.values()))
    others = len(unknown) - 1
    return first if not others else f"{first}; and {others} more targets are unknown"


def _why_unreachable(targets: Targets) -> str:
    who = "No device" if targets.is_all else "None of these devices"
    if targets.is_user_channel:
        return f"{who} has a user channel that is enrolled."
    return f"{who} is enrolled, so nothing was queued."
