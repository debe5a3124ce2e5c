"""The reconciler: turns differences between what channels should have and what they have into commands.

profiles.desired says what is wanted (DesiredItem), ItemStatus how far each channel is with what we ever wanted on it;
commands.profile_results moves the latter on by what devices answer. Here the next command is sent, for as many
channels at once as get the same bytes. Nothing is removed that has no ItemStatus: it is not ours. A profile that is
replaced is not removed first; devices that are not enrolled are left alone; what keeps failing stops.

States: pending -> sent -> acknowledged -> verified, or failed and after a pause sent again; removing -> removed.
A second run at the same time does nothing, a second run afterwards finds nothing to do.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from django.db import connection, transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from commands.governor.removals import admit_removals
from commands.models import QueuedCommand
from commands.queue import NobodyToAsk, queue_command
from devices.isolation import work_isolated
from devices.left_out import cause_of, tell_left_out
from devices.models import Channel
from devices.timeline import SYSTEM, Actor, record_event
from mdm_project import plist
from mdm_project.errors import EspalierError
from mdm_project.locks import Lock, try_to_take
from profiles.desired import kick_reconciler
from profiles.models import DesiredItem, ItemStatus, ProfileVersion
from profiles.rendering import render, render_each, seal_digest

State = ItemStatus.State
MAX_ATTEMPTS = 5
# Bodies of their own (variables) in one run: each is a command with statements of its own.
MAX_BODIES = 200

# What a failure does to an item ``s``: the pause grows, and after the fifth it is left to people.
IS_LAST_ATTEMPT = f"s.attempts + 1 >= {MAX_ATTEMPTS}"
NEXT_ATTEMPT = """statement_timestamp()
        + (ARRAY['15 minutes', '1 hour', '6 hours', '24 hours']::interval[])[least(s.attempts + 1, 4)]"""
FAILED_AGAIN = f"attempts = s.attempts + 1, is_stopped = {IS_LAST_ATTEMPT}, next_attempt_at = {NEXT_ATTEMPT}"

_ENROLLED = """JOIN devices_channel c ON c.id = {item}.channel_id AND c.state <> 2
    JOIN devices_enrollment e ON e.id = c.enrollment_id AND e.is_current AND e.state = 'enrolled'"""

# Commands that ended without the device's word: cancelled, expired, quarantined, deleted, or answered by what could
# not be interpreted within an hour.
_LOST = f"""
UPDATE profiles_itemstatus s
SET state = CASE s.state WHEN 5 THEN 5 ELSE 4 END, command_id = NULL, updated_at = statement_timestamp(),
    error = coalesce(t.note, 'its answer could not be used'), {FAILED_AGAIN}
