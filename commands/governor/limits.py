"""Changing limits: what tightens holds at once, what loosens after a while, so that a stolen account cannot."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from commands.governor.admission import ReasonRequired
from commands.governor.models import GovernorLimit, LimitChange
from devices.timeline import Actor, record_event

FIELDS = ("per_person", "in_all", "second_person_above", "delay_above", "delay_minutes")
FOR_EVER = 2**31 - 1


def change_limit(limit: GovernorLimit, values: dict, *, actor: Actor, reason: str) -> LimitChange | None:
    """Change some fields of a limit; return the change that waits, or None when all of it holds at once.

    Waiting changes of the same limit are replaced.
    """
    if not reason.strip():
        raise ReasonRequired("changing a limit needs a reason", fields={"reason": "is needed"})
    with transaction.atomic():
        row = GovernorLimit.objects.select_for_update().get(pk=limit.pk)
        now = timezone.now()
        tighter = {name: value for name, value in values.items() if not _loosens(row, name, value)}
        looser = {name: value for name, value in values.items() if name not in tighter}
        _set(row, tighter)
        row.changes.filter(ended_at=None).update(ended_at=now, note="replaced by a later change")
        pending = None
        if looser:
            after = now + timedelta(hours=settings.LIMIT_CHANGE_HOURS)
            pending = LimitChange.objects.create(
                limit=row, values=looser, actor=actor.name[:200], reason=reason.strip(), effective_at=after
            )
        words = _words(tighter, "now") + _words(looser, f"in {settings.LIMIT_CHANGE_HOURS} hours")
        record_event("limit_changed", f"Limit of “{row}” changed: {'; '.join(words)}: {reason}", actor=actor.name)
    return pending


def _loosens(row: GovernorLimit, name: str, value: int | None) -> bool:
    before = getattr(row, name)
    if name == "delay_minutes":
        return value < before
    return (FOR_EVER if value is None else value) > (FOR_EVER if before is None else before)


def _set(row: GovernorLimit, values: dict) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    if values:
        row.save(update_fields=list(values))


def _words(values: dict, when: str) -> list[str]:
    return [f"{name.replace('_', ' ')} {'never' if value is None else value} {when}" for name, value in values.items()]


def apply_due_changes() -> int:
    """Make changes hold whose time has come; return how many."""
    due = LimitChange.objects.filter(ended_at=None, effective_at__lte=timezone.now())
    number = 0
    for pk in list(due.values_list("pk", flat=True)):
        with transaction.atomic():
            change = LimitChange.objects.select_for_update().filter(pk=pk, ended_at=None).first()
            if change is None:
                continue
            _set(change.limit, change.values)
            change.ended_at, change.note = timezone.now(), "applied"
            change.save(update_fields=["ended_at", "note"])
            number += 1
    return number


def withdraw(change: LimitChange, *, actor: Actor) -> None:
    """Withdraw a change that does not hold yet."""
    done = LimitChange.objects.filter(pk=change.pk, ended_at=None).update(
        ended_at=timezone.now(), note=f"withdrawn by {actor.name}"
    )
    if done:
        record_event("limit_change_withdrawn", f"Change of “{change.limit}” withdrawn", actor=actor.name)
