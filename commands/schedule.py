"""The inventory schedule: asking devices about themselves, at intervals, on enrollment and when somebody wants it.

What is asked of which device is in commands.questions, what the answers mean in devices.inventory. All of it goes
through queue_command, a command for each question and as many channels as it is for.
"""

from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, DateTimeField, DurationField, ExpressionWrapper, F, FloatField, Q, Value, When
from django.db.models.functions import Cast, Mod, Now

from commands.models import Command, InventoryRefresh
from commands.questions import QUESTIONS
from commands.queue import NobodyToAsk, queue_command
from devices.models import Channel
from devices.outbox import handles
from devices.timeline import SCHEDULE, Actor
from mdm_project.locks import Lock, try_to_take

# Behind whatever people ask for.
PRIORITY = -10
BATCH = 2000
# Each device is asked somewhat sooner than its interval, by a fixed share of up to a fifth: a fleet that enrolled in
# one morning drifts apart within days.
SPREAD_STEPS = 199


def superseding_name(request_type: str) -> str:
    """The name under which scheduled refreshes replace their unanswered elders."""
    return f"inventory:{request_type}"


def refresh_inventory(channels, *, actor: Actor, reason: str = "") -> list[Command]:
    """Ask the channels of a ChannelQuerySet everything the inventory wants to know; return the commands, perhaps none.

    What the schedule asks replaces its own unanswered elders and stands behind other commands.
    """
    is_scheduled = actor.origin == SCHEDULE.origin
    # Fixed now: the queryset may well be about what is queued.
    ids = list(channels.order_by("id").values_list("id", flat=True))
    if not ids:
        return []
    chosen = Channel.objects.filter(id__in=ids)
    commands = []
    with transaction.atomic():
        _note_asked(ids)
        for question in QUESTIONS:
            with suppress(NobodyToAsk):
                command = queue_command(
                    question.request_type, question.payload, question.channels(chosen),
                    actor=actor, reason=reason, priority=PRIORITY if is_scheduled else 0,
                    supersedes=superseding_name(question.request_type) if is_scheduled else "",
                )  # fmt: skip
                commands.append(command)
    return commands


def _note_asked(channel_ids: list[int]) -> None:
    rows = [InventoryRefresh(channel_id=channel_id, asked_at=Now()) for channel_id in channel_ids]
    InventoryRefresh.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["channel"], update_fields=["asked_at"]
    )


def schedule_inventory() -> int:
    """Refresh the channels whose interval is over; return how many. Of two runs at once one does nothing."""
    total = 0
    while True:
        with transaction.atomic():
            if not _is_alone():
                return total
            due = list(due_channels().values_list("id", flat=True)[:BATCH])
            refresh_inventory(Channel.objects.filter(id__in=due), actor=SCHEDULE, reason="inventory schedule")
        total += len(due)
        if len(due) < BATCH:
            return total


def _is_alone() -> bool:
    return try_to_take(Lock.SCHEDULE)


def due_channels():
    """Enrolled channels that were not asked for their platform's interval, less the spread.

    What counts is when they were asked, not when they answered: a device that is away is asked once an interval.
    """
    enrolled = Channel.objects.reachable().filter(state=Channel.State.ENABLED, enrollment__state="enrolled")
    scheduled = enrolled.alias(hours=_interval_hours()).filter(hours__gt=0)
    pause = ExpressionWrapper(Value(timedelta(hours=1)) * F("hours") * _share(), output_field=DurationField())
    over = ExpressionWrapper(F("inventory_refresh__asked_at") + pause, output_field=DateTimeField())
    never = Q(inventory_refresh__asked_at=None)
    return scheduled.alias(over=over).filter(never | Q(over__lte=Now())).order_by("id")


def _interval_hours():
    hours = settings.INVENTORY_INTERVAL_HOURS
    own = [
        When(device__platform=name, then=Value(float(number))) for name, number in hours.items() if name != "default"
    ]
    return Case(*own, default=Value(float(hours["default"])), output_field=FloatField())


def _share():
    """From 0.8 to 1, fixed for a channel; neighbours differ."""
    step = Cast(Mod(F("id") * Value(7919), Value(SPREAD_STEPS)), FloatField())
    return Value(1.0) - step / Value(5.0 * SPREAD_STEPS)


@handles("enrolled")
def refresh_enrolled(payloads: list[dict]) -> None:
    """Ask devices that have just enrolled; a second time replaces the first."""
    channels = Channel.objects.filter(id__in={payload["channel_id"] for payload in payloads})
    refresh_inventory(channels, actor=SCHEDULE, reason="enrolled")
