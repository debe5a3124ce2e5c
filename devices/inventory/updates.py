"""AvailableOSUpdates (what a device could install) and OSUpdateStatus (how far it has come).

Apple deprecates both with the systems of 2026 in favour of declarations; older ones go on answering them.

Apple: developer.apple.com/documentation/devicemanagement/available-os-updates-command and .../os-update-status-command
"""

import json

from django.db import connection

from devices.inventory.answers import keep_newest
from devices.inventory.reported import Columns, Reported, flag, key_text, read_columns, share, size, text
from devices.inventory.rows import replace_rows
from devices.models import AvailableUpdate

AVAILABLE = "AvailableOSUpdates"
STATUS = "OSUpdateStatus"
AVAILABLE_COLUMNS: Columns = (
    ("ProductKey", "product_key", key_text),
    ("HumanReadableName", "name", text),
    ("Version", "version", text),
    ("Build", "build", text),
    ("IsCritical", "is_critical", flag),
    ("IsMajorOSUpdate", "is_major", flag),
    ("IsSecurityResponse", "is_security_response", flag),
    ("RestartRequired", "restart_required", flag),
    ("DownloadSize", "download_size_bytes", size),
    ("InstallSize", "install_size_bytes", size),
)
STATUS_COLUMNS: Columns = (
    ("ProductKey", "product_key", key_text),
    ("Status", "status", text),
    ("DownloadPercentComplete", "download_percent", share),
)
_DESCRIPTION = dict.fromkeys(["name", "version", "build"], "")
_DESCRIPTION |= dict.fromkeys(["is_critical", "is_major", "is_security_response", "restart_required"])
_DESCRIPTION |= dict.fromkeys(["download_size_bytes", "install_size_bytes"])
_PROGRESS = {"status": "", "download_percent": None}
UNIQUE = ("device_id", "product_key")

_FORGET_PROGRESS = """
UPDATE devices_availableupdate u SET status = '', download_percent = NULL
WHERE u.device_id = ANY(%s) AND (u.status <> '' OR u.download_percent IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM jsonb_to_recordset(%s::jsonb) AS t(device_id bigint, product_key text)
                  WHERE t.device_id = u.device_id AND t.product_key = u.product_key)"""

# Of an update that is not offered only its progress is known: without any there is nothing to tell.
_FORGET_NAMELESS = """
DELETE FROM devices_availableupdate u
WHERE u.device_id = ANY(%s) AND u.name = '' AND u.version = '' AND u.status = ANY(%s)"""
NOTHING_UNDER_WAY = ["", "Idle"]


def store_available_updates(reports: list[Reported]) -> None:
    """Write a batch of lists of updates; the progress of those that stay is kept."""
    kept = _kept(AVAILABLE, reports)
    rows = _rows(AVAILABLE, AVAILABLE_COLUMNS, _DESCRIPTION | _PROGRESS, kept)
    replaced = [report.device_id for report in kept]
    replace_rows(
        AvailableUpdate, rows, key=UNIQUE, replaced=replaced, with_change=("reported_at",), at_first=tuple(_PROGRESS)
    )


def store_update_status(reports: list[Reported]) -> None:
    """Write the progress of updates; one that is no longer told of has none, and one that was never offered goes."""
    kept = _kept(STATUS, reports)
    if not kept:
        return
    rows = _rows(STATUS, STATUS_COLUMNS, _PROGRESS | _DESCRIPTION, kept)
    replace_rows(
        AvailableUpdate, rows, key=UNIQUE, replaced=[], with_change=("reported_at",), at_first=tuple(_DESCRIPTION)
    )
    told = [{"device_id": row["device_id"], "product_key": row["product_key"]} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_PROGRESS, [[report.device_id for report in kept], json.dumps(told)])
        cursor.execute(_FORGET_NAMELESS, [[report.device_id for report in kept], NOTHING_UNDER_WAY])


def _kept(key: str, reports: list[Reported]) -> list[Reported]:
    readable = [report for report in reports if not report.user_key and report.part(key, list) is not None]
    return keep_newest(key, [(report, {key: report.content[key]}) for report in readable])


def _rows(key: str, columns: Columns, empty: dict, reports: list[Reported]) -> list[dict]:
    rows = []
    for report in reports:
        for path, item in report.items(key):
            found = read_columns(item, columns, report.problems, path)
            if not found.get("product_key"):
                report.problems.append(f"{path}: has no ProductKey")
                continue
            owner = {"device_id": report.device_id, "reported_at": report.answered_at.isoformat()}
            rows.append(owner | empty | found)
    return rows
