"""Plans: what a change would do to which devices and why, before it is made; and making exactly that.

The preview makes the change in a savepoint, has the difference of profiles.desired computed, and undoes it; the
execution makes the same change by the same code, computes the difference again and goes on only when it is the one
that was shown. There is no second way of working it out that could differ.

A change is a dictionary of JSON with ``kind``:

    publish             profile, note?, reason? (in spite of errors of lint), revision? (of the draft; the one at hand
                        when it was shown)
    roll_back           profile, number (of an earlier version), note?
    create_assignment   profile, include, exclude?, version? (its number), priority?, stages?, stage_hours?, ...
    change_assignment   assignment, fields: {any of the above}
    delete_assignment   assignment
    rollout             assignment, step: advance | halt | resume | roll_back
    group_rule          group, rule
    group_members       group, device_ids
    remove_profile      profile
    take_back_profile   profile (that is archived)
"""

import json
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest, Conflict, NotFound
from profiles import changes, left_out
from profiles.desired import DIFFERENCE, Changed, lock_desired, recompute_desired, scope_of
from profiles.models import Plan
from profiles.refusals import refusals
from profiles.rollout import start_rollouts

SHOWN_ITEMS = 100

# Versions by number: that of a version made for the preview is the same when it is made for good, its id is not.
_EFFECT = (
    DIFFERENCE
    + """, named AS MATERIALIZED (
    SELECT f.*, old.number AS old_number, new.number AS new_number FROM difference f
    LEFT JOIN profiles_profileversion old ON old.id = f.old_version_id
    LEFT JOIN profiles_profileversion new ON new.id = f.new_version_id
), shown AS (
    SELECT n.*, p.name AS profile_name, d.id AS device_id, d.name AS device_name, d.serial_number, c.user_short_name,
           c.user_key <> '' AS is_user_channel, coalesce(n.new_assignment_id, n.old_assignment_id) AS by_assignment_id
    FROM named n JOIN devices_channel c ON c.id = n.channel_id JOIN devices_device d ON d.id = c.device_id
    JOIN profiles_profile p ON p.id = n.profile_id
    WHERE n.kind IN ('gains', 'loses', 'changes')
    ORDER BY n.kind, d.name, d.id, n.channel_id, n.identifier LIMIT %(shown)s
), explained AS (
    SELECT s.*, a.is_enabled, a.rollout_state, a.stages[a.stage + 1] AS percent, p.is_archived,
           (SELECT array_agg(g.name ORDER BY g.name) FROM profiles_assignment_include i
            JOIN devices_membership m ON m.group_id = i.group_id AND m.device_id = s.device_id
            JOIN devices_group g ON g.id = i.group_id WHERE i.assignment_id = a.id) AS included_by,
           (SELECT array_agg(g.name ORDER BY g.name) FROM profiles_assignment_exclude x
            JOIN devices_membership m ON m.group_id = x.group_id AND m.device_id = s.device_id
            JOIN devices_group g ON g.id = x.group_id WHERE x.assignment_id = a.id) AS excluded_by,
           (SELECT array_agg(g.name ORDER BY g.name) FROM profiles_assignment_include i
            JOIN devices_group g ON g.id = i.group_id WHERE i.assignment_id = a.id) AS groups
    FROM shown s JOIN profiles_profile p ON p.id = s.profile_id
    LEFT JOIN profiles_assignment a ON a.id = s.by_assignment_id
), counted AS (
    SELECT n.kind, n.profile_id, p.name, n.old_number, n.new_number, count(*) AS number
    FROM named n JOIN profiles_profile p ON p.id = n.profile_id
    WHERE n.kind IN ('gains', 'loses', 'changes')
    GROUP BY n.kind, n.profile_id, p.name, n.old_number, n.new_number
), """
    + left_out.LEFT_OUT.format(rows="named")
    + """, digested AS (
    SELECT sha256(convert_to(coalesce(string_agg(
        concat_ws(':', channel_id, profile_id, kind, old_number, new_number, new_assignment_id, refusal), ' '
        ORDER BY channel_id, identifier), ''), 'UTF8')) AS digest
    FROM named
)
SELECT (SELECT digest FROM digested),
       (SELECT count(DISTINCT c.device_id) FROM named n JOIN devices_channel c ON c.id = n.channel_id
        WHERE n.kind IN ('gains', 'loses', 'changes')),
       (SELECT jsonb_agg(to_jsonb(counted) ORDER BY kind, profile_id, old_number, new_number) FROM counted),
       (SELECT jsonb_agg(to_jsonb(explained) ORDER BY kind, device_name, device_id, channel_id, identifier)
        FROM explained),
       (SELECT jsonb_agg(to_jsonb(losing) ORDER BY identifier, profile_id) FROM (
            SELECT identifier, profile_id, jsonb_agg(channel_id ORDER BY channel_id) AS channels
            FROM named WHERE kind = 'loses' GROUP BY identifier, profile_id) losing),
"""
    + left_out.SELECT
)


