"""Made-up values that fit the catalogue: the least a type takes, and one with every key.

For tests and for trying out forms; not meant to be sent to devices.
"""

import re
from datetime import UTC, datetime

from profiles.catalogue.entries import Entry
from profiles.catalogue.keys import Key, Type

# Tried in this order against the regular expressions of the catalogue.
_FORMED = (
    "text",
    "00000000-0000-4000-8000-000000000000",
    "00:11:22:AA:BB:CC",
    "https://example.com/",
    "123456",
    "1",
    "a@example.com",
    "example.com",
    "1.0",
)
_BY_SUBTYPE = {"url": "https://example.com/", "hostname": "www.example.com", "email": "someone@example.com"}
_ANY_NAME = "example"
# How often a recursive structure comes again inside itself in the largest example.
_ROUNDS = 1


def minimal(entry: Entry) -> dict:
    """Return a value with the required keys only."""
    return _dictionary(entry.keys, is_full=False)


def maximal(entry: Entry) -> dict:
    """Return a value with every key at every depth; arrays have an item, of several sorts one of each."""
    return _dictionary(entry.keys, is_full=True)


def example_of(key: Key, *, is_full: bool = False):
    """Return a value for one key."""
    return _value(key, is_full, _ROUNDS)


def _dictionary(keys: tuple[Key, ...], is_full: bool, rounds: int = _ROUNDS) -> dict:
    chosen = [key for key in keys if is_full or (key.is_always_required and not key.is_any)]
    return {_ANY_NAME if key.is_any else key.name: _value(key, is_full, rounds) for key in chosen}


def _value(key: Key, is_full: bool, rounds: int):
    if key.recursion:
        rounds -= 1
    if key.type is Type.ARRAY:
        return _array(key, is_full, rounds)
    if key.type is Type.DICTIONARY:
        return _dictionary(key.children, is_full and rounds >= 0, rounds)
    if key.allowed:
        return key.allowed[0]
    if key.type is Type.STRING:
        return _text(key)
    if key.type in (Type.INTEGER, Type.REAL):
        return _number(key)
    return _PLAIN[key.type]


_PLAIN = {
    Type.BOOLEAN: True,
    Type.DATE: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    Type.DATA: b"example",
    Type.ANY: "example",
}


def _array(key: Key, is_full: bool, rounds: int) -> list:
    least = key.item.repetition[0] if key.item and key.item.repetition else 0
    count = max(least, 1 if is_full and rounds >= 0 else 0)
    if key.item:
        return [_value(key.item, is_full, rounds) for _ in range(count)]
    return [_variant(key, variant, is_full, rounds) for variant in key.variants if count]


def _variant(array: Key, variant: Key, is_full: bool, rounds: int) -> dict:
    # The discriminator is told, because some releases of Apple's file forget it for one variant.
    return {array.discriminator: variant.variant_value} | _dictionary(variant.children, is_full, rounds)


def _text(key: Key) -> str:
    if key.subtype in _BY_SUBTYPE:
        return _BY_SUBTYPE[key.subtype]
    if not key.format:
        return "text"
    formed = (text for text in _FORMED if re.fullmatch(key.format, text))
    found = next(formed, None)
    if found is None:
        raise ValueError(f"no example is known for the form {key.format} of {key.key_path}")
    return found


def _number(key: Key) -> int | float:
    low, high = key.range or (None, None)
    number = low if low is not None else min(high, 1) if high is not None else 1
    return float(number) if key.type is Type.REAL else number
