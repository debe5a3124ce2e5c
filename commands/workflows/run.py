"""What the steps of a workflow work with: its locked rows, its device, asking, and what the device answered."""

import json
from datetime import timedelta

from django.utils import timezone

from commands.asking import ask
from commands.models import QueuedCommand, Report
from commands.progress import progress
from commands.workflows.definition import Again, Done, Failed, Outcome, Step, Wait
from commands.workflows.definitions import definition_of
from commands.workflows.models import Workflow, WorkflowStep
from devices.models import Channel, Device, Enrollment
from devices.timeline import Actor
from mdm_project.crypto import unseal
from mdm_project.errors import BadRequest

State = QueuedCommand.State
OF_PEOPLE = ("staff", "api")
MAY_ASK = "commands.add_command"
RETRY_AFTER = timedelta(minutes=15)
# An answer has its workflow looked at; by itself it is looked at seldom: thousands may wait for devices that are away.
SOON, LATER = timedelta(minutes=1), timedelta(minutes=15)


class AskerGone(BadRequest):
    """Who started the workflow may not go on with it: it ends."""

    code = "asker_gone"


class Run:
    """One look at a workflow. Its row is locked for as long; commands are queued in the same transaction."""

    def __init__(self, workflow: Workflow):
        self.workflow = workflow
        self.definition = definition_of(workflow.kind)
        self.device = Device.objects.get(pk=workflow.device_id)
        self.rows: list[WorkflowStep] = list(workflow.steps.order_by("position"))
        self.parameters: dict = json.loads(unseal(bytes(workflow.parameters_encrypted), workflow.parameters_context))

    @property
    def row(self) -> WorkflowStep:
        """The first step that is not over."""
        return next(row for row in self.rows if row.finished_at is None)

    @property
    def step(self) -> Step:
        return self.definition.step(self.row.name)

    @property
    def memory(self) -> dict:
        """Facts kept between looks: JSON, and never a secret."""
        return self.workflow.memory

    @property
    def actor(self) -> Actor:
        return Actor(self.workflow.actor, origin=self.workflow.origin, user=self.workflow.user)

    @property
    def has_asked(self) -> bool:
        """Something of this attempt is under way, or held by the governor."""
        return "held_action" in self.memory or bool(self.answers())

    @property
    def is_end_wished(self) -> bool:
        return self.workflow.end_wished_at is not None

    def membership(self) -> Enrollment | None:
        """Return the membership in which the device can be asked something now."""
        return Enrollment.objects.enrolled().filter(device=self.device).order_by("-id").first()

    def channel(self):
        return Channel.objects.device_channels().filter(device=self.device, enrollment=self.workflow.enrollment_id)

    def ask(self, request_type: str, payload: dict | None = None) -> None:
        """Queue a command for the device as part of this step; raises what commands.asking.ask raises.

        Whoever started the workflow must still be allowed to ask: an account that was closed asks for nothing more.
        """
        self._check_asker()
        batch = self.workflow.batch
        part_of = batch.device_count if batch else 1
        # Who approves one of many is to know of how many.
        title = f"{self.definition.title} on {part_of} devices" if part_of > 1 else self.definition.title
        reason = f"{title}: {self.workflow.reason}" if self.workflow.reason else title
        asked = ask(request_type, payload or {}, self.channel(), actor=self.actor, reason=reason, part_of=part_of)
        if asked.held is not None:
            asked.held.workflow = self.workflow
            asked.held.save(update_fields=["workflow"])
            self.memory["held_action"] = asked.held.pk
        else:
            self.row.commands.add(asked.command)

    def _check_asker(self) -> None:
        user = self.workflow.user
        if self.workflow.origin not in OF_PEOPLE:
            return
        may_ask = user is not None and user.is_active and user.has_perm(MAY_ASK)
        if not (may_ask and Device.objects.visible_to(user).filter(pk=self.device.pk).exists()):
            raise AskerGone(f"{self.workflow.actor} may no longer send commands to this device")

    def answers(self) -> list[QueuedCommand]:
        """Return the queue rows of what this attempt asked, oldest first."""
        rows = QueuedCommand.objects.filter(
            channel__device=self.device, command__workflow_steps=self.row, command__created_at__gte=self.row.begun_at
        )
        return list(rows.select_related("channel", "channel__push_state", "channel__contact", "command").order_by("id"))

    def look(self) -> Outcome:
        """Say where the step stands."""
        return self.step.look(self) if self.step.look else all_acknowledged(self)


def all_acknowledged(run: Run) -> Outcome:
    """Done when the device has acknowledged everything the step asked, and the worker knows what it said."""
    held = _held(run)
    if held is not None:
        return held
    answers = run.answers()
    if not answers:
        return Again("What was asked is no longer kept: asked anew.", RETRY_AFTER, is_failure=True)
    for judge in (_cancelled, _failed, _waiting, _unread):
        outcome = judge(answers)
        if outcome is not None:
            return outcome
    last = max(queued.finished_at for queued in answers)
    return Done(f"acknowledged {last:%Y-%m-%d %H:%M} UTC")


def _held(run: Run) -> Outcome | None:
    """What a destructive command waits for; once it is released, its command belongs to the step."""
    from commands.governor import held_command

    held_id = run.memory.get("held_action")
    if held_id is None:
        return None
    held = held_command(held_id)
    if held is None:
        del run.memory["held_action"]
        return Failed("What the governor held is no longer kept; start anew if it is still wanted.")
    if held.is_over_without_command:
        del run.memory["held_action"]
        return Failed(held.words)
    if held.command is None:
        return Wait(held.words, timedelta(seconds=30), is_for_a_person=held.needs_second_person)
    del run.memory["held_action"]
    run.row.commands.add(held.command)
    run.row.begun_at = min(run.row.begun_at, held.command.created_at)
    return None


def _cancelled(answers: list[QueuedCommand]) -> Outcome | None:
    cancelled = next((queued for queued in answers if queued.state == State.CANCELLED), None)
    return Failed(f"{cancelled.command.request_type}: {cancelled.note}") if cancelled else None


def _failed(answers: list[QueuedCommand]) -> Outcome | None:
    for queued in answers:
        if queued.state in (State.FAILED, State.QUARANTINED, State.EXPIRED, State.PARTLY):
            why = queued.note or "the device refused and its reason is being read"
            how = "was done in part" if queued.state == State.PARTLY else "failed"
            return Again(f"{queued.command.request_type} {how}: {why}", RETRY_AFTER, is_failure=True)
    return None


def _waiting(answers: list[QueuedCommand]) -> Outcome | None:
    waiting = next((queued for queued in answers if queued.finished_at is None), None)
    if waiting is None:
        return None
    state = progress(waiting)
    again = min(max((timezone.now() - waiting.queued_at) / 4, SOON), LATER)
    return Wait(f"{waiting.command.request_type}: {state.word.lower()}. {state.why}", again)


def _unread(answers: list[QueuedCommand]) -> Outcome | None:
    unread = Report.objects.filter(queued__in=[queued.pk for queued in answers], interpreted_at=None)
    return Wait("the device has answered; its answer is being read", timedelta(seconds=5)) if unread.exists() else None
