"""The filters of the list of devices, by name: what the console's list offers and saved searches keep.

A filter says what is wrong with a value before it narrows anything, so that one whose group was deleted or whose value
is misspelt is named, and never ignored. Apps to the right register what only they know (commands.device_filters).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from devices.models import Channel, ChannelContact, Device, Enrollment, Group, Membership, Tag
from devices.querysets import DeviceQuerySet
from mdm_project.platforms import SYSTEMS
from mdm_project.row_ids import row_id_of

NEVER_ENROLLED, UNKNOWN = "none", "unknown"
# Hours since the newest contact: from, to.
SPANS = {"today": (0, 24), "hour": (0, 1), "day": (1, 24), "week": (24, 168), "longer": (168, None)}


@dataclass(frozen=True)
class ListFilter:
    """``narrow`` keeps the devices of a good value; ``problem`` says what is wrong with one, "" if nothing is;
    ``words`` say some values, by value, as far as somebody may know what they mean, in one statement at most.
    """

    name: str
    label: str
    narrow: Callable[[DeviceQuerySet, str, object], DeviceQuerySet]
    problem: Callable[[str, object], str]
    words: Callable[[Collection[str], object], dict[str, str]]


FILTERS: dict[str, ListFilter] = {}


def register(name: str, label: str, narrow, choices=None, *, problem=None, words=None) -> None:
    """Make a filter known; of ``choices`` (value to words) any other value is a problem."""
    choices = choices or {}

    def misfit(value: str, _user) -> str:
        return "" if value in choices else f"no such value: {value}; known are {', '.join(choices)}"

    def chosen(values: Collection[str], _user) -> dict[str, str]:
        return {value: choices.get(value, value) for value in values}

    FILTERS[name] = ListFilter(name, label, narrow, problem or misfit, words or chosen)


def narrow(name: str, devices: DeviceQuerySet, value: str | None, user) -> DeviceQuerySet:
    """Narrow a list as its address says; a value that the filter does not have filters nothing."""
    known = FILTERS[name]
    return devices if not value or known.problem(value, user) else known.narrow(devices, value, user)


def _by_platform(devices, value, _user):
    return devices.filter(platform="" if value == UNKNOWN else value)


def _by_supervision(devices, value, _user):
    return devices.filter(is_supervised={"yes": True, "no": False, UNKNOWN: None}[value])


def _by_enrollment(devices, value, _user):
    current = Enrollment.objects.current().filter(device=OuterRef("pk"))
    if value == NEVER_ENROLLED:
        return devices.filter(~Exists(current))
    return devices.filter(Exists(current.filter(state=value)))


def _by_os(devices, value, _user):
    platform, _, major = value.rpartition("-")
    return devices.filter(platform=platform, os_version_parts__0=int(major))


def _os_problem(value, _user) -> str:
    platform, _, major = value.rpartition("-")
    is_known = platform in Device.Platform.values and major.isascii() and major.isdecimal() and len(major) <= 9
    return "" if is_known else f"no such value: {value}; expected is a platform and a version, such as ios-18"


def _os_words(values, _user) -> dict[str, str]:
    parts = {value: value.rpartition("-") for value in values}
    return {value: f"{SYSTEMS.get(platform, platform)} {major}" for value, (platform, _, major) in parts.items()}


def _heard_within(hours: int) -> Exists:
    since = timezone.now() - timedelta(hours=hours)
    return Exists(ChannelContact.objects.filter(channel__device=OuterRef("pk"), seen_at__gte=since))


def _by_contact(devices, value, _user):
    start, end = SPANS[value]
    if start:
        devices = devices.filter(~_heard_within(start))
    return devices.filter(_heard_within(end)) if end else devices


def _by_lock(devices, _value, _user):
    return devices.locked()


def _by_push(devices, _value, _user):
    gone = Channel.objects.filter(device=OuterRef("pk"), user_key="", push_gone_at__isnull=False)
    return devices.filter(Exists(gone))


def pk_of(value: str) -> int | None:
    """Read the id of a row; None for what can be none."""
    return row_id_of(value)


def _by_leaving(devices, _value, _user):
    left = Enrollment.objects.left_by_themselves(timezone.now() - timedelta(days=7))
    return devices.filter(Exists(left.filter(device=OuterRef("pk"))))


def _by_group(devices, value, user):
    visible = Group.objects.visible_to(user).order_by().values("pk")
    return devices.filter(
        Exists(Membership.objects.filter(device=OuterRef("pk"), group=pk_of(value), group__in=visible))
    )


def _group_problem(value, user) -> str:
    is_there = pk_of(value) is not None and Group.objects.visible_to(user).filter(pk=pk_of(value)).exists()
    return "" if is_there else f"there is no group {value}"


def _by_tag(devices, value, _user):
    return devices.filter(Exists(Tag.devices.through.objects.filter(device=OuterRef("pk"), tag=pk_of(value))))


def _tag_problem(value, _user) -> str:
    is_there = pk_of(value) is not None and Tag.objects.filter(pk=pk_of(value)).exists()
    return "" if is_there else f"there is no tag {value}"


def _group_words(values, user) -> dict[str, str]:
    """A search can name a group that who looks at it may not see."""
    return _names_of(Group.objects.visible_to(user), values)


def _tag_words(values, user) -> dict[str, str]:
    return _names_of(Tag.objects.all() if user.has_perm("devices.view_tag") else Tag.objects.none(), values)


def _names_of(rows, values) -> dict[str, str]:
    names = rows.in_bulk({pk for pk in map(pk_of, values) if pk is not None})
    return {value: str(names.get(pk_of(value), value)) for value in values}


_SYSTEMS = {value: label for value, label in Device.Platform.choices if value} | {UNKNOWN: "Unknown"}
SEEN_CHOICES = {
    "today": "Within 24 hours", "hour": "Under an hour ago", "day": "1 to 24 hours ago", "week": "1 to 7 days ago",
    "longer": "Longer ago, or never",
}  # fmt: skip
LOCK_CHOICES = {"locked": "Locked, PIN here"}
register("platform", "Platform", _by_platform, _SYSTEMS)
register("os", "OS", _by_os, problem=_os_problem, words=_os_words)
register(
    "enrollment", "Enrollment", _by_enrollment, dict(Enrollment.State.choices) | {NEVER_ENROLLED: "Never enrolled"}
)
register("is_supervised", "Supervised", _by_supervision, {"yes": "Yes", "no": "No", UNKNOWN: "Unknown"})
register("seen", "Last seen", _by_contact, SEEN_CHOICES)
register("push", "Push", _by_push, {"gone": "Probably gone"})
register("lock", "Lock", _by_lock, LOCK_CHOICES)
register("left", "Left", _by_leaving, {"week": "By itself, within 7 days"})
register("group", "Group", _by_group, problem=_group_problem, words=_group_words)
register("tag", "Tag", _by_tag, problem=_tag_problem, words=_tag_words)
