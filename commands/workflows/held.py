"""What the governor holds of a workflow on many devices: reading it by batch, and deciding on it at once.

The governor holds it device by device, and is asked here for one decision about all that a person may see of it
(commands.governor.together). What goes beyond the limits is held later, and decided on then.
"""

from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from commands.governor.holding import AlreadyOver
from commands.governor.models import HeldAction
from commands.governor.together import approve_together, cancel_together
from commands.workflows.models import Workflow, WorkflowBatch
from commands.workflows.notice import look_soon
from devices.models import Device
from devices.timeline import Actor

State = HeldAction.State


@dataclass(frozen=True)
class Decision:
    """On how many devices was decided, and on how many not, because the person may not see them."""

    decided: int
    left: int

    @property
    def words(self) -> str:
        """Say on how many, and how many were left."""
        on = "1 device" if self.decided == 1 else f"{self.decided:,} devices"
        others = "1 other device" if self.left == 1 else f"{self.left:,} other devices"
        return f"{on}. {others} wait on: you may not see them" if self.left else on


@dataclass
class Waiting:
    """Held actions shown as one: those of a batch, or a single one (then ``batch`` is None)."""

    batch: WorkflowBatch | None
    rows: list[HeldAction] = field(default_factory=list)
    named: list[Device] = field(default_factory=list)  # the first of its devices, and how many others there are
    others: int = 0

    def __str__(self):
        number = self.device_count
        return f"{self.request_types or 'nothing'} for {'1 device' if number == 1 else f'{number:,} devices'}"

    @property
    def words_to_approve(self) -> str:
        """Say what waits for a second person."""
        return str(Waiting(self.batch, self.to_approve))

    @property
    def first(self) -> HeldAction:
        return self.rows[0]

    @property
    def request_types(self) -> str:
        return ", ".join(sorted({row.request_type for row in self.rows}))

    @property
    def dangers(self) -> str:
        return ", ".join(sorted({row.get_danger_display() for row in self.rows}))

    @property
    def device_count(self) -> int:
        return sum(row.device_count for row in self.rows)

    @property
    def number_to_approve(self) -> int:
        """How many devices wait for a second person."""
        return sum(row.device_count for row in self.to_approve)

    @property
    def number_with_time(self) -> int:
        """How many devices wait for their time."""
        return self.device_count - self.number_to_approve

    @property
    def to_approve(self) -> list[HeldAction]:
        return [row for row in self.rows if row.state == State.NEEDS_APPROVAL]

    @property
    def with_time(self) -> list[HeldAction]:
        return [row for row in self.rows if row.state == State.DELAYED]

    @property
    def expires_at(self):
        """When the first of those that need approval ends."""
        return min((row.expires_at for row in self.to_approve), default=None)

    @property
    def release_at(self):
        """When the first of those that wait for their time goes out."""
        return min((row.release_at for row in self.with_time), default=None)

    @property
    def approvers(self) -> str:
        return ", ".join(sorted({row.approved_by for row in self.with_time if row.approved_by}))


def waiting_by_batch(user) -> list[Waiting]:
    """Return what waits and a person may see, oldest first, that of a batch together: one statement."""
    rows = HeldAction.objects.visible_to(user).waiting().select_related("workflow__batch").defer(
        "payload_encrypted", "workflow__parameters_encrypted", "workflow__batch__parameters_encrypted",
        "workflow__batch__left_out",
    )  # fmt: skip
    groups: dict[tuple[str, int], Waiting] = {}
    for row in rows.order_by("id"):
        batch = row.workflow.batch if row.workflow else None
        key = ("batch", batch.pk) if batch else ("held", row.pk)
        groups.setdefault(key, Waiting(batch)).rows.append(row)
    return list(groups.values())


def waiting_of(batch: WorkflowBatch, user) -> Waiting:
    """Return what waits of a batch, on the devices that a person may see."""
    return Waiting(batch, list(_held_of(batch, user).defer("payload_encrypted").order_by("id")))


def approve_held(
    batch: WorkflowBatch, user, *, actor: Actor, confirmed: int | None = None, reason: str = ""
) -> Decision:
    """Approve all of a batch that waits for a second person; ``confirmed`` is the number of devices that was seen.

    Raises what `approve_together` raises; nothing of the batch is approved then.
    """
    with transaction.atomic():
        rows = approve_together(_held_of(batch, user), actor=actor, confirmed=confirmed, reason=reason)
        return _decided(batch, user, rows, (State.NEEDS_APPROVAL,))


def cancel_held(batch: WorkflowBatch, user, *, actor: Actor, reason: str = "") -> Decision:
    """Cancel all of a batch that is held; its workflows fail by that. Raises AlreadyOver when nothing waits."""
    with transaction.atomic():
        rows = cancel_together(_held_of(batch, user), actor=actor, reason=reason)
        if not rows:
            raise AlreadyOver("nothing of this is held any more")
        return _decided(batch, user, rows, HeldAction.WAITING)


def _held_of(batch: WorkflowBatch, user):
    return HeldAction.objects.visible_to(user).waiting().filter(workflow__batch=batch)


def _decided(batch: WorkflowBatch, user, rows: list[HeldAction], states) -> Decision:
    others = HeldAction.objects.filter(workflow__batch=batch, state__in=states).exclude(pk__in=[row.pk for row in rows])
    seen = HeldAction.objects.visible_to(user).order_by().values("pk")
    _look_at([row.workflow_id for row in rows])
    return Decision(sum(row.device_count for row in rows), others.exclude(pk__in=seen).count())


def _look_at(workflow_ids: list[int]) -> None:
    """Have workflows looked at soon, after the commit: who moves one on locks it before what is held of it."""

    def wish() -> None:
        with transaction.atomic():
            rows = Workflow.objects.select_for_update(skip_locked=True, of=("self",)).running()
            ids = list(rows.filter(pk__in=workflow_ids).order_by("id").values_list("pk", flat=True))
            Workflow.objects.filter(pk__in=ids).update(due_at=timezone.now())
            look_soon()

    transaction.on_commit(wish)
