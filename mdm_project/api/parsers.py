"""JSON as the API takes it: bounded before it is parsed, and nothing in it that a database or a device could not hold.

Python's json module is more generous than JSON is: it takes NaN, makes infinity of 1e999, keeps the last of two equal
keys, and halves of surrogate pairs that cannot be written anywhere afterwards.
"""

import json
import math
import re
from collections.abc import Iterable

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

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
        """Return what the body says; raises ParseError with what is wrong, and BodyTooLarge."""
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES or body.count(b",") + body.count(b"[") + body.count(b"{") > MAX_VALUES:
            raise BodyTooLarge
        try:
            value = json.loads(
                body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer,
                parse_float=_real,
            )  # fmt: skip
        except RecursionError as error:
            raise ParseError(_TOO_DEEP) from error
        except ValueError as error:
            raise ParseError(f"JSON parse error: {error}") from error
        if _is_too_deep(value):
            raise ParseError(_TOO_DEEP)
        if _ODD_ESCAPE.search(body):
            _check_texts(value, "")
        return value


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


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"a whole number has at most {MAX_DIGITS} digits")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _check_texts(value, path: str) -> None:
    """Refuse characters that cannot be stored, naming where they are."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ParseError(f"JSON parse error: {path or 'the text'} has a character that cannot be stored")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_texts(key, f"a key of {path or 'the body'}")
            _check_texts(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_texts(item, f"{path}.{index}".lstrip("."))
