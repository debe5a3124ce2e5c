"""How facts are compared: which operators each kind of fact has, what value each takes, and its condition in SQL.

An operator is written once, positively; its opposite is the same condition negated. Text is compared without regard to
case, what machines name (identifiers, choices, tags) exactly. Versions are compared part by part as numbers; "17" and
"17.0" are the same.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import F, Q, TextField
from django.db.models.functions import Upper
from django.db.models.lookups import In
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from mdm_project.moments import within_offsets

MAX_TEXT = 1000
MAX_NUMBER = 10**15
MAX_DAYS = 36_500
MAX_VERSION_PART = 2**31 - 1
# More parts than any version has: the longest that still equals a version followed by zeros.
_ZEROS = [0] * 6
_VERSION = re.compile(r"\d{1,10}(\.\d{1,10}){0,9}")


@dataclass(frozen=True)
class Operator:
    """``build(path, value)`` makes the condition; ``takes`` is one, many, days or nothing.

    ``{}`` of the phrase stands for the value; a presence's phrase follows the fact's verb and has its label in it.
    """

    phrase: str
    build: Callable[[str, object], Q]
    takes: str = "one"
    is_negated: bool = False


def _lookup(name: str) -> Callable[[str, object], Q]:
    return lambda path, value: Q(**{f"{path}__{name}": value})


def _is_known(path: str, value) -> Q:
    return Q(**{f"{path}__isnull": False})


def _is_not_blank(path: str, value) -> Q:
    return Q(**{f"{path}__gt": ""})


def _text_in(path: str, values: list[str]) -> Q:
    return Q(In(Upper(F(path), output_field=TextField()), [value.upper() for value in values]))


def _version(comparison: str) -> Callable[[str, list[int]], Q]:
    """Compare arrays as if missing parts were zeros; ``value`` has no zeros at its end, the column may have."""

    def build(path: str, value: list[int]) -> Q:
        lowest, highest = value, value + _ZEROS
        conditions = {
            "is": {"gte": lowest, "lte": highest},
            "<": {"lt": lowest},
            "<=": {"lte": highest},
            ">": {"gt": highest},
            ">=": {"gte": lowest},
        }[comparison]
        # A version that is not known is an empty array or null.
        is_known = Q(**{f"{path}__gt": []})
        return is_known & Q(**{f"{path}__{name}": bound for name, bound in conditions.items()})

    return build


def _date(comparison: str) -> Callable[[str, tuple[datetime, datetime]], Q]:
    def build(path: str, value: tuple[datetime, datetime]) -> Q:
        begins_at, ends_at = value
        conditions = {
            "is": {"gte": begins_at, "lt": ends_at},
            "<": {"lt": begins_at},
            "<=": {"lt": ends_at},
            ">": {"gte": ends_at},
            ">=": {"gte": begins_at},
        }[comparison]
        return Q(**{f"{path}__{name}": bound for name, bound in conditions.items()})

    return build


def _within_last(path: str, days: float) -> Q:
    now = timezone.now()
    return Q(**{f"{path}__gte": now - timedelta(days=days), f"{path}__lte": now})


def _within_next(path: str, days: float) -> Q:
    now = timezone.now()
    return Q(**{f"{path}__gte": now, f"{path}__lte": now + timedelta(days=days)})


def _with_opposites(operators: dict[str, Operator], opposites: dict[str, tuple[str, str]]) -> dict[str, Operator]:
    """Add ``{word: (word of the opposite, its phrase)}``."""
    for word, (opposite, phrase) in opposites.items():
        positive = operators[word]
        operators[opposite] = Operator(phrase, positive.build, positive.takes, is_negated=True)
    return operators


def _ordered(build: Callable[[str], Callable], phrases: dict[str, str], known: Callable) -> dict[str, Operator]:
    operators = {word: Operator(phrase, build(word)) for word, phrase in phrases.items()}
    operators["is set"] = Operator("is known", known, "nothing")
    return _with_opposites(operators, {"is": ("is not", "is not {}"), "is set": ("is empty", "is not known")})


def _present(more: dict[str, Operator]) -> dict[str, Operator]:
    operators = {
        "has": Operator("the {label} {}", _lookup("exact")),
        "has any of": Operator("the {label} {}", _lookup("in"), "many"),
        "is set": Operator("any {label}", _is_known, "nothing"),
    }
    opposites = {
        "has": ("has not", "the {label} {}"),
        "has any of": ("has none of", "the {label} {}"),
        "is set": ("is empty", "any {label}"),
    }
    return _with_opposites(operators | more, opposites)


_COMPARED = {"is": "is {}", "<": "is below {}", "<=": "is at most {}", ">": "is above {}", ">=": "is at least {}"}
_DATED = {"is": "is on {}", "<": "is before {}", "<=": "is until {}", ">": "is after {}", ">=": "is from {} on"}
_NUMBER_LOOKUPS = {"is": "exact", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}

OPERATORS: dict[str, dict[str, Operator]] = {
    "text": _with_opposites(
        {
            "is": Operator("is {}", _lookup("iexact")),
            "contains": Operator("contains {}", _lookup("icontains")),
            "starts with": Operator("starts with {}", _lookup("istartswith")),
            "ends with": Operator("ends with {}", _lookup("iendswith")),
            "in": Operator("is {}", _text_in, "many"),
            "is set": Operator("is known", _is_not_blank, "nothing"),
        },
        {
            "is": ("is not", "is not {}"),
            "contains": ("does not contain", "does not contain {}"),
            "in": ("not in", "is not {}"),
            "is set": ("is empty", "is not known"),
        },
    ),
    "number": _ordered(lambda word: _lookup(_NUMBER_LOOKUPS[word]), _COMPARED, _is_known),
    "version": _ordered(_version, _COMPARED, _lookup("gt")),
    "date": _with_opposites(
        _ordered(_date, _DATED, _is_known)
        | {
            "within last days": Operator("is within the last {} days", _within_last, "days"),
            "within next days": Operator("is within the next {} days", _within_next, "days"),
        },
        {"within last days": ("not within last days", "is not within the last {} days")},
    ),
    "boolean": _with_opposites(
        {
            "is": Operator("{}", _lookup("exact")),
            "is set": Operator("known", _is_known, "nothing"),
        },
        {"is": ("is not", "not {}"), "is set": ("is empty", "not known")},
    ),
    "choice": _with_opposites(
        {
            "is": Operator("is {}", _lookup("exact")),
            "in": Operator("is {}", _lookup("in"), "many"),
            "is set": Operator("is known", _is_not_blank, "nothing"),
        },
        {
            "is": ("is not", "is not {}"),
            "in": ("not in", "is not {}"),
            "is set": ("is empty", "is not known"),
        },
    ),
    # Presence by a name of ours rather than one that a machine made: only as a whole.
    "membership": _present({}),
    "presence": _present(
        {
            "has starting with": Operator("any {label} starting with {}", _lookup("startswith")),
            "has containing": Operator("any {label} containing {}", _lookup("icontains")),
        }
    ),
}
PRESENCES = ("membership", "presence")
KINDS = tuple((kind, kind) for kind in OPERATORS)


# Values: each reader returns what the condition takes, or raises ValueError with what was expected.


def read_text(value) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise ValueError(f"must be text of 1 to {MAX_TEXT} characters")
    if not _is_storable(value):
        raise ValueError("contains characters that cannot be stored")
    return value


def _is_storable(value: str) -> bool:
    # PostgreSQL stores no NUL, and JSON can carry half a surrogate pair.
    return "\0" not in value and value.encode(errors="ignore").decode() == value


def read_number(value) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not abs(value) <= MAX_NUMBER:  # so that NaN, which is no number either, does not pass
        raise ValueError("is too large")
    return value


def read_days(value) -> int | float:
    number = read_number(value)
    if not 0 < number <= MAX_DAYS:
        raise ValueError(f"must be a number of days, up to {MAX_DAYS}")
    return number


def read_version(value) -> list[int]:
    """Return the parts as numbers, without zeros at the end."""
    if not isinstance(value, str) or not _VERSION.fullmatch(value.strip()):
        raise ValueError('must be a version in numbers, such as "17.4.1"')
    parts = [int(part) for part in value.strip().split(".")]
    if max(parts) > MAX_VERSION_PART:
        raise ValueError("has a part that is too large")
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return parts


def read_date(value) -> tuple[datetime, datetime]:
    """Return when the day (or the moment) begins and ends; without a time zone it is UTC."""
    if not isinstance(value, str):
        raise ValueError('must be a date, such as "2026-01-31", or a time in ISO 8601')
    day, moment = _parsed(value)
    if day is not None:
        begins_at = datetime.combine(day, time(), UTC)
        return begins_at, begins_at + timedelta(days=1)
    if moment is None:
        raise ValueError('must be a date, such as "2026-01-31", or a time in ISO 8601')
    moment = within_offsets(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return moment, moment + timedelta(microseconds=1)


def canonical_date(text: str) -> str:
    """Return a date or moment as PostgreSQL reads it, whatever form of ISO 8601 it came in; raises as `read_date`."""
    read_date(text)
    day, moment = _parsed(text)
    return day.isoformat() if day else within_offsets(moment).isoformat()


def _parsed(value: str) -> tuple[date | None, datetime | None]:
    try:
        is_day = len(value) == len("2026-01-31")
        found = (parse_date(value), None) if is_day else (None, parse_datetime(value))
    except ValueError:  # well formed, but no such day
        return None, None
    earliest, latest = 1900, 9998
    known = next((each for each in found if each), None)
    return found if known and earliest <= known.year <= latest else (None, None)


def read_boolean(value) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


READERS: dict[str, Callable] = {
    "text": read_text,
    "number": read_number,
    "version": read_version,
    "date": read_date,
    "boolean": read_boolean,
    "choice": read_text,
    "membership": read_text,
    "presence": read_text,
}
