"""The statements that move the items of channels on, each for a whole set at once.

Owns what the states of ItemStatus mean in SQL: what is due, what was lost, what a list of profiles proves. Who runs
them and when is commands.reconcile's and commands.profile_results'. Rows of ItemStatus are locked in the order of ids.
"""

from commands.models import QueuedCommand
from devices.models import Channel
from profiles.models import ItemStatus

State, Queued = ItemStatus.State, QueuedCommand.State
MAX_ATTEMPTS = 5
# A device's clock may be a little ahead of ours when it removes a profile on time.
EARLY = "interval '10 minutes'"

# What the error of an item says; some of it is looked for again.
VANISHED = "the device no longer lists it"
CHANGED = "the device lists another version of it"
BY_OWN_RULE = "removed by its own rule"
OWN_RULE_OVER = "its own rule removes it: its removal date is over"

# What a failure does to an item ``s``: the pause grows, and after the fifth it is left to people.
_IS_LAST_ATTEMPT = f"s.attempts + 1 >= {MAX_ATTEMPTS}"
_NEXT_ATTEMPT = """statement_timestamp()
        + (ARRAY['15 minutes', '1 hour', '6 hours', '24 hours']::interval[])[least(s.attempts + 1, 4)]"""
_FAILED_AGAIN = f"attempts = s.attempts + 1, is_stopped = {_IS_LAST_ATTEMPT}, next_attempt_at = {_NEXT_ATTEMPT}"

_ENROLLED = f"""JOIN devices_channel c ON c.id = {{item}}.channel_id AND c.state <> {Channel.State.DISABLED}
    JOIN devices_enrollment e ON e.id = c.enrollment_id AND e.is_current AND e.state = 'enrolled'"""
# Its own rule removed this very version, or would: the wish has ended by itself until another version is wanted.
_IS_OVER = "coalesce(s.is_ended AND s.version_id = d.version_id, false)"
_HAS_IT = f"""(s.may_be_installed OR s.state = {State.SENT} AND EXISTS (
        SELECT FROM commands_queuedcommand o WHERE o.id = s.command_id AND o.deliveries > 0))"""

# Commands that ended without the device's word: cancelled, expired, quarantined, deleted, or answered by what could
# not be interpreted within an hour.
LOST = f"""
UPDATE profiles_itemstatus s
SET state = CASE s.state WHEN {State.REMOVING} THEN {State.REMOVING} ELSE {State.FAILED} END, command_id = NULL,
    may_be_installed = s.may_be_installed OR t.may_have_it, updated_at = statement_timestamp(),
    error = coalesce(t.note, 'its answer could not be used'), {_FAILED_AGAIN}
FROM (
    SELECT o.id, CASE WHEN q.id IS NULL THEN 'its command was deleted' ELSE q.note END AS note,
           o.state = {State.SENT} AND coalesce(q.deliveries > 0, true) AS may_have_it
    FROM profiles_itemstatus o {_ENROLLED.format(item="o")}
    LEFT JOIN commands_queuedcommand q ON q.id = o.command_id
    WHERE o.command_id IS NOT NULL
      AND (q.id IS NULL OR q.state IN ({Queued.CANCELLED}, {Queued.EXPIRED}, {Queued.QUARANTINED})
           OR q.finished_at < statement_timestamp() - interval '1 hour')
    ORDER BY o.id FOR UPDATE OF o
) t
WHERE s.id = t.id"""

