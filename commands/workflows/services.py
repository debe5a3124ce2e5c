"""What people and the API do to workflows: start, end, cancel."""

import json

from django.db import IntegrityError, transaction
from django.utils import timezone

from commands.models import QueuedCommand
from commands.queue import cancel_commands
from commands.workflows import engine
from commands.workflows.definition import Definition
from commands.workflows.definitions import definition_of
from commands.workflows.fitness import refusal_for
from commands.workflows.models import Workflow, WorkflowStep
from commands.workflows.notice import look_soon
from devices.models import Device, Enrollment
from devices.timeline import Actor, record_event
from mdm_project.crypto import seal
from mdm_project.errors import BadRequest, Conflict

StepState = WorkflowStep.State


class WorkflowRefused(Conflict):
    code = "workflow_refused"


class ReasonNeeded(BadRequest):
    code = "reason_required"


def clean_wish(definition: Definition, parameters: dict, reason: str) -> dict:
    """Return the parameters of a workflow that somebody wants; raises InvalidParameters and ReasonNeeded."""
    values = definition.clean(parameters)
    if definition.is_dangerous and not reason.strip():
        raise ReasonNeeded(f"{definition.title} needs a reason", fields={"reason": "is needed"})
    return values


def start_workflow(kind: str, device: Device, parameters: dict, *, actor: Actor, reason: str = "") -> Workflow:
    """Begin a workflow on a device; a worker takes its first step after the commit.

    Raises NotFound for an unknown kind, InvalidParameters, ReasonNeeded for a dangerous one without a reason, and
    WorkflowRefused when the device cannot take it or one of the kind is running there.
    """
    definition = definition_of(kind)
    values = clean_wish(definition, parameters, reason)
    refusal = refusal_for(definition, device, values)
    if refusal:
        raise WorkflowRefused(refusal)
    current = Enrollment.objects.enrolled().filter(device=device).order_by("-id").first()
    workflow = Workflow(
        kind=kind, device=device, enrollment=current, origin=actor.origin, actor=actor.name, user=actor.user,
        reason=reason.strip(),
    )  # fmt: skip
    workflow.parameters_encrypted = seal(json.dumps(values).encode(), workflow.parameters_context)
    with transaction.atomic():
        _insert(workflow, definition.title)
        steps = [
            WorkflowStep(workflow=workflow, position=position, name=step.name)
            for position, step in enumerate(definition.steps)
        ]
        WorkflowStep.objects.bulk_create(steps)
        because = f": {workflow.reason}" if workflow.reason else ""
        record_event(
            "workflow_started", f"{definition.title} started{because}",
            device=device, actor=actor.name, workflow_id=workflow.pk,
        )  # fmt: skip
        look_soon()
    return workflow


def _insert(workflow: Workflow, title: str) -> None:
    try:
        with transaction.atomic():
            workflow.save(force_insert=True)
    except IntegrityError as error:
        raise WorkflowRefused(f"{title} is running on this device already") from error


def end_workflow(workflow: Workflow, *, actor: Actor, reason: str = "") -> None:
    """Have what would go on for ever (locating a lost device) come to its end; a second time changes nothing."""
    definition = definition_of(workflow.kind)
    if not definition.end_title:
        raise WorkflowRefused(f"{definition.title} ends by itself; it can be cancelled")
    with transaction.atomic():
        locked = _locked(workflow)
        if locked.end_wished_at:
            return
        locked.end_wished_at = locked.due_at = timezone.now()
        locked.save(update_fields=["end_wished_at", "due_at"])
        WorkflowStep.objects.filter(workflow=locked, finished_at=None).update(begins_at=None)
        wish = definition.end_title[:1].lower() + definition.end_title[1:]
        words = f"{definition.title}, {wish}" + (f": {reason}" if reason else "")
        record_event("workflow_end_wished", words, device=workflow.device_id, actor=actor.name, workflow_id=workflow.pk)
        look_soon()


def cancel_workflow(workflow: Workflow, *, actor: Actor, reason: str = "") -> int:
    """Stop a workflow where it is, and cancel what it asked and the device has not answered; return how many
    commands.
    """
    with transaction.atomic():
        locked = _locked(workflow)
        note = f"cancelled by {actor.name}" + (f": {reason}" if reason else "")
        now = timezone.now()
        open_steps = WorkflowStep.objects.filter(workflow=locked, finished_at=None)
        mine = QueuedCommand.objects.filter(
            channel__device=locked.device_id, command__workflow_steps__workflow=locked.pk
        )
        number = cancel_commands(
            QueuedCommand.objects.filter(pk__in=mine.order_by().values("pk")), actor=actor, reason=reason
        )
        open_steps.update(state=StepState.CANCELLED, finished_at=now)
        engine.end(locked, Workflow.State.CANCELLED, note, now, actor.name)
        locked.save(update_fields=["state", "memory", "note", "waits_for_person", "finished_at"])
    return number


def _locked(workflow: Workflow) -> Workflow:
    locked = Workflow.objects.select_for_update().get(pk=workflow.pk)
    if locked.state != Workflow.State.RUNNING:
        raise WorkflowRefused(f"this workflow is {locked.get_state_display().lower()} already")
    return locked
