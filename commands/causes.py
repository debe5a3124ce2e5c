"""Why targets of a command failed, grouped, so that forty devices with one trouble are one line."""

import re
from collections import defaultdict

from django.db.models import Count, Q, Window
from django.db.models.functions import RowNumber

# What differs from device to device in the words of one error.
_VARYING = r"\b(?:[0-9A-F]{8}-[0-9A-F-]{27}|[0-9a-f]{16,}|\d{5,})\b"
# Apple's codes, as commands.error_words writes them, are the same for all: MCMDMErrorDomain/12021.
_CODE = r"\b[\w.]*error[\w.]*/-?\d+"
_EITHER = re.compile(f"(?P<code>{_CODE})|{_VARYING}", re.IGNORECASE)
EXAMPLES = 5
# Of notes that differ from device to device, no more than this are looked at for examples.
MAX_ROWS = 1000
UNTOLD = "the device gave no reason yet"


def cause_of(note: str) -> str:
    """Return the words of a failure without what differs from device to device."""
    return _EITHER.sub(lambda found: found["code"] or "…", note or UNTOLD)


def failures_by_cause(targets) -> list[dict]:
    """Return ``[{"cause", "count", "serial_numbers"}]`` of the failed among some QueuedCommands, most first.

    Two statements: the notes with their numbers, and some devices of each.
    """
    failed = targets.failed().order_by()
    counts: dict[str, int] = defaultdict(int)
    notes: dict[str, str] = {}
    for note, number in failed.values_list("note").annotate(number=Count("id")):
        cause = cause_of(note)
        counts[cause] += number
        notes[note or ""] = cause
    serials: dict[str, list[str]] = defaultdict(list)
    place = Window(RowNumber(), partition_by="note", order_by="id")
    some = failed.annotate(place=place).filter(place__lte=EXAMPLES).order_by("id")
    rows = some.values_list("note", "channel__device__serial_number", "channel__device__name")
    for note, serial_number, name in rows[:MAX_ROWS]:
        shown = serials[notes[note or ""]]
        if len(shown) < EXAMPLES:
            shown.append(serial_number or name)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"cause": cause, "count": count, "serial_numbers": serials[cause]} for cause, count in ordered]


def with_cause(targets, cause: str):
    """Return those among some failed QueuedCommands that failed for a cause of `failures_by_cause`."""
    notes = {note for note in targets.order_by().values_list("note", flat=True).distinct() if cause_of(note) == cause}
    meant = Q(note__in=notes - {None})
    return targets.filter(meant | Q(note=None) if None in notes else meant)
