"""How far a device is with everything it should have, in words with a reason, for the console and the API.

Reads what profiles.desired wants, what the reconciler did, where the command is in the queue and what became of the
push. Nothing is changed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apns.models import PushState
from commands.models import QueuedCommand
from commands.reconcile import MAX_ATTEMPTS
from devices.models import Channel, Device
from profiles.models import Assignment, DesiredItem, ItemStatus

State = ItemStatus.State
Queued = QueuedCommand.State
WORDS = ("pending", "sent", "acknowledged", "verified", "failed", "removing", "removed", "not_applicable")


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
    """Return what the channels of an enrolled device should have or had from us, by identifier; six statements."""
    enrolled = device.channels.reachable().filter(enrollment__state="enrolled")
    channels = list(enrolled.select_related("contact", "push_state").order_by("id"))
    wanted = DesiredItem.objects.filter(channel__in=channels).order_by("id")
    wanted = {(each.channel_id, each.identifier): each for each in wanted.select_related(*_JOINED, "assignment")}
    statuses = ItemStatus.objects.filter(channel__in=channels).order_by("id").select_related(*_JOINED)
    statuses = {(each.channel_id, each.identifier): each for each in statuses}
    queue = QueuedCommand.objects.in_bulk([each.command_id for each in statuses.values() if each.command_id])
    by_id = {channel.pk: channel for channel in channels}
    items = []
    for key in sorted(wanted.keys() | statuses.keys(), key=lambda key: (key[1], key[0])):
        status, channel = statuses.get(key), by_id[key[0]]
        queued = queue.get(status.command_id) if status and status.command_id else None
        words = item_words(status, wanted=wanted.get(key), queued=queued, channel=channel)
        items.append(Item(channel, key[1], wanted.get(key), status, words))
    return items


_JOINED: Sequence[str] = ("profile", "version")


def item_words(
    status: ItemStatus | None,
    *,
    wanted: DesiredItem | None,
    queued: QueuedCommand | None,
    channel: Channel,
) -> Words:
    """Say how far an item is and why; ``queued`` is the command it waits for, ``channel`` comes with contact and push.

    At least one of status and wanted is given.
    """
    if wanted is None:
        return _words_of_unwanted(status, queued, channel)
    if wanted.refusal:
        return Words("not_applicable", _not_for_it(wanted, status))
    if status is None or status.state == State.REMOVED:
        return Words("pending", _held_back(wanted) or "not yet queued")
    if status.state == State.REMOVING:
        return Words("pending", "is being removed and wanted again; not yet queued")
    if status.version_id != wanted.version_id:
        has = f"version {status.version.number}" if status.version else "another version"
        why = _held_back(wanted) or "not yet queued"
        return Words("pending", f"version {wanted.version.number} is wanted, {has} was sent before; {why}")
    return _words_of_state(status, wanted, queued, channel)


def _not_for_it(wanted: DesiredItem, status: ItemStatus | None) -> str:
    """Say why the device cannot use it, and that what it has of it stays."""
    is_on_it = status is not None and status.state in (State.ACKNOWLEDGED, State.VERIFIED)
    if not is_on_it:
        return wanted.refusal
    has = f"version {status.version.number}" if status.version else "another version"
    return f"{wanted.refusal}; {has} was sent before and stays until the profile is unassigned"


def _words_of_state(status: ItemStatus, wanted: DesiredItem, queued, channel: Channel) -> Words:
    match status.state:
        case State.SENT:
            return _words_of_command("sent", status, queued, channel)
        case State.ACKNOWLEDGED:
            return Words("acknowledged", "waiting for the device's list of profiles to show it")
        case State.VERIFIED:
            return Words("verified", f"the device's list shows it since {_moment(status.updated_at)}")
        case State.FAILED:
            return Words("failed", f"{_said(status)}; {_held_back(wanted) or _next_attempt(status)}")
    told = _said(status) or "to be sent again"
    return Words("pending", f"{told}; {_held_back(wanted) or _next_attempt(status)}")


def _words_of_unwanted(status: ItemStatus, queued, channel: Channel) -> Words:
    if status.state == State.REMOVED:
        return Words("removed", f"the device's list does not show it since {_moment(status.updated_at)}")
    if status.state != State.REMOVING:
        return Words("removing", "no longer wanted; the removal is not yet queued")
    if status.command_id:
        return _words_of_command("removing", status, queued, channel)
    if status.is_stopped:
        return Words("failed", f"{_said(status)}; {_next_attempt(status)}")
    if status.next_attempt_at:
        return Words("removing", f"{_said(status)}; {_next_attempt(status)}")
    return Words("removing", "removal acknowledged; waiting for the device's list of profiles to prove it")


def _words_of_command(word: str, status: ItemStatus, queued: QueuedCommand | None, channel: Channel) -> Words:
    """Where the command is: not pushed, pushed to a silent device, put off by it, or delivered."""
    again = f"attempt {status.attempts + 1} after: {_said(status)}; " if status.attempts and status.error else ""
    if queued is None:
        return Words(word, f"{again}its command is gone")
    waiting = word if word == "removing" else "pending"
    match queued.state:
        case Queued.PENDING:
            return Words(waiting, again + _push_words(channel))
        case Queued.NOT_NOW:
            return Words(waiting, f"{again}not now, said the device at {_moment(queued.not_now_at)}")
        case Queued.SENT:
            return Words(word, f"{again}delivered at {_moment(queued.sent_at)}, not answered yet")
    return Words(word, f"{again}answered; being worked out")


def _push_words(channel: Channel) -> str:
    push = getattr(channel, "push_state", None)
    contact = getattr(channel, "contact", None)
    if channel.push_gone_at:
        return "cannot be pushed to: APNs says that the device's token is dead"
    if push is not None and push.failures:
        return f"the push failed: {push.reason or push.status or 'no answer'}"
    if push is None or push.accepted_at is None or _is_older_than_wish(push):
        return "not yet pushed"
    if contact is None:
        return f"pushed at {_moment(push.accepted_at)}, the device was never heard of"
    return f"pushed at {_moment(push.accepted_at)}, device silent since {_moment(contact.seen_at)}"


def _is_older_than_wish(push: PushState) -> bool:
    return push.requested_at is not None and push.requested_at > push.accepted_at


def _held_back(wanted: DesiredItem) -> str:
    assignment = wanted.assignment
    is_held = assignment.rollout_state == Assignment.RolloutState.HALTED
    if is_held and wanted.version_id == assignment.rollout_version_id:
        return f"the rollout is halted: {assignment.halt_reason}"
    return ""


def _said(status: ItemStatus) -> str:
    """Return the device's words as the first half of a sentence."""
    return status.error.rstrip(" .")


def _next_attempt(status: ItemStatus) -> str:
    if status.is_stopped:
        return f"stopped after {max(status.attempts, 1)} of {MAX_ATTEMPTS} attempts; retry it by hand"
    return f"waiting for another try at {_moment(status.next_attempt_at)}" if status.next_attempt_at else "due now"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "an unknown time"
