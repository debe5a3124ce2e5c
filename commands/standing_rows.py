"""How far a profile is on its devices, as people read it: rows with the reason and the groups, causes folded into one.

commands.standing counts and filters; here a page of what it found is explained, in a number of statements that does not
depend on its length.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.db.models import Count, Q

from commands.causes import cause_of
from commands.configuration import JOINED, explained
from commands.reconcile import retry_items
from commands.standing import STATUS_OF, ItemStanding, Word
from devices.access import within
from devices.models import Group
from devices.timeline import Actor
from mdm_project.status import Status
from profiles.models import Assignment, ItemStatus

UNTOLD = "The device gave no reason."
# What has a cause that people should read, worst first.
WITH_CAUSE = (Word.FAILED, Word.HELD, Word.NOT_APPLICABLE)
MOVING = (Word.PENDING, Word.SENT, Word.ACKNOWLEDGED, Word.REMOVING)
BAR = (
    Word.VERIFIED, Word.ACKNOWLEDGED, Word.SENT, Word.FAILED, Word.HELD, Word.REMOVING, Word.PENDING,
)  # fmt: skip
_JOINED = (*JOINED, "device", "profile", "version", "sent_version")


@dataclass(frozen=True)
class Row:
    """A profile on a channel with the word and the reason; ``groups`` (id, name) are those that bring it."""

    standing: ItemStanding
    status: Status
    groups: list[tuple[int, str]]

    @property
    def reason(self) -> str:
        return self.status.why

    @property
    def channel(self) -> str:
        channel = self.standing.channel
        return channel.user_short_name or channel.user_key or "device"


@dataclass(frozen=True)
class Cause:
    """Why ``number`` items stand as ``word`` says, without what differs from device to device; ``key`` names it."""

    word: str
    words: str
    number: int
    is_removal: bool

    @property
    def key(self) -> str:
        return cause_key(self.word, self.words, self.is_removal)

    @property
    def status(self) -> Status:
        return STATUS_OF[self.word]


@dataclass(frozen=True)
class Share:
    """A part of the bar: how many, in which tone, and which part of all that is in per cent."""

    tone: str
    number: int
    width: str


def shares_of(counts: dict[str, int]) -> list[Share]:
    """Return the bar of counts by word: what is proven first. What is gone, or is not for the device, has no part."""
    numbers = {word: counts.get(word, 0) for word in BAR if counts.get(word)}
    total = sum(numbers.values())
    return [Share(STATUS_OF[word].tone, number, f"{100 * number / total:.2f}") for word, number in numbers.items()]


def counts_by(column: str, keys, user) -> dict[int, dict[str, int]]:
    """Return counts by word of each profile or assignment (``column``), of the devices within somebody's limit."""
    within_limit = ItemStanding.objects.filter(within(user, "device"), **{f"{column}__in": list(keys)})
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for key, word, number in within_limit.order_by().values_list(column, "word").annotate(number=Count("id")):
        found[key][word] = number
    return found


def cause_key(word: str, words: str, is_removal: bool) -> str:
    """Return a short name of a cause that is the same whenever the cause is."""
    return sha256(f"{word}:{is_removal:d}:{words}".encode()).hexdigest()[:16]


def joined(standings):
    """Return a queryset of standings with all that `rows_of` reads of each."""
    return standings.select_related(*_JOINED)


def page_of(standings) -> list[ItemStanding]:
    """Return a slice of standings with all that `rows_of` reads of each; two statements.

    The first sorts keys alone, the second reads wide rows of this page only, found by their channels, which have an
    index.
    """
    keys = list(standings.values_list("pk", "channel_id"))
    pks, channels = [pk for pk, _channel in keys], {channel for _pk, channel in keys}
    found = joined(ItemStanding.objects.filter(pk__in=pks, channel__in=channels)).order_by()
    rows = {row.pk: row for row in found}
    # A row may have gone between the two statements.
    return [rows[pk] for pk in pks if pk in rows]


def rows_of(standings, user) -> list[Row]:
    """Explain `joined` standings, in their order; two more statements. Groups that are not to be seen are not named."""
    found = list(standings)
    groups = _groups(found, user)
    return [
        Row(each, STATUS_OF[each.word].because(item.words.reason), groups[each.assignment_id, each.device_id])
        for each, item in zip(found, explained(found), strict=True)
    ]


def _groups(standings: Sequence[ItemStanding], user) -> dict[tuple[int, int], list[tuple[int, str]]]:
    found = defaultdict(list)
    assignments = {each.assignment_id for each in standings if each.assignment_id}
    meant = Assignment.objects.filter(
        pk__in=assignments,
        include__in=Group.objects.reached_by(user).order_by().values("pk"),
        include__memberships__device__in={each.device_id for each in standings},
    )
    columns = ("pk", "include__memberships__device", "include__pk", "include__name")
    for pk, device_id, group_id, name in meant.order_by("include__name", "include__pk", "pk").values_list(*columns):
        found[pk, device_id].append((group_id, name))
    return found


def causes_of(standings) -> list[Cause]:
    """Return why some standings failed, are held or are not for their device, most first within each; one statement."""
    numbers: dict[tuple[str, str, bool], int] = defaultdict(int)
    for word, cause, is_removal, number in _counted(standings):
        numbers[word, _folded(cause), is_removal] += number
    causes = [Cause(word, words, number, is_removal) for (word, words, is_removal), number in numbers.items()]
    return sorted(causes, key=lambda cause: (WITH_CAUSE.index(cause.word), -cause.number, cause.words))


def with_cause(standings, key: str):
    """Return those of some standings that stand so for a cause, named by its key; none for a key of no cause."""
    meant = Q(pk__in=[])
    for word, cause, is_removal, _number in _counted(standings):
        if cause_key(word, _folded(cause), is_removal) == key:
            meant |= Q(word=word, cause=cause, assignment__isnull=is_removal)
    return standings.filter(meant)


def causes_by_profile(standings) -> list[tuple[int, str, Cause]]:
    """Return (profile id, its name, cause) of what failed, or waits for the governor, on the devices of any profile.

    One statement, which begins at the few statuses that say so and not at all that is wanted.
    """
    states = (ItemStatus.State.FAILED, ItemStatus.State.REMOVING)
    told = ItemStatus.objects.filter(state__in=states).order_by().values("pk")
    rows = standings.filter(word__in=(Word.FAILED, Word.HELD), status__in=told, profile__isnull=False)
    rows = rows.annotate(is_removal=Q(assignment=None)).order_by()
    columns = ("profile", "profile__name", "word", "cause", "is_removal")
    numbers: dict[tuple, int] = defaultdict(int)
    for profile_id, name, word, cause, is_removal, number in rows.values_list(*columns).annotate(number=Count("id")):
        numbers[profile_id, name, word, _folded(cause), is_removal] += number
    return [(key[0], key[1], Cause(key[2], key[3], number, key[4])) for key, number in numbers.items()]


def _counted(standings):
    rows = standings.filter(word__in=WITH_CAUSE).annotate(is_removal=Q(assignment=None)).order_by()
    return rows.values_list("word", "cause", "is_removal").annotate(number=Count("id"))


def _folded(cause: str | None) -> str:
    return cause_of(cause) if cause else UNTOLD


def retry(standings, *, actor: Actor) -> int:
    """Try again those of some standings that failed; return how many."""
    failed = standings.filter(word=Word.FAILED).order_by().values("status")
    return retry_items(ItemStatus.objects.filter(pk__in=failed), actor=actor)
