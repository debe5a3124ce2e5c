"""The bounds of a field: stated once beside its service, which checks them, and given to the fields of forms and of the
API (and so to the OpenAPI document).
"""

from dataclasses import dataclass

from mdm_project.errors import BadRequest


@dataclass(frozen=True)
class Bound:
    """What a whole number may be; ``words`` name what it counts, as in "hours from 1 to 10"."""

    minimum: int
    maximum: int
    words: str = "a number"
    may_be_empty: bool = False

    def __str__(self):
        return f"{self.words} from {self.minimum} to {self.maximum}{', or empty' if self.may_be_empty else ''}"

    def arguments(self) -> dict[str, int]:
        """Return what the IntegerField of a form and that of a serializer take."""
        return {"min_value": self.minimum, "max_value": self.maximum}

    def holds(self, value) -> bool:
        """Say whether a service may take the value, which may be anything that JSON has."""
        if value is None:
            return self.may_be_empty
        return isinstance(value, int) and not isinstance(value, bool) and self.minimum <= value <= self.maximum


def require_within(bounds: dict[str, Bound], values: dict) -> None:
    """Raise BadRequest that names each of the values that is not within its bound."""
    wrong = {name: str(bounds[name]) for name, value in values.items() if not bounds[name].holds(value)}
    if wrong:
        detail = "; ".join(f"{name.replace('_', ' ')}: {words}" for name, words in wrong.items())
        raise BadRequest(detail, fields=wrong)