class StalePlan(Conflict):
    """The world has moved since the plan was shown: look at a new one."""

    code = "stale"


@dataclass(frozen=True)
class Effect:
    """What a change does: a digest of all of it, and a summary with the first items."""

    digest: bytes
    summary: dict


def plan(change: dict, *, actor: Actor) -> Plan:
    """Work out what a change would do and keep it as a plan that may be applied; nothing is changed."""
    change = changes.complete(change)
    with transaction.atomic():
        lock_desired()
        effect = _effect(changes.carry_out(change, actor))
        transaction.set_rollback(True)
    return Plan.objects.create(change=change, base_hash=effect.digest, summary=effect.summary, created_by=actor.name)


def apply_plan(token: UUID | str, *, actor: Actor) -> Changed:
    """Do what a plan showed, and nothing else; raise StalePlan when it would by now do something else."""
    with transaction.atomic():
        row = Plan.objects.select_for_update().filter(token=token).first()
        if row is None:
            raise NotFound("there is no such plan")
        if row.applied_at is not None:
            raise Conflict("this plan was applied before")
        changes.require_allowed(row.change)
        lock_desired()
        profile_ids = _carry_out(row.change, actor)
        if _effect(profile_ids).digest != bytes(row.base_hash):
            raise StalePlan("devices, groups or assignments changed since this plan was shown")
        changed = recompute_desired(profile_ids=profile_ids)
        changes.finish(row.change, actor)
        Plan.objects.filter(pk=row.pk).update(applied_at=timezone.now())
        record_event(
            "plan_applied", f"plan applied: {row.change['kind'].replace('_', ' ')}",
            actor=actor.name, plan=str(row.token), counts=row.summary["counts"],
        )  # fmt: skip
    return changed


def _carry_out(change: dict, actor: Actor) -> set[int]:
    """Make the change of a plan; that it can no longer be made is one more way of being stale."""
    try:
        return changes.carry_out(change, actor)
    except (NotFound, Conflict, BadRequest) as error:
        raise StalePlan(f"this can no longer be done: {error.detail}", fields=error.fields) from error


def _effect(profile_ids: set[int]) -> Effect:
    start_rollouts(profile_ids)
    with connection.cursor() as cursor:
        scope = scope_of(profile_ids)
        found = refusals(scope["profiles"], scope["devices"])
        cursor.execute(_EFFECT, scope | found | {"shown": SHOWN_ITEMS, "left_out": left_out.SHOWN})
        digest, device_count, *parts = cursor.fetchone()
    return Effect(bytes(digest), _summary(device_count, *(json.loads(part or "[]") for part in parts)))


def _summary(
    device_count: int, counted: list[dict], explained: list[dict], losing: list[dict], rows_left_out: list[dict]
) -> dict:
    counts = {"gains": 0, "loses": 0, "changes": 0}
    for row in counted:
        counts[row["kind"]] += row["number"]
    profiles = [
        {
            "kind": row["kind"], "profile": row["profile_id"], "name": row["name"],
            "from_version": row["old_number"], "to_version": row["new_number"], "count": row["number"],
        }
        for row in counted
    ]  # fmt: skip
    return {
        "counts": counts,
        "devices": device_count,
        "profiles": profiles,
        "items": [_item(row) for row in explained],
        "is_complete": sum(counts.values()) == len(explained),
        "losing": losing,
        "left_out": [left_out.told(row) for row in rows_left_out],
    }


def _item(row: dict) -> dict:
    return {
        "kind": row["kind"],
        "device": row["device_id"],
        "device_name": row["device_name"],
        "serial_number": row["serial_number"],
        "channel": row["user_short_name"] or "user" if row["is_user_channel"] else "device",
        "profile": row["profile_id"],
        "profile_name": row["profile_name"],
        "identifier": row["identifier"],
        "from_version": row["old_number"],
        "to_version": row["new_number"],
        "why": _why(row),
    }


def _why(row: dict) -> str:
    """Say in words why an item comes, goes or changes."""
    if row["kind"] != "loses":
        return f"in {_listed(row['included_by'])}{_stage(row)}"
    if row["is_archived"]:
        return "the profile is withdrawn"
    if row["is_enabled"] is None:
        return "its assignment is gone"
    if not row["is_enabled"]:
        return "its assignment ends or is switched off"
    if row["excluded_by"]:
        return f"excluded by {_listed(row['excluded_by'])}"
    if row["included_by"]:
        return f"in {_listed(row['included_by'])}{_stage(row)}, but no version is left for it"
    return f"no longer in {_listed(row['groups'])}"


def _stage(row: dict) -> str:
    states = {
        "running": f"; the rollout is at {row['percent']}%",
        "halted": f"; the rollout is halted at {row['percent']}%",
        "rolled_back": "; rolled back",
    }
    return states.get(row["rollout_state"], "")


def _listed(names: list[str] | None) -> str:
    quoted = [f"“{name}”" for name in names or []]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), *quoted[-1:]])) or "none of its groups"
