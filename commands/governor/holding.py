"""Held actions: approving, cancelling, and carrying out when their time has come."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, Min, Sum
from django.db.models.expressions import RawSQL
from django.utils import timezone

from commands.applicability import candidates_of, split
from commands.governor.admission import WINDOW, GovernorRefused, Permit, Stopped, lock
from commands.governor.models import GovernorLimit, HeldAction, KillSwitch
from commands.meanings import Danger
from devices.isolation import work_isolated
from devices.models import Channel
from devices.staff import is_in_others_hands
from devices.timeline import Actor, record_event
from mdm_project import plist
from mdm_project.crypto import unseal
from mdm_project.errors import Conflict, EspalierError

State = HeldAction.State
MAY_ASK = "commands.add_command"
MAY_APPROVE = "commands.approve_destructive"


class AlreadyOver(Conflict):
    code = "already_over"


def approve(held: HeldAction, *, actor: Actor) -> None:
    """Let a second person agree; raises GovernorRefused for the asker, for a new account and without the permission."""
    check_approver(actor)
    with transaction.atomic():
        row = _open(held, State.NEEDS_APPROVAL)
        check_second(row, actor)
        row.state, row.approved_by, row.release_at = State.DELAYED, actor.name[:200], timezone.now()
        row.save(update_fields=["state", "approved_by", "release_at"])
        record_event("destructive_approved", f"{row} of {row.actor} approved", actor=actor.name, held_id=row.pk)


def check_approver(actor: Actor) -> None:
    """Raise GovernorRefused unless somebody may approve what others ask: the permission, and an account long theirs."""
    user, hours = actor.user, settings.APPROVER_AGE_HOURS
    if user is None or not user.has_perm(MAY_APPROVE):
        raise GovernorRefused("only staff with the permission to approve destructive actions can do this")
    if is_in_others_hands(user, timezone.now() - timedelta(hours=hours)):
        raise GovernorRefused(
            f"to approve, an account, its roles and a password that somebody else set must be {hours} hours old"
        )


def check_second(row: HeldAction, actor: Actor) -> None:
    """Raise GovernorRefused for who asked: whatever session or token, an account is one person."""
    if row.user_id == actor.user.pk:
        raise GovernorRefused("a second person has to approve this, not the one who asked")


def cancel(held: HeldAction, *, actor: Actor, reason: str = "") -> None:
    """Cancel what waits; anybody who may send commands can, for that harms nobody."""
    with transaction.atomic():
        row = _open(held, *HeldAction.WAITING)
        note = f"cancelled by {actor.name}" + (f": {reason}" if reason else "")
        _finish(row, State.CANCELLED, note)
        record_event("destructive_cancelled", f"{row} of {row.actor} {note}", actor=actor.name, held_id=row.pk)


def _open(held: HeldAction, *states: str) -> HeldAction:
    row = HeldAction.objects.select_for_update().get(pk=held.pk)
    if row.state not in states:
        raise AlreadyOver(f"too late: {row.words}")
    return row


def _finish(row: HeldAction, state: str, note: str = "") -> None:
    row.state, row.note, row.finished_at = state, note, timezone.now()
    row.save(update_fields=["state", "note", "finished_at", "command"])


def release_due() -> int:
    """Carry out what may go now, and end what nobody approved; return how many. Nothing goes while the switch is on."""
    now = timezone.now()
    for row in HeldAction.objects.filter(state=State.NEEDS_APPROVAL, expires_at__lte=now):
        _expire(row.pk)
    if KillSwitch.objects.filter(lifted_at=None).exists():
        return 0
    due = HeldAction.objects.filter(state=State.DELAYED, release_at__lte=now).order_by("release_at", "id")
    due = list(due.values_list("pk", flat=True))
    for pk in due:
        for _item, error in work_isolated([pk], lambda one: _release(one[0])):
            # One that cannot be carried out stands in nobody's way.
            _give_up(pk, f"{type(error).__name__}; the log of the worker says where")
    return len(due)


def _give_up(pk: int, note: str) -> None:
    with transaction.atomic():
        row = HeldAction.objects.select_for_update().get(pk=pk)
        _finish(row, State.FAILED, note)
        record_event("destructive_failed", f"{row} of {row.actor}: {note}", held_id=row.pk)


def _expire(pk: int) -> None:
    with transaction.atomic():
        row = HeldAction.objects.select_for_update(skip_locked=True).filter(pk=pk, state=State.NEEDS_APPROVAL).first()
        if row is not None:
            _finish(row, State.EXPIRED)
            record_event("destructive_expired", f"{row} of {row.actor}: nobody approved", held_id=row.pk)


def _release(pk: int) -> None:
    with transaction.atomic():
        row = HeldAction.objects.select_for_update(skip_locked=True).filter(pk=pk, state=State.DELAYED).first()
        if row is None or _waits_for_its_hour(row):
            return
        try:
            with transaction.atomic():
                row.command = _carry_out(row)
        except Stopped:
            return  # it waits on, until somebody lets it
        except EspalierError as error:
            _finish(row, State.FAILED, error.detail)
            record_event("destructive_failed", f"{row} of {row.actor}: {error.detail}", held_id=row.pk)
        else:
            _finish(row, State.RELEASED)


def _waits_for_its_hour(row: HeldAction) -> bool:
    """Put off what would make more go out within an hour than everybody together may: held actions pile up."""
    lock()
    limit = GovernorLimit.objects.filter(danger=row.danger, role=None).first()
    since = timezone.now() - WINDOW
    gone = HeldAction.objects.filter(danger=row.danger, state=State.RELEASED, finished_at__gt=since)
    sums = gone.aggregate(number=Sum("device_count"), first=Min("finished_at"))
    if limit is None or not sums["number"] or sums["number"] + row.device_count <= limit.in_all:
        return False
    row.release_at = sums["first"] + WINDOW
    row.save(update_fields=["release_at"])
    return True


def held_of_device(device_id: int):
    """Return the waiting held actions that mean a device, the next one first: one statement."""
    of_device = "channel_ids @> ANY (SELECT to_jsonb(c.id) FROM devices_channel c WHERE c.device_id = %s)"
    waiting = HeldAction.objects.filter(finished_at=None)
    return waiting.filter(RawSQL(of_device, [device_id], output_field=BooleanField())).order_by("release_at", "id")


def _carry_out(row: HeldAction):
    """Queue it for those who can still take it, if the asker may still ask."""
    from commands.asking import carry_out

    user = row.user
    if row.origin in ("staff", "api") and not (user and user.is_active and user.has_perm(MAY_ASK)):
        raise GovernorRefused(f"{row.actor} may no longer send commands")
    payload = plist.loads(unseal(bytes(row.payload_encrypted), row.payload_context))
    # A device that has enrolled again meanwhile may be somebody else's by now.
    channels = Channel.objects.filter(pk__in=row.channel_ids, enrollment__authenticated_at__lte=row.created_at)
    if user is not None:
        channels = channels.visible_to(user)
    fit, refused = split(row.request_type, candidates_of(channels.reachable()), payload)
    options = dict(row.options)
    if options.get("expires_at"):
        options["expires_at"] = datetime.fromisoformat(options["expires_at"])
    return carry_out(
        row.request_type, payload, fit, refused, actor=Actor(row.actor, row.origin, user), reason=row.reason,
        permit=Permit(frozenset({Danger(row.danger)}), len(fit)), **options,
    )  # fmt: skip
