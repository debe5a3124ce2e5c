"""The timeline's rows in bulk: what is written of many devices at once, and how long rows are kept.

Single facts are written by devices.timeline. Rows are only ever added; `delete_old_events` is the one way out, and
says so to the trigger that refuses everything else.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from devices.memberships import Shift
from devices.models import Event

# Beyond that a shift is one fact about the group; who is in it since when is in Membership all the same.
MAX_DEVICES_OF_A_SHIFT = 1000
DELETE_BATCH = 10_000

_SHIFT = """
INSERT INTO devices_event (device_id, at, kind, actor, summary, data)
SELECT t.device_id, statement_timestamp(), t.kind, %s, t.summary, jsonb_build_object('group_id', t.group_id)
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS t(device_id, kind, summary, group_id)"""


def record_shifts(shifts: Sequence[Shift], names: Mapping[int, str], actor: str) -> None:
    """Write who joined and left which groups, on the timelines of the devices: one statement, changes only."""
    rows: list[tuple] = []
    for shift in shifts:
        name = names[shift.group_id]
        if len(shift.joined) + len(shift.left) > MAX_DEVICES_OF_A_SHIFT:
            summary = f"{len(shift.joined):,} devices joined and {len(shift.left):,} left group {name}"
            rows.append((None, "group_members_changed", summary, shift.group_id))
            continue
        rows += [(pk, "group_joined", f"joined group {name}", shift.group_id) for pk in shift.joined]
        rows += [(pk, "group_left", f"left group {name}", shift.group_id) for pk in shift.left]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_SHIFT, [actor[:200], *(list(column) for column in zip(*rows, strict=True))])


def delete_old_events() -> int:
    """Delete events older than EVENT_RETENTION_DAYS, in batches with a transaction each; return how many."""
    limit = timezone.now() - timedelta(days=settings.EVENT_RETENTION_DAYS)
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL espalier.event_retention = 'on'")
            old = Event.objects.filter(at__lt=limit).order_by("at").values("pk")[:DELETE_BATCH]
            number = Event.objects.filter(pk__in=list(old.values_list("pk", flat=True)))._raw_delete("default") or 0
            cursor.execute("SET LOCAL espalier.event_retention = 'off'")
        deleted += number
        if number < DELETE_BATCH:
            return deleted
