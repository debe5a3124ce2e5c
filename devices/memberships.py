"""Who is in a group: the difference between what is and what should be, written by one statement.

Used under the lock on the group's row, which devices.groups takes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from devices import outbox
from devices.querysets import DeviceQuerySet

MEMBERSHIPS_CHANGED = "memberships_changed"

# NOT IN, because it is hashed whatever the planner expects; NOT EXISTS was seen as a nested loop over 10,000 x 10,000
# when it expected few devices of a rule. No column here is null. A device that is deleted in this moment is not
# inserted: FOR KEY SHARE waits for it, in the order of ids, as the foreign key would later without any.
_DIFFERENCE = """
WITH wanted AS MATERIALIZED ({wanted}),
present AS MATERIALIZED (SELECT m.device_id FROM devices_membership m WHERE m.group_id = %s {within}),
gone AS (
    DELETE FROM devices_membership m
    WHERE m.group_id = %s {within} AND m.device_id NOT IN (SELECT w.id FROM wanted w)
    RETURNING m.device_id
), come AS (
    INSERT INTO devices_membership (group_id, device_id, since)
    SELECT %s, d.id, now() FROM devices_device d JOIN wanted w ON w.id = d.id
    WHERE d.id NOT IN (SELECT p.device_id FROM present p)
    ORDER BY d.id FOR KEY SHARE OF d
    RETURNING device_id
)
SELECT device_id, TRUE FROM come UNION ALL SELECT device_id, FALSE FROM gone ORDER BY 1"""
_WITHIN = "AND m.device_id = ANY(%s)"


@dataclass(frozen=True)
class Shift:
    """Which devices joined a group and which left it."""

    group_id: int
    joined: tuple[int, ...] = ()
    left: tuple[int, ...] = ()

    @property
    def device_ids(self) -> tuple[int, ...]:
        return self.joined + self.left


def work_out_members(group_id: int, wanted: DeviceQuerySet, within: Sequence[int] | None = None) -> Shift:
    """Make the wanted devices the members; with ``within``, only these devices join or leave."""
    if within is not None:
        wanted = wanted.filter(pk__in=within)
    sql, params = wanted.order_by().values("id").query.sql_with_params()
    return _write(group_id, sql, params, within)


def choose_members(group_id: int, device_ids: Iterable[int], within: Sequence[int] | None = None) -> Shift:
    """Make the devices with these ids the members, as work_out_members does; ids of no device are passed over."""
    return _write(group_id, "SELECT DISTINCT unnest(%s::bigint[]) AS id", (list(device_ids),), within)


def announce(shifts: Sequence[Shift]) -> None:
    """Tell other apps of what changed, in one row."""
    if not shifts:
        return
    device_ids = {device_id for shift in shifts for device_id in shift.device_ids}
    group_ids = sorted({shift.group_id for shift in shifts})
    outbox.post(MEMBERSHIPS_CHANGED, {"group_ids": group_ids, "device_ids": sorted(device_ids)})


def _write(group_id: int, sql: str, params: Sequence, within: Sequence[int] | None) -> Shift:
    members = [group_id] if within is None else [group_id, list(within)]
    statement = _DIFFERENCE.format(wanted=sql, within="" if within is None else _WITHIN)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, *members, *members, group_id])
        rows = cursor.fetchall()
    joined = tuple(device_id for device_id, has_joined in rows if has_joined)
    return Shift(group_id, joined, tuple(device_id for device_id, has_joined in rows if not has_joined))