FROM (
    SELECT o.id, CASE WHEN q.id IS NULL THEN 'its command was deleted' ELSE q.note END AS note
    FROM profiles_itemstatus o {_ENROLLED.format(item="o")}
    LEFT JOIN commands_queuedcommand q ON q.id = o.command_id
    WHERE o.command_id IS NOT NULL AND (q.id IS NULL OR q.state IN (5, 6, 7)
        OR q.finished_at < statement_timestamp() - interval '1 hour')
    ORDER BY o.id FOR UPDATE OF o
) t
WHERE s.id = t.id"""

# Wanted, and: new to the channel, another version than was last sent, taken away before, or due to be tried (again).
# While a rollout is halted its version is kept from those who have not got it, and from those it failed on.
# Materialized, here and below: with the limit inside, the plan probes an index for every item instead of hashing them,
# and most of the time there is nothing to find.
_TO_INSTALL = f"""
WITH due AS MATERIALIZED (
SELECT d.version_id, d.channel_id, d.identifier, s.id AS status_id, s.command_id
FROM profiles_desireditem d {_ENROLLED.format(item="d")}
JOIN profiles_assignment a ON a.id = d.assignment_id
LEFT JOIN profiles_itemstatus s ON s.channel_id = d.channel_id AND s.identifier = d.identifier
WHERE d.refusal = ''
  AND (s.id IS NULL OR s.version_id IS DISTINCT FROM d.version_id OR s.state IN (5, 6)
       OR (s.state IN (0, 4) AND NOT s.is_stopped
           AND (s.next_attempt_at IS NULL OR s.next_attempt_at <= statement_timestamp())))
  AND NOT (a.rollout_state = 'halted' AND d.version_id = a.rollout_version_id
           AND (s.id IS NULL OR s.version_id IS DISTINCT FROM d.version_id OR s.state IN (4, 5, 6)))
)
SELECT * FROM due ORDER BY version_id, channel_id, identifier LIMIT %s"""

_TO_REMOVE = f"""
WITH due AS MATERIALIZED (
SELECT s.identifier, s.channel_id, s.id, s.command_id
FROM profiles_itemstatus s {_ENROLLED.format(item="s")}
LEFT JOIN profiles_desireditem d ON d.channel_id = s.channel_id AND d.identifier = s.identifier
WHERE d.id IS NULL AND s.uuid <> ''
  AND (s.state IN (0, 1, 2, 3, 4)
       OR (s.state = 5 AND s.command_id IS NULL AND NOT s.is_stopped AND s.next_attempt_at <= statement_timestamp()))
)
SELECT * FROM due ORDER BY identifier, channel_id LIMIT %s"""

# No longer wanted before anything of it was sent; or what goes by this identifier on the device is its enrollment
# profile, which refused ours: removing that would be unenrolling.
_FORGET = """
DELETE FROM profiles_itemstatus s
WHERE NOT EXISTS (SELECT FROM profiles_desireditem d
                  WHERE d.channel_id = s.channel_id AND d.identifier = s.identifier)
  AND (s.uuid = '' OR s.state <> 6 AND EXISTS (
        SELECT FROM devices_installedprofile i WHERE i.channel_id = s.channel_id AND i.identifier = s.identifier
          AND i.payloads @> '[{"PayloadType": "com.apple.mdm"}]'))"""

# Failures are counted by version: a new one, or one that was away, begins anew.
_IS_ANOTHER_TRY = "s.version_id IS NOT DISTINCT FROM excluded.version_id AND s.state NOT IN (5, 6)"
_SENT = f"""
INSERT INTO profiles_itemstatus AS s (channel_id, identifier, profile_id, version_id, uuid, rendered_digest_encrypted,
                                      state, attempts, is_stopped, error, command_id, updated_at)
SELECT q.channel_id, %s, %s, %s, %s, %s, 1, 0, false, '', q.id, statement_timestamp()
FROM commands_queuedcommand q WHERE q.command_id = %s ORDER BY q.channel_id
ON CONFLICT (channel_id, identifier) DO UPDATE
SET profile_id = excluded.profile_id, version_id = excluded.version_id, uuid = excluded.uuid,
    rendered_digest_encrypted = excluded.rendered_digest_encrypted, state = 1,
    attempts = CASE WHEN {_IS_ANOTHER_TRY} THEN s.attempts ELSE 0 END,
    error = CASE WHEN {_IS_ANOTHER_TRY} THEN s.error ELSE '' END,
    is_stopped = false, is_held = false, is_ended = false, next_attempt_at = NULL, command_id = excluded.command_id,
    updated_at = excluded.updated_at"""

_NOT_RENDERED = f"""
INSERT INTO profiles_itemstatus AS s (channel_id, identifier, profile_id, version_id, uuid, state, attempts,
                                      next_attempt_at, is_stopped, error, updated_at)
SELECT channel_id, %s, %s, %s, '', 4, 1, statement_timestamp() + interval '15 minutes', false, %s, statement_timestamp()
FROM unnest(%s::bigint[]) AS channel_id ORDER BY channel_id
ON CONFLICT (channel_id, identifier) DO UPDATE
SET profile_id = excluded.profile_id, version_id = excluded.version_id, state = 4, command_id = NULL,
    rendered_digest_encrypted = NULL, error = excluded.error, updated_at = excluded.updated_at, {FAILED_AGAIN}"""

_REMOVING = """
UPDATE profiles_itemstatus s
SET state = 5, attempts = CASE s.state WHEN 5 THEN s.attempts ELSE 0 END, is_stopped = false, is_held = false,
    next_attempt_at = NULL,
    error = CASE s.state WHEN 5 THEN s.error ELSE '' END, command_id = q.id, updated_at = statement_timestamp()
