"""What every channel should have, computed in sets: assignments x members of groups x channels, less exclusions.

Owns DesiredItem. One statement computes the difference between what is wanted and what is written down; a preview
reads it, `recompute_desired` writes it, and both are the same text. What devices really have, and acting on it, is the
reconciler's (commands.reconcile).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import connection, transaction

from mdm_project.kicker import Kicker
from mdm_project.locks import Lock, take
from profiles import traits
from profiles.models import Assignment
from profiles.refusals import refusals
from profiles.rollout import start_rollouts

_reconciler = Kicker("commands.reconcile")

KINDS = ("gains", "loses", "changes", "refused", "forgets")

# Where a device stands in every rollout of an assignment: from 0 to 99, for good, and different in each assignment,
# so that it is not always the same devices that go first.
_BUCKET = (
    "('x' || left(encode(sha256(convert_to({device} || ':' || {assignment}, 'UTF8')), 'hex'), 7))::bit(28)::int %% 100"
)

# scoped -> active -> member -> wanted -> judged -> difference.
# An assignment that has no version for a device (nothing published; not in the stage and nothing before) says nothing
# about it, so that one of lower priority may. One with stages whose first has not begun has none for anybody, even
# where it was committed between the start of rollouts and this statement. Of equal identifiers the higher priority
# wins, then the older assignment. What a device cannot use (see profiles.refusals) is wanted with a refusal.
DIFFERENCE = """
WITH active AS MATERIALIZED (
    SELECT a.id, a.profile_id, a.priority, a.sends_anyway, p.identifier, p.scope,
           CASE WHEN a.rollout_state IN ('running', 'halted') THEN a.stages[a.stage + 1] END AS percent,
           CASE a.rollout_state
                WHEN 'none' THEN CASE WHEN cardinality(a.stages) = 0 THEN coalesce(a.version_id, newest.id) END
                WHEN 'rolled_back' THEN a.previous_version_id
                ELSE a.rollout_version_id END AS version_id,
           a.previous_version_id
    FROM profiles_assignment a JOIN profiles_profile p ON p.id = a.profile_id
    LEFT JOIN LATERAL (SELECT v.id FROM profiles_profileversion v WHERE v.profile_id = p.id
                       ORDER BY v.number DESC LIMIT 1) newest ON true
    WHERE a.is_enabled AND NOT p.is_archived
      AND (%(profiles)s::bigint[] IS NULL OR a.profile_id = ANY(%(profiles)s::bigint[]))
), excluded AS MATERIALIZED (
    SELECT x.assignment_id, m.device_id FROM profiles_assignment_exclude x
    JOIN active a ON a.id = x.assignment_id JOIN devices_membership m ON m.group_id = x.group_id
), member AS MATERIALIZED (
    SELECT i.assignment_id, m.device_id FROM profiles_assignment_include i
    JOIN active a ON a.id = i.assignment_id JOIN devices_membership m ON m.group_id = i.group_id
    WHERE %(devices)s::bigint[] IS NULL OR m.device_id = ANY(%(devices)s::bigint[])
    EXCEPT SELECT assignment_id, device_id FROM excluded
), candidate AS (
    SELECT c.id AS channel_id, a.identifier, a.profile_id, a.id AS assignment_id, a.priority, a.sends_anyway,
           CASE WHEN a.percent IS NULL OR {bucket} < a.percent THEN a.version_id
                ELSE a.previous_version_id END AS version_id
    FROM member m JOIN active a ON a.id = m.assignment_id
    JOIN devices_channel c ON c.device_id = m.device_id AND c.state <> 2 AND (c.user_key = '') = (a.scope = 'System')
    JOIN devices_enrollment e ON e.id = c.enrollment_id AND e.is_current AND e.state = 'enrolled'
), wanted AS MATERIALIZED (
    SELECT DISTINCT ON (channel_id, identifier) channel_id, identifier, profile_id, version_id, assignment_id,
           sends_anyway
    FROM candidate WHERE version_id IS NOT NULL
    ORDER BY channel_id, identifier, priority DESC, assignment_id
), refused AS MATERIALIZED (
    SELECT * FROM unnest(%(refused_versions)s::bigint[], %(refused_traits)s::int[], %(refusals)s::text[],
                         %(refusals_anyway)s::text[]) AS r(version_id, trait, why, why_anyway)
), trait AS MATERIALIZED (
    SELECT c.id AS channel_id, (%(traits)s::jsonb ->> {traits})::int AS trait FROM {channels}
    WHERE EXISTS (SELECT FROM refused) AND e.is_current AND e.state = 'enrolled'
      AND (%(devices)s::bigint[] IS NULL OR c.device_id = ANY(%(devices)s::bigint[]))
), judged AS MATERIALIZED (
    SELECT w.*, coalesce(CASE WHEN w.sends_anyway THEN r.why_anyway ELSE r.why END, '') AS refusal
    FROM wanted w LEFT JOIN trait t USING (channel_id)
    LEFT JOIN refused r ON r.version_id = w.version_id AND r.trait = t.trait
), written AS MATERIALIZED (
    SELECT d.* FROM profiles_desireditem d JOIN devices_channel c ON c.id = d.channel_id
    WHERE (%(profiles)s::bigint[] IS NULL OR d.profile_id = ANY(%(profiles)s::bigint[]))
      AND (%(devices)s::bigint[] IS NULL OR c.device_id = ANY(%(devices)s::bigint[]))
), difference AS MATERIALIZED (
    SELECT d.id AS item_id, channel_id, identifier, coalesce(w.profile_id, d.profile_id) AS profile_id,
           d.version_id AS old_version_id, w.version_id AS new_version_id,
           d.assignment_id AS old_assignment_id, w.assignment_id AS new_assignment_id,
           coalesce(w.refusal, '') AS refusal,
           CASE WHEN w.refusal <> '' THEN 'refused'
                WHEN w.version_id IS NULL THEN CASE d.refusal WHEN '' THEN 'loses' ELSE 'forgets' END
                WHEN d.id IS NULL OR d.refusal <> '' THEN 'gains'
                WHEN w.version_id <> d.version_id THEN 'changes' ELSE 'keeps' END AS kind
    FROM judged w FULL JOIN written d USING (channel_id, identifier)
    WHERE (w.version_id, w.assignment_id, w.refusal) IS DISTINCT FROM (d.version_id, d.assignment_id, d.refusal)
)""".format(bucket=_BUCKET.format(device="m.device_id", assignment="a.id"), traits=traits.KEY, channels=traits.FROM)

_WRITE = (
    DIFFERENCE
    + """, gone AS (
    DELETE FROM profiles_desireditem d USING difference f WHERE d.id = f.item_id AND f.new_version_id IS NULL
), changed AS (
    UPDATE profiles_desireditem d
    SET version_id = f.new_version_id, assignment_id = f.new_assignment_id, profile_id = f.profile_id,
        refusal = f.refusal
    FROM difference f WHERE d.id = f.item_id AND f.new_version_id IS NOT NULL
), gained AS (
    INSERT INTO profiles_desireditem (channel_id, identifier, profile_id, version_id, assignment_id, refusal)
    SELECT channel_id, identifier, profile_id, new_version_id, new_assignment_id, refusal
    FROM difference WHERE item_id IS NULL ORDER BY channel_id, identifier
)
SELECT kind, profile_id, count(*) FROM difference WHERE kind <> 'keeps' GROUP BY kind, profile_id ORDER BY 1, 2"""
)


@dataclass(frozen=True)
class Changed:
    """How many items were gained, lost, changed and found to be not for their device, and of which profiles.

    ``forgets`` counts those that were not for their device and are no longer meant for it.
    """

    gains: int = 0
    loses: int = 0
    changes: int = 0
    refused: int = 0
    forgets: int = 0
    profile_ids: frozenset[int] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        return bool(self.gains or self.loses or self.changes or self.refused or self.forgets)


def recompute_desired(
    profile_ids: Collection[int] | None = None,
    group_ids: Collection[int] | None = None,
    device_ids: Collection[int] | None = None,
) -> Changed:
    """Write what is wanted now and was not, or no longer is; without arguments for everything.

    Groups stand for the profiles that are assigned by them; devices narrow whatever else is given. Computations are
    serialised by an advisory lock, taken before any row of theirs. A second call finds nothing to do.
    """
    with transaction.atomic():
        scope = scope_of(profile_ids, group_ids, device_ids)
        lock_desired()
        start_rollouts(scope["profiles"])
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, scope | refusals(scope["profiles"], scope["devices"]))
            rows = cursor.fetchall()
        changed = _summed(rows)
        if changed:
            transaction.on_commit(_reconciler.kick)
    return changed


def scope_of(profile_ids=None, group_ids=None, device_ids=None) -> dict:
    """Return the parameters of DIFFERENCE that say what it is about; None in them stands for no limit.

    The others are those of profiles.refusals, which depend on the rollouts that were started.
    """
    if group_ids is not None:
        profile_ids = set(profile_ids or ()) | profiles_assigned_by(group_ids)
    return {
        "profiles": None if profile_ids is None else sorted(profile_ids),
        "devices": None if device_ids is None else sorted(device_ids),
    }


def profiles_assigned_by(group_ids: Collection[int]) -> set[int]:
    """Return the ids of profiles whose assignments include or exclude any of these groups."""
    included = Assignment.objects.filter(include__in=group_ids).order_by().values_list("profile_id")
    excluded = Assignment.objects.filter(exclude__in=group_ids).order_by().values_list("profile_id")
    return {profile_id for (profile_id,) in included.union(excluded)}


def lock_desired() -> None:
    """Wait until no other transaction computes what is wanted; held to the end of this one.

    Who changes assignments and computes in the same transaction takes it first: whoever has it waits for those rows.
    """
    take(Lock.DESIRED)


def kick_reconciler() -> None:
    """Have the reconciler run soon, once this transaction is committed."""
    transaction.on_commit(_reconciler.kick)


def _summed(rows: list[tuple]) -> Changed:
    counts = dict.fromkeys(KINDS, 0)
    for kind, _profile_id, number in rows:
        counts[kind] += number
    return Changed(**counts, profile_ids=frozenset(profile_id for _kind, profile_id, _number in rows))


# A new membership: the device has nothing of what an earlier one had.
_FORGET = """
DELETE FROM profiles_itemstatus s USING devices_channel c, devices_enrollment e
WHERE c.id = s.channel_id AND e.id = c.enrollment_id AND e.is_current AND s.updated_at < e.authenticated_at
  AND c.enrollment_key IN (SELECT own.enrollment_key FROM devices_channel own WHERE own.id = ANY(%s))"""


def forget_statuses(channel_ids: Collection[int]) -> int:
    """Forget how far the channels of these memberships were under earlier ones; return how many items."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [sorted(channel_ids)])
        return cursor.rowcount


# Sent again because the device can use more of it than before.
_RESEND = """
UPDATE profiles_itemstatus s SET state = 0, attempts = 0, is_stopped = false, next_attempt_at = NULL, error = t.why
FROM jsonb_to_recordset(%s::jsonb) AS t(device_id bigint, version_id bigint, why text), devices_channel c
WHERE c.id = s.channel_id AND c.device_id = t.device_id AND s.version_id = t.version_id AND s.state IN (2, 3, 4)"""


def resend(rows: list[dict]) -> int:
    """Have versions installed again on devices; rows are {device_id, version_id, why}. Return how many items."""
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_RESEND, [json.dumps(rows)])
        number = cursor.rowcount
    if number:
        kick_reconciler()
    return number
