"""One decision about several held actions: what a workflow asks of many devices is held device by device.

The rules are those of one (commands.governor.holding). Rows are locked in the order of their ids and looked at again
then, so that of two people who decide at the same moment the second finds nothing left.
"""

from django.db import transaction
from django.utils import timezone

from commands.governor.admission import ConfirmationRequired
from commands.governor.holding import AlreadyOver, check_approver, check_second
from commands.governor.models import HeldAction
from devices.timeline import Actor, record_event, record_events

State = HeldAction.State


def approve_together(held, *, actor: Actor, confirmed: int | None, reason: str = "") -> list[HeldAction]:
    """Approve what waits for a second person in a queryset, all of it or nothing; return those rows.

    ``confirmed`` is the number of devices that the person has agreed to. Raises GovernorRefused (as for one),
    ConfirmationRequired, and AlreadyOver when nothing waits for a second person.
    """
    check_approver(actor)
    with transaction.atomic():
        rows = _locked(held, State.NEEDS_APPROVAL)
        if not rows:
            raise AlreadyOver("nothing of this waits for a second person any more")
        for row in rows:
            check_second(row, actor)
        number = sum(row.device_count for row in rows)
        if number > 1 and confirmed != number:
            raise ConfirmationRequired(
                f"this approves something destructive for {number} devices: confirm that number",
                fields={"confirm": f"must be {number}"},
            )
        _all(rows).update(state=State.DELAYED, approved_by=actor.name[:200], release_at=timezone.now())
        _tell("destructive_approved", rows, f"approved by {actor.name}{_because(reason)}", actor)
    return rows


def cancel_together(held, *, actor: Actor, reason: str = "") -> list[HeldAction]:
    """Cancel what waits in a queryset; return those rows, none where nothing waits."""
    with transaction.atomic():
        rows = _locked(held, *HeldAction.WAITING)
        if not rows:
            return []
        note = f"cancelled by {actor.name}{_because(reason)}"
        _all(rows).update(state=State.CANCELLED, note=note, finished_at=timezone.now())
        _tell("destructive_cancelled", rows, note, actor)
    return rows


def _locked(held, *states: str) -> list[HeldAction]:
    # The conditions of a queryset may join others' rows: these alone are locked, and judged anew by their own state.
    ids = list(held.filter(state__in=states).order_by().values_list("pk", flat=True))
    rows = HeldAction.objects.select_for_update(of=("self",)).filter(pk__in=ids, state__in=states)
    return list(rows.defer("payload_encrypted").select_related("workflow").order_by("id"))


def _all(rows: list[HeldAction]):
    return HeldAction.objects.filter(pk__in=[row.pk for row in rows])


def _because(reason: str) -> str:
    return f": {reason.strip()}" if reason.strip() else ""


def _tell(kind: str, rows: list[HeldAction], what: str, actor: Actor) -> None:
    """Tell the timeline of each device, and once that of the fleet."""
    types = ", ".join(sorted({row.request_type for row in rows}))
    askers = ", ".join(sorted({row.actor for row in rows}))
    ids = [row.workflow.device_id for row in rows if row.workflow]
    record_events(kind, f"{types} of {askers}: {what}", ids, actor=actor.name)
    number = sum(row.device_count for row in rows)
    devices = "1 device" if number == 1 else f"{number} devices"
    record_event(
        kind, f"{types} for {devices} of {askers}, as one decision: {what}", actor=actor.name,
        held_ids=[row.pk for row in rows],
    )  # fmt: skip
