"""The values a property list can hold: what is legal, and how they are told in JSON.

Owns the checks that name a key path and the markers of the API; bytes are read and written in plist.
"""

import math
import re
from binascii import a2b_base64, b2a_base64
from datetime import UTC, datetime

from mdm_project.errors import BadRequest

MAX_DEPTH = 128
XML_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_Path = tuple[str | int, ...]


def writable(value, path: _Path = ()):
    """Return the value as plistlib writes it rightly: it would write an aware date's local time as if it were UTC."""
    if isinstance(value, str):
        return _legal_string(value, path)
    if isinstance(value, dict):
        _check_depth(path)
        return {_key(key, path): writable(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        _check_depth(path)
        return [writable(item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, bool | bytes | float):
        return value
    if isinstance(value, int):
        return _fitting_integer(value, path)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    raise _bad(path, f"{type(value).__name__} is not something a property list can hold")


def _check_depth(path: _Path) -> None:
    if len(path) >= MAX_DEPTH:
        raise _bad(path[:3], f"nested deeper than {MAX_DEPTH} levels")


def _key(key, path: _Path) -> str:
    if not isinstance(key, str):
        raise _bad(path, "keys must be strings")
    return _legal_string(key, path)


def _legal_string(value: str, path: _Path) -> str:
    if XML_ILLEGAL.search(value):
        raise _bad(path, "the text has a character that XML forbids")
    return value


def _fitting_integer(value: int, path: _Path) -> int:
    if not -(2**63) <= value < 2**64:
        raise _bad(path, "the integer does not fit in 64 bits")
    return value


def _bad(path: _Path, message: str) -> BadRequest:
    name = ".".join(map(str, path)) or "value"
    return BadRequest(f"{name}: {message}", fields={name: message})


# JSON

_MARKERS = frozenset({"$data", "$date", "$real", "$dict"})


def to_json(value):
    """Return the value in terms of JSON, losslessly.

    ``{"$data": base64}`` and ``{"$date": ISO 8601}`` stand for what JSON lacks, ``{"$real": "nan"}`` for numbers that
    are none, and ``{"$dict": {...}}`` wraps a dictionary that would otherwise be taken for one of these.
    """
    if isinstance(value, dict):
        return unambiguous({key: to_json(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return {"$data": b2a_base64(value, newline=False).decode()}
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return {"$date": moment.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$real": repr(value)}
    return value


def unambiguous(plain: dict) -> dict:
    """Return a dictionary in terms of JSON, wrapped where it would be taken for a marker."""
    return {"$dict": plain} if len(plain) == 1 and not _MARKERS.isdisjoint(plain) else plain


def from_json(value, path: _Path = ()):
    """Return what ``to_json`` was given; raises BadRequest naming the key path."""
    if isinstance(value, str):
        return _legal_string(value, path)
    if isinstance(value, list):
        _check_depth(path)
        return [from_json(item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return _fitting_integer(value, path)
    if not isinstance(value, dict):
        raise _bad(path, "null is not something a property list can hold")
    marker = next(iter(value)) if len(value) == 1 else None
    if marker in _MARKERS:
        return _FROM_MARKER[marker](value[marker], path)
    return _dict_from_json(value, path)


def _dict_from_json(value, path: _Path) -> dict:
    if not isinstance(value, dict):
        raise _bad(path, "$dict needs a dictionary")
    _check_depth(path)
    return {_key(key, path): from_json(item, (*path, key)) for key, item in value.items()}


def _data_from_json(value, path: _Path) -> bytes:
    try:
        return a2b_base64(value, strict_mode=True)
    except (TypeError, ValueError):  # binascii.Error is a ValueError
        raise _bad(path, "$data needs base64") from None


def _date_from_json(value, path: _Path) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise _bad(path, "$date needs an ISO 8601 date") from None


def _real_from_json(value, path: _Path) -> float:
    if value not in ("nan", "inf", "-inf"):
        raise _bad(path, "$real needs nan, inf or -inf")
    return float(value)


_FROM_MARKER = {
    "$data": _data_from_json,
    "$date": _date_from_json,
    "$real": _real_from_json,
    "$dict": _dict_from_json,
}
