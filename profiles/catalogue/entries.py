"""What the catalogue is made of: entries (one file of Apple's schema each) and the keys they define.

Everything here is read-only and shared by all threads of a process. Where files are and how they are read: store.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from profiles.catalogue.availability import Availability, Target, evaluate
from profiles.catalogue.support import Support, overlay

ITEM_PART = "[]"
ANY_PART = "*"

Path = tuple[str, ...]


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


class Type(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    DATE = "date"
    DATA = "data"
    ARRAY = "array"
    DICTIONARY = "dictionary"
    ANY = "any"


class Role(StrEnum):
    """What a key is to the one above it.

    A member has its name on the wire. An item is what an array holds; variants are several sorts of items, told apart
    by a member that has one allowed value. ANY stands for every name that is not a member. A choice is an allowed value
    of a string that has support of its own; its type is that of the answer to it.
    """

    MEMBER = "member"
    ITEM = "item"
    VARIANT = "variant"
    ANY = "any"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """One key of an entry; compared by identity. ``path`` tells where it is: ``("Settings", "[]", "Item")``.

    In paths an array's item is ``[]``, a variant ``[Name]``, any name ``*``. ``support`` is effective (inherited and
    overlaid), ``stated`` only what the key itself says. ``repetition`` is minimum and maximum of an array's items;
    ``range`` is inclusive, either end may be None.
    """

    name: str
    path: Path
    type: Type
    role: Role
    support: Mapping[str, Support]
    is_required: bool
    is_always_required: bool
    stated: Mapping[str, Mapping] = field(repr=False)
    default: object = None
    allowed: tuple = ()
    range: tuple | None = None
    repetition: tuple[int, int] | None = None
    format: str = ""
    subtype: str = ""
    structure: str = ""
    combine: str = ""
    asset_types: tuple[str, ...] = ()
    asset_content_types: tuple[str, ...] = ()
    subkeys: tuple["Key", ...] = field(default=(), repr=False)
    choices: tuple["Key", ...] = field(default=(), repr=False)
    # The ancestor whose subkeys come again below this key; set once, while the tree is built.
    recursion: "Key | None" = field(default=None, repr=False)

    @property
    def key_path(self) -> str:
        return ".".join(self.path)

    @property
    def children(self) -> tuple["Key", ...]:
        """Subkeys, for ever in a recursive structure: paths and support are then those of the first round."""
        return self.recursion.subkeys if self.recursion else self.subkeys

    @property
    def is_any(self) -> bool:
        return self.role is Role.ANY

    @property
    def is_free_form(self) -> bool:
        """True if any value, or any dictionary, is taken."""
        return self.type is Type.ANY or (self.type is Type.DICTIONARY and not self.children)

    @property
    def has_default(self) -> bool:
        return self.default is not None

    @property
    def variants(self) -> tuple["Key", ...]:
        return tuple(child for child in self.children if child.role is Role.VARIANT)

    @property
    def item(self) -> "Key | None":
        """What an array holds; None where it holds variants or anything."""
        return next((child for child in self.children if child.role is Role.ITEM), None)

    @property
    def discriminator(self) -> str:
        """The member that tells an array's variants apart ("Item" in the command Settings), "" where there are none."""
        return next((key.name for variant in self.variants for key in variant.subkeys if len(key.allowed) == 1), "")

    @property
    def variant_value(self) -> str:
        """What the discriminator holds in this variant.

        Apple's file forgets it for one variant (DefaultApplications in Settings); its name is then the value, as it is
        in all others.
        """
        return next((key.allowed[0] for key in self.subkeys if len(key.allowed) == 1), self.name)

    def walk(self) -> Iterator["Key"]:
        """Yield this key and all below it, choices too; a recursive structure once."""
        yield self
        for child in (*self.choices, *self.subkeys):
            yield from child.walk()

    def child(self, part: str | int) -> "Key | None":
        """Return the key below for a part of a path, or of the place of a value (a name, an index)."""
        return child_of(self.children, part)

    def availability(self, os: str, version: str = "", **known) -> Availability:
        """Say whether this key can be used; arguments as of Target. What it is in has its own answer."""
        return evaluate(self.support, Target(os, version, **known))

    def is_required_on(self, target: Target) -> bool:
        return self.is_required and evaluate(self.support, target).is_available


