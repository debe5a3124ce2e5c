"""How far a device is with everything it should have, in words with a reason, for the console and the API.

The words are those of commands.standing; here is the sentence to each, from what profiles.desired wants, what the
reconciler did, where the command is in the queue and what became of the push. Nothing is changed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.delivery import clock, delivery_of
from commands.item_statements import MAX_ATTEMPTS
from commands.models import QueuedCommand
from commands.standing import ItemStanding, Word
from devices.models import Channel, Device
from profiles.models import DesiredItem, ItemStatus

State = ItemStatus.State
Queued = QueuedCommand.State
WORDS = tuple(Word.values)
JOINED: Sequence[str] = (
    *("channel__contact", "channel__push_state", "wanted__profile", "wanted__version", "wanted__assignment"),
    *("status__profile", "status__version"),
)


@dataclass(frozen=True)
class Words:
    """One of WORDS, and why."""

    word: str
    reason: str


@dataclass(frozen=True)
class Item:
    """A profile on a channel: what is wanted, what was sent last, and the words for it."""

    channel: Channel
    identifier: str
    wanted: DesiredItem | None
    status: ItemStatus | None
    words: Words

    @property
    def profile(self):
        return self.wanted.profile if self.wanted else self.status.profile


def items_of(device: Device) -> list[Item]:
    """Return what the channels of an enrolled device should have or had from us, by identifier; two statements."""
    rows = ItemStanding.objects.filter(device=device).select_related(*JOINED).order_by("identifier", "channel_id")
    return explained(list(rows))


def explained(rows: Sequence[ItemStanding]) -> list[Item]:
    """Return standings, which have JOINED loaded, with the reason of each; one statement."""
    queue = QueuedCommand.objects.in_bulk([row.status.command_id for row in rows if row.status])
    return [
        Item(row.channel, row.identifier, row.wanted, row.status, Words(row.word, _reason(row, queue))) for row in rows
    ]


def _reason(row: ItemStanding, queue: dict[int, QueuedCommand]) -> str:
    status, queued = row.status, queue.get(row.status.command_id) if row.status else None
    if row.word == Word.NOT_APPLICABLE:
        return _why_not_for_it(row.wanted, status)
    if row.wanted is not None and row.wanted.is_waiting:
        return row.cause
    is_over = status is not None and status.is_ended and status.version_id == row.version_id
    if row.word == Word.HELD:
        is_halted = row.wanted is not None and not is_over
        return row.cause if is_halted else f"{row.cause}; looked at again at {clock(status.next_attempt_at)}"
    if row.wanted is None or is_over:
        return _why_unwanted(status, queued, row.channel)
    if status is None or status.state == State.REMOVED:
        return "not yet queued"
    if status.state == State.REMOVING:
        return "is being removed and wanted again; not yet queued"
    if status.version_id != row.version_id:
        has = f"version {status.version.number}" if status.version else "another version"
        return f"version {row.wanted.version.number} is wanted, {has} was sent before; not yet queued"
    return _why_wanted(status, row.wanted, queued, row.channel)


def _why_not_for_it(wanted: DesiredItem, status: ItemStatus | None) -> str:
    """Say why the device cannot use it, and that what it has of it stays."""
    is_on_it = status is not None and status.state in (State.ACKNOWLEDGED, State.VERIFIED)
    if not is_on_it:
        return wanted.refusal
    has = f"version {status.version.number}" if status.version else "another version"
    return f"{wanted.refusal}; {has} was sent before and stays until the profile is unassigned"


def _why_wanted(status: ItemStatus, wanted: DesiredItem, queued: QueuedCommand | None, channel: Channel) -> str:
    match status.state:
        case State.SENT:
            return _where_the_command_is(status, queued, channel)
        case State.ACKNOWLEDGED:
            return "waiting for the device's list of profiles to show it"
        case State.VERIFIED:
            return f"the device's list shows it since {clock(status.updated_at)}"
        case State.FAILED:
            return f"{_said(status)}; {_held_back(wanted) or _next_attempt(status)}"
    return f"{_said(status) or 'to be sent again'}; {_next_attempt(status)}"


def _why_unwanted(status: ItemStatus, queued: QueuedCommand | None, channel: Channel) -> str:
    if status.state == State.REMOVED:
        return _said(status) or f"the device's list does not show it since {clock(status.updated_at)}"
    if status.state != State.REMOVING:
        return f"{_said(status) if status.is_ended else 'no longer wanted'}; the removal is not yet queued"
    if status.command_id:
        return _where_the_command_is(status, queued, channel)
    if status.is_stopped or status.next_attempt_at:
        return f"{_said(status)}; {_next_attempt(status)}"
    return "removal acknowledged; waiting for the device's list of profiles to prove it"


def _where_the_command_is(status: ItemStatus, queued: QueuedCommand | None, channel: Channel) -> str:
    """Where the command is: not pushed, pushed to a silent device, put off by it, or delivered."""
    again = f"attempt {status.attempts + 1} after: {_said(status)}; " if status.attempts and status.error else ""
    if queued is None:
        return f"{again}its command is gone"
    match queued.state:
        case Queued.PENDING:
            return again + delivery_of(channel, queued.queued_at).why
        case Queued.NOT_NOW:
            return f"{again}not now, said the device at {clock(queued.not_now_at)}"
        case Queued.SENT:
            return f"{again}delivered at {clock(queued.sent_at)}, not answered yet"
    return f"{again}answered; being worked out"


def _held_back(wanted: DesiredItem) -> str:
    """Say that a failure is not tried again while the rollout is halted."""
    assignment = wanted.assignment
    is_halted = assignment.rollout_state == assignment.RolloutState.HALTED
    is_meant = is_halted and wanted.version_id == assignment.rollout_version_id
    return f"the rollout is halted: {assignment.halt_reason}" if is_meant else ""


def _said(status: ItemStatus) -> str:
    """Return the device's words as the first half of a sentence."""
    return status.error.rstrip(" .")


def _next_attempt(status: ItemStatus) -> str:
    if status.is_stopped:
        return f"stopped after {max(status.attempts, 1)} of {MAX_ATTEMPTS} attempts; retry it by hand"
    return f"waiting for another try at {clock(status.next_attempt_at)}" if status.next_attempt_at else "due now"
