"""Rollouts that run or are halted, for the dashboard: how far each is, and which steps it can take."""

from dataclasses import dataclass

from commands.standing_rows import Share
from mdm_project.status import Status
from profiles.console.assignment_rows import ROLLOUT, STEPS
from profiles.models import Assignment
from profiles.rollout import Progress, progress_of

SHOWN = 10
WORDS = {"advance": "Continue…", "halt": "Halt…", "resume": "Resume…", "roll_back": "Roll back…"}
State = Assignment.RolloutState


@dataclass(frozen=True)
class Rollout:
    """An assignment whose version is being rolled out."""

    assignment: Assignment
    progress: Progress
    may_change: bool

    @property
    def status(self) -> Status:
        return ROLLOUT[self.assignment.rollout_state].because(self.assignment.halt_reason)

    @property
    def percent(self) -> int:
        stages = self.assignment.stages
        return stages[min(self.assignment.stage, len(stages) - 1)] if stages else 100

    @property
    def words(self) -> str:
        it = self.progress
        failed = f", {it.failed:,} failed" if it.failed else ""
        return f"stage of {self.percent} %: {it.verified:,} of {it.channels:,} verified{failed}"

    @property
    def shares(self) -> list[Share]:
        it = self.progress
        parts = (("ok", it.verified), ("bad", it.failed), ("wait", it.channels - it.verified - it.failed))
        return [Share(tone, number, f"{100 * number / it.channels:.2f}") for tone, number in parts if number > 0]

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(WORDS[name], name) for name in STEPS.get(self.assignment.rollout_state, ())]


def rollouts_of(user) -> list[Rollout]:
    """Return the rollouts that somebody may see, halted ones first; two statements."""
    if not user.has_perm("profiles.view_profile"):
        return []
    open_ones = Assignment.objects.visible_to(user).filter(
        rollout_state__in=(State.RUNNING, State.HALTED), is_enabled=True, profile__is_archived=False
    )
    rows = list(open_ones.select_related("profile", "rollout_version").order_by("rollout_state", "-id")[:SHOWN])
    progress = progress_of([row.pk for row in rows])
    may_change = user.has_perm("profiles.change_assignment") and user.has_perm("devices.view_device")
    return [Rollout(row, progress[row.pk], may_change) for row in rows]
