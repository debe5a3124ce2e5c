"""Assignments as the console lists them: how far their devices are, and how far their rollout is."""

from dataclasses import dataclass, field

from django.db.models import Q

from commands.standing import STATUS_OF, Word
from commands.standing_rows import BAR, MOVING, Share, counts_by, shares_of
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


@dataclass(frozen=True)
class Counts:
    """Channels of a profile or of an assignment, by the word for how far they are."""

    by_word: dict[str, int] = field(default_factory=dict)

    @property
    def wanted(self) -> int:
        """Those that have it or are to have it, or from which it is still to go."""
        return sum(number for word, number in self.by_word.items() if word in BAR)

    @property
    def verified(self) -> int:
        return self.by_word.get(Word.VERIFIED, 0)

    @property
    def failed(self) -> int:
        return self.by_word.get(Word.FAILED, 0)

    @property
    def held(self) -> int:
        return self.by_word.get(Word.HELD, 0)

    @property
    def removing(self) -> int:
        return self.by_word.get(Word.REMOVING, 0)

    @property
    def others(self) -> list[tuple[str, Status, int]]:
        """Return (word, status, number) of what is not verified, what is under way first."""
        words = [word for word in Word.values if word != Word.VERIFIED and self.by_word.get(word)]
        return [(word, STATUS_OF[word], self.by_word[word]) for word in words]

    @property
    def shares(self) -> list[Share]:
        return shares_of(self.by_word)

    @property
    def is_moving(self) -> bool:
        return any(self.by_word.get(word) for word in MOVING)


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
    counts = counts_by("assignment", [assignment.pk for assignment in assignments], user)
    seen = frozenset(_groups_of(profile, user).values_list("pk", flat=True))
    return [AssignmentRow(each, Counts(counts.get(each.pk, {})), seen) for each in assignments]


def _groups_of(profile: Profile, user):
    named = Q(included_in__profile=profile) | Q(excluded_from__profile=profile)
    return Group.objects.reached_by(user).filter(named).order_by().distinct()
