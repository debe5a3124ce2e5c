"""Checks a value against the catalogue and says in plain words what is wrong, key path by key path.

The check is JSON Schema's, by a library, with validators compiled once; the words are ours. Where and for whom keys
take effect is lint's to say. Unknown keys are notes, not errors: Apple adds keys every year, and devices skip them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from jsonschema import Draft202012Validator, ValidationError, validators

from profiles.catalogue.availability import Target, evaluate
from profiles.catalogue.entries import Entry, Kind
from profiles.catalogue.keys import Key, Role, Type, child_of
from profiles.catalogue.schema import json_schema
from profiles.catalogue.store import catalogue

ERROR = "error"
WARNING = "warning"
NOTE = "note"
_LEVELS = (ERROR, WARNING, NOTE)
_LISTED = 12

# Payload types of which one payload may hold the keys of several files.
_OF_SEVERAL_FILES = frozenset({"com.apple.MCX"})

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a value. ``path`` leads to it: ``("Items", 0, "Name")``; ``code`` is for programs.

    Codes of errors: type, not_allowed, required, range, form, count. Of warnings: number_kind (1.0 or true where an
    integer 1 belongs, 1 where true does: devices take one for the other). Of notes: unknown_key.
    """

    path: Place
    message: str
    code: str
    level: str = ERROR

    @property
    def key_path(self) -> str:
        return ".".join(map(str, self.path))

    @property
    def is_error(self) -> bool:
        return self.level == ERROR


def validate(entry: Entry, value, target: Target | None = None) -> list[Problem]:
    """Return what is wrong with a plist value (bytes and datetimes as they are): errors, warnings, notes.

    Keys that are required on some devices only (by platform or enrollment) are asked for only where a target is given
    that they apply to.
    """
    stand_in = _stand_in(value)
    found: dict[tuple, Problem] = {}
    for error in _validator(entry).iter_errors(stand_in):
        for problem in _problems(entry, value, error):
            if target is None or _applies(entry, value, problem, target):
                found.setdefault((problem.path, problem.code), problem)
    if isinstance(value, dict):
        for problem in _walk(_members(entry), value, (), target):
            found.setdefault((problem.path, problem.code), problem)
        for name, problems in _of_siblings(entry, value, list(found.values())):
            del found[(name,), "unknown_key"]
            found |= {(problem.path, problem.code): problem for problem in problems}
    return sorted(found.values(), key=lambda problem: (_LEVELS.index(problem.level), *map(str, problem.path)))


def errors_of(entry: Entry, value, target: Target | None = None) -> dict[str, str]:
    """Return the errors alone as ``fields`` of a BadRequest: messages by key path."""
    return {p.key_path or "value": p.message for p in validate(entry, value, target) if p.is_error}


def key_at(entry: Entry, value, path: Place) -> Key | None:
    """Return the key that describes the place in a value; among variants the value decides."""
    keys, found = _members(entry), None
    for part in path:
        value = _inside(value, part)
        found = (found and found.variant_for(value)) or child_of(keys, part)
        if found is None:
            return None
        keys = found.children
    return found


@lru_cache(maxsize=1024)
def _validator(entry: Entry):
    return _VALIDATOR(json_schema(entry))


def _match_whole(validator, pattern, instance, schema):
    """JSON Schema's pattern, without Python's habit of letting a line end follow ``$``."""
    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield ValidationError(f"does not match {pattern}")


def _is_integer(_checker, instance) -> bool:
    # Not 1.0: a plist would carry it as <real>.
    return isinstance(instance, int) and not isinstance(instance, bool)


