"""Writing what devices told into columns of Device: many devices, different columns for each, one statement."""

import json
from collections.abc import Iterable

from django.db import connection

from devices import outbox
from devices.changes import tell_changed
from devices.models import Device

# jsonb_populate_record starts from the row itself: a column that was not told keeps its value. The rows are locked,
# so nothing can come between reading and writing them.
_WRITE = """
UPDATE devices_device d SET {assignments}
FROM (
    SELECT was.id, was AS had, jsonb_populate_record(was, t.told) AS made
    FROM jsonb_to_recordset(%s::jsonb) AS t(id bigint, told jsonb) JOIN devices_device was ON was.id = t.id
) n
WHERE d.id = n.id AND d IS DISTINCT FROM n.made
RETURNING d.id, ({had}) IS DISTINCT FROM ({made})"""
# What decides which profiles a device can use.
DECISIVE = (
    *("platform", "os_version", "is_supervised"),
    *("is_user_approved_enrollment", "is_ade_enrolled", "is_user_enrollment"),
)
FACTS_CHANGED = "facts_changed"
_HAD, _MADE = (", ".join(f"(n.{row}).{column}" for column in DECISIVE) for row in ("had", "made"))


def lock_devices(device_ids: Iterable[int]) -> None:
    """Lock the devices of a batch in the order of their ids, so that two batches wait for each other but never both."""
    locked = Device.objects.filter(id__in=set(device_ids)).order_by("id").select_for_update(no_key=True)
    list(locked.values_list("id"))


def write_columns(told: dict[int, dict]) -> None:
    """Write {device id: {column: value}}; the devices must be locked. Unchanged rows are not rewritten, nor told of.

    Where one of DECISIVE changed, apps further right are told so in a row of its own.
    """
    columns = sorted({column for values in told.values() for column in values})
    if not columns:
        return
    quoted = [connection.ops.quote_name(column) for column in columns]
    assignments = ", ".join(f"{column} = (n.made).{column}" for column in quoted)
    rows = [{"id": device_id, "told": values} for device_id, values in told.items()]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE.format(assignments=assignments, had=_HAD, made=_MADE), [json.dumps(rows)])
        changed = cursor.fetchall()
    tell_changed(device_id for device_id, _is_decisive in changed)
    decisive = sorted(device_id for device_id, is_decisive in changed if is_decisive)
    if decisive:
        outbox.post(FACTS_CHANGED, {"device_ids": decisive})
