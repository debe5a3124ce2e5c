"""When a profile removes itself: at RemovalDate, or DurationUntilRemoval seconds after it was installed.

The device does it, whoever installed the profile; the earlier of both counts.
Apple: developer.apple.com/documentation/devicemanagement/toplevel
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone


@dataclass(frozen=True)
class OwnRule:
    """``ends_at`` is the date of the profile, ``ends_after_s`` counts from its installation; None: no such rule."""

    ends_at: datetime | None = None
    ends_after_s: float | None = None

    def is_over(self) -> bool:
        """Tell whether a device would remove it at once."""
        return self.ends_at is not None and self.ends_at <= timezone.now()


def own_rule(content: dict) -> OwnRule:
    """Read the rule of a profile in terms of plist; values of other types are no rule."""
    date, duration_s = content.get("RemovalDate"), content.get("DurationUntilRemoval")
    if not isinstance(date, datetime):
        date = None
    elif date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    is_number = isinstance(duration_s, int | float) and not isinstance(duration_s, bool)
    return OwnRule(date, float(duration_s) if is_number and duration_s > 0 else None)
