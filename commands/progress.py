"""Says in words where a queued command stands, and why; how far the way to a device is, is commands.delivery's."""

from commands.delivery import Way, clock, delivery_of
from commands.models import QueuedCommand
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
    delivery = delivery_of(queued.channel, queued.queued_at)
    is_woken = delivery.way in (Way.SILENT, Way.HEARD)
    return (status.PUSHED if is_woken else status.PENDING).because(delivery.sentence)