def child_of(keys: tuple[Key, ...], part: str | int) -> Key | None:
    """Return the key that a part of a path means: by name first, then by what takes any."""
    fallback = None
    for key in keys:
        if key.path[-1] == part and key.role is not Role.ANY:
            return key
        if key.role is Role.ANY and isinstance(part, str):
            fallback = key
        elif key.role is Role.ITEM and (isinstance(part, int) or part.isdigit()):
            return key
    return fallback


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


def build_keys(rows, support: Mapping[str, Support]) -> tuple[Key, ...]:
    """Make the tree of keys from the rows of a data file: depth, name, facts, in the order outer before inner."""
    nested: list = []
    levels = [nested]
    for depth, name, facts in rows:
        node = (name, facts, [])
        del levels[depth + 1 :]
        levels[depth].append(node)
        levels.append(node[2])
    return tuple(_build(node, support, (), []) for node in nested)


def _build(node, inherited: Mapping[str, Support], path: Path, open_keys: list, above="", siblings=1) -> Key:
    """Make a key and all below it. ``open_keys``: those that wait for an ancestor whose subkeys are theirs too."""
    name, facts, below = node
    stated = facts.get("os", {})
    role = _role(name, above, siblings)
    support = overlay(inherited, stated)
    path = (*path, _part(name, role))
    children = [_build(child, support, path, open_keys, facts["type"], len(below)) for child in below]
    choices = tuple(child for child in children if child.role is Role.CHOICE)
    is_required = facts.get("presence") == "required"
    key = Key(
        name=name,
        path=path,
        type=Type(facts["type"]),
        role=role,
        support=support,
        stated=MappingProxyType(stated),
        is_required=is_required,
        is_always_required=is_required and not _narrows(inherited, support),
        default=facts.get("default"),
        allowed=tuple(facts.get("allowed", ())) or tuple(choice.name for choice in choices),
        range=tuple(facts["range"]) if "range" in facts else None,
        repetition=tuple(facts["repetition"]) if "repetition" in facts else None,
        format=facts.get("format", ""),
        subtype=facts.get("subtype", ""),
        structure=facts.get("structure", ""),
        combine=facts.get("combine", ""),
        asset_types=tuple(facts.get("assets", ())),
        asset_content_types=tuple(facts.get("asset_content", ())),
        subkeys=tuple(child for child in children if child.role is not Role.CHOICE),
        choices=choices,
    )
    for waiting in [pair for pair in open_keys if pair[0] == len(path) - 1]:
        open_keys.remove(waiting)
        object.__setattr__(waiting[1], "recursion", key)
    if "recursion" in facts:
        open_keys.append((facts["recursion"], key))
    return key


def _role(name: str, above: str, siblings: int) -> Role:
    if above == Type.ARRAY:
        return Role.ITEM if siblings == 1 else Role.VARIANT
    if above == Type.STRING:
        return Role.CHOICE
    return Role.ANY if name == "ANY" or name.startswith("ANY ") else Role.MEMBER


def _part(name: str, role: Role) -> str:
    return {Role.ITEM: ITEM_PART, Role.VARIANT: f"[{name}]", Role.ANY: ANY_PART}.get(role, name)


# Differences that leave a required key required: it may be there, and nothing lets it be absent.
_HARMLESS = ("introduced", "deprecated", "access_rights", "allows_multiple", "allows_manual_install", "is_beta")


def _narrows(outer: Mapping[str, Support], inner: Mapping[str, Support]) -> bool:
    """Say whether a key is missing somewhere where what contains it is used, by platform, enrollment or channel."""
    if outer is inner:
        return False

    def bounds(support: Support | None) -> dict:
        facts = support.facts() if support else {}
        return {name: value for name, value in facts.items() if name not in _HARMLESS}

    return any(
        bounds(support) != bounds(outer.get(system))
        for system, support in inner.items()
        if system not in outer or not outer[system].is_absent
    )
