"""One answer of one channel, and how its values are read: what has the wrong type is noted and left out."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

# Text that is part of an index: PostgreSQL takes entries up to 2,700 bytes, and these are combined.
KEY_LENGTH = 255
TEXT_LENGTH = 2000
MAX_PROBLEMS = 10
# Keys of every message: who reports on what.
ENVELOPE = frozenset(
    {"CommandUUID", "Status", "UDID", "EnrollmentID", "UserID", "EnrollmentUserID", "RequestType"}
    | {"UserShortName", "UserLongName", "NotOnConsole", "EnrollmentUserShortName"}
)
# How the problem of a report begins of which only some values could not be used.
LEFT_OUT = "left out: "


@dataclass(eq=False)
class Reported:
    """A readable report of a channel: ``content`` is the whole message, ``asked`` the keys of the question.

    ``misfits`` are the values that were taken out because Apple's schema declares another type: (key path, value).
    """

    device_id: int
    channel_id: int
    user_key: str
    answered_at: datetime
    content: dict
    asked: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    misfits: list[tuple[str, object]] = field(default_factory=list)

    def part(self, key: str, kind: type):
        """Return the dictionary or list under a key; None, with the problem noted, where there is none."""
        value = self.content.get(key)
        if isinstance(value, kind):
            return value
        self.problems.append(f"{key}: {_article(value)}" if key in self.content else f"the answer has no {key}")
        return None

    def items(self, key: str) -> Iterable[tuple[str, dict]]:
        """Yield the dictionaries of a list with their key paths; anything else in it is noted."""
        for index, item in enumerate(self.content[key]):
            path = f"{key}[{index}]"
            if isinstance(item, dict):
                yield path, item
            else:
                self.problems.append(f"{path}: {_article(item)}")

    def problem(self) -> str | None:
        """Return what was left out, in one line; None when nothing was."""
        if not self.problems:
            return None
        different = list(dict.fromkeys(self.problems))  # a batch that is repeated notes them again
        more = len(different) - MAX_PROBLEMS
        shown = [line[:200] for line in different[:MAX_PROBLEMS]]
        return LEFT_OUT + "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


class Unusable(ValueError):
    """A value that has the wrong type or does not fit."""


def text(value) -> str:
    return _text(value, TEXT_LENGTH)


def key_text(value) -> str:
    return _text(value, KEY_LENGTH)


def _text(value, length: int) -> str:
    if not isinstance(value, str):
        raise Unusable(_article(value))
    return value.replace("\0", "")[:length]  # PostgreSQL stores no NUL


def flag(value) -> bool:
    if not isinstance(value, bool):
        raise Unusable(_article(value))
    return value


def size(value) -> int:
    """A number of bytes; old systems send them as reals."""
    number = real(value)
    if not 0 <= number < 2**63:
        raise Unusable("a size that cannot be")
    return value if isinstance(value, int) else int(number)


def small_number(value) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unusable(_article(value))
    if not -(2**31) <= value < 2**31:
        raise Unusable("a number that does not fit in 32 bits")
    return value


def real(value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unusable(_article(value))
    return float(value)


def share(value) -> float | None:
    """A share from 0 to 1; Apple's -1 stands for unknown."""
    number = real(value)
    return number if 0 <= number <= 1 else None


Columns = tuple[tuple[str, str, Callable], ...]


def read_columns(values: dict, columns: Columns, problems: list[str], path: str = "") -> dict:
    """Return {column: value} for the keys that are there and usable; ``columns`` are (key, column, reader)."""
    found = {}
    for key, column, read in columns:
        if key not in values:
            continue
        try:
            found[column] = read(values[key])
        except Unusable as error:
            problems.append(f"{path}.{key}: {error}" if path else f"{key}: {error}")
    return found


def _article(value) -> str:
    names = {bool: "true or false", str: "text", bytes: "data", dict: "a dictionary", list: "an array"}
    names |= {int: "an integer", float: "a real", datetime: "a date"}
    return f"is {names.get(type(value), 'nothing usable')}"
