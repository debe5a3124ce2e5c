"""Devices that erase themselves: closed once they said so, open again by Authenticate, or by a contact that shows that
nothing was erased.

An erased device says no goodbye. Its membership is over when it acknowledges EraseDevice, but its push tokens are kept
until it enrolls again: should it speak under its old certificate, it was not erased. Locks: the device channels, first,
as Authenticate and TokenUpdate do.

Apple: developer.apple.com/documentation/devicemanagement/erase-device-command
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum

from django.db import transaction
from django.utils import timezone

from devices import outbox
from devices.changes import tell_changed
from devices.models import Channel, Enrollment
from devices.timeline import record_event

State = Enrollment.State
ACKNOWLEDGED = "it acknowledged that it erases itself"
# A device goes on talking for a moment after it has acknowledged, on the channels of its users, say.
STILL_ERASING = timedelta(minutes=2)


class Contact(Enum):
    """What a message on a closed channel means."""

    REOPENED, STILL_ERASING, UNKNOWN = "reopened", "still erasing", "unknown"


@transaction.atomic
def close_erased(answers: Iterable[tuple[int, datetime]]) -> dict[int, list[int]]:
    """End the memberships of device channels that acknowledged erasing, each at a moment; a second time does nothing.

    One that began after that moment goes on: the device was faster than the worker. Returns the ids of all channels
    that closed by device.
    """
    moments = dict(answers)
    channels = Channel.objects.select_for_update(of=("self",)).filter(pk__in=moments, user_key="")
    rows = channels.select_related("enrollment").order_by("id")
    enrollments = [row.enrollment for row in rows if _is_over(row.enrollment, moments[row.pk])]
    ids = [enrollment.pk for enrollment in enrollments]
    Enrollment.objects.filter(pk__in=ids).update(
        state=State.ERASED, unenrolled_at=timezone.now(), end_reason=ACKNOWLEDGED
    )
    closing = Channel.objects.filter(enrollment__in=ids)
    closing.update(state=Channel.State.DISABLED)
    closed: dict[int, list[int]] = {}
    for channel_id, device_id in closing.order_by("id").values_list("id", "device_id"):
        closed.setdefault(device_id, []).append(channel_id)
    tell_changed(closed)
    return closed


def _is_over(enrollment: Enrollment, moment: datetime) -> bool:
    is_enrolled = enrollment.is_current and enrollment.state == State.ENROLLED
    return is_enrolled and enrollment.authenticated_at <= moment


@transaction.atomic
def note_contact(enrollment_key: str, *, at_once: bool = False) -> Contact:
    """Say what a message of a device whose channels are closed means; one that was not erased is enrolled as before.

    ``at_once`` leaves it no time to be still erasing: it says that it goes on.
    """
    device_channels = Channel.objects.select_for_update(of=("self",)).filter(user_key="")
    channel = device_channels.filter(enrollment_key=enrollment_key).select_related("enrollment").first()
    if channel is None or channel.enrollment.state != State.ERASED or not channel.enrollment.is_current:
        return Contact.UNKNOWN
    if not at_once and timezone.now() < channel.enrollment.unenrolled_at + STILL_ERASING:
        return Contact.STILL_ERASING
    Enrollment.objects.filter(pk=channel.enrollment_id).update(state=State.ENROLLED, unenrolled_at=None, end_reason="")
    closed = Channel.objects.filter(enrollment=channel.enrollment_id, state=Channel.State.DISABLED)
    closed.exclude(token=None).update(state=Channel.State.ENABLED)
    words = "It speaks as before though it acknowledged that it erases itself: enrolled again"
    record_event("not_erased", words, device=channel.device_id, actor="device")
    outbox.post("enrolled", {"channel_id": channel.pk})
    tell_changed([channel.device_id])
    return Contact.REOPENED
