"""Assignments as the console lists them: how far their devices are, and how far their rollout is."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from devices.models import Group
from mdm_project.status import Status
from profiles.models import Assignment, Profile

State = Assignment.RolloutState
ROLLOUT = {
    State.RUNNING: Status("Rollout runs", "info", "trending_up"),
    State.HALTED: Status("Halted", "attn", "pause_circle"),
    State.DONE: Status("Rolled out", "ok", "check_circle"),
    State.ROLLED_BACK: Status("Rolled back", "attn", "undo"),
}
OFF = Status("Off", "wait", "radio_button_unchecked", "It is kept and means nothing.")
STEPS = {
    State.RUNNING: ("advance", "halt", "roll_back"),
    State.HALTED: ("resume", "roll_back"),
    State.DONE: ("roll_back",),
}

# A failure counts while it is tried again, as it does for halting a rollout.
_COUNTS = """
SELECT d.assignment_id, count(*),
       count(*) FILTER (WHERE s.state = 3 AND s.version_id = d.version_id),
       count(*) FILTER (WHERE s.state = 4 AND s.version_id = d.version_id),
       count(*) FILTER (WHERE s.state IN (1, 2) AND s.version_id = d.version_id)
FROM profiles_desireditem d
LEFT JOIN profiles_itemstatus s ON s.channel_id = d.channel_id AND s.identifier = d.identifier
WHERE d.assignment_id = ANY(%s) AND d.refusal = '' GROUP BY d.assignment_id"""


@dataclass(frozen=True)
class Counts:
    """Channels that should have the profile by an assignment, and how far they are."""

    wanted: int = 0
    verified: int = 0
    failed: int = 0
    under_way: int = 0

    @property
    def pending(self) -> int:
        return self.wanted - self.verified - self.failed - self.under_way

    @property
    def parts(self) -> list[tuple[str, str, int, str]]:
        """Return (words, tone, number, share of the bar in percent) of each part that is not empty."""
        parts = (
            ("verified", "ok", self.verified),
            ("under way", "info", self.under_way),
            ("failed", "bad", self.failed),
            ("pending", "wait", self.pending),
        )
        return [(words, tone, number, f"{100 * number / self.wanted:.2f}") for words, tone, number in parts if number]

    @property
    def is_moving(self) -> bool:
        return bool(self.under_way or self.pending)


@dataclass(frozen=True)
class AssignmentRow:
    """An assignment as one person may see it; ``seen`` are the ids of the groups that may be named to them."""

    assignment: Assignment
    counts: Counts
    seen: frozenset[int]

    @property
    def included(self) -> str:
        return self._named(self.assignment.include.all())

    @property
    def excluded(self) -> str:
        return self._named(self.assignment.exclude.all())

    def _named(self, groups) -> str:
        names = [group.name for group in groups if group.pk in self.seen]
        more = len(groups) - len(names)
        words = ", ".join(names)
        if not more:
            return words
        unseen = f"{more} group{'s' if more > 1 else ''} that you may not see"
        return f"{words} and {unseen}" if words else unseen

    @property
    def status(self) -> Status | None:
        if not self.assignment.is_enabled:
            return OFF
        status = ROLLOUT.get(self.assignment.rollout_state)
        return status and status.because(self.assignment.halt_reason)

    @property
    def steps(self) -> tuple[str, ...]:
        return STEPS.get(self.assignment.rollout_state, ()) if self.assignment.is_enabled else ()

    @property
    def stages(self) -> list[tuple[int, str]]:
        """Return (percent, past | now | next) of each stage."""
        at = self.assignment.stage if self.assignment.rollout_state in (State.RUNNING, State.HALTED) else None
        if at is None:
            word = "past" if self.assignment.rollout_state == State.DONE else "next"
            return [(percent, word) for percent in self.assignment.stages]
        words = ["past"] * at + ["now"] + ["next"] * len(self.assignment.stages)
        return list(zip(self.assignment.stages, words, strict=False))


def rows_of(profile: Profile, user) -> list[AssignmentRow]:
    """Return the assignments of a profile that somebody may see, the one that decides first; five statements."""
    joined = ("version", "rollout_version", "previous_version")
    visible = profile.assignments.visible_to(user).select_related(*joined).prefetch_related("include", "exclude")
    assignments = list(visible.order_by("-priority", "id"))
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [[assignment.pk for assignment in assignments]])
        counts = {row[0]: Counts(*row[1:]) for row in cursor}
    seen = frozenset(_groups_of(profile, user).values_list("pk", flat=True))
    return [AssignmentRow(each, counts.get(each.pk, Counts()), seen) for each in assignments]


def _groups_of(profile: Profile, user):
    named = Q(included_in__profile=profile) | Q(excluded_from__profile=profile)
    return Group.objects.reached_by(user).filter(named).order_by().distinct()
