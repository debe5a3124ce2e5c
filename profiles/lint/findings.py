"""What lint says: findings, the devices they concern, and the fixes that a click applies."""

import copy
from dataclasses import dataclass, field
from enum import StrEnum

from mdm_project.errors import BadRequest
from profiles.catalogue import Type
from profiles.content import Path, dotted
from profiles.models.profile import new_uuid


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


LEVELS = tuple(Level)


class Operation(StrEnum):
    """SET writes ``value``; RENAME gives a key the name ``value``; CONVERT keeps the value in the type ``value``."""

    SET = "set"
    REMOVE = "remove"
    RENAME = "rename"
    CONVERT = "convert"
    NEW_UUID = "new_uuid"
    NEW_IDENTIFIER = "new_identifier"


@dataclass(frozen=True)
class Fix:
    """A change of one key. It holds nothing of what the profile contains, so whoever sees it sees no secret."""

    operation: Operation
    path: Path
    words: str
    value: object = None


@dataclass(frozen=True)
class Affected:
    """How many devices of how many, and the first few as (id, name)."""

    count: int
    of: int
    first: tuple[tuple[int, str], ...] = ()

    @property
    def words(self) -> str:
        return f"{self.count} of {self.of} device{'' if self.of == 1 else 's'}"

    def verb(self, plural: str, singular: str) -> str:
        """Return "3 of 41 devices are" or "1 of 41 devices is"."""
        return f"{self.words} {singular if self.count == 1 else plural}"


@dataclass(frozen=True)
class Finding:
    """Something to know before a profile is sent: a sentence, where it is, whom it concerns, and how to mend it."""

    level: Level
    code: str
    path: Path
    message: str
    payload_uuid: str = ""
    payload_type: str = ""
    devices: Affected | None = None
    fix: Fix | None = None

    @property
    def key_path(self) -> str:
        return dotted(self.path)


@dataclass
class Report:
    """Collects findings, in the order errors, warnings, notes, and then by place."""

    found: list[Finding] = field(default_factory=list)

    def add(self, level: Level, code: str, path: Path, message: str, **more) -> None:
        self.found.append(Finding(level, code, path, message, **more))

    def sorted(self) -> list[Finding]:
        def rank(finding: Finding):
            return LEVELS.index(finding.level), [(isinstance(p, str), p) for p in finding.path], finding.code

        return sorted(self.found, key=rank)


# Fixing


_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def converted(value, kind: Type):
    """Return a plist value in another type, where it says the same thing; None where it does not."""
    match kind:
        case Type.BOOLEAN:
            return _as_boolean(value)
        case Type.INTEGER:
            return _as_integer(value)
        case Type.REAL:
            return _as_real(value)
        case Type.STRING:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return str(value) if is_number else None
        case Type.ARRAY:
            return [value] if isinstance(value, str | int | dict) and not isinstance(value, bool) else None
    return None


def _as_boolean(value) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _YES else False if word in _NO else None
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _as_integer(value) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 19 else None
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return None


def _as_real(value) -> float | None:
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if abs(number) < float("inf") else None
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else None


def fixed(values: dict, fix: Fix) -> dict:
    """Return content (plist values) with a fix applied; raises BadRequest where the content is no longer as it was."""
    values = copy.deepcopy(values)
    holder = values
    try:
        for part in fix.path[:-1]:
            holder = holder[part]
        _FIXERS[fix.operation](values, holder, fix)
    except (KeyError, IndexError, TypeError):
        fields = {dotted(fix.path): "is no longer as it was when it was checked"}
        raise BadRequest("The fix does not fit the profile any more.", fields=fields) from None
    return values


def _set(_values, holder, fix: Fix) -> None:
    holder[fix.path[-1]] = copy.deepcopy(fix.value)


def _remove(_values, holder, fix: Fix) -> None:
    del holder[fix.path[-1]]


def _rename(_values, holder, fix: Fix) -> None:
    if fix.value in holder:
        raise KeyError(fix.value)
    holder[fix.value] = holder.pop(fix.path[-1])


def _convert(_values, holder, fix: Fix) -> None:
    value = converted(holder[fix.path[-1]], Type(fix.value))
    if value is None:
        raise TypeError(fix.path)
    holder[fix.path[-1]] = value


def _new_uuid(_values, holder, fix: Fix) -> None:
    holder[fix.path[-1]] = new_uuid()


def _new_identifier(values, holder, fix: Fix) -> None:
    uuid = holder.setdefault("PayloadUUID", new_uuid())
    holder[fix.path[-1]] = f"{values['PayloadIdentifier']}.{uuid}"


_FIXERS = {
    Operation.SET: _set,
    Operation.REMOVE: _remove,
    Operation.RENAME: _rename,
    Operation.CONVERT: _convert,
    Operation.NEW_UUID: _new_uuid,
    Operation.NEW_IDENTIFIER: _new_identifier,
}
