"""JSON as the API takes it: bounded before it is parsed, and nothing in it that a database or a device could not hold.

Python's json module is more generous than JSON is: it takes NaN, makes infinity of 1e999, keeps the last of two equal
keys, and halves of surrogate pairs that cannot be written anywhere afterwards.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

from mdm_project.errors import BadRequest

MAX_BYTES = 16 * 1024 * 1024
# Values of a body. Each costs many times its bytes in memory, so they are counted before they are made.
MAX_VALUES = 500_000
MAX_DEPTH = 200
# Beyond 64 bits no column and no property list takes a whole number.
MAX_DIGITS = 20
_ODD_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_TOO_DEEP = f"JSON parse error: nested more than {MAX_DEPTH} deep"


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body_too_large"
    default_detail = f"A body has at most {MAX_BYTES // (1024 * 1024)} MB and {MAX_VALUES} values."


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        """Return what the body says; raises ParseError, BodyTooLarge, and BadRequest, which names the keys."""
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES or body.count(b",") + body.count(b"[") + body.count(b"{") > MAX_VALUES:
            raise BodyTooLarge
        unusable: list[_Unusable] = []
        try:
            value = json.loads(body.decode("utf-8"), object_pairs_hook=_object, **_numbers(unusable))
        except RecursionError as error:
            raise ParseError(_TOO_DEEP) from error
        except ValueError as error:
            raise ParseError(f"JSON parse error: {error}") from error
        if _is_too_deep(value):
            raise ParseError(_TOO_DEEP)
        if unusable or _ODD_ESCAPE.search(body):
            _refuse(value)
        return value


class _Unusable(str):
    """Stands for a number that cannot be taken, until it is known where: its text is the reason."""


def _numbers(unusable: list[_Unusable]) -> dict:
    """Return how numbers are read; those that cannot be taken are put into ``unusable`` as well."""

    def refused(reason: str) -> _Unusable:
        unusable.append(_Unusable(reason))
        return unusable[-1]

    def integer(text: str):
        return int(text) if len(text.lstrip("-")) <= MAX_DIGITS else refused(f"has more than {MAX_DIGITS} digits")

    def real(text: str):
        number = float(text)
        return number if math.isfinite(number) else refused("is too large a number")

    return {"parse_int": integer, "parse_float": real, "parse_constant": _no_constant}


def _is_too_deep(value) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [item for each in level for item in _items(each)]
        if not level:
            return False
    return True


def _items(value) -> Iterable:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _object(pairs: list[tuple]) -> dict:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _value in pairs if name in seen or seen.add(name))
        raise ValueError(f"the key {twice[:100]!r} is there twice")
    return made


def _no_constant(text: str):
    raise ValueError(f"{text} is no number of JSON")


def _refuse(value) -> None:
    """Raise BadRequest with every place that holds what cannot be stored, if there is one."""
    fields = dict(_problems(value, ""))
    if fields:
        path, why = next(iter(fields.items()))
        raise BadRequest(f"{path or 'the body'}: {why}", fields=fields)


def _problems(value, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, _Unusable):
        yield path, str(value)
    elif isinstance(value, str):
        if not _is_storable(value):
            yield path, "has a character that cannot be stored"
    elif isinstance(value, dict):
        for key, item in value.items():
            if not _is_storable(key):
                # A key that cannot be written is named by what it is in.
                yield path or ascii(key)[1:-1], "has a key with a character that cannot be stored"
            else:
                yield from _problems(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(item, f"{path}.{index}".lstrip("."))


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
