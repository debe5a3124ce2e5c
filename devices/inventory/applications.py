"""InstalledApplicationList: one row for each app of a device.

Macs list apps without an identifier, and the same app once for each place where it lies: those become one row.
Whether an app is managed is told by another command, so a whole list leaves ``is_managed`` as it is.

Apple: developer.apple.com/documentation/devicemanagement/installed-application-list-command
"""

from devices.changes import tell_changed
from devices.inventory.answers import keep_newest, not_outdated, split_filtered, storable
from devices.inventory.reported import Columns, Reported, key_text, read_columns, size
from devices.inventory.rows import replace_rows
from devices.models import InstalledApplication

KEY = "InstalledApplicationList"
COLUMNS: Columns = (
    ("Identifier", "identifier", key_text),
    ("Name", "name", key_text),
    ("Version", "version", key_text),
    ("ShortVersion", "short_version", key_text),
    ("BundleSize", "bundle_size_bytes", size),
    ("DynamicSize", "dynamic_size_bytes", size),
)
_IN_COLUMNS = {key for key, _column, _read in COLUMNS}
_EMPTY = {"identifier": "", "name": "", "version": "", "short_version": ""}
_EMPTY |= {"bundle_size_bytes": None, "dynamic_size_bytes": None}
UNIQUE = ("device_id", "identifier", "name", "version")


def store_applications(reports: list[Reported]) -> None:
    """Write a batch of app lists; an answer about some of the apps adds and changes, but deletes nothing."""
    readable = [report for report in reports if not report.user_key and report.part(KEY, list) is not None]
    whole, filtered = split_filtered(readable, "Identifiers", "ManagedAppsOnly")
    kept = keep_newest(KEY, [(report, {"count": len(report.content[KEY])}) for report in whole])
    rows = [row | {"is_managed": None} for report in kept for row in _rows(report)]
    replaced = [report.device_id for report in kept]
    changed = replace_rows(InstalledApplication, rows, key=UNIQUE, replaced=replaced, at_first=("is_managed",))
    for is_managed in (True, False):
        told = [report for report in filtered if bool(report.asked.get("ManagedAppsOnly")) == is_managed]
        changed |= _add(not_outdated(KEY, told), is_managed=is_managed)
    tell_changed(changed)


def _add(reports: list[Reported], *, is_managed: bool) -> set[int]:
    """Add the apps of answers about some: that they are managed is known only when just those were asked for."""
    rows = [row | {"is_managed": is_managed or None} for report in reports for row in _rows(report)]
    at_first = () if is_managed else ("is_managed",)
    return replace_rows(InstalledApplication, rows, key=UNIQUE, replaced=[], at_first=at_first)


def _rows(report: Reported) -> list[dict]:
    rows = []
    for path, item in report.items(KEY):
        extra = {key: value for key, value in item.items() if key not in _IN_COLUMNS}
        columns = _EMPTY | read_columns(item, COLUMNS, report.problems, path)
        rows.append({"device_id": report.device_id, **columns, "extra": storable(extra)})
    return rows
