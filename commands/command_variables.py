"""Variables in commands: $SERIAL_NUMBER and the like, filled in for each device as in profiles (profiles.variables).

They work where a person reads a text or a device gets a name: FILLED says in which keys. Elsewhere a command is sent as
it is written. A variable that does not exist, or whose value is secret, is refused before anything is sent; a device
that has no value for one is left out by itself, with the name of the variable.
"""

from collections.abc import Callable, Iterable, Iterator

from commands.applicability import Refusal
from commands.meanings import Candidate
from devices.models import Channel
from profiles import variables
from profiles.content import Path, dotted

# Keys by RequestType, and of Settings by Item.
FILLED = {
    "DeviceLock": ("Message", "PhoneNumber"),
    "EnableLostMode": ("Message", "PhoneNumber", "Footnote"),
}
FILLED_ITEMS = {
    "DeviceName": ("DeviceName",),
    "HostName": ("HostName",),
    "OrganizationInfo": ("OrganizationInfo",),
}


def errors(request_type: str, payload: dict) -> dict[str, str]:
    """Return what is wrong with the variables of a payload, by key path: one statement or two where there are some."""
    used = list(_uses(request_type, payload))
    if not used:
        return {}
    known, secret = variables.known_names(), variables.secret_names()
    wrong = {}
    for path, name in used:
        if name in secret:
            wrong[dotted(path)] = f"${name} is a secret, which no command may carry"
        elif name not in known:
            wrong[dotted(path)] = f"there is no variable ${name}; write $${name} for the words themselves"
    return wrong


def fill_in(
    request_type: str, payload: dict, narrowed: dict[int, dict], candidates: list[Candidate]
) -> tuple[dict[int, dict], list[Candidate], list[Refusal]]:
    """Return what each channel is asked where that differs (``narrowed``, filled in), and who lacks a value."""
    used = {name for asked in (payload, *narrowed.values()) for _path, name in _uses(request_type, asked)}
    if not used and not _has_dollars(request_type, payload):
        return narrowed, candidates, []
    channels = Channel.objects.filter(pk__in=[candidate.channel_id for candidate in candidates]).only("pk")
    values = variables.values_for(channels, used)
    filled, fit, refused = dict(narrowed), [], []
    for candidate in candidates:
        asked = narrowed.get(candidate.channel_id, payload)
        own = values.get(candidate.channel_id, {})
        missing = sorted({name for _path, name in _uses(request_type, asked)} - own.keys())
        if missing:
            words = f"{', '.join(f'${name}' for name in missing)} has no value for this device"
            refused.append(Refusal(candidate.channel_id, candidate.device_id, candidate.serial_number, words))
            continue
        filled[candidate.channel_id] = _changed(request_type, asked, lambda value, own=own: variables.fill(value, own))
        fit.append(candidate)
    return filled, fit, refused


def _uses(request_type: str, payload: dict) -> Iterator[tuple[Path, str]]:
    for path, value in _places(request_type, payload):
        for use in variables.uses(value):
            yield (*path, *use.path), use.name


def _has_dollars(request_type: str, payload: dict) -> bool:
    """Say whether dollars are escaped in it, which are unescaped for everybody."""
    return any(variables.escapes(value) for _path, value in _places(request_type, payload))


def _places(request_type: str, payload: dict) -> Iterator[tuple[Path, object]]:
    """Yield the values in which variables are filled in, with their key paths."""
    for key in FILLED.get(request_type, ()):
        if key in payload:
            yield (key,), payload[key]
    for index, item in _items(request_type, payload):
        for key in FILLED_ITEMS.get(item["Item"], ()):
            if key in item:
                yield ("Settings", index, key), item[key]


def _items(request_type: str, payload: dict) -> Iterable[tuple[int, dict]]:
    items = payload.get("Settings") if request_type == "Settings" else None
    named = enumerate(items if isinstance(items, list) else ())
    return [(index, it) for index, it in named if isinstance(it, dict) and isinstance(it.get("Item"), str)]


def _changed(request_type: str, payload: dict, change: Callable[[object], object]) -> dict:
    """Return the payload with the values changed in which variables are filled in."""
    changed = payload | {key: change(payload[key]) for key in FILLED.get(request_type, ()) if key in payload}
    items = list(_items(request_type, payload))
    if items:
        changed["Settings"] = list(payload["Settings"])
        for index, item in items:
            keys = [key for key in FILLED_ITEMS.get(item["Item"], ()) if key in item]
            changed["Settings"][index] = item | {key: change(item[key]) for key in keys}
    return changed
