"""Custom attributes from a table: CSV text whose first column is the serial number and whose others are attributes."""

import csv
import io
from dataclasses import dataclass, field

from devices.attributes import normalised, set_attributes
from devices.models import CustomAttribute
from devices.querysets import DeviceQuerySet
from devices.redaction import REDACTED
from devices.same_serial import ambiguous
from devices.timeline import Actor
from mdm_project.errors import BadRequest

SERIAL = "serial_number"
MAX_ROWS = 50_000
MAX_PROBLEMS = 100


@dataclass(frozen=True)
class Imported:
    """How many devices changed, serial numbers that no device has, and values that were passed over, by line."""

    changed: int
    unknown: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def import_attributes(text: str, devices: DeviceQuerySet, *, actor: Actor) -> Imported:
    """Set what the table says for these devices; an empty cell removes. Raise BadRequest for what is no such table.

    Serial numbers that are not known and values of the wrong kind are told, and do not hold up the others.
    """
    known = {attribute.name: attribute for attribute in CustomAttribute.objects.order_by("name")}
    rows = _rows(text, known)
    serials = {row[SERIAL] for _line, row in rows}
    meant = devices.filter(serial_number__in=serials, replaced_by=None)
    ids = dict(meant.order_by("id").values_list("serial_number", "id"))
    several = ambiguous(serials, devices)
    values, problems = {}, []
    for line, row in rows:
        if row[SERIAL] in several:
            problems.append(f"line {line}: {several[row[SERIAL]]} devices have the serial number {row[SERIAL]}")
        elif row[SERIAL] in ids:
            values.setdefault(ids[row[SERIAL]], {}).update(_checked(line, row, known, problems))
    changed = set_attributes(values, actor=actor)
    return Imported(changed, sorted(serials - ids.keys()), problems[:MAX_PROBLEMS])


def _rows(text: str, known: dict) -> list[tuple[int, dict]]:
    try:
        table = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True))
    except csv.Error as error:
        raise BadRequest(f"this is not CSV: {error}") from error
    header = [name.strip() for name in table[0]] if table else []
    if not header or header[0] != SERIAL or len(set(header)) != len(header):
        raise BadRequest(f"the first line must name the columns: {SERIAL}, then attributes")
    unknown = {name: f"there is no attribute {name}" for name in header[1:] if name not in known}
    if unknown:
        raise BadRequest("; ".join(unknown.values()), fields=unknown)
    if len(table) > MAX_ROWS + 1:
        raise BadRequest(f"the table has more than {MAX_ROWS} lines")
    rows = []
    for line, cells in enumerate(table[1:], start=2):
        if len(cells) > len(header):
            raise BadRequest(f"line {line} has more cells than the first one")
        if any(cell.strip() for cell in cells):
            rows.append((line, dict(zip(header, (cell.strip() for cell in cells), strict=False))))
    return rows


def _checked(line: int, row: dict, known: dict, problems: list[str]) -> dict[str, str]:
    values = {}
    for name, text in row.items():
        if name == SERIAL:
            continue
        if known[name].is_secret and text == REDACTED:
            problems.append(f"line {line}: {name} must be the value itself")
            continue
        try:
            values[name] = normalised(known[name].kind, text) if text else ""
        except ValueError as error:
            problems.append(f"line {line}: {name} {error}")
    return values
