"""What happened to one device and what is to come, as one list: its events, and what became of its commands.

Commands have no event for each answer (a fleet reports millions); their queue rows tell it for as long as they are
kept. Scheduled refreshes appear only where they failed. Nothing here is written, and text is for people.
"""

import heapq
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from commands.models import InventoryRefresh, QueuedCommand
from devices.models import Device, Event
from profiles.models import Assignment, DesiredItem, ItemStatus

State = QueuedCommand.State
ANSWERS = {
    State.ACKNOWLEDGED: ("command_acknowledged", "done"),
    State.PARTLY: ("command_partly", "done in part"),
    State.FAILED: ("command_failed", "failed"),
    State.QUARANTINED: ("command_failed", "could not be built"),
    State.CANCELLED: ("command_cancelled", "cancelled"),
    State.EXPIRED: ("command_expired", "expired"),
}
MAX_PLANNED = 50


@dataclass(frozen=True)
class Wanted:
    """Which part of a timeline: text anywhere, a kind, who (in part), and a period; ``until`` is where a page ends."""

    text: str = ""
    kind: str = ""
    actor: str = ""
    after: datetime | None = None
    before: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Entry:
    """A line: when, what, who; ``event_id`` or ``queued_id`` is what it is made of."""

    at: datetime | None
    kind: str
    summary: str
    actor: str = ""
    event_id: int | None = None
    queued_id: int | None = None


def events(wanted: Wanted, rows):
    """Narrow a queryset of events to what is wanted."""
    if wanted.text:
        rows = rows.search(wanted.text)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.actor:
        rows = rows.filter(actor__icontains=wanted.actor)
    return rows.filter(_period(wanted, "at"))


def _period(wanted: Wanted, column: str) -> Q:
    condition = Q()
    if wanted.after:
        condition &= Q(**{f"{column}__gte": wanted.after})
    for end in filter(None, (wanted.before, wanted.until)):
        condition &= Q(**{f"{column}__lt": end})
    return condition


def past(device: Device, wanted: Wanted, user, limit: int) -> list[Entry]:
    """Return what happened, newest first, as far as the person may see it: two statements."""
    newest = events(wanted, Event.objects.visible_to(user).filter(device=device)).order_by("-at", "-id")
    told = [Entry(event.at, event.kind, event.summary, event.actor, event_id=event.pk) for event in newest[: limit + 1]]
    both = heapq.merge(told, _answered(device, wanted, user, limit + 1), key=lambda entry: entry.at, reverse=True)
    return list(both)[: limit + 1]


def _answered(device: Device, wanted: Wanted, user, limit: int) -> list[Entry]:
    known = {kind for kind, _ in ANSWERS.values()}
    if wanted.kind and wanted.kind not in known:
        return []
    rows = QueuedCommand.objects.visible_to(user).for_device(device).filter(finished_at__isnull=False)
    rows = rows.exclude(command__origin="schedule", state__in=(State.ACKNOWLEDGED, State.CANCELLED))
    rows = rows.filter(_period(wanted, "finished_at"))
    if wanted.kind:
        rows = rows.filter(state__in=[state for state, (kind, _) in ANSWERS.items() if kind == wanted.kind])
    if wanted.actor:
        rows = rows.filter(command__actor__icontains=wanted.actor)
    if wanted.text:
        rows = rows.filter(Q(command__request_type__icontains=wanted.text) | Q(note__icontains=wanted.text))
    rows = rows.select_related("command").defer("command__body_encrypted").order_by("-finished_at", "-id")
    return [_answer(queued) for queued in rows[:limit]]


def _answer(queued: QueuedCommand) -> Entry:
    kind, words = ANSWERS[State(queued.state)]
    note = f": {queued.note}" if queued.note else ""
    summary = f"{queued.command.request_type} {words}{note}"
    return Entry(queued.finished_at, kind, summary, queued.command.actor, queued_id=queued.pk)


