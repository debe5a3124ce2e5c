"""Says in words where a queued command stands, and why. Reads rows, asks nothing."""

from datetime import datetime

from django.utils import timezone

from apns.models import PushState
from commands.models import QueuedCommand
from devices.models import Channel
from mdm_project import status
from mdm_project.status import Status

State = QueuedCommand.State


def progress(queued: QueuedCommand) -> Status:
    """Return the status word of a queue row with its reason.

    Wants ``channel``, its ``push_state`` and its ``contact`` loaded (`with_progress`), or costs a statement for each.
    """
    if queued.state == State.PENDING:
        return _pending(queued)
    if queued.state == State.SENT:
        times = f", {queued.deliveries} times so far" if queued.deliveries > 1 else ""
        return status.SENT.because(f"The device has it and has not reported yet{times}.")
    if queued.state == State.NOT_NOW:
        return status.NOT_NOW.because(
            f"The device is busy or locked since {clock(queued.not_now_at)}; it is asked again when it connects."
        )
    ended = {
        State.ACKNOWLEDGED: status.ACKNOWLEDGED,
        State.PARTLY: status.PARTLY,
        State.FAILED: status.FAILED,
        State.QUARANTINED: status.QUARANTINED,
        State.CANCELLED: status.CANCELLED,
        State.EXPIRED: status.EXPIRED,
    }[queued.state]
    return ended.because(queued.note or "")


def _pending(queued: QueuedCommand) -> Status:
    channel = queued.channel
    if channel.state == Channel.State.DISABLED:
        return status.PENDING.because("The device is no longer enrolled.")
    if channel.state == Channel.State.PENDING:
        return status.PENDING.because("The device is still enrolling.")
    if channel.push_gone_at:
        since = clock(channel.push_gone_at)
        return status.PENDING.because(f"The device is probably gone: its push token is dead since {since}.")
    return _waiting_for_contact(queued, getattr(channel, "push_state", None))


def _waiting_for_contact(queued: QueuedCommand, push: PushState | None) -> Status:
    if push is None:
        return status.PENDING.because("No push was asked for; it is delivered when the device connects.")
    if push.accepted_at and push.accepted_at >= queued.queued_at:
        return status.PUSHED.because(f"Woken at {clock(push.accepted_at)}; {silence(queued.channel)}.")
    if push.failures and push.attempted_at and push.attempted_at >= queued.queued_at:
        reason = push.reason or (f"APNs answered {push.status}" if push.status else "APNs did not answer")
        again = f"; next attempt at {clock(push.next_attempt_at)}" if push.next_attempt_at else ""
        return status.PENDING.because(f"The push failed: {reason}{again}.")
    if push.requested_at:
        return status.PENDING.because("Waits for its push.")
    return status.PENDING.because("It is delivered when the device next connects.")


def silence(channel: Channel) -> str:
    """Say since when a channel is silent."""
    contact = getattr(channel, "contact", None)
    return f"the device is silent since {clock(contact.seen_at)}" if contact else "the device has not been heard of yet"


def clock(moment: datetime | None) -> str:
    """Say a moment briefly: the time today, the date otherwise; UTC."""
    if moment is None:
        return "an unknown time"
    is_today = moment.date() == timezone.now().date()
    return f"{moment:%H:%M:%S}" if is_today else f"{moment:%Y-%m-%d %H:%M}"
