"""Answers in which the values at chosen places are replaced by every kind of value that a property list can hold."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from profiles import catalogue
from profiles.catalogue.examples import example_of

VALUES = [
    "", "text", "x" * 5000, 0, -5, 2**63, 3.5, float("nan"), True, b"\0\xff", datetime(1, 1, 1, tzinfo=UTC), [], {},
    [[{"a": [1]}]], {"$date": "x"}, ["text", 1, {}],
]  # fmt: skip
Place = tuple[str | int, ...]
# What tells a device apart stays plausible in one of two answers, so that the rest is read at all.
CHAIN = {"ErrorChain": [{"ErrorCode": 1, "ErrorDomain": "d", "LocalizedDescription": "l", "USEnglishDescription": "u"}]}


def full_answers() -> dict[str, dict]:
    """Return an answer with every key of Apple's schema, by RequestType."""
    found = {}
    for entry in catalogue.commands():
        keys = entry.response_keys
        if not keys:
            continue
        found[entry.type] = {key.name: example_of(key, is_full=True) for key in keys} | CHAIN
    return found


def poisoned(answer: dict, choose: Callable[[int, Place], bool], first: int) -> dict:
    """Return the answer with another value at each chosen place; ``first`` shifts which value comes where."""
    counter = iter(range(first, first + 1_000_000))

    def visit(value, place: Place):
        if place and choose(len(place), value):
            return VALUES[next(counter) % len(VALUES)]
        if isinstance(value, dict):
            return {key: visit(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [visit(item, (*place, index)) for index, item in enumerate(value)]
        return value

    return visit(answer, ())


def leaves(_depth: int, value) -> bool:
    return not isinstance(value, dict | list) or not value


def at_depth(wanted: int) -> Callable[[int, object], bool]:
    return lambda depth, _value: depth == wanted


def ways() -> Iterator[tuple[Callable, int]]:
    """Yield how each poisoned device answers: every leaf gets every value, and so does what lies above the leaves."""
    for first in range(len(VALUES)):
        yield leaves, first
    for depth in (1, 2, 3, 4):
        for first in range(0, len(VALUES), 1 if depth < 3 else 3):
            yield at_depth(depth), first
