"""What changed between two contents of a profile, by key path and not by text.

Payloads are compared by PayloadUUID, other arrays by index; values by their type as well, since true, 1 and 1.0 are
three things to a device. Both contents are in the JSON form of mdm_project.plist.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from profiles.content import Path, dotted
from profiles.masking import mask

_MARKERS = ({"$data"}, {"$date"}, {"$real"})
_ABSENT = object()


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Change:
    """One difference. A payload's place in its path is its PayloadUUID; a value that is not there is None."""

    path: Path
    kind: Kind
    before: object = None
    after: object = None
    payload_type: str = ""

    @property
    def key_path(self) -> str:
        return dotted(self.path)


def diff(a: dict, b: dict, *, show_secrets: bool = False) -> list[Change]:
    """Return the changes from a to b; secrets are masked unless asked for, that they changed is told all the same."""
    seen_a, seen_b = (a, b) if show_secrets else (mask(a), mask(b))
    return list(_compare(_Side(a, seen_a), _Side(b, seen_b), ()))


@dataclass(frozen=True)
class _Side:
    """A value and what may be seen of it; the two have the same shape."""

    value: object
    seen: object

    def at(self, key) -> "_Side":
        if isinstance(self.value, dict):
            return _Side(self.value[key], self._seen(key)) if key in self.value else _NOTHING
        return _Side(self.value[key], self._seen(key)) if key < len(self.value) else _NOTHING

    def _seen(self, key):
        # What is masked as a whole has nothing inside.
        return self.seen[key] if isinstance(self.seen, dict | list) else self.seen

    @property
    def is_absent(self) -> bool:
        return self.value is _ABSENT


_NOTHING = _Side(_ABSENT, None)


def _compare(a: _Side, b: _Side, path: Path, payload_type: str = "") -> Iterator[Change]:
    if a.is_absent or b.is_absent:
        kind = Kind.ADDED if a.is_absent else Kind.REMOVED
        yield Change(path, kind, a.seen, b.seen, payload_type)
    elif _is_dictionary(a.value) and _is_dictionary(b.value):
        for key in [*a.value, *(key for key in b.value if key not in a.value)]:
            yield from _compare(a.at(key), b.at(key), (*path, key), payload_type)
    elif isinstance(a.value, list) and isinstance(b.value, list):
        yield from _compare_lists(a, b, path, payload_type)
    elif type(a.value) is not type(b.value) or a.value != b.value:
        yield Change(path, Kind.CHANGED, a.seen, b.seen, payload_type)


def _is_dictionary(value) -> bool:
    return isinstance(value, dict) and set(value) not in _MARKERS


def _compare_lists(a: _Side, b: _Side, path: Path, payload_type: str) -> Iterator[Change]:
    if path == ("PayloadContent",):
        places_a, places_b = _places(a.value), _places(b.value)
        if places_a is not None and places_b is not None:
            yield from _compare_payloads(a, b, places_a, places_b)
            return
    for index in range(max(len(a.value), len(b.value))):
        yield from _compare(a.at(index), b.at(index), (*path, index), payload_type)


def _places(payloads: list) -> dict[str, int] | None:
    """Return the index of each payload by UUID, None where UUIDs do not tell them apart."""
    uuids = [each.get("PayloadUUID") if isinstance(each, dict) else None for each in payloads]
    places = {uuid: index for index, uuid in enumerate(uuids) if isinstance(uuid, str)}
    return places if len(places) == len(payloads) else None


def _compare_payloads(a: _Side, b: _Side, places_a: dict, places_b: dict) -> Iterator[Change]:
    for uuid in [*places_a, *(uuid for uuid in places_b if uuid not in places_a)]:
        old = a.at(places_a[uuid]) if uuid in places_a else _NOTHING
        new = b.at(places_b[uuid]) if uuid in places_b else _NOTHING
        payload_type = (old if new.is_absent else new).value.get("PayloadType", "")
        yield from _compare(old, new, ("PayloadContent", uuid), str(payload_type))
    common_a = [uuid for uuid in places_a if uuid in places_b]
    common_b = [uuid for uuid in places_b if uuid in places_a]
    if common_a != common_b:
        yield Change(("PayloadContent",), Kind.CHANGED, common_a, common_b)
