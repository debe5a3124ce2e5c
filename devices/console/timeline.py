"""The timeline tab of the device page: what is asked for in its address, and what it shows."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import F
from django.urls import reverse
from django.utils.dateparse import parse_date, parse_datetime

from commands.history import ANSWERS, Entry, Wanted, past, planned
from devices.models import Device, Event

PAGE = 50
RECENT = 10
MAX_TEXT = 200
# A device that enrolls asks for it first; both are one line when this little time lies between them.
ONE_ENROLLMENT = timedelta(minutes=10)
ICONS = (
    ("command_failed", "cancel"), ("command_partly", "rule"),
    ("command_expired", "hourglass_disabled"), ("command_cancelled", "do_not_disturb_on"),
    ("command", "terminal"), ("enroll", "add_to_home_screen"), ("authenticated", "add_to_home_screen"),
    ("checked_out", "link_off"), ("os_", "system_update"), ("group", "category"), ("profile", "tune"),
    ("assignment", "tune"), ("rollout", "tune"), ("secret", "key"), ("bootstrap", "key"), ("identity", "badge"),
    ("note", "sticky_note_2"), ("workflow", "account_tree"), ("action_held", "pause_circle"), ("refresh", "sync"),
    ("staff", "manage_accounts"), ("token", "key"), ("push", "notifications"),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """An entry with where it leads and how it looks; ``request`` is what came before it and is a part of it."""

    entry: Entry
    icon: str
    link: str
    is_bad: bool
    request: "Line | None" = None


def wanted_of(query) -> Wanted:
    """Read what is wanted from a query string; what cannot be read is not asked for."""
    return Wanted(
        text=_text(query, "q"),
        kind=_text(query, "kind"),
        actor=_text(query, "actor"),
        after=_day(query.get("from", "")),
        before=_day(query.get("to", ""), days=1),
        until=_moment(query.get("until", "")),
    )


def timeline_context(device: Device, query, user) -> dict:
    """Return the lines of a page of the timeline, what is to come (on the first page), and the filters as they are."""
    wanted = wanted_of(query)
    found = past(device, wanted, user, PAGE)
    shown = found[:PAGE]
    is_first = wanted == Wanted()
    return {
        "lines": lines_of(shown),
        "planned": [line_of(entry) for entry in planned(device, user)] if is_first else [],
        "kinds": kinds_of(device),
        "wanted": wanted,
        "query": {name: query.get(name, "") for name in ("q", "kind", "actor", "from", "to")},
        "is_filtered": any((wanted.text, wanted.kind, wanted.actor, wanted.after, wanted.before)),
        "earlier": _earlier(query, shown) if len(found) > PAGE else "",
        "exports": exports(device, query),
    }


def recent_lines(device: Device, user) -> list[Line]:
    """Return the newest lines, as far as somebody may see them: events and what became of commands."""
    return lines_of(past(device, Wanted(), user, RECENT)[:RECENT])


def lines_of(entries: list[Entry]) -> list[Line]:
    """Return a line for each entry, newest first; the request of an enrollment is on the line of the enrollment."""
    lines: list[Line] = []
    enrolled = None
    for entry in entries:
        is_request = entry.kind == "authenticated" and enrolled is not None
        if is_request and lines[enrolled].entry.at - entry.at < ONE_ENROLLMENT:
            lines[enrolled], enrolled = replace(lines[enrolled], request=line_of(entry)), None
            continue
        if entry.kind == "enrolled":
            enrolled = len(lines)
        lines.append(line_of(entry))
    return lines


def line_of(entry: Entry) -> Line:
    icon = next((icon for prefix, icon in ICONS if entry.kind.startswith(prefix)), "history")
    link = ""
    if entry.event_id:
        link = reverse("admin:devices_event_change", args=[entry.event_id])
    elif entry.queued_id:
        link = reverse("admin:commands_command_target", args=[entry.queued_id])
    return Line(entry, icon, link, entry.kind == "command_failed")


def kinds_of(device: Device) -> list[tuple[str, str]]:
    """Return the kinds there are on this device's timeline, with their words."""
    stored = Event.objects.filter(device=device).order_by(F("kind")).values_list("kind", flat=True).distinct()
    names = sorted({*stored, *(kind for kind, _ in ANSWERS.values())})
    return [(name, name.replace("_", " ").capitalize()) for name in names]


def exports(device: Device, query) -> dict[str, str]:
    """Return the addresses that download the events of a device, filtered as the page is."""
    asked = {"device": device.pk} | {name: query[name] for name in ("q", "kind", "actor") if query.get(name)}
    asked |= {f"at_{end}": query[end] for end in ("from", "to") if query.get(end)}
    return {
        "csv": f"{reverse('admin:devices_event_csv')}?{urlencode(asked)}",
        "jsonl": f"{reverse('admin:devices_event_jsonl')}?{urlencode(asked)}",
        "all": f"{reverse('admin:devices_event_changelist')}?{urlencode(asked)}",
    }


def _earlier(query, shown: list[Entry]) -> str:
    kept = {name: query[name] for name in ("q", "kind", "actor", "from", "to") if query.get(name)}
    return "?" + urlencode({"tab": "timeline", **kept, "until": shown[-1].at.isoformat()})


def _text(query, name: str) -> str:
    return query.get(name, "").replace("\x00", "").strip()[:MAX_TEXT]


def _day(text: str, days: int = 0) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=days) if day else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