# Wanted, and: new to the channel, another version than was last sent, taken away before, or due to be tried (again).
# While a rollout is halted its version is kept from those who have not got it, and from those it failed on.
# Materialized, here and below: with the limit inside, the plan probes an index for every item instead of hashing them,
# and most of the time there is nothing to find.
TO_INSTALL = f"""
WITH due AS MATERIALIZED (
SELECT d.version_id, d.channel_id, d.identifier, s.id AS status_id, s.command_id
FROM profiles_desireditem d {_ENROLLED.format(item="d")}
JOIN profiles_assignment a ON a.id = d.assignment_id
LEFT JOIN profiles_itemstatus s ON s.channel_id = d.channel_id AND s.identifier = d.identifier
WHERE d.refusal = '' AND NOT {_IS_OVER}
  AND (s.id IS NULL OR s.version_id IS DISTINCT FROM d.version_id OR s.state IN ({State.REMOVING}, {State.REMOVED})
       OR (s.state IN ({State.PENDING}, {State.FAILED}) AND NOT s.is_stopped
           AND (s.next_attempt_at IS NULL OR s.next_attempt_at <= statement_timestamp())))
  AND NOT (a.rollout_state = 'halted' AND d.version_id = a.rollout_version_id
           AND (s.id IS NULL OR s.version_id IS DISTINCT FROM d.version_id
                OR s.state IN ({State.FAILED}, {State.REMOVING}, {State.REMOVED})))
)
SELECT * FROM due ORDER BY version_id, channel_id, identifier LIMIT %s"""

TO_REMOVE = f"""
WITH due AS MATERIALIZED (
SELECT s.identifier, s.channel_id, s.id, s.command_id
FROM profiles_itemstatus s {_ENROLLED.format(item="s")}
LEFT JOIN profiles_desireditem d ON d.channel_id = s.channel_id AND d.identifier = s.identifier AND NOT {_IS_OVER}
WHERE d.id IS NULL AND s.uuid <> ''
  AND (s.state < {State.REMOVING}
       OR (s.state = {State.REMOVING} AND s.command_id IS NULL AND NOT s.is_stopped
           AND s.next_attempt_at <= statement_timestamp()))
)
SELECT * FROM due ORDER BY identifier, channel_id LIMIT %s"""

_IS_UNWANTED = """NOT EXISTS (SELECT FROM profiles_desireditem d
                  WHERE d.channel_id = s.channel_id AND d.identifier = s.identifier)"""

_IS_REFUSED = """EXISTS (SELECT FROM profiles_desireditem d
                  WHERE d.channel_id = s.channel_id AND d.identifier = s.identifier AND d.refusal <> '')"""

# No longer wanted before the device got anything of it, or found to be not for the device: the command does not leave
# the queue any more. A command that the device put off is not carried out unless it is delivered again.
WITHDRAW = f"""
WITH withdrawn AS (
    UPDATE commands_queuedcommand q
    SET state = {Queued.CANCELLED}, finished_at = statement_timestamp(),
        note = CASE WHEN {_IS_REFUSED} THEN 'not for this device' ELSE 'no longer wanted, and not delivered before' END
    FROM profiles_itemstatus s
    WHERE q.id = s.command_id AND s.state = {State.SENT}
      AND (NOT s.may_be_installed AND {_IS_UNWANTED} OR {_IS_REFUSED})
      AND (q.state = {Queued.PENDING} AND q.deliveries = 0 OR q.state = {Queued.NOT_NOW})
    RETURNING q.id
)
DELETE FROM profiles_itemstatus s USING withdrawn w WHERE s.command_id = w.id AND NOT s.may_be_installed"""

# No longer wanted before anything of it was sent or accepted; or what goes by this identifier on the device is its
# enrollment profile, which refused ours: removing that would be unenrolling.
FORGET = f"""
DELETE FROM profiles_itemstatus s
WHERE {_IS_UNWANTED}
  AND (s.uuid = ''
       OR NOT s.may_be_installed AND s.command_id IS NULL AND s.state IN ({State.PENDING}, {State.FAILED})
       OR s.state <> {State.REMOVED} AND EXISTS (
        SELECT FROM devices_installedprofile i WHERE i.channel_id = s.channel_id AND i.identifier = s.identifier
          AND i.payloads @> '[{{"PayloadType": "com.apple.mdm"}}]'))"""

# Failures are counted by version: a new one, or one that was away, begins anew.
_IS_ANOTHER_TRY = f"""s.version_id IS NOT DISTINCT FROM excluded.version_id
                      AND s.state NOT IN ({State.REMOVING}, {State.REMOVED})"""
