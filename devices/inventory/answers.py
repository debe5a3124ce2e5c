"""The newest answer to each kind of question, as JSON without secrets; an older one than that changes nothing."""

import json
import re
from collections.abc import Iterable

from django.db import connection

from devices.inventory.reported import Reported
from devices.models import Answer
from devices.redaction import hidden, is_secret, is_secret_name, redact
from mdm_project import plist
from mdm_project.plist_values import unambiguous

# JSON can tell both, PostgreSQL stores neither.
_NOT_STORED = re.compile("[\0\ud800-\udfff]")
_PLAIN = frozenset({bool, int, type(None)})

# The answer's row is also the lock under which everything that hangs on it is replaced. A device is touched once a
# minute at most: a refresh brings half a dozen answers at once and the row is wide.
_KEEP_NEWEST = """
WITH told AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb)
        AS t(device_id bigint, user_key text, content jsonb, misfits jsonb, answered_at timestamptz)
), kept AS (
    INSERT INTO devices_answer AS a (device_id, request_type, user_key, content, misfits, answered_at)
    SELECT device_id, %s, user_key, content, misfits, answered_at FROM told ORDER BY device_id, user_key
    ON CONFLICT (device_id, request_type, user_key) DO UPDATE
    SET (content, misfits) = (
            SELECT CASE WHEN %s THEN a.content - ARRAY(SELECT jsonb_object_keys(excluded.misfits)) ELSE '{}' END
                   || excluded.content,
                   CASE WHEN %s THEN a.misfits - ARRAY(SELECT jsonb_object_keys(excluded.content)) ELSE '{}' END
                   || excluded.misfits),
        answered_at = excluded.answered_at
    WHERE a.answered_at <= excluded.answered_at
    RETURNING device_id, user_key, answered_at
), newest AS (
    SELECT device_id, max(answered_at) AS answered_at FROM kept GROUP BY device_id
), touched AS (
    UPDATE devices_device d SET last_answer_at = newest.answered_at FROM newest
    WHERE d.id = newest.device_id
      AND (d.last_answer_at IS NULL OR d.last_answer_at < newest.answered_at - interval '1 minute')
)
SELECT device_id, user_key FROM kept"""


def keep_newest(request_type: str, told: Iterable[tuple[Reported, dict]], *, is_merged: bool = False) -> list[Reported]:
    """Keep the content of each answer that is not older than the kept one; return the reports that were kept.

    Of several by one channel only the newest counts. With ``is_merged`` keys that were not answered stay.
    """
    newest = {}
    for report, content in sorted(told, key=lambda pair: pair[0].answered_at):
        newest[report.device_id, report.user_key] = report, content
    if not newest:
        return []
    rows = [
        {
            "device_id": report.device_id,
            "user_key": report.user_key,
            "content": storable(content),
            "misfits": _misfits(report),
            "answered_at": report.answered_at.isoformat(),
        }
        for report, content in newest.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_NEWEST, [json.dumps(rows), request_type, is_merged, is_merged])
        return [newest[key][0] for key in cursor.fetchall()]


def _misfits(report: Reported) -> dict[str, dict]:
    """Return what had another type than declared by the outermost key it was under, in terms of JSON, redacted."""
    found: dict[str, dict] = {}
    for path, value in report.misfits:
        outermost, innermost = re.split(r"[.\[]", path, maxsplit=1)[0], path.rpartition(".")[2]
        found.setdefault(outermost, {})[path] = redact({innermost: value})[innermost]
    return storable(found)


def not_outdated(request_type: str, reports: list[Reported]) -> list[Reported]:
    """Return those that are not older than the answer that is kept, oldest first."""
    if not reports:
        return []
    kept = Answer.objects.filter(request_type=request_type, device_id__in={report.device_id for report in reports})
    kept_at = {(device, user): at for device, user, at in kept.values_list("device_id", "user_key", "answered_at")}
    current = [r for r in reports if r.answered_at >= kept_at.get((r.device_id, r.user_key), r.answered_at)]
    return sorted(current, key=lambda report: report.answered_at)


def split_filtered(reports: list[Reported], *filters: str) -> tuple[list[Reported], list[Reported]]:
    """Separate answers that are whole lists from those to questions that asked for a part."""
    whole, filtered = [], []
    for report in reports:
        (filtered if any(report.asked.get(key) for key in filters) else whole).append(report)
    return whole, filtered


def storable(value):
    """Return the value in terms of JSON, without secrets and without what PostgreSQL does not store.

    The same as redacting, cleaning and `plist.to_json`, in one pass: every value that is kept comes through here.
    """
    kind = value.__class__
    if kind is str:
        return _clean_text(value)
    if kind is dict:
        return _stored_dictionary(value)
    if kind is list:
        return [item if item.__class__ in _PLAIN else storable(item) for item in value]
    return plist.to_json(value)


def _stored_dictionary(values: dict) -> dict:
    made = {}
    for key, item in values.items():
        if is_secret_name(key) and is_secret(key, item):
            item = hidden(item)
        made[_clean_text(key)] = item if item.__class__ in _PLAIN else storable(item)
    return unambiguous(made)


def _clean_text(value: str) -> str:
    return value if value.isascii() and "\0" not in value else _NOT_STORED.sub("", value)
