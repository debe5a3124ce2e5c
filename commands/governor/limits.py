"""Changing limits: what tightens holds at once, what loosens after a while, so that a stolen account cannot.

A role may have limits of its own. Adding or removing one is judged by its numbers: by what its people may do before
and after.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group as Role
from django.db import transaction
from django.utils import timezone

from commands.governor.admission import ReasonRequired
from commands.governor.comparing import BOUNDS, FIELDS, loosens, strictest, values_of
from commands.governor.models import GovernorLimit, LimitChange
from devices.timeline import Actor, record_event
from mdm_project.bounds import require_within
from mdm_project.errors import BadRequest, Conflict, NotFound

__all__ = ["BOUNDS", "FIELDS", "add_limit", "apply_due_changes", "change_limit", "remove_limit", "withdraw"]


class LimitExists(Conflict):
    code = "limit_exists"


class LimitGone(NotFound):
    """Somebody else removed it at the same moment."""

    code = "limit_gone"


class LimitOfEverybody(BadRequest):
    """The limit of everybody can be changed, not removed: without it nothing would be allowed."""

    code = "limit_of_everybody"


def change_limit(limit: GovernorLimit, values: dict, *, actor: Actor, reason: str) -> LimitChange | None:
    """Change some fields of a limit; return the change that waits, or None when all of it holds at once.

    Waiting changes of the same limit are replaced. Raises ReasonRequired, LimitGone and BadRequest.
    """
    _require_reason(reason)
    require_within(BOUNDS, values)
    with transaction.atomic():
        row = _locked(limit)
        return _change(row, values, "changed", actor, reason)


def add_limit(
    danger: str, role: Role, values: dict, *, actor: Actor, reason: str
) -> tuple[GovernorLimit, LimitChange | None]:
    """Give a role a limit of its own; what is looser than the limits its people have now holds after a while.

    Returns the limit and the change that waits, or None. Raises ReasonRequired, LimitExists and BadRequest.
    """
    _require_reason(reason)
    require_within(BOUNDS, values)
    with transaction.atomic():
        everybodys = GovernorLimit.objects.select_for_update().get(danger=danger, role=None)
        if GovernorLimit.objects.filter(danger=danger, role=role).exists():
            raise LimitExists(f"{role} has such a limit already: change that")
        now = strictest([everybodys, *_others_of(danger, role)])
        row = GovernorLimit.objects.create(danger=danger, role=role, **now)
        return row, _change(row, now | values, "added", actor, reason)


def remove_limit(limit: GovernorLimit, *, actor: Actor, reason: str) -> LimitChange | None:
    """Take away the limit of a role; where its people may do more without it, that holds after a while.

    Returns the change that waits, or None when it is gone. Raises ReasonRequired, LimitOfEverybody and LimitGone.
    """
    _require_reason(reason)
    if limit.role_id is None:
        raise LimitOfEverybody("the limit of everybody cannot be removed, only changed")
    with transaction.atomic():
        row = _locked(limit)
        left = [GovernorLimit.objects.get(danger=row.danger, role=None), *_others_of(row.danger, row.role)]
        is_looser = any(loosens(row, name, value) for it in left for name, value in values_of(it).items())
        if not is_looser:
            record_event("limit_removed", f"Limit of “{row}” removed now: {reason}", actor=actor.name)
            row.delete()
            return None
        row.changes.filter(ended_at=None).update(ended_at=timezone.now(), note="replaced by a later change")
        when = f"in {settings.LIMIT_CHANGE_HOURS} hours"
        record_event("limit_changed", f"Limit of “{row}” will be removed {when}: {reason}", actor=actor.name)
        return _pending(row, {}, actor, reason, removes=True)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonRequired("changing a limit needs a reason", fields={"reason": "is needed"})


def _locked(limit: GovernorLimit) -> GovernorLimit:
    row = GovernorLimit.objects.select_for_update().filter(pk=limit.pk).first()
    if row is None:
        raise LimitGone("somebody has just removed this limit")
    return row


def _others_of(danger: str, role: Role) -> list[GovernorLimit]:
    """Return the limits that members of a role have by their other roles."""
    others = Role.objects.filter(user__groups=role).exclude(pk=role.pk)
    return list(GovernorLimit.objects.filter(danger=danger, role__in=others))


def _change(row: GovernorLimit, values: dict, verb: str, actor: Actor, reason: str) -> LimitChange | None:
    tighter = {name: value for name, value in values.items() if not loosens(row, name, value)}
    looser = {name: value for name, value in values.items() if name not in tighter}
    _set(row, tighter)
    row.changes.filter(ended_at=None).update(ended_at=timezone.now(), note="replaced by a later change")
    pending = _pending(row, looser, actor, reason) if looser else None
    words = _words(tighter, "now") + _words(looser, f"in {settings.LIMIT_CHANGE_HOURS} hours")
    record_event("limit_changed", f"Limit of “{row}” {verb}: {'; '.join(words)}: {reason}", actor=actor.name)
    return pending


def _pending(row: GovernorLimit, values: dict, actor: Actor, reason: str, *, removes: bool = False) -> LimitChange:
    after = timezone.now() + timedelta(hours=settings.LIMIT_CHANGE_HOURS)
    return LimitChange.objects.create(
        limit=row, values=values, removes=removes, actor=actor.name[:200], reason=reason.strip(), effective_at=after
    )


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
    return sum(_apply(pk) for pk in list(due.values_list("pk", flat=True)))


@transaction.atomic
def _apply(pk: int) -> bool:
    # The limit before its change, as whoever changes or removes it locks them.
    GovernorLimit.objects.select_for_update().filter(changes=pk).first()
    change = LimitChange.objects.select_for_update().filter(pk=pk, ended_at=None).first()
    if change is None:
        return False
    words = "removed" if change.removes else f"changed: {'; '.join(_words(change.values, 'now'))}"
    kind = "limit_removed" if change.removes else "limit_loosened"
    record_event(kind, f"Limit of “{change.limit}” {words}, as {change.actor} asked: {change.reason}")
    if change.removes:
        change.limit.delete()  # its changes go with it; the timeline tells of them
        return True
    _set(change.limit, change.values)
    change.ended_at, change.note = timezone.now(), "applied"
    change.save(update_fields=["ended_at", "note"])
    return True


@transaction.atomic
def withdraw(change: LimitChange, *, actor: Actor) -> None:
    """Withdraw a change that does not hold yet."""
    done = LimitChange.objects.filter(pk=change.pk, ended_at=None).update(
        ended_at=timezone.now(), note=f"withdrawn by {actor.name}"
    )
    if done:
        record_event("limit_change_withdrawn", f"Change of “{change.limit}” withdrawn", actor=actor.name)
