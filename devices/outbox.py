"""The outbox: what must be told to apps further right, written in the transaction it is about, done by a worker.

`post` is called by whoever changed something; apps to the right register what they do about it with `handles`, when
they are loaded. Nothing is lost when Redis is down or a worker dies: the row stays until a handler succeeded, and a
handler may therefore see a payload twice.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, FloatField, Min, Q, Value
from django.db.models.functions import Now, Power
from django.utils import timezone

from devices.isolation import work_isolated
from devices.models import Outbox
from mdm_project.kicker import Kicker

_drainer = Kicker("devices.drain_outbox")

MAX_ATTEMPTS = 8
# After the first failure 40 s from the beginning, then four times that, until after 45 hours it is left to people.
FIRST_RETRY = timedelta(seconds=10)
RETRY_FACTOR = 4.0
DONE_RETENTION = timedelta(days=3)

Handler = Callable[[list[dict]], object]
_handlers: dict[str, list[Handler]] = defaultdict(list)


class NobodyHandles(LookupError):
    """No loaded app has registered for this kind."""


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Register a function for a kind of row; it gets the payloads of many rows, oldest first, perhaps a second time."""

    def register(handler: Handler) -> Handler:
        if handler not in _handlers[kind]:
            _handlers[kind].append(handler)
        return handler

    return register


def post(kind: str, payload: dict) -> Outbox:
    """Write a row in the running transaction and have it drained once that is committed."""
    row = Outbox.objects.create(kind=kind, payload=payload)
    transaction.on_commit(_drainer.kick)
    return row


def drain(limit: int = 500) -> int:
    """Handle rows that are due, at most ``limit`` of a kind; return how many were taken. Other workers take other rows.

    Each kind has a transaction of its own: handlers lock what they are about, and in one transaction the locks of one
    kind would be held while another's are waited for, in whatever order the rows came.
    """
    first = _due().order_by().values("kind").annotate(first=Min("id")).order_by("first")
    return sum(_drain_kind(kind, limit) for kind in first.values_list("kind", flat=True))


@transaction.atomic
def _drain_kind(kind: str, limit: int) -> int:
    rows = list(_due().filter(kind=kind).select_for_update(skip_locked=True)[:limit])
    _mark(rows, work_isolated(rows, _handle))
    return len(rows)


def delete_done() -> int:
    """Delete rows that were handled some time ago; those that failed stay for people to see. Returns how many."""
    deleted, _ = Outbox.objects.filter(done_at__lt=timezone.now() - DONE_RETENTION).delete()
    return deleted


def _due():
    pause = Value(FIRST_RETRY) * Power(Value(RETRY_FACTOR), F("attempts"), output_field=FloatField())
    due_at = ExpressionWrapper(F("created_at") + ExpressionWrapper(pause, DurationField()), DateTimeField())
    waiting = Outbox.objects.filter(done_at=None, attempts__lt=MAX_ATTEMPTS).alias(due_at=due_at)
    return waiting.filter(Q(attempts=0) | Q(due_at__lte=Now())).order_by("id")


def _handle(rows: Sequence[Outbox]) -> None:
    handlers = _handlers.get(rows[0].kind)
    if not handlers:
        raise NobodyHandles(f"no app handles {rows[0].kind!r}")
    for handler in handlers:
        handler([row.payload for row in rows])


def _mark(rows: list[Outbox], failed: list[tuple[Outbox, Exception]]) -> None:
    errors = {row.pk: f"{type(error).__name__}: {error}"[:2000] for row, error in failed}
    done = [row.pk for row in rows if row.pk not in errors]
    Outbox.objects.filter(pk__in=done).update(done_at=timezone.now(), attempts=F("attempts") + 1, error="")
    for row, _error in failed:
        row.attempts += 1
        row.error = errors[row.pk]
    Outbox.objects.bulk_update([row for row, _error in failed], ["attempts", "error"])
