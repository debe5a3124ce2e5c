"""Moving workflows on: one look at each that is due, in a transaction of its own.

Locks: the workflow's row (skipping those that another worker holds), then whatever asking locks. A look may run again
at any time: what it asks is in its transaction, and what it waits for is read from rows.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from commands.governor import HeldAction, LimitReached, Stopped, holding
from commands.workflows.definition import REPEAT_STEP, STOP, Again, Done, Failed, Outcome, Wait
from commands.workflows.definitions import definition_of
from commands.workflows.models import Workflow, WorkflowStep
from commands.workflows.run import Run
from devices.isolation import work_isolated
from devices.timeline import Actor, record_event
from mdm_project.errors import EspalierError, Unavailable

BATCH = 200
AFTER_A_FAULT = timedelta(minutes=10)
WITHOUT_ENROLLMENT = timedelta(minutes=10)
# In the memory of a workflow: that the governor's refusal was told, by its code.
TOLD = "told"
StepState = WorkflowStep.State


def advance_due() -> int:
    """Look at the workflows whose time has come; return how many. One that cannot be looked at stops no other."""
    ids = list(Workflow.objects.due().values_list("id", flat=True)[:BATCH])
    for workflow_id in ids:
        for _item, error in work_isolated([workflow_id], lambda one: advance(one[0])):
            note = f"Cannot go on: {type(error).__name__}. The log of the worker says where."
            Workflow.objects.filter(pk=workflow_id).update(note=note, due_at=timezone.now() + AFTER_A_FAULT)
    return len(ids)


def advance(workflow_id: int) -> None:
    """Look at one workflow and move it as far as it goes; one that is over or in other hands is left alone."""
    with transaction.atomic():
        rows = Workflow.objects.select_for_update(skip_locked=True, of=("self",)).running()
        workflow = rows.select_related("user", "batch").filter(pk=workflow_id).first()
        if workflow is None:
            return
        run = Run(workflow)
        # Each round ends a step or waits, so this is as often as it can go on.
        for _round in range(len(run.rows) + 1):
            if not _apply(run, _next_outcome(run)):
                break
        workflow.save(
            update_fields=["state", "memory", "note", "due_at", "waits_for_person", "finished_at", "enrollment"]
        )


def _next_outcome(run: Run) -> Outcome:
    now = timezone.now()
    if run.row.deadline_at and run.row.deadline_at <= now:
        return Failed(f"gave up after {_span(run.step.timeout)}: {run.row.note or 'nothing happened'}")
    if run.step.needs_enrollment:
        outcome = _membership(run)
        if outcome is not None:
            return outcome
    proven = run.step.proven(run) if run.step.proven else None
    if proven is not None:
        return proven
    if run.row.state == StepState.RUNNING:
        return run.look()
    if run.row.begins_at and run.row.begins_at > now:
        return Wait(run.row.note, run.row.begins_at - now, run.workflow.waits_for_person)
    return _begin(run, now)


def _membership(run: Run) -> Outcome | None:
    """Notice that the device has left, or that it has enrolled again and so forgotten what it was asked."""
    current = run.membership()
    if current is None:
        return Wait("The device is not enrolled; this goes on when it is.", WITHOUT_ENROLLMENT)
    before, run.workflow.enrollment = run.workflow.enrollment_id, current
    if before in (None, current.pk):
        return None
    if run.definition.on_reenrollment == STOP:
        return Failed("The device has enrolled again meanwhile: start anew if this is still wanted.")
    _restart(run, from_beginning=run.definition.on_reenrollment != REPEAT_STEP)
    return None


def _restart(run: Run, *, from_beginning: bool) -> None:
    drop_held(run.workflow)
    for row in run.rows if from_beginning else [run.row]:
        row.state, row.begun_at, row.finished_at, row.begins_at = StepState.WAITING, None, None, None
        row.note = "The device has enrolled again: asked anew."
        row.save(update_fields=["state", "begun_at", "finished_at", "begins_at", "note"])
    run.memory.clear()


def _begin(run: Run, now: datetime) -> Outcome:
    row = run.row
    row.state, row.begun_at = StepState.RUNNING, now
    row.deadline_at = row.deadline_at or now + run.step.timeout
    row.save(update_fields=["state", "begun_at", "deadline_at"])
    memory = dict(run.memory)
    try:
        with transaction.atomic():
            begun = run.step.begin(run) or run.look()
    except Unavailable:
        raise
    except EspalierError as error:
        # What the step wrote is undone, so what it remembers of that goes, too.
        run.workflow.memory = memory
        return _not_begun(run, error)
    run.memory.pop(TOLD, None)
    if isinstance(begun, Wait) and not run.has_asked:
        # Nothing is under way that could be looked at: it is begun again.
        return Again(begun.why, begun.again_in, is_for_a_person=begun.is_for_a_person)
    return begun


def _not_begun(run: Run, error: EspalierError) -> Outcome:
    if not isinstance(error, LimitReached | Stopped):
        return Failed(error.detail) if error.status in (400, 404) else Again(error.detail, AFTER_A_FAULT, True)
    if run.memory.get(TOLD) != error.code:
        # Told here, once: what the governor itself told went with the step that it refused.
        run.memory[TOLD] = error.code
        words = f"{run.definition.title}: {run.step.title} refused: {error.detail}"
        record_event(
            "governor_refused", words, device=run.device, actor=run.workflow.actor, workflow_id=run.workflow.pk,
            devices=1,
        )  # fmt: skip
    return Again(error.detail, AFTER_A_FAULT)


def _apply(run: Run, outcome: Outcome) -> bool:
    """Write down what a look found; return whether there is more to do at once."""
    now = timezone.now()
    if isinstance(outcome, Done):
        return _finish_step(run, outcome, now)
    if isinstance(outcome, Failed):
        title = run.step.title  # once it is over, the next one is the run's
        _end_step(run.row, StepState.FAILED, outcome.why, now)
        end(run.workflow, Workflow.State.FAILED, f"{title}: {outcome.why}", now)
        return False
    if isinstance(outcome, Again):
        return _again(run, outcome, now)
    run.row.note = outcome.why
    run.row.save(update_fields=["note", "begun_at"])
    _look_again(run, outcome, now + outcome.again_in)
    return False


def _finish_step(run: Run, outcome: Done, now: datetime) -> bool:
    _end_step(run.row, StepState.SKIPPED if outcome.is_needless else StepState.DONE, outcome.note, now)
    if all(row.finished_at for row in run.rows):
        end(run.workflow, Workflow.State.DONE, outcome.note, now)
        return False
    return True


def _again(run: Run, outcome: Again, now: datetime) -> bool:
    row = run.row
    row.attempts += outcome.is_failure
    row.times += not outcome.is_failure
    if row.attempts >= run.step.attempts:
        return _apply(run, Failed(outcome.why))
    row.state, row.note, row.begins_at = StepState.WAITING, outcome.why, now + outcome.again_in
    row.save(update_fields=["state", "note", "begins_at", "attempts", "times"])
    _look_again(run, outcome, row.begins_at)
    return False


def _look_again(run: Run, outcome: Wait | Again, moment: datetime) -> None:
    deadline = run.row.deadline_at
    run.workflow.note, run.workflow.waits_for_person = outcome.why, outcome.is_for_a_person
    run.workflow.due_at = min(moment, deadline) if deadline else moment


def _end_step(row: WorkflowStep, state: str, note: str, now: datetime) -> None:
    row.state, row.note, row.finished_at = state, note, now
    row.save(update_fields=["state", "note", "finished_at", "begun_at", "attempts", "times"])


def end(workflow: Workflow, state: str, note: str, now: datetime, actor: str = "") -> None:
    """End a workflow whose row is locked, and tell the timeline; the caller saves the row."""
    drop_held(workflow)
    workflow.state, workflow.note, workflow.finished_at, workflow.waits_for_person = state, note, now, False
    title = definition_of(workflow.kind).title
    words = f"{title}: {workflow.get_state_display().lower()}" + (f" ({note})" if note else "")
    record_event(
        f"workflow_{state}", words, device=workflow.device_id, actor=actor or workflow.actor, workflow_id=workflow.pk
    )


def drop_held(workflow: Workflow) -> None:
    """Cancel what the governor still holds of a workflow: nobody waits for it any more."""
    held = HeldAction.objects.filter(pk=workflow.memory.pop("held_action", None), state__in=HeldAction.WAITING).first()
    if held is not None:
        holding.cancel(held, actor=Actor(workflow.actor, workflow.origin, workflow.user), reason="its workflow ended")


def _span(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{round(span.total_seconds() / 60)} minutes"
