"""A profile as lint looks at it: plist values, and its payloads with their entries of the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mdm_project import plist
from profiles.catalogue import Entry, Key, Role, Type
from profiles.catalogue.keys import child_of
from profiles.catalogue.support import Support
from profiles.content import Path
from profiles.merging import entry_of
from profiles.models import Profile


@dataclass(frozen=True, eq=False)
class Payload:
    """One payload; ``index`` is its place in PayloadContent. Payloads that Apple does not define have no entry."""

    index: int
    values: dict
    entry: Entry | None

    @property
    def path(self) -> Path:
        return ("PayloadContent", self.index)

    @property
    def type(self) -> str:
        kind = self.values.get("PayloadType")
        return kind if isinstance(kind, str) else ""

    @property
    def uuid(self) -> str:
        uuid = self.values.get("PayloadUUID")
        return uuid if isinstance(uuid, str) else ""

    @property
    def label(self) -> str:
        """What people call it: its kind, and its own name where it has one that says more."""
        kind = self.entry.label if self.entry else self.type or "payload"
        name = self.values.get("PayloadDisplayName")
        return f"{kind} “{name}”" if isinstance(name, str) and name and name != kind else kind

    @property
    def about(self) -> dict:
        """What a finding says of the payload it is in."""
        return {"payload_uuid": self.uuid, "payload_type": self.type}


@dataclass(frozen=True, eq=False)
class Document:
    """The content of a profile. ``misfits`` are the places in PayloadContent that hold no payload."""

    content: dict
    values: dict
    payloads: tuple[Payload, ...]
    misfits: tuple[Path, ...] = ()
    profile: Profile | None = field(default=None)

    @property
    def scope(self) -> str:
        return "User" if self.values.get("PayloadScope") == "User" else "System"


def read(content: dict, profile: Profile | None = None) -> Document:
    """Return the content (JSON form) as a document; what is no profile at all is in ``misfits``."""
    values = plist.from_json(content)
    slugs = profile.payload_slugs if profile else {}
    payloads, misfits = [], []
    listed = values.get("PayloadContent", [])
    if not isinstance(listed, list):
        return Document(content, values, (), (("PayloadContent",),), profile)
    for index, each in enumerate(listed):
        if isinstance(each, dict):
            payloads.append(Payload(index, each, entry_of(each, slugs)))
        else:
            misfits.append(("PayloadContent", index))
    return Document(content, values, tuple(payloads), tuple(misfits), profile)


@dataclass(frozen=True, eq=False)
class Place:
    """A key that is set: where, which key of the catalogue, and the support of what contains it."""

    path: Path
    key: Key
    value: object
    around: Mapping[str, Support] = field(repr=False)


def places(payload: Payload) -> Iterator[Place]:
    """Yield every key that a payload sets and the catalogue knows, at any depth, and choices that are set."""
    if payload.entry:
        yield from _members(payload.entry.keys, payload.values, payload.path, payload.entry.support)


def _members(keys: tuple[Key, ...], values: dict, path: Path, around) -> Iterator[Place]:
    for name, value in values.items():
        key = child_of(keys, name)
        if key is not None:
            yield from _place(key, value, (*path, name), around)


def _place(key: Key, value, path: Path, around) -> Iterator[Place]:
    yield Place(path, key, value, around)
    for choice in key.choices:
        if choice.name == value:
            yield Place(path, choice, value, key.support)
    if isinstance(value, dict) and key.type is Type.DICTIONARY:
        yield from _members(key.children, value, path, key.support)
    if isinstance(value, list) and key.type is Type.ARRAY:
        for index, item in enumerate(value):
            below = key.variant_for(item) or key.item
            if below is not None:
                yield from _place(below, item, (*path, index), key.support)


@dataclass(frozen=True, eq=False)
class Gap:
    """A key that some devices require and that is not set."""

    path: Path
    key: Key


def gaps(payload: Payload) -> Iterator[Gap]:
    """Yield the keys that are required somewhere, not everywhere, and missing in a dictionary that is set."""
    if payload.entry is None:
        return
    yield from _gaps_in(payload.entry.keys, payload.values, payload.path)
    for place in places(payload):
        if isinstance(place.value, dict) and place.key.type is Type.DICTIONARY:
            yield from _gaps_in(place.key.children, place.value, place.path)


def _gaps_in(keys: tuple[Key, ...], values: dict, path: Path) -> Iterator[Gap]:
    for key in keys:
        is_meant = key.role is Role.MEMBER and key.is_required and not key.is_always_required
        if is_meant and key.name not in values:
            yield Gap((*path, key.name), key)