def planned(device: Device, user) -> list[Entry]:
    """Return what is to come: waiting commands, profiles on their way or in a later stage, and the next refresh."""
    entries = [*_waiting(device, user), *_held(device, user), *_steps(device, user)]
    if user.has_perm("profiles.view_profile"):
        entries += [*_on_the_way(device), *_in_later_stages(device)]
    return [*entries, *_refresh(device)][:MAX_PLANNED]


def _waiting(device: Device, user) -> list[Entry]:
    rows = QueuedCommand.objects.visible_to(user).for_device(device).waiting().select_related("command")
    rows = rows.defer("command__body_encrypted").order_by("-priority", "id")[:MAX_PLANNED]
    return [
        Entry(
            queued.expires_at, "command_waiting",
            f"{queued.command.request_type} {State(queued.state).label.lower()}, "
            f"asked {queued.queued_at:%Y-%m-%d %H:%M}" + (", expires" if queued.expires_at else ""),
            queued.command.actor, queued_id=queued.pk,
        )
        for queued in rows
    ]  # fmt: skip


def _held(device: Device, user) -> list[Entry]:
    from commands.governor.holding import held_of_device

    if not user.has_perm("commands.view_command"):
        return []
    return [
        Entry(held.release_at, "action_held", f"{held.request_type}: {held.get_state_display().lower()}", held.actor)
        for held in held_of_device(device.pk)
    ]


def _on_the_way(device: Device) -> list[Entry]:
    items = DesiredItem.objects.filter(channel__device=device, refusal="")
    items = items.select_related("profile", "version").order_by("id")
    proven = ItemStatus.objects.filter(channel__device=device, state=ItemStatus.State.VERIFIED).order_by()
    has = set(proven.values_list("channel_id", "identifier", "version_id"))
    missing = [each for each in items if (each.channel_id, each.identifier, each.version_id) not in has]
    return [
        Entry(None, "profile_wanted", f"{each.profile.name}, version {each.version.number}, to be installed")
        for each in missing[:MAX_PLANNED]
    ]


def _in_later_stages(device: Device) -> list[Entry]:
    running = Assignment.objects.filter(
        rollout_state=Assignment.RolloutState.RUNNING, is_enabled=True, include__memberships__device=device
    )
    running = running.exclude(exclude__memberships__device=device).select_related("profile", "rollout_version")
    reached = set(DesiredItem.objects.filter(channel__device=device).order_by().values_list("version_id", flat=True))
    return [
        Entry(
            each.stage_started_at + timedelta(hours=each.stage_hours) if each.stage_hours else None, "rollout_stage",
            f"{each.profile.name}, version {each.rollout_version.number}, in a later stage of its rollout"
            f" (now {each.stages[each.stage]}%)",
        )
        for each in running.order_by("id").distinct()
        if each.rollout_version_id not in reached
    ]  # fmt: skip


def _steps(device: Device, user) -> list[Entry]:
    from commands.workflows.models import Workflow, WorkflowStep

    if not user.has_perm("commands.view_command"):
        return []
    steps = WorkflowStep.objects.filter(workflow__device=device, workflow__state=Workflow.State.RUNNING)
    steps = steps.filter(state__in=(WorkflowStep.State.WAITING, WorkflowStep.State.RUNNING)).select_related("workflow")
    return [
        Entry(
            step.begins_at, "workflow_step",
            f"{step.workflow.kind.replace('_', ' ')}: {step.name.replace('_', ' ')}, "
            f"{step.get_state_display().lower()}",
            step.workflow.actor,
        )
        for step in steps.order_by("workflow_id", "position")
    ]  # fmt: skip


def _refresh(device: Device) -> list[Entry]:
    hours = settings.INVENTORY_INTERVAL_HOURS
    interval = timedelta(hours=hours.get(device.platform, hours["default"]))
    enrolled = {"channel__enrollment__is_current": True, "channel__enrollment__state": "enrolled"}
    asked = InventoryRefresh.objects.filter(channel__device=device, channel__user_key="", **enrolled).first()
    if not interval or asked is None:
        return []
    due = max(asked.asked_at + interval, timezone.now())
    return [Entry(due, "refresh_due", "scheduled refresh of the inventory, by then at the latest", "schedule")]
