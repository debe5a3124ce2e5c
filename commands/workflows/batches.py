"""Workflows on many devices: who can take one, starting them together, cancelling what is still running.

In sets: rows are written by a handful of statements for a thousand devices, and workers take the steps. Each workflow
passes the governor by itself, judged by the size of its batch (commands.governor, ``part_of``).
"""

import json
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from commands.applicability import Refusal
from commands.asking import group_refusals
from commands.governor import ConfirmationRequired, HeldAction
from commands.governor.together import cancel_together
from commands.models import QueuedCommand
from commands.queue import cancel_commands
from commands.workflows.definition import Definition
from commands.workflows.definitions import definition_of, definitions
from commands.workflows.fitness import Facts, refusals_for
from commands.workflows.models import Workflow, WorkflowBatch, WorkflowStep
from commands.workflows.notice import look_soon
from commands.workflows.services import WorkflowRefused, clean_wish
from devices.models import Device, Enrollment
from devices.timeline import Actor, record_event, record_events
from mdm_project.crypto import seal

CHUNK = 1000
RUNNING_ALREADY = "It runs on this device already"


@dataclass(frozen=True)
class BatchPlan:
    """Who would take a workflow, and who would not, with the reason."""

    definition: Definition
    devices: list[Device]
    refused: list[Refusal] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.devices) + len(self.refused)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Return why it leaves devices out, and how many for each, most first."""
        return [(group["reason"].rstrip("."), len(group["device_ids"])) for group in group_refusals(self.refused)]

    @property
    def words(self) -> str:
        """Say whom it leaves out, as one sentence; nothing if nobody."""
        reasons = [f"{reason} ({number})" for reason, number in self.reasons]
        return f"{len(self.refused)} of {self.total} cannot: {'; '.join(reasons)}." if reasons else ""


def plan_batch(kind: str, devices, parameters: dict | None = None) -> BatchPlan:
    """Split a queryset of devices into those that would take a workflow and the others; raises UnknownWorkflow."""
    rows = list(devices.order_by("id"))
    return _plan(definition_of(kind), rows, Facts.of(rows), parameters)


def plans_of(devices) -> list[BatchPlan]:
    """Return the plan of every workflow for a queryset of devices, which are read once."""
    rows = list(devices.order_by("id"))
    facts = Facts.of(rows)
    return [_plan(definition, rows, facts) for definition in definitions().values()]


def _plan(definition: Definition, rows: list[Device], facts: Facts, parameters: dict | None = None) -> BatchPlan:
    running = Workflow.objects.running().filter(kind=definition.kind, device__in=[row.pk for row in rows])
    said = dict.fromkeys(running.order_by().values_list("device_id", flat=True), RUNNING_ALREADY)
    said = refusals_for(definition, rows, parameters, facts) | said
    refused = [Refusal(0, row.pk, row.serial_number, said[row.pk]) for row in rows if row.pk in said]
    return BatchPlan(definition, [row for row in rows if row.pk not in said], refused)


def start_batch(
    kind: str, devices, parameters: dict, *, actor: Actor, reason: str = "", confirmed: int | None = None
) -> WorkflowBatch:
    """Begin a workflow on every device of a queryset that can take it; who cannot is kept on the batch.

    ``confirmed`` is the number of devices that a person agreed to, needed for dangerous ones. Raises UnknownWorkflow,
    InvalidParameters, ReasonNeeded, ConfirmationRequired, and WorkflowRefused when nobody is left.
    """
    definition = definition_of(kind)
    values = clean_wish(definition, parameters, reason)
    plan = plan_batch(kind, devices, values)
    if not plan.devices:
        raise WorkflowRefused(plan.words or "there is no device to start it on")
    if definition.is_dangerous and confirmed != len(plan.devices):
        raise ConfirmationRequired(
            f"this is dangerous and meant for {len(plan.devices)} devices: confirm that number",
            fields={"confirm": f"must be {len(plan.devices)}"},
        )
    with transaction.atomic():
        return _write(plan, json.dumps(values).encode(), actor, reason.strip())


def _write(plan: BatchPlan, values: bytes, actor: Actor, reason: str) -> WorkflowBatch:
    batch = WorkflowBatch(
        kind=plan.definition.kind, origin=actor.origin, actor=actor.name[:200], user=actor.user, reason=reason,
        device_count=len(plan.devices), left_out=group_refusals(plan.refused),
    )  # fmt: skip
    batch.parameters_encrypted = seal(values, batch.parameters_context)
    batch.save(force_insert=True)
    for start in range(0, len(plan.devices), CHUNK):
        _write_workflows(batch, plan.devices[start : start + CHUNK], values)
    _write_steps(batch, plan.definition)
    title, because = plan.definition.title, f": {reason}" if reason else ""
    ids = list(batch.workflows.order_by().values_list("device_id", flat=True))
    if not ids:
        raise WorkflowRefused("somebody else has just started it on these devices")
    record_events("workflow_started", f"{title} started with {len(ids)} devices{because}", ids, actor=actor.name)
    record_event(
        "workflow_batch_started", f"{title} started on {len(ids)} devices{because}", actor=actor.name, batch_id=batch.pk
    )
    look_soon()
    return batch


def _write_workflows(batch: WorkflowBatch, devices: list[Device], values: bytes) -> None:
    memberships = Enrollment.objects.enrolled().filter(device__in=[device.pk for device in devices])
    newest = dict(memberships.order_by("id").values_list("device_id", "id"))
    rows = []
    for device in devices:
        row = Workflow(
            kind=batch.kind, device=device, enrollment_id=newest.get(device.pk), batch=batch, origin=batch.origin,
            actor=batch.actor, user=batch.user, reason=batch.reason, started_at=batch.created_at,
        )  # fmt: skip
        row.parameters_encrypted = seal(values, row.parameters_context)
        rows.append(row)
    # One that somebody else started since the plan stays theirs.
    Workflow.objects.bulk_create(rows, ignore_conflicts=True)


def _write_steps(batch: WorkflowBatch, definition: Definition) -> None:
    ids = list(batch.workflows.order_by("id").values_list("id", flat=True))
    WorkflowStep.objects.bulk_create(
        (
            WorkflowStep(workflow_id=pk, position=position, name=step.name)
            for pk in ids
            for position, step in enumerate(definition.steps)
        ),
        batch_size=CHUNK,
    )


def cancel_batch(batch: WorkflowBatch, user, *, actor: Actor, reason: str = "") -> int:
    """Cancel the workflows of a batch that still run, on the devices that a person may see; return how many.

    What the devices have not answered is cancelled with them.
    """
    note = f"cancelled by {actor.name}" + (f": {reason}" if reason else "")
    now = timezone.now()
    with transaction.atomic():
        running = Workflow.objects.visible_to(user).running().filter(batch=batch)
        rows = list(running.select_for_update(of=("self",)).order_by("id").defer("parameters_encrypted"))
        ids = [row.pk for row in rows]
        mine = QueuedCommand.objects.filter(command__workflow_steps__workflow__in=ids)
        cancel_commands(QueuedCommand.objects.filter(pk__in=mine.order_by().values("pk")), actor=actor, reason=reason)
        _drop_held(rows, actor, reason)
        WorkflowStep.objects.filter(workflow__in=ids, finished_at=None).update(
            state=WorkflowStep.State.CANCELLED, finished_at=now
        )
        Workflow.objects.filter(pk__in=ids).update(state=Workflow.State.CANCELLED, note=note, finished_at=now)
        title = definition_of(batch.kind).title
        devices = [row.device_id for row in rows]
        record_events("workflow_cancelled", f"{title}: cancelled ({note})", devices, actor=actor.name)
    return len(ids)


def _drop_held(rows: list[Workflow], actor: Actor, reason: str) -> None:
    """Cancel what the governor still holds of some workflows: nobody waits for it any more."""
    holding = [row for row in rows if row.memory.pop("held_action", None)]
    Workflow.objects.bulk_update(holding, ["memory"], batch_size=CHUNK)
    cancel_together(HeldAction.objects.filter(workflow__in=[row.pk for row in holding]), actor=actor, reason=reason)
