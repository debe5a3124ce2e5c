"""May this be done? Reason, confirmation, kill switch, limits, and whether it has to wait.

Counting cannot be outrun: permits are counted and written under one advisory lock, so that fifty requests at once
get what one after the other would. What is counted is devices, per person (all sessions and tokens of an account share
one budget) and in all, in the last hour. A request beyond the limit is refused as a whole.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Sum
from django.utils import timezone

from commands.governor.comparing import strictest, values_of
from commands.governor.models import GovernorLimit, HeldAction, KillSwitch, PermitRow
from commands.meanings import Danger
from devices.staff import has_new_powers
from devices.timeline import Actor, record_event
from mdm_project import locks, plist
from mdm_project.crypto import seal
from mdm_project.errors import BadRequest, Conflict, EspalierError, Refused

WINDOW = timedelta(hours=1)


class GovernorRefused(Refused):
    """Base of what the governor refuses."""

    code = "governor_refused"


class LimitReached(GovernorRefused):
    """It is on the timeline; whoever undoes a transaction around it tells it again."""

    code = "limit_reached"

    def __init__(self, detail: str, tell: Callable[[], object]):
        super().__init__(detail)
        self.tell = tell


class Stopped(Conflict):
    code = "destructive_commands_stopped"


class ReasonRequired(BadRequest):
    code = "reason_required"


class ConfirmationRequired(BadRequest):
    code = "confirmation_required"


class UnknownDanger(EspalierError):
    """There is no limit for a danger: then nothing is allowed."""

    code = "no_limit"


@dataclass(frozen=True)
class Wish:
    """Something destructive that somebody asks for: ``dangers`` by device id, on these channels.

    ``named`` counts those that cannot take it too: a person may have agreed to that number. ``part_of`` is the number
    of devices that one decision means, where it is carried out piece by piece: what waits for time or for a second
    person is judged by that, else a great thing would pass as many small ones.
    """

    request_type: str
    payload: dict = field(repr=False)
    channel_ids: tuple[int, ...]
    dangers: dict[int, Danger]
    actor: Actor
    reason: str
    named: int = 0
    confirmed: int | None = None
    part_of: int = 1
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Permit:
    """That the governor has counted this; queue_command wants to see one."""

    dangers: frozenset[Danger]
    devices: int


@dataclass(frozen=True)
class Budget:
    """What is left of a limit for a person, in the window now."""

    limit: GovernorLimit
    used_by_person: int
    used_in_all: int

    @property
    def left(self) -> int:
        return max(0, min(self.limit.per_person - self.used_by_person, self.limit.in_all - self.used_in_all))


def admit(wish: Wish) -> Permit | HeldAction:
    """Permit a destructive wish, or hold it; raises Stopped, ReasonRequired, ConfirmationRequired, LimitReached.

    What is held takes its share of the limit now, and keeps it if it is cancelled.
    """
    check_stopped()
    if not wish.reason.strip():
        raise ReasonRequired("a destructive command needs a reason", fields={"reason": "is needed"})
    number = len(wish.dangers)
    if number > 1 and wish.confirmed not in (number, wish.named):
        raise ConfirmationRequired(
            f"this is destructive and meant for {number} devices: confirm that number",
            fields={"confirm": f"must be {number}"},
        )
    counts: dict[Danger, int] = defaultdict(int)
    for danger in wish.dangers.values():
        counts[danger] += 1
    refusal = None
    with transaction.atomic():
        lock()
        limits = {}
        for danger, devices in counts.items():
            budget = budget_of(danger, wish.actor)
            limits[danger] = budget.limit
            refusal = refusal or why_refused(budget, danger, devices)
        if refusal is None:
            count(counts, request_type=wish.request_type, actor=wish.actor, reason=wish.reason)
            worst = worst_wait(limits.values(), max(number, wish.part_of))
            if worst is not None:
                return _hold(wish, worst, number)
            return Permit(frozenset(counts), number)
    # Told after the transaction, which the refusal must not undo.
    words = f"{wish.request_type} refused: {refusal}"
    error = LimitReached(
        refusal, partial(record_event, "governor_refused", words, actor=wish.actor.name, devices=number)
    )
    error.tell()
    raise error


def check_stopped() -> None:
    """Raise Stopped while all destructive commands are stopped."""
    switch = KillSwitch.objects.filter(lifted_at=None).first()
    if switch is not None:
        since = f"{switch.stopped_at:%Y-%m-%d %H:%M} UTC"
        raise Stopped(f"all destructive commands were stopped by {switch.stopped_by} at {since}: {switch.reason}")


def forbid_while_stopped() -> None:
    """Keep the kill switch from being thrown until this transaction ends; raises Stopped if it is on.

    What is queued in this transaction is either refused here or found, and cancelled, by whoever throws the switch.
    """
    locks.take_shared(locks.Lock.SWITCH)
    check_stopped()


def lock_switch() -> None:
    """Wait for those who queue something destructive at this moment, and keep others out until the transaction ends."""
    locks.take(locks.Lock.SWITCH)


def lock() -> None:
    """Let nobody else count permits until this transaction ends."""
    locks.take(locks.Lock.PERMITS)


def take_turns() -> None:
    """Wait for others who ask what is judged by what was asked before, and keep them out until the transaction ends."""
    locks.take(locks.Lock.TURNS)


def budget_of(danger: Danger, actor: Actor) -> Budget:
    """Return what a person may still do of a danger within the hour."""
    since = timezone.now() - WINDOW
    recent = PermitRow.objects.filter(danger=danger, at__gt=since)
    own = recent.filter(user=actor.user) if actor.user else recent.filter(person=_person(actor))
    used = own.aggregate(number=Sum("devices"))["number"] or 0
    return Budget(_limit_of(danger, actor), used, recent.aggregate(number=Sum("devices"))["number"] or 0)


def used_in_all() -> dict[str, int]:
    """Return how many devices all together were permitted within the hour, by danger."""
    recent = PermitRow.objects.filter(at__gt=timezone.now() - WINDOW).order_by()
    return dict(recent.values_list("danger").annotate(number=Sum("devices")))


def _limit_of(danger: Danger, actor: Actor) -> GovernorLimit:
    """Return the limit of somebody's best role, or that of everybody.

    A role that somebody was given a short while ago loosens nothing: else whoever hands out roles has the best of them.
    """
    limits = GovernorLimit.objects.filter(danger=danger).order_by("-per_person", "id")
    everybodys = limits.filter(role=None).first()
    if everybodys is None:
        raise UnknownDanger(f"there is no limit for {danger.label.lower()}, so nothing is allowed")
    own = limits.filter(role__in=actor.user.groups.all()).first() if actor.user else None
    if own is None:
        return everybodys
    since = timezone.now() - timedelta(hours=settings.LIMIT_CHANGE_HOURS)
    if values_of(own) != strictest([own, everybodys]) and has_new_powers(actor.user, since):
        return GovernorLimit(danger=danger, role=own.role, **strictest([own, everybodys]))
    return own


def why_refused(budget: Budget, danger: Danger, count: int) -> str | None:
    """Say why a limit does not allow a number of devices, or nothing."""
    if count <= budget.left:
        return None
    limit = budget.limit
    whose = (
        f"you may do so to {limit.per_person} devices an hour and did to {budget.used_by_person}"
        if limit.per_person - budget.used_by_person <= limit.in_all - budget.used_in_all
        else f"{limit.in_all} devices an hour are allowed to all together, and {budget.used_in_all} were"
    )
    again = free_again(danger)
    return f"{danger.label} is limited: {whose}, so {budget.left} are left; more {again}"


def free_again(danger: Danger) -> str:
    """Say when more of a danger is permitted."""
    newest = PermitRow.objects.filter(danger=danger, at__gt=timezone.now() - WINDOW).aggregate(at=Max("at"))["at"]
    return f"at {newest + WINDOW:%H:%M} UTC" if newest else "when an administrator raises the limit"


def _person(actor: Actor) -> str:
    return actor.user.get_username() if actor.user else actor.name


def count(counts: dict[Danger, int], *, request_type: str, actor: Actor, reason: str) -> None:
    """Write down how many devices somebody was permitted, by danger."""
    PermitRow.objects.bulk_create(
        PermitRow(
            danger=danger,
            devices=devices,
            user=actor.user,
            person=_person(actor),
            actor=actor.name[:200],
            request_type=request_type,
            reason=reason,
        )  # fmt: skip
        for danger, devices in counts.items()
    )


def worst_wait(limits, number: int) -> GovernorLimit | None:
    """Return the limit by which it has to wait, one that wants a second person first."""
    limits = list(limits)
    second = [it for it in limits if it.second_person_above is not None and number > it.second_person_above]
    delayed = [it for it in limits if it.delay_above is not None and number > it.delay_above and it.delay_minutes]
    return (second or sorted(delayed, key=lambda it: -it.delay_minutes) or [None])[0]


def _hold(wish: Wish, limit: GovernorLimit, number: int) -> HeldAction:
    now = timezone.now()
    size = max(number, wish.part_of)
    needs_second = limit.second_person_above is not None and size > limit.second_person_above
    held = HeldAction(
        danger=limit.danger, request_type=wish.request_type, channel_ids=list(wish.channel_ids), device_count=number,
        options=json.loads(json.dumps(wish.options, default=str)), origin=wish.actor.origin,
        actor=wish.actor.name[:200], user=wish.actor.user, reason=wish.reason, created_at=now,
        state=HeldAction.State.NEEDS_APPROVAL if needs_second else HeldAction.State.DELAYED,
        release_at=None if needs_second else now + timedelta(minutes=limit.delay_minutes),
        expires_at=now + timedelta(hours=settings.APPROVAL_HOURS),
    )  # fmt: skip
    held.payload_encrypted = seal(plist.dumps(wish.payload), held.payload_context)
    held.save(force_insert=True)
    waits = "a second person" if needs_second else f"{limit.delay_minutes} minutes"
    record_event(
        "destructive_held", f"{wish.request_type} for {number} devices waits for {waits}: {wish.reason}",
        actor=wish.actor.name, held_id=held.pk,
    )  # fmt: skip
    return held
