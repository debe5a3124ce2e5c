"""What answers to InstallProfile, RemoveProfile and ProfileList say about the items that are wanted on a channel.

An answer counts for an item only when it is to the command that the item waits for. The device's own list is the
proof: an item is verified when the list shows its identifier and the UUID that was sent, removed when the list no
longer shows the identifier. A list counts only when it came after the item's last change; the one asked for after
every installation and removal (commands.interpreters) always does.

Apple: developer.apple.com/documentation/devicemanagement/profile-list-command
"""

import json

from django.db import connection

from commands.error_words import words_of
from commands.interpreters import CommandReport, ask_for_profiles, interprets
from commands.reconcile import FAILED_AGAIN, IS_LAST_ATTEMPT, NEXT_ATTEMPT
from profiles.desired import kick_reconciler

LIST = "ProfileList"
_ANSWERS = ("Acknowledged", "Error", "CommandFormatError")

# Rows are locked in the order of their ids, as the reconciler does.
_NOTE_ACKNOWLEDGED = """
UPDATE profiles_itemstatus s
SET state = CASE s.state WHEN 1 THEN 2 ELSE 5 END, command_id = NULL, next_attempt_at = NULL,
    updated_at = statement_timestamp()
FROM (SELECT o.id FROM profiles_itemstatus o WHERE o.command_id = ANY(%s) AND o.state IN (1, 5)
      ORDER BY o.id FOR UPDATE) t
WHERE s.id = t.id"""

_NOTE_FAILED = f"""
UPDATE profiles_itemstatus s
SET state = CASE s.state WHEN 1 THEN 4 ELSE 5 END, command_id = NULL, error = t.error,
    updated_at = statement_timestamp(), {FAILED_AGAIN}
FROM (SELECT o.id, f.error FROM profiles_itemstatus o
      JOIN jsonb_to_recordset(%s::jsonb) AS f(queued_id bigint, error text) ON f.queued_id = o.command_id
      WHERE o.state IN (1, 5) ORDER BY o.id FOR UPDATE OF o) t
WHERE s.id = t.id"""

# Each item of the channels whose list came: is its identifier listed, and with the UUID that we sent? A list that was
# asked for managed ones only may lack what is there. A profile that vanished is sent again at once, but as a failure
# where it had to be tried more than once within a day.
_PROVE = f"""
WITH told AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS t(channel_id bigint, answered_at timestamptz, is_whole boolean)
), listed AS MATERIALIZED (
    SELECT DISTINCT channel_id, identifier, uuid
    FROM jsonb_to_recordset(%s::jsonb) AS t(channel_id bigint, identifier text, uuid text)
), item AS (
    SELECT s.id, s.state, s.attempts, s.updated_at, s.next_attempt_at, t.is_whole,
           EXISTS (SELECT FROM listed l WHERE (l.channel_id, l.identifier) = (s.channel_id, s.identifier)) AS is_listed,
           EXISTS (SELECT FROM listed l WHERE (l.channel_id, l.identifier, l.uuid)
                                            = (s.channel_id, s.identifier, s.uuid)) AS is_ours
    FROM profiles_itemstatus s JOIN told t ON t.channel_id = s.channel_id
    WHERE s.state IN (2, 3, 5, 6) AND s.command_id IS NULL AND t.answered_at >= s.updated_at
    ORDER BY s.id FOR UPDATE OF s
), judged AS (
    SELECT id, CASE WHEN state = 2 AND is_ours THEN 'verified'
                    WHEN state = 2 AND is_whole THEN 'unproven'
                    WHEN state = 3 AND NOT is_ours AND is_whole
                         THEN CASE WHEN attempts = 0 OR updated_at < statement_timestamp() - interval '1 day'
                                   THEN 'drifted' ELSE 'vanishing' END
                    WHEN state = 5 AND NOT is_listed AND is_whole THEN 'removed'
                    WHEN state = 5 AND is_listed AND next_attempt_at IS NULL THEN 'kept'
                    WHEN state = 6 AND is_ours THEN 'returned' END AS outcome
    FROM item
), meant AS MATERIALIZED (
    SELECT j.id, j.outcome, m.* FROM judged j JOIN (VALUES
        ('verified', 3, false, ''), ('removed', 6, false, ''),
        ('drifted', 0, false, 'the device no longer lists it'),
        ('vanishing', 4, true, 'vanished from the device again'),
        ('unproven', 4, true, 'acknowledged, but the device does not list it'),
        ('kept', 5, true, 'removal acknowledged, but the device still lists it'),
        ('returned', 5, true, 'it was removed, but the device lists it again')
    ) AS m(name, state, is_failure, error) ON m.name = j.outcome
)
UPDATE profiles_itemstatus s
SET state = m.state, error = m.error, updated_at = statement_timestamp(),
    attempts = CASE WHEN m.is_failure THEN s.attempts + 1 WHEN m.outcome = 'drifted' THEN 1
                    WHEN m.outcome = 'removed' THEN 0 ELSE s.attempts END,
    is_stopped = m.is_failure AND {IS_LAST_ATTEMPT},
    next_attempt_at = CASE WHEN m.is_failure THEN {NEXT_ATTEMPT} END
FROM meant m WHERE s.id = m.id
RETURNING m.outcome"""


@interprets("InstallProfile", "RemoveProfile", statuses=_ANSWERS)
def note_answers(reports: list[CommandReport]) -> None:
    """Move on the items that waited for these answers; answers to other people's commands mean nothing here."""
    acknowledged = [report.queued_id for report in reports if report.status == "Acknowledged"]
    failed = [
        {"queued_id": report.queued_id, "error": words_of(report.error_chain, report.status)}
        for report in reports
        if report.status != "Acknowledged"
    ]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_ACKNOWLEDGED, [acknowledged])
        cursor.execute(_NOTE_FAILED, [json.dumps(failed)])


# That a removal failed often means that there was nothing to remove: the list tells.
interprets("RemoveProfile", statuses=("Error", "CommandFormatError"))(ask_for_profiles)


@interprets(LIST, wants_question=True)
def prove_items(reports: list[CommandReport]) -> None:
    """Compare the newest list of each channel with its items: verified, removed, drifted or still there."""
    readable = [report for report in reports if report.part(LIST, list) is not None]
    newest = {report.channel_id: report for report in sorted(readable, key=lambda report: report.answered_at)}
    told = [
        {
            "channel_id": channel_id,
            "answered_at": report.answered_at.isoformat(),
            "is_whole": not report.asked.get("ManagedOnly"),
        }
        for channel_id, report in newest.items()
    ]
    listed = [row for report in newest.values() for row in _rows(report)]
    with connection.cursor() as cursor:
        cursor.execute(_PROVE, [json.dumps(told), json.dumps(listed)])
        outcomes = {outcome for (outcome,) in cursor.fetchall()}
    if "drifted" in outcomes:
        kick_reconciler()


def _rows(report: CommandReport) -> list[dict]:
    return [
        {
            "channel_id": report.channel_id,
            "identifier": _text(item.get("PayloadIdentifier")),
            "uuid": _text(item.get("PayloadUUID")),
        }
        for _path, item in report.items(LIST)
    ]


def _text(value) -> str:
    return value.replace("\0", "") if isinstance(value, str) else ""  # PostgreSQL stores no NUL
