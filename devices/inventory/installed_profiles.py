"""ProfileList: what is installed on a channel, the device's or a user's. It is the proof that a profile took effect.

Of the payloads only their names are kept: some systems list what is in them, passwords included.

Apple: developer.apple.com/documentation/devicemanagement/profile-list-command
"""

from devices.changes import tell_changed
from devices.inventory.answers import keep_newest, not_outdated, split_filtered, storable
from devices.inventory.reported import Columns, Reported, flag, key_text, read_columns, small_number, text
from devices.inventory.rows import replace_rows
from devices.models import InstalledProfile

KEY = "ProfileList"
COLUMNS: Columns = (
    ("PayloadIdentifier", "identifier", key_text),
    ("PayloadUUID", "uuid", key_text),
    ("PayloadDisplayName", "display_name", text),
    ("PayloadOrganization", "organization", text),
    ("PayloadDescription", "description", text),
    ("PayloadVersion", "version", small_number),
    ("IsManaged", "is_managed", flag),
    ("IsEncrypted", "is_encrypted", flag),
    ("HasRemovalPasscode", "has_removal_passcode", flag),
    ("PayloadRemovalDisallowed", "is_removal_disallowed", flag),
)
_EMPTY = dict.fromkeys(["identifier", "uuid", "display_name", "organization", "description"], "")
_EMPTY |= dict.fromkeys(["version", "is_managed", "is_encrypted", "has_removal_passcode", "is_removal_disallowed"])
PAYLOAD_KEYS = ("PayloadType", "PayloadIdentifier", "PayloadUUID", "PayloadDisplayName", "PayloadVersion")
UNIQUE = ("channel_id", "identifier", "uuid")


def store_profiles(reports: list[Reported]) -> None:
    """Write a batch of profile lists; an answer about managed ones only adds and changes, but deletes nothing."""
    readable = [report for report in reports if report.part(KEY, list) is not None]
    whole, filtered = split_filtered(readable, "ManagedOnly")
    kept = keep_newest(KEY, [(report, _remainder(report)) for report in whole])
    told = [*kept, *not_outdated(KEY, filtered)]
    replaced = [report.channel_id for report in kept]
    rows = [row for report in told for row in _rows(report)]
    changed = replace_rows(InstalledProfile, rows, key=UNIQUE, replaced=replaced, with_change=("reported_at",))
    tell_changed(report.device_id for report in told if report.channel_id in changed)


def _rows(report: Reported) -> list[dict]:
    rows = []
    for path, item in report.items(KEY):
        columns = _EMPTY | read_columns(item, COLUMNS, report.problems, path)
        owner = {"channel_id": report.channel_id, "device_id": report.device_id}
        reported_at = report.answered_at.isoformat()
        rows.append({**owner, **columns, "payloads": _payloads(item), "reported_at": reported_at})
    return rows


def _payloads(item: dict) -> list[dict]:
    content = item.get("PayloadContent")
    payloads = [payload for payload in content if isinstance(payload, dict)] if isinstance(content, list) else []
    return storable([{key: payload[key] for key in PAYLOAD_KEYS if key in payload} for payload in payloads])


def _remainder(report: Reported) -> dict:
    """What rows have no column for, in the order of the list: Source, SignerCertificates and what comes later."""
    known = {key for key, _column, _read in COLUMNS} | {"PayloadContent"}
    names = ("PayloadIdentifier", "PayloadUUID")
    profiles = [
        {key: value for key, value in item.items() if key not in known or key in names}
        for item in report.content[KEY]
        if isinstance(item, dict)
    ]
    return {"count": len(profiles), KEY: profiles}
