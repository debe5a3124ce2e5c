"""The numbers of a limit and their bounds; which of two limits is the looser one, field by field; the strictest."""

from collections.abc import Iterable

from commands.governor.models import GovernorLimit
from mdm_project.bounds import Bound

MAX_DEVICES = 1_000_000
BOUNDS = {
    "per_person": Bound(0, MAX_DEVICES, "devices"),
    "in_all": Bound(0, MAX_DEVICES, "devices"),
    "second_person_above": Bound(0, MAX_DEVICES, "devices", may_be_empty=True),
    "delay_above": Bound(0, MAX_DEVICES, "devices", may_be_empty=True),
    "delay_minutes": Bound(0, 1_000_000, "minutes"),
}
FIELDS = tuple(BOUNDS)
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