FROM commands_queuedcommand q WHERE q.command_id = %s AND s.channel_id = q.channel_id AND s.identifier = %s"""

_NOT_REMOVED = f"""
UPDATE profiles_itemstatus s
SET state = 5, command_id = NULL, error = %s, updated_at = statement_timestamp(), {FAILED_AGAIN}
WHERE channel_id = ANY(%s) AND identifier = %s"""

# The governor lets it go later: it is looked at again, and whoever looks reads why.
_HELD = """
UPDATE profiles_itemstatus
SET state = 5, command_id = NULL, is_stopped = false, is_held = true, error = %s, updated_at = statement_timestamp(),
    attempts = CASE state WHEN 5 THEN attempts ELSE 0 END,
    next_attempt_at = statement_timestamp() + interval '10 minutes'
WHERE channel_id = ANY(%s) AND identifier = %s"""


@dataclass(frozen=True)
class _Item:
    """A channel that is to get or lose an item, with the command that is under way for it."""

    channel_id: int
    identifier: str
    status_id: int | None
    queued_id: int | None


def reconcile(limit: int = 5000) -> int:
    """Send what is due, up to ``limit`` installations and as many removals; return how many items were dealt with."""
    with transaction.atomic():
        if not _is_alone():
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_LOST)
            cursor.execute(_FORGET)
            cursor.execute(_TO_INSTALL, [limit])
            to_install = _grouped(cursor.fetchall())
            cursor.execute(_TO_REMOVE, [limit])
            to_remove = _grouped((identifier, channel, identifier, *rest) for identifier, channel, *rest in cursor)
        _lock(item.status_id for group in (to_install, to_remove) for items in group.values() for item in items)
        done = _install_all(to_install)
        for identifier, items in to_remove.items():
            done += _isolated(items, partial(_remove, identifier), partial(_note_not_removed, identifier))
    return done


def retry_items(statuses, *, actor: Actor) -> int:
    """Try items (an ItemStatus queryset) again that stopped or wait for their next attempt; return how many."""
    failed = statuses.filter(Q(state=State.FAILED) | Q(state__in=(State.PENDING, State.REMOVING), command_id=None))
    # A removal that was acknowledged waits for the device's list and for nothing else.
    due = failed.exclude(state=State.REMOVING, next_attempt_at=None)
    refused = DesiredItem.objects.filter(channel=OuterRef("channel"), identifier=OuterRef("identifier"))
    due = due.exclude(Exists(refused.exclude(refusal="")))
    again = Case(When(state=State.REMOVING, then=Now()), default=Value(None), output_field=DateTimeField())
    state = Case(When(state=State.REMOVING, then=F("state")), default=Value(State.PENDING.value))
    with transaction.atomic():
        number = due.order_by().update(state=state, attempts=0, is_stopped=False, next_attempt_at=again)
        if number:
            record_event("items_retried", f"{number} failed profiles to be tried again", actor=actor.name)
            kick_reconciler()
    return number


def _is_alone() -> bool:
    return try_to_take(Lock.RECONCILE)


def _grouped(rows) -> dict[object, list[_Item]]:
    groups = defaultdict(list)
    for key, *item in rows:
        groups[key].append(_Item(*item))
    return groups


def _lock(status_ids) -> None:
    """In the order of ids, like the interpreters, which write to the same rows."""
    ids = [status_id for status_id in status_ids if status_id]
    list(ItemStatus.objects.select_for_update().filter(id__in=ids).order_by("id").values_list("id"))


def _install_all(groups: dict[int, list[_Item]]) -> int:
    versions = ProfileVersion.objects.select_related("profile").in_bulk(list(groups))
    done, bodies_left = 0, MAX_BODIES
    for version_id, items in groups.items():
        version = versions[version_id]
        note = partial(_note_unrendered, version)
        if not version.variables:
            done += _isolated(items, partial(_install_same, version), note)
            continue
        items = items[:bodies_left]
        bodies_left -= len(items)
        done += _isolated(items, partial(_install_each, version), note)
    return done


def _isolated(items: list[_Item], work: Callable, note: Callable) -> int:
    """Work on items; one that breaks the work is noted as failed and told on its device, and the others go on."""
    numbers: list[int] = []
    broken = work_isolated(items, lambda some: numbers.append(work(list(some))))
    device_of = dict(Channel.objects.filter(id__in=[it.channel_id for it, _ in broken]).values_list("id", "device_id"))
    for item, error in broken:
        note([item], error)
        tell_left_out([(device_of[item.channel_id], cause_of(error))], f"Profile {item.identifier}")
    return sum(numbers)


def _install_same(version: ProfileVersion, items: list[_Item]) -> int:
    try:
        body = render(version)
    except EspalierError as error:
        return _note_unrendered(version, items, error)
    return _send(version, body, items)


def _install_each(version: ProfileVersion, items: list[_Item]) -> int:
    """Render for each channel; those whose bytes are equal after all share a command."""
    if not items:
        return 0
    by_channel = {item.channel_id: item for item in items}
    bodies: dict[bytes, bytes] = {}
    receivers = defaultdict(list)
    done = 0
    for channel, body, error in render_each(version, Channel.objects.filter(id__in=by_channel).order_by("id")):
        if error is not None:
            done += _note_unrendered(version, [by_channel[channel.pk]], error)
            continue
        digest = sha256(body).digest()
        bodies[digest] = body
        receivers[digest].append(by_channel[channel.pk])
    return done + sum(_send(version, bodies[digest], same) for digest, same in receivers.items())


def _send(version: ProfileVersion, body: bytes, items: list[_Item]) -> int:
    profile = version.profile
    _replace(items, f"replaced: version {version.number} of {profile.name} is wanted now")
    channels = Channel.objects.filter(id__in=[item.channel_id for item in items])
    try:
        command = queue_command(
            "InstallProfile", {"Payload": body}, channels,
            actor=SYSTEM, reason=f"{profile.name}, version {version.number}",
        )  # fmt: skip
    except NobodyToAsk:
        return 0
    uuid = plist.loads(body).get("PayloadUUID", "")
    with connection.cursor() as cursor:
        digest = seal_digest(version, body) if version.variables else None
        cursor.execute(_SENT, [items[0].identifier, profile.pk, version.pk, uuid, digest, command.pk])
        return cursor.rowcount


def _note_unrendered(version: ProfileVersion, items: list[_Item], error: Exception) -> int:
    channel_ids, words = [item.channel_id for item in items], cause_of(error)
    with connection.cursor() as cursor:
        cursor.execute(_NOT_RENDERED, [items[0].identifier, version.profile_id, version.pk, words, channel_ids])
    return len(items)


def _note_not_removed(identifier: str, items: list[_Item], error: Exception) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_NOT_REMOVED, [cause_of(error), [item.channel_id for item in items], identifier])


def _remove(identifier: str, items: list[_Item]) -> int:
    """Remove an item; where that takes a device's last network, as many as the governor permits, and the rest later."""
    _replace(items, f"replaced: {identifier} is no longer wanted")
    reason = f"{identifier} not wanted"
    admitted = admit_removals(identifier, [item.channel_id for item in items], reason=reason)
    if admitted.held:
        with connection.cursor() as cursor:
            cursor.execute(_HELD, [admitted.words, admitted.held, identifier])
    return sum(
        _ask_to_remove(identifier, channel_ids, reason, permit)
        for channel_ids, permit in ((admitted.free, None), (admitted.permitted, admitted.permit))
        if channel_ids
    )


def _ask_to_remove(identifier: str, channel_ids: list[int], reason: str, permit) -> int:
    channels = Channel.objects.filter(id__in=channel_ids)
    payload = {"Identifier": identifier}
    try:
        command = queue_command("RemoveProfile", payload, channels, actor=SYSTEM, reason=reason, permit=permit)
    except NobodyToAsk:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_REMOVING, [command.pk, identifier])
        return cursor.rowcount


def _replace(items: list[_Item], note: str) -> None:
    """Cancel our own commands that still wait for these items; one that was delivered may still be answered."""
    ids = [item.queued_id for item in items if item.queued_id]
    if ids:
        waiting = QueuedCommand.objects.waiting().filter(id__in=ids)
        waiting.update(state=QueuedCommand.State.CANCELLED, finished_at=Now(), note=note)