_VALIDATOR = validators.extend(
    Draft202012Validator,
    {"pattern": _match_whole},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _stand_in(value):
    """Return a value in terms of JSON, without its data: what is inside data is not looked at, and may be large."""
    if isinstance(value, dict):
        return {key: _stand_in(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_stand_in(item) for item in value]
    if isinstance(value, bytes):
        return {"$data": ""}
    if isinstance(value, datetime):
        return {"$date": ""}
    return value


def _members(entry: Entry) -> tuple[Key, ...]:
    if entry.kind is not Kind.PAYLOAD:
        return entry.keys
    return entry.keys + catalogue().entry(Kind.ENVELOPE, "commonpayloadkeys").keys


def _inside(value, part: str | int):
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _problems(entry: Entry, value, error: ValidationError) -> Iterator[Problem]:
    path = tuple(error.absolute_path)
    found = _at(value, path)
    key = key_at(entry, value, path)
    is_marked = key is not None and key.type in (Type.DATA, Type.DATE)
    if error.validator == "required" and isinstance(found, dict) and not is_marked:
        for name in error.validator_value:
            if name not in found:
                yield Problem((*path, name), "is required", "required")
        return
    code, message = _word(error, key, found)
    if code == "type" and key is not None and _is_same_number(key, found):
        yield Problem(path, message.replace("must", "should", 1), "number_kind", WARNING)
    else:
        yield Problem(path, message, code)


def _is_same_number(key: Key, value) -> bool:
    """Say whether a value is the right number in the wrong type, as profiles in use often have it."""
    if key.type is Type.BOOLEAN:
        return isinstance(value, int | float) and value in (0, 1)
    is_whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return key.type is Type.INTEGER and is_whole and (not key.allowed or value in key.allowed)


def _at(value, path: Place):
    for part in path:
        value = _inside(value, part)
    return value


def _word(error: ValidationError, key: Key | None, value) -> tuple[str, str]:
    if error.validator in ("enum", "const"):
        allowed = [error.validator_value] if error.validator == "const" else error.validator_value
        if key is None or _has_type(key.type, value):
            return "not_allowed", _one_of(allowed)
    elif error.validator in ("minimum", "maximum"):
        return "range", _range_words(key, error)
    elif error.validator == "anyOf" and key and key.range and _has_type(key.type, value):
        return "range", f"must be {', '.join(map(str, key.allowed))} or from {key.range[0]} to {key.range[1]}"
    elif error.validator == "pattern":
        return "form", _form_words(key)
    elif error.validator in ("minItems", "maxItems"):
        return "count", _count_words(key)
    return "type", f"must be {_TYPE_WORDS[key.type if key else Type.DICTIONARY]}, not {_value_words(value)}"


_TYPE_WORDS = {
    Type.STRING: "text",
    Type.INTEGER: "a whole number",
    Type.REAL: "a number",
    Type.BOOLEAN: "true or false",
    Type.DATE: "a date",
    Type.DATA: "data",
    Type.ARRAY: "a list",
    Type.DICTIONARY: "a dictionary",
    Type.ANY: "a value",
}
_PYTHON_TYPES = {
    Type.STRING: str,
    Type.INTEGER: int,
    Type.REAL: (int, float),
    Type.BOOLEAN: bool,
    Type.DATE: datetime,
    Type.DATA: bytes,
    Type.ARRAY: list,
    Type.DICTIONARY: dict,
    Type.ANY: object,
}


def _has_type(kind: Type, value) -> bool:
    if isinstance(value, bool):
        return kind in (Type.BOOLEAN, Type.ANY)
    return isinstance(value, _PYTHON_TYPES[kind])


def _value_words(value) -> str:
    if isinstance(value, bool):
        return "true or false"
    order = (Type.STRING, Type.INTEGER, Type.REAL, Type.DATE, Type.DATA, Type.ARRAY, Type.DICTIONARY)
    return next((_TYPE_WORDS[kind] for kind in order if _has_type(kind, value)), "nothing")


def _one_of(allowed: list) -> str:
    if len(allowed) == 1:
        return f"must be {allowed[0]}"
    shown = ", ".join(map(str, allowed[:_LISTED]))
    more = len(allowed) - _LISTED
    return f"must be one of {shown}" + (f" or {more} others" if more > 0 else "")


def _range_words(key: Key | None, error: ValidationError) -> str:
    low, high = key.range if key and key.range else (None, None)
    if low is not None and high is not None:
        return f"must be from {low} to {high}"
    return f"must be at {'least' if error.validator == 'minimum' else 'most'} {error.validator_value}"


_KNOWN_FORMS = (
    ("[0-9A-Za-z]{8}-[0-9A-Za-z]{4}", "must be a UUID"),
    ("^([0-9A-Fa-f]{2}:){5}", "must be a hardware address such as 00:11:22:AA:BB:CC"),
    ("^https://", "must be an address that begins with https://"),
    ("^[0-9]{6}$", "must be six digits"),
)


def _form_words(key: Key | None) -> str:
    form = key.format if key else ""
    return next((words for start, words in _KNOWN_FORMS if start in form), f"must match {form}")


def _count_words(key: Key | None) -> str:
    low, high = key.item.repetition
    words = f"{low}" if low == high else f"{low} to {high}"
    return f"must have {words} item{'' if high == 1 else 's'}"


# One payload of several files


def _of_siblings(entry: Entry, value: dict, found: list[Problem]) -> Iterator[tuple[str, list[Problem]]]:
    """Yield the keys that are those of other files of the same type, with what these say of each.

    A payload com.apple.MCX may hold the keys of several files at once. Files that are told apart by a value of their
    own, as those of single sign-on are, stay apart.
    """
    if entry.kind is not Kind.PAYLOAD or entry.type not in _OF_SEVERAL_FILES:
        return
    unknown = {problem.path[0] for problem in found if problem.code == "unknown_key" and len(problem.path) == 1}
    siblings = [each for each in catalogue().of_type(entry.kind, entry.type) if each is not entry]
    for name in sorted(unknown):
        sibling = next((each for each in siblings if each.find((name,)) is not None), None)
        if sibling is not None:
            said = validate(sibling, {name: value[name]})
            yield name, [problem for problem in said if problem.path[:1] == (name,)]


# What JSON Schema does not see


def _applies(entry: Entry, value, problem: Problem, target: Target) -> bool:
    """Say whether a required key is required of this device."""
    if problem.code != "required":
        return True
    key = key_at(entry, value, problem.path)
    return key is None or evaluate(key.support, target).is_available


def _walk(keys: tuple[Key, ...], value: dict, path: Place, target: Target | None) -> Iterator[Problem]:
    """Yield unknown keys, and keys that this target in particular requires, at any depth."""
    members = {key.name: key for key in keys if key.role is Role.MEMBER}
    for name, item in value.items():
        key = members.get(name) or child_of(keys, name)
        if key is not None:
            yield from _walk_value(key, item, (*path, name), target)
        elif path or name not in ("RequestType", "MessageType"):
            yield Problem((*path, name), "is not in Apple's schema", "unknown_key", NOTE)
    if target is None:
        return
    for name, key in members.items():
        if name not in value and not key.is_always_required and key.is_required_on(target):
            yield Problem((*path, name), "is required on this device", "required")


def _walk_value(key: Key, value, path: Place, target: Target | None) -> Iterator[Problem]:
    if isinstance(value, dict) and key.type is Type.DICTIONARY and key.children:
        yield from _walk(key.children, value, path, target)
    if not isinstance(value, list) or key.type is not Type.ARRAY:
        return
    for index, item in enumerate(value):
        below = key.variant_for(item) or key.item
        if below is None:
            continue
        if below.role is Role.VARIANT:
            yield from _walk(_with_discriminator(key, below), item, (*path, index), target)
        else:
            yield from _walk_value(below, item, (*path, index), target)


def _with_discriminator(array: Key, variant: Key) -> tuple[Key, ...]:
    """Return a variant's keys, with the discriminator of another where it is forgotten."""
    if variant.child(array.discriminator):
        return variant.children
    others = (other.child(array.discriminator) for other in array.variants)
    return (*variant.children, next(filter(None, others)))
