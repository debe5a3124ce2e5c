"""The entries of the catalogue: one file of Apple's schema each, with the keys it defines.

Everything here is read-only and shared by all threads of a process. Where files are and how they are read: store.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from profiles.catalogue import labels
from profiles.catalogue.availability import Availability, Target, evaluate
from profiles.catalogue.keys import Key, Role, Type, child_of
from profiles.catalogue.support import Support
from profiles.catalogue.tree import build_keys


class Kind(StrEnum):
    """What an entry describes. Envelopes are what payloads and declarations are wrapped in, never listed with them."""

    PAYLOAD = "payload"
    COMMAND = "command"
    CHECKIN = "checkin"
    DECLARATION = "declaration"
    CREDENTIAL = "credential"
    STATUS_ITEM = "status_item"
    ENVELOPE = "envelope"
    ERROR = "error"
    PROTOCOL = "protocol"
    OTHER = "other"


# What devices send: values may be newer than the catalogue, so they are described but not restricted.
REPORTED = frozenset({Kind.CHECKIN, Kind.STATUS_ITEM})


@dataclass(frozen=True, slots=True)
class StatusReason:
    """A reason that a device may give in a status report: its code and the keys of its details."""

    code: str
    details: tuple[tuple[str, Type], ...]


@dataclass(frozen=True, eq=False)
class Entry:
    """One object of Apple's schema. The file is its identity: type names are not unique, ``slug`` is, within a kind."""

    kind: Kind
    slug: str
    type: str
    file: str
    support: Mapping[str, Support] = field(repr=False)
    _rows: Mapping[str, list] = field(repr=False)
    apply: str = ""
    related_status_items: tuple[str, ...] = field(default=(), repr=False)
    reasons: tuple[StatusReason, ...] = field(default=(), repr=False)

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The keys of the outermost dictionary."""
        return build_keys(self._rows.get("keys", ()), self.support)

    @cached_property
    def response_keys(self) -> tuple[Key, ...]:
        """What a device adds to its answer; keys that every answer has are in no file of Apple's."""
        return build_keys(self._rows.get("response", ()), self.support)

    @property
    def label(self) -> str:
        """Our own name for it."""
        return labels.label_of(self)

    @property
    def group(self) -> str:
        """The purpose that it is listed under."""
        return labels.group_of(self)

    @property
    def is_reported(self) -> bool:
        return self.kind in REPORTED

    @property
    def family(self) -> str:
        """configuration, asset, management or activation for a declaration."""
        return self.type.split(".")[2] if self.kind is Kind.DECLARATION else ""

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple(system for system, support in self.support.items() if not support.is_absent)

    def walk(self) -> Iterator[Key]:
        """Yield every key of what is sent, outer before inner, recursive structures once."""
        for key in self.keys:
            yield from key.walk()

    def find(self, key_path: str | tuple[str | int, ...]) -> Key | None:
        """Return the key at a path: ``Key.path`` or the place of a value, dotted or in parts."""
        if isinstance(key_path, str):
            return _find_dotted(self.keys, key_path)
        keys, found = self.keys, None
        for part in key_path:
            found = child_of(keys, part)
            if found is None:
                return None
            keys = (*found.children, *found.choices)
        return found

    def availability(self, os: str, version: str = "", **known) -> Availability:
        """Say whether this can be used on a device; arguments as of Target."""
        return evaluate(self.support, Target(os, version, **known))


def _find_dotted(keys: tuple[Key, ...], path: str) -> Key | None:
    """Names may have dots themselves, so every way to read the path is tried, members before ANY."""
    for key in sorted(keys, key=lambda key: key.role is Role.ANY):
        for head, rest in _splits(path):
            if child_of((key,), head) is None:
                continue
            if not rest:
                return key
            found = _find_dotted((*key.children, *key.choices), rest)
            if found is not None:
                return found
    return None


def _splits(path: str) -> Iterator[tuple[str, str]]:
    yield path, ""
    at = path.rfind(".")
    while at > 0:
        yield path[:at], path[at + 1 :]
        at = path.rfind(".", 0, at)