SENT = f"""
INSERT INTO profiles_itemstatus AS s (channel_id, identifier, profile_id, version_id, uuid, rendered_digest_encrypted,
                                      ends_at, ends_after_s, state, attempts, is_stopped, error, command_id, updated_at)
SELECT q.channel_id, %s, %s, %s, %s, %s, %s, %s, {State.SENT}, 0, false, '', q.id, statement_timestamp()
FROM commands_queuedcommand q WHERE q.command_id = %s ORDER BY q.channel_id
ON CONFLICT (channel_id, identifier) DO UPDATE
SET profile_id = excluded.profile_id, version_id = excluded.version_id, uuid = excluded.uuid,
    rendered_digest_encrypted = excluded.rendered_digest_encrypted, state = {State.SENT},
    attempts = CASE WHEN {_IS_ANOTHER_TRY} THEN s.attempts ELSE 0 END,
    error = CASE WHEN {_IS_ANOTHER_TRY} THEN s.error ELSE '' END,
    may_be_installed = {_HAS_IT}, is_stopped = false, is_held = false, is_ended = false,
    ends_at = excluded.ends_at, ends_after_s = excluded.ends_after_s, next_attempt_at = NULL,
    command_id = excluded.command_id, updated_at = excluded.updated_at"""

NOT_RENDERED = f"""
INSERT INTO profiles_itemstatus AS s (channel_id, identifier, profile_id, version_id, uuid, state, attempts,
                                      next_attempt_at, is_stopped, error, updated_at)
SELECT channel_id, %s, %s, %s, '', {State.FAILED}, 1, statement_timestamp() + interval '15 minutes', false, %s,
       statement_timestamp()
FROM unnest(%s::bigint[]) AS channel_id ORDER BY channel_id
ON CONFLICT (channel_id, identifier) DO UPDATE
SET profile_id = excluded.profile_id, version_id = excluded.version_id, state = {State.FAILED}, command_id = NULL,
    may_be_installed = {_HAS_IT}, is_held = false, is_ended = false, rendered_digest_encrypted = NULL,
    error = excluded.error, updated_at = excluded.updated_at, {_FAILED_AGAIN}"""

# A version whose removal date is over is not sent. Where an earlier one is on the device, that is removed.
OVER = f"""
INSERT INTO profiles_itemstatus AS s (channel_id, identifier, profile_id, version_id, uuid, state, attempts, is_ended,
                                      is_stopped, error, updated_at)
SELECT channel_id, %s, %s, %s, '', {State.REMOVED}, 0, true, false, %s, statement_timestamp()
FROM unnest(%s::bigint[]) AS channel_id ORDER BY channel_id
ON CONFLICT (channel_id, identifier) DO UPDATE
SET profile_id = excluded.profile_id, version_id = excluded.version_id, error = excluded.error,
    state = CASE WHEN {_HAS_IT} THEN s.state ELSE {State.REMOVED} END,
    command_id = CASE WHEN {_HAS_IT} THEN s.command_id END, may_be_installed = {_HAS_IT},
    is_ended = true, is_held = false, is_stopped = false, attempts = 0, next_attempt_at = NULL,
    updated_at = excluded.updated_at"""

REMOVING = f"""
UPDATE profiles_itemstatus s
SET state = {State.REMOVING}, attempts = CASE s.state WHEN {State.REMOVING} THEN s.attempts ELSE 0 END,
    is_stopped = false, is_held = false, next_attempt_at = NULL,
    error = CASE WHEN s.state = {State.REMOVING} OR s.is_ended THEN s.error ELSE '' END,
    command_id = q.id, updated_at = statement_timestamp()
FROM commands_queuedcommand q WHERE q.command_id = %s AND s.channel_id = q.channel_id AND s.identifier = %s"""

