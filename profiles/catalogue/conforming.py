"""Brings what a device answers to the types of Apple's schema, before anybody interprets it.

A value of another type is taken out and handed back beside the rest, raw, with the key path at which it was: whoever
reads an answer afterwards meets the declared type or nothing. Keys that Apple's schema does not know stay as they are;
nobody may rely on their type. Numbers are brought over: old systems send sizes as reals, and whole reals as integers.

A tree of checks is compiled once an answer; an answer that fits is handed back as it came, without being copied.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from profiles.catalogue.entries import Kind
from profiles.catalogue.keys import Key, Role, Type
from profiles.catalogue.store import UnknownEntry, catalogue

_MISFIT = object()
_CLASSES = {
    Type.STRING: str,
    Type.INTEGER: int,
    Type.REAL: float,
    Type.BOOLEAN: bool,
    Type.DATE: datetime,
    Type.DATA: bytes,
    Type.ARRAY: list,
    Type.DICTIONARY: dict,
}
_WORDS = {str: "text", int: "an integer", float: "a real", bool: "true or false", datetime: "a date"}
_WORDS |= {bytes: "data", list: "an array", dict: "a dictionary"}
_CHAIN = {"ErrorCode": int, "ErrorDomain": str, "LocalizedDescription": str, "USEnglishDescription": str}
# Where Apple's schema and what every device sends differ: the answer to Settings is a list of what its file calls a
# dictionary; Macs before 14 tell the last scan's result as a number.
_LISTS = {("Settings", "Settings")}
_NUMBERS_AS_TEXT = {"PreviousScanResult"}


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that has another type than Apple's schema says: where it was, what is wrong, and itself.

    The path begins below the dictionary that an answer is wrapped in: "IsSupervised", "ProfileList[0].PayloadUUID".
    """

    path: str
    problem: str
    value: object


@dataclass(slots=True, eq=False)
class _Check:
    """What is expected at one place. ``kind`` None takes anything; ``item`` is for what a list holds, or any key.

    ``takes_numbers``: an integer becomes text. ``plain`` is the class of which nothing more has to be looked at.
    """

    kind: type | None
    members: dict[str, "_Check"] = field(default_factory=dict)
    item: "_Check | None" = None
    takes_numbers: bool = False
    plain: type | None = None

    def __post_init__(self):
        self.settle()

    def settle(self) -> None:
        """Work out what follows, once members and item are there."""
        is_leaf = not self.members and self.item is None
        self.plain = self.kind if is_leaf and self.kind is not float else None


def conform(request_type: str, answer: dict) -> tuple[dict, list[Misfit]]:
    """Return the answer to a command with every known key of its declared type, and what did not fit.

    The answer itself is not changed. An unknown RequestType has only the keys that every answer has.
    """
    misfits: list[Misfit] = []
    return _dictionary(answer, _answer_check(request_type), "", misfits), misfits


# The one dictionary that all of an answer is in: paths without it are those of the stored inventory.
_WRAPPERS = frozenset({"QueryResponses", "SecurityInfo"})


@lru_cache(maxsize=256)
def _answer_check(request_type: str) -> _Check:
    try:
        keys = catalogue().entry(Kind.COMMAND, request_type).response_keys
    except UnknownEntry:
        keys = ()
    of_chain = _Check(dict, {name: _Check(kind) for name, kind in _CHAIN.items()})
    envelope = {name: _Check(str) for name in ("CommandUUID", "Status", "RequestType")}
    envelope["ErrorChain"] = _Check(list, item=of_chain)
    members = _members(keys, {})
    for name in members:
        if (request_type, name) in _LISTS:
            members[name] = _Check(list, item=members[name])
    return _Check(dict, envelope | members)


def known_information(content) -> dict:
    """Return a stored answer to DeviceInformation, in terms of JSON, without values of another type than declared.

    What is stored since answers are brought to their types has none; this is for rows that are older.
    """
    if not isinstance(content, dict):
        return {}
    kinds = _information_kinds()
    return {
        name: value
        for name, value in content.items()
        if (kind := kinds.get(name)) is None or value.__class__ is kind or (kind is float and value.__class__ is int)
    }


@lru_cache(maxsize=1)
def _information_kinds() -> dict[str, type | None]:
    """The top level only; data and dates are dictionaries in JSON (mdm_project.plist_values)."""
    checks = _answer_check("DeviceInformation").members["QueryResponses"].members
    return {name: dict if check.kind in (bytes, datetime) else check.kind for name, check in checks.items()}


def _members(keys: tuple[Key, ...], made: dict[int, _Check]) -> dict[str, _Check]:
    return {key.name: _check(key, made) for key in keys if key.role is Role.MEMBER}


def _check(key: Key, made: dict[int, _Check]) -> _Check:
    """Make the check of a key and of all below it; a recursive structure comes back to itself."""
    if id(key) in made:
        return made[id(key)]
    made[id(key)] = check = _Check(_CLASSES.get(key.type), takes_numbers=key.name in _NUMBERS_AS_TEXT)
    below = key.children
    check.members = _members(below, made)
    items = [child for child in below if child.role is not Role.MEMBER]
    if len(items) == 1 and items[0].role is not Role.VARIANT:
        check.item = _check(items[0], made)
    elif items and all(child.type is Type.DICTIONARY for child in items):
        check.item = _Check(dict)
    check.settle()
    return check


def _brought(value, check: _Check, path: str, misfits: list[Misfit]):
    """Return the value, changed where it has to be, or _MISFIT."""
    kind = check.kind
    found = value.__class__
    if found is kind or kind is None:
        if kind is float and not math.isfinite(value):
            return _misfit(value, path, "is not a number", misfits)
        if kind is None or kind is check.plain or kind is float:
            return value
        return _dictionary(value, check, path, misfits) if found is dict else _list(value, check, path, misfits)
    if kind is float and found is int:
        return float(value)
    if check.takes_numbers and found is int:
        return str(value)
    if kind is int and found is float and math.isfinite(value) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return _misfit(value, path, f"is {_WORDS.get(found, 'nothing usable')}", misfits)


def _misfit(value, path: str, problem: str, misfits: list[Misfit]):
    misfits.append(Misfit(path, problem, value))
    return _MISFIT


def _dictionary(values: dict, check: _Check, path: str, misfits: list[Misfit]) -> dict:
    members, changed = check.members, None
    for name, value in values.items():
        one = members.get(name) or check.item
        if one is None or value.__class__ is one.plain:
            continue
        below = f"{path}.{name}" if path and path not in _WRAPPERS else name
        brought = _brought(value, one, below, misfits)
        if brought is not value:
            changed = dict(values) if changed is None else changed
            changed[name] = brought
    if changed is None:
        return values
    return {name: value for name, value in changed.items() if value is not _MISFIT}


def _list(values: list, check: _Check, path: str, misfits: list[Misfit]) -> list:
    if check.item is None:
        return values
    if check.item.plain is not None and all(value.__class__ is check.item.plain for value in values):
        return values
    brought = [_brought(value, check.item, f"{path}[{index}]", misfits) for index, value in enumerate(values)]
    if all(new is old for new, old in zip(brought, values, strict=True)):
        return values
    return [value for value in brought if value is not _MISFIT]
