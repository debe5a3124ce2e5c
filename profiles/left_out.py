"""Who is left out: devices that are meant to have a profile and cannot use it, by reason.

For plans, which show what a change would do, and for the answer to whoever makes an assignment.
"""

import json

from django.db import connection, transaction

from profiles.applicability import WAITS
from profiles.desired import DIFFERENCE, scope_of
from profiles.models import Assignment
from profiles.refusals import refusals
from profiles.rollout import start_rollouts

SHOWN = 20

# Of rows with channel_id, profile_id and refusal; named by the statement that this is a part of.
LEFT_OUT = """left_out AS (
    SELECT n.refusal AS reason, n.profile_id, p.name AS profile_name, count(DISTINCT c.device_id) AS number,
           (array_agg(DISTINCT c.device_id ORDER BY c.device_id))[1:%(left_out)s] AS first
    FROM {rows} n JOIN devices_channel c ON c.id = n.channel_id JOIN profiles_profile p ON p.id = n.profile_id
    WHERE n.refusal <> '' GROUP BY n.refusal, n.profile_id, p.name
), left_out_named AS (
    SELECT l.*, (SELECT jsonb_agg(jsonb_build_object('device', d.id, 'device_name', d.name,
                                                     'serial_number', d.serial_number) ORDER BY d.name, d.id)
                 FROM devices_device d WHERE d.id = ANY(l.first)) AS devices
    FROM left_out l
)"""
SELECT = "(SELECT jsonb_agg(to_jsonb(left_out_named) ORDER BY number DESC, reason, profile_id) FROM left_out_named)"

_BY_ASSIGNMENT = f"""{DIFFERENCE}, of_it AS (
    SELECT * FROM judged WHERE assignment_id = %(assignment)s
), {LEFT_OUT.format(rows="of_it")}
SELECT {SELECT}"""


def left_out_by(assignment: Assignment) -> list[dict]:
    """Return whom an assignment leaves out as it will be computed, its first stage begun; nothing is changed."""
    with transaction.atomic():
        start_rollouts([assignment.profile_id])
        scope = scope_of([assignment.profile_id])
        found = refusals(scope["profiles"], scope["devices"])
        with connection.cursor() as cursor:
            cursor.execute(_BY_ASSIGNMENT, scope | found | {"left_out": SHOWN, "assignment": assignment.pk})
            (rows,) = cursor.fetchone()
        transaction.set_rollback(True)
    return [told(row) for row in json.loads(rows or "[]")]


def told(row: dict) -> dict:
    """Tell of devices that are meant and get nothing: why, how many, and the first of them."""
    return {
        "reason": row["reason"],
        "is_waiting": row["reason"].startswith(WAITS),
        "profile": row["profile_id"],
        "profile_name": row["profile_name"],
        "count": row["number"],
        "devices": row["devices"],
    }