NOT_REMOVED = f"""
UPDATE profiles_itemstatus s
SET state = {State.REMOVING}, command_id = NULL, error = %s, updated_at = statement_timestamp(), {_FAILED_AGAIN}
WHERE channel_id = ANY(%s) AND identifier = %s"""

# The governor lets it go later: it is looked at again, and whoever looks reads why.
HELD = f"""
UPDATE profiles_itemstatus
SET state = {State.REMOVING}, command_id = NULL, is_stopped = false, is_held = true, error = %s,
    updated_at = statement_timestamp(), attempts = CASE state WHEN {State.REMOVING} THEN attempts ELSE 0 END,
    next_attempt_at = statement_timestamp() + interval '10 minutes'
WHERE channel_id = ANY(%s) AND identifier = %s"""

NOTE_ACKNOWLEDGED = f"""
UPDATE profiles_itemstatus s
SET state = CASE s.state WHEN {State.SENT} THEN {State.ACKNOWLEDGED} ELSE {State.REMOVING} END, command_id = NULL,
    next_attempt_at = NULL, updated_at = statement_timestamp(),
    may_be_installed = s.may_be_installed OR s.state = {State.SENT},
    ends_at = CASE s.state WHEN {State.SENT}
                   THEN least(s.ends_at, statement_timestamp() + s.ends_after_s * interval '1 second')
                   ELSE s.ends_at END
FROM (SELECT o.id FROM profiles_itemstatus o
      WHERE o.command_id = ANY(%s) AND o.state IN ({State.SENT}, {State.REMOVING}) ORDER BY o.id FOR UPDATE) t
WHERE s.id = t.id"""

# The device has nothing by this identifier, it says: what was to be removed is.
NOTE_NOT_INSTALLED = f"""
UPDATE profiles_itemstatus s
SET state = {State.REMOVED}, command_id = NULL, next_attempt_at = NULL, attempts = 0, is_stopped = false,
    may_be_installed = false, error = CASE WHEN s.is_ended THEN s.error ELSE '' END, updated_at = statement_timestamp()
FROM (SELECT o.id FROM profiles_itemstatus o
      WHERE o.command_id = ANY(%s) AND o.state = {State.REMOVING} ORDER BY o.id FOR UPDATE) t
WHERE s.id = t.id"""

NOTE_FAILED = f"""
UPDATE profiles_itemstatus s
SET state = CASE s.state WHEN {State.SENT} THEN {State.FAILED} ELSE {State.REMOVING} END, command_id = NULL,
    error = t.error, updated_at = statement_timestamp(), {_FAILED_AGAIN}
FROM (SELECT o.id, f.error FROM profiles_itemstatus o
      JOIN jsonb_to_recordset(%s::jsonb) AS f(queued_id bigint, error text) ON f.queued_id = o.command_id
      WHERE o.state IN ({State.SENT}, {State.REMOVING}) ORDER BY o.id FOR UPDATE OF o) t
WHERE s.id = t.id"""

