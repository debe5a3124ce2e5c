"""Staged rollouts: a version goes to a growing share of an assignment's devices, and halts by itself when it fails.

Owns the rollout columns of Assignment. Which device is in which stage is computed in profiles.desired; a change here
posts `desired_changed`. While a rollout is halted nobody new gets its version (the reconciler holds it back).
"""

from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from devices import outbox
from devices.timeline import SCHEDULE, Actor, record_event
from mdm_project.errors import Conflict
from profiles.models import Assignment
from profiles.reach import require_assignment_within

State = Assignment.RolloutState

# Assignments with stages whose version is not the one that was rolled out last. Those that had all of it keep that one
# where the new one has not come; one that was interrupted on the way keeps what it had before.
_START = """
UPDATE profiles_assignment a
SET previous_version_id = CASE WHEN a.rollout_state = 'done' THEN a.rollout_version_id ELSE a.previous_version_id END,
    rollout_version_id = t.version_id, rollout_state = 'running', stage = 0,
    stage_started_at = statement_timestamp(), halt_reason = ''
FROM (
    SELECT b.id, coalesce(b.version_id, (SELECT v.id FROM profiles_profileversion v WHERE v.profile_id = b.profile_id
                                         ORDER BY v.number DESC LIMIT 1)) AS version_id
    FROM profiles_assignment b
    WHERE cardinality(b.stages) > 0 AND b.is_enabled
      AND (%(profiles)s::bigint[] IS NULL OR b.profile_id = ANY(%(profiles)s::bigint[]))
) t
WHERE a.id = t.id AND t.version_id IS NOT NULL AND t.version_id IS DISTINCT FROM a.rollout_version_id
RETURNING a.id, a.stages[1]"""

# Of the devices that should have the version being rolled out: how many have it proven, and how many failed with it.
# An item that failed and is being tried again still counts, until its device's list shows it; one with a refusal never.
_PROGRESS = """
SELECT a.id, count(d.id), count(*) FILTER (WHERE s.state = 3),
       count(*) FILTER (WHERE s.state = 4 OR (s.attempts > 0 AND s.state IN (0, 1, 2)))
FROM profiles_assignment a
LEFT JOIN profiles_desireditem d
       ON d.assignment_id = a.id AND d.version_id = a.rollout_version_id AND d.refusal = ''
LEFT JOIN profiles_itemstatus s
       ON s.channel_id = d.channel_id AND s.identifier = d.identifier AND s.version_id = d.version_id
WHERE a.id = ANY(%s) GROUP BY a.id ORDER BY a.id"""


@dataclass(frozen=True)
class Progress:
    """Channels that should have the version by now, those proven to have it, and those where it failed."""

    channels: int = 0
    verified: int = 0
    failed: int = 0

    @property
    def failed_percent(self) -> float:
        return 100 * self.failed / self.channels if self.channels else 0.0


def progress_of(assignment_ids) -> dict[int, Progress]:
    """Return the progress of rollouts by assignment id, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, [list(assignment_ids)])
        return {row[0]: Progress(*row[1:]) for row in cursor.fetchall()}


def start_rollouts(profile_ids=None) -> list[int]:
    """Begin the first stage wherever the version to be had is a new one; return the assignments.

    A part of every computation of what is wanted; a second call changes nothing.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_START, {"profiles": None if profile_ids is None else sorted(profile_ids)})
        started = cursor.fetchall()
        for assignment_id, percent in started:
            record_event(
                "rollout_started", f"rollout started with {percent}% of the devices", assignment_id=assignment_id
            )
    return [assignment_id for assignment_id, _percent in started]


@transaction.atomic
def advance(assignment: Assignment, *, actor: Actor) -> Assignment:
    """Go on to the next stage, or finish after the last; raise Conflict unless the rollout runs."""
    assignment = _locked(assignment, actor, State.RUNNING)
    if assignment.stage + 1 < len(assignment.stages):
        assignment.stage += 1
        return _keep(assignment, actor, "advanced", f"goes on to {assignment.stages[assignment.stage]}% of the devices")
    assignment.rollout_state = State.DONE
    return _keep(assignment, actor, "done", "is done: all devices get it")


@transaction.atomic
def halt(assignment: Assignment, reason: str, *, actor: Actor) -> Assignment:
    """Stop sending the version to devices that have not got it; those that have keep it."""
    assignment = _locked(assignment, actor, State.RUNNING)
    assignment.rollout_state, assignment.halt_reason = State.HALTED, reason or "halted by hand"
    return _keep(assignment, actor, "halted", f"halted: {assignment.halt_reason}")


@transaction.atomic
def resume(assignment: Assignment, *, actor: Actor) -> Assignment:
    """Go on with the stage that was halted. With failures above the threshold it halts again at the next look."""
    assignment = _locked(assignment, actor, State.HALTED)
    assignment.rollout_state, assignment.halt_reason = State.RUNNING, ""
    return _keep(assignment, actor, "resumed", "goes on")


@transaction.atomic
def roll_back(assignment: Assignment, *, actor: Actor, reason: str = "") -> Assignment:
    """Give every device the version it had before, or take the profile away where there was none.

    It stays so until another version is to be had (published, or pinned).
    """
    assignment = _locked(assignment, actor, State.RUNNING, State.HALTED, State.DONE)
    assignment.rollout_state, assignment.halt_reason = State.ROLLED_BACK, reason
    return _keep(assignment, actor, "rolled_back", "rolled back" + (f": {reason}" if reason else ""))


def check_rollouts() -> int:
    """Halt what fails too often, then advance what is due by time; return how many changed."""
    with transaction.atomic():
        running = list(Assignment.objects.filter(rollout_state=State.RUNNING, is_enabled=True).order_by("id"))
        progress = progress_of([assignment.pk for assignment in running])
        return sum(_check(assignment, progress[assignment.pk]) for assignment in running)


def _check(assignment: Assignment, progress: Progress) -> bool:
    if progress.failed_percent > assignment.failure_threshold_percent:
        reason = (
            f"{progress.failed} of {progress.channels} failed, "
            f"more than {assignment.failure_threshold_percent}% of the stage"
        )
        halt(assignment, reason, actor=SCHEDULE)
        return True
    if _is_due(assignment):
        advance(assignment, actor=SCHEDULE)
        return True
    return False


def _is_due(assignment: Assignment) -> bool:
    if assignment.stage_hours is None or assignment.stage_started_at is None:
        return False
    return (timezone.now() - assignment.stage_started_at).total_seconds() >= assignment.stage_hours * 3600


def _locked(assignment: Assignment, actor: Actor, *states: str) -> Assignment:
    row = Assignment.objects.select_for_update().get(pk=assignment.pk)
    require_assignment_within(row, actor)
    if row.rollout_state not in states:
        wanted = " or ".join(State(state).label.lower() for state in states)
        raise Conflict(f"this rollout is {row.get_rollout_state_display().lower()}, not {wanted}")
    return row


def _keep(assignment: Assignment, actor: Actor, what: str, words: str) -> Assignment:
    assignment.stage_started_at = timezone.now()
    assignment.save(update_fields=["rollout_state", "stage", "stage_started_at", "halt_reason"])
    record_event(
        f"rollout_{what}", f"rollout of {assignment.profile.name} {words}",
        actor=actor.name, assignment_id=assignment.pk, profile_id=assignment.profile_id,
    )  # fmt: skip
    outbox.post("desired_changed", {"profile_ids": [assignment.profile_id]})
    return assignment
