"""Which of two limits is the looser one, field by field, and the strictest of several."""

from collections.abc import Iterable

from commands.governor.models import GovernorLimit

FIELDS = ("per_person", "in_all", "second_person_above", "delay_above", "delay_minutes")
FOR_EVER = 2**31 - 1


def loosens(limit: GovernorLimit, name: str, value: int | None) -> bool:
    """Tell whether a field allows more with this value than it does in the limit; None is "never"."""
    return _looseness(name, value) > _looseness(name, getattr(limit, name))


def _looseness(name: str, value: int | None) -> int:
    number = FOR_EVER if value is None else value
    return -number if name == "delay_minutes" else number


def values_of(limit: GovernorLimit) -> dict[str, int | None]:
    return {name: getattr(limit, name) for name in FIELDS}


def strictest(limits: Iterable[GovernorLimit]) -> dict[str, int | None]:
    """Return for each field the value of the limit that allows the least. There is at least one limit."""
    rows = list(limits)
    return {name: min((getattr(row, name) for row in rows), key=lambda it: _looseness(name, it)) for name in FIELDS}
