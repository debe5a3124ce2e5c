"""Putting entries of the dashboard aside for a while, with a reason, and taking them back."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from devices.access import require_whole_fleet
from devices.models import Snooze
from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest

MAX_DAYS = 90
MAX_REASON = 500


def snoozed() -> dict[str, Snooze]:
    """Return what is put aside now, by the key of the entry; one statement."""
    return {row.key: row for row in Snooze.objects.filter(until__gt=timezone.now()).order_by("until", "id")}


@transaction.atomic
def snooze(key: str, title: str, *, days: int, reason: str, actor: Actor) -> Snooze:
    """Put an entry aside for everybody; raise BadRequest without a reason, BeyondLimit for limited people."""
    require_whole_fleet(actor.user)
    reason = " ".join(reason.replace("\x00", "").split())[:MAX_REASON]
    fields = {} if reason else {"reason": "is needed"}
    fields |= {} if 0 < days <= MAX_DAYS else {"days": f"must be 1 to {MAX_DAYS}"}
    if fields:
        raise BadRequest("it cannot be put aside like this", fields=fields)
    until = timezone.now() + timedelta(days=days)
    values = {"title": title, "reason": reason, "until": until, "by": actor.name, "at": timezone.now()}
    row, _ = Snooze.objects.update_or_create(key=key, defaults=values)
    summary = f"put aside until {until:%Y-%m-%d %H:%M} UTC: {title} ({reason})"
    record_event("need_snoozed", summary, actor=actor.name, key=key)
    return row


@transaction.atomic
def wake(key: str, *, actor: Actor) -> bool:
    """Tell of an entry again at once; say whether it was put aside."""
    require_whole_fleet(actor.user)
    row = Snooze.objects.filter(key=key).first()
    if row is None:
        return False
    row.delete()
    record_event("need_unsnoozed", f"no longer put aside: {row.title}", actor=actor.name, key=key)
    return True
