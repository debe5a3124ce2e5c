"""The governor: what keeps one stolen account, or one mistake, from destroying a fleet. See docs/governor.md.

A destructive command is admitted at once, held (for a second person, or for a time in which it can be cancelled), or
refused. Whoever asks, by console, API or workflow, comes through `admit`.
"""

from commands.governor.admission import (
    ConfirmationRequired,
    GovernorRefused,
    LimitReached,
    Permit,
    ReasonRequired,
    Stopped,
    Wish,
    admit,
    forbid_while_stopped,
    take_turns,
)
from commands.governor.models import HeldAction

__all__ = [
    "ConfirmationRequired",
    "GovernorRefused",
    "HeldAction",
    "LimitReached",
    "Permit",
    "ReasonRequired",
    "Stopped",
    "Wish",
    "admit",
    "forbid_while_stopped",
    "held_command",
    "take_turns",
]


def held_command(held_id: int) -> HeldAction | None:
    """Return a held action with the command it became, if it did; None once it is past its retention."""
    return HeldAction.objects.select_related("command").filter(pk=held_id).first()