# Each item of the channels whose list came: is its identifier listed, and with the UUID that we sent? A list that was
# asked for managed ones only may lack what is there. A profile that vanished or is another one now is sent again at
# once, but as a failure where it had to be tried more than once within a day. One whose own rule was due is done with.
PROVE = f"""
WITH told AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS t(channel_id bigint, answered_at timestamptz, is_whole boolean)
), listed AS MATERIALIZED (
    SELECT DISTINCT channel_id, identifier, uuid
    FROM jsonb_to_recordset(%s::jsonb) AS t(channel_id bigint, identifier text, uuid text)
), item AS (
    SELECT s.id, s.state, s.error, s.next_attempt_at, s.is_ended, t.is_whole,
           t.answered_at >= s.ends_at - {EARLY} AS is_due,
           s.attempts = 0 OR s.updated_at < statement_timestamp() - interval '1 day' AS is_first,
           EXISTS (SELECT FROM listed l WHERE (l.channel_id, l.identifier) = (s.channel_id, s.identifier)) AS is_listed,
           EXISTS (SELECT FROM listed l WHERE (l.channel_id, l.identifier, l.uuid)
                                            = (s.channel_id, s.identifier, s.uuid)) AS is_ours
    FROM profiles_itemstatus s JOIN told t ON t.channel_id = s.channel_id
    WHERE s.state IN ({State.ACKNOWLEDGED}, {State.VERIFIED}, {State.REMOVING}, {State.REMOVED})
      AND s.command_id IS NULL AND t.answered_at >= s.updated_at
    ORDER BY s.id FOR UPDATE OF s
), judged AS (
    SELECT id, CASE WHEN state IN ({State.ACKNOWLEDGED}, {State.VERIFIED}) AND is_due AND NOT is_listed AND is_whole
                         THEN 'ended'
                    WHEN state = {State.ACKNOWLEDGED} AND is_ours
                         THEN CASE WHEN error IN ('{VANISHED}', '{CHANGED}') THEN 'put_back' ELSE 'verified' END
                    WHEN state = {State.ACKNOWLEDGED} AND is_listed THEN 'superseded'
                    WHEN state = {State.ACKNOWLEDGED} AND is_whole THEN 'unproven'
                    WHEN state = {State.VERIFIED} AND NOT is_ours AND is_listed
                         THEN CASE WHEN is_first THEN 'changed' ELSE 'changed_again' END
                    WHEN state = {State.VERIFIED} AND NOT is_listed AND is_whole
                         THEN CASE WHEN is_first THEN 'vanished' ELSE 'vanished_again' END
                    WHEN state = {State.REMOVING} AND NOT is_listed AND is_whole THEN 'removed'
                    WHEN state = {State.REMOVING} AND is_listed AND next_attempt_at IS NULL THEN 'kept'
                    WHEN state = {State.REMOVED} AND is_ours AND NOT is_ended THEN 'returned' END AS outcome
    FROM item
), meant AS MATERIALIZED (
    SELECT j.id, j.outcome, m.* FROM judged j JOIN (VALUES
        ('verified', {State.VERIFIED}, false, ''), ('put_back', {State.VERIFIED}, false, ''),
        ('removed', {State.REMOVED}, false, ''), ('ended', {State.REMOVED}, false, '{BY_OWN_RULE}'),
        ('vanished', {State.PENDING}, false, '{VANISHED}'), ('changed', {State.PENDING}, false, '{CHANGED}'),
        ('vanished_again', {State.FAILED}, true, 'vanished from the device again'),
        ('changed_again', {State.FAILED}, true, 'was changed on the device again'),
        ('unproven', {State.FAILED}, true, 'acknowledged, but the device does not list it'),
        ('superseded', {State.FAILED}, true, 'acknowledged, but the device lists another version of it'),
        ('kept', {State.REMOVING}, true, 'removal acknowledged, but the device still lists it'),
        ('returned', {State.REMOVING}, true, 'it was removed, but the device lists it again')
    ) AS m(name, state, is_failure, error) ON m.name = j.outcome
)
UPDATE profiles_itemstatus s
SET state = m.state, error = CASE WHEN m.outcome = 'removed' AND s.is_ended THEN s.error ELSE m.error END,
    updated_at = statement_timestamp(), is_held = false, is_ended = s.is_ended OR m.outcome = 'ended',
    may_be_installed = s.may_be_installed AND m.outcome NOT IN ('removed', 'ended'),
    attempts = CASE WHEN m.is_failure THEN s.attempts + 1 WHEN m.outcome IN ('vanished', 'changed') THEN 1
                    WHEN m.outcome IN ('removed', 'ended') THEN 0 ELSE s.attempts END,
    is_stopped = m.is_failure AND {_IS_LAST_ATTEMPT},
    next_attempt_at = CASE WHEN m.is_failure THEN {_NEXT_ATTEMPT} END
FROM meant m WHERE s.id = m.id
RETURNING m.outcome, s.channel_id, s.identifier, s.profile_id, s.version_id"""
