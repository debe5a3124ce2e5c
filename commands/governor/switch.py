"""The kill switch: nothing destructive goes out while it is on, and what waited for its delivery is cancelled."""

from django.db import transaction
from django.utils import timezone

from commands.governor.admission import GovernorRefused, ReasonRequired, lock_switch
from commands.governor.models import KillSwitch
from commands.models import QueuedCommand
from devices.timeline import Actor, record_event
from mdm_project.errors import Conflict

NOTE = "stopped"


class NotStopped(Conflict):
    code = "not_stopped"


def current() -> KillSwitch | None:
    return KillSwitch.objects.filter(lifted_at=None).first()


def stop(*, actor: Actor, reason: str) -> int:
    """Stop everything destructive; return how many waiting commands were cancelled. On already: cancels once more."""
    if not reason.strip():
        raise ReasonRequired("stopping needs a reason", fields={"reason": "is needed"})
    with transaction.atomic():
        lock_switch()
        switch = current()
        is_new = switch is None
        switch = switch or KillSwitch.objects.create(stopped_by=actor.name[:200], reason=reason.strip())
        number = _cancel_waiting(actor)
        if is_new:
            delivered = delivered_before(switch)
            words = f"{number} waiting commands cancelled, {delivered} of them delivered already"
            record_event(
                "destructive_stopped", f"All destructive commands stopped: {reason} ({words})", actor=actor.name
            )
    return number


def _cancel_waiting(actor: Actor) -> int:
    """Cancel destructive commands that no device has reported on; one that was delivered is not offered again."""
    rows = QueuedCommand.objects.waiting().filter(command__is_destructive=True)
    note = f"{NOTE} by {actor.name}: all destructive commands are stopped"
    return rows.order_by().update(state=QueuedCommand.State.CANCELLED, finished_at=timezone.now(), note=note)


def delivered_before(switch: KillSwitch) -> int:
    """Return how many commands the switch came too late for: delivered, not answered yet, perhaps carried out."""
    cancelled = QueuedCommand.objects.filter(state=QueuedCommand.State.CANCELLED, deliveries__gt=0)
    cancelled = cancelled.filter(note__startswith=NOTE, finished_at__gte=switch.stopped_at)
    return cancelled.filter(command__is_destructive=True).order_by().count()


def resume(*, actor: Actor, reason: str) -> None:
    """Let destructive commands go out again; raises GovernorRefused without the permission."""
    if not reason.strip():
        raise ReasonRequired("this needs a reason", fields={"reason": "is needed"})
    with transaction.atomic():
        switch = KillSwitch.objects.select_for_update().filter(lifted_at=None).first()
        if switch is None:
            raise NotStopped("destructive commands are not stopped")
        if actor.user is None or not actor.user.has_perm("commands.resume_destructive"):
            raise GovernorRefused("you need the permission to let destructive commands go out again")
        switch.lifted_at, switch.lifted_by, switch.lift_reason = timezone.now(), actor.name[:200], reason.strip()
        switch.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
        record_event("destructive_resumed", f"Destructive commands go out again: {reason}", actor=actor.name)
