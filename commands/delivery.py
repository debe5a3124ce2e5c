"""Why something that waits for a device has not been delivered: decided here, for commands, profiles and the header.

The queue knows when something was asked, apns what became of the push, the channel when it was last heard of. Nothing
is read here beyond the rows that are given: a channel with its ``push_state`` and ``contact``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.utils import timezone

from apns.models import PushState
from devices.models import Channel

# Contacts are written every five minutes at most, so a device that answers may look that much older than its push.
CONTACT_IS_EXACT_TO = timedelta(minutes=5)


class Way(Enum):
    """How far the way to a device is."""

    UNENROLLED = "unenrolled"
    ENROLLING = "enrolling"
    GONE = "gone"
    NOT_ASKED = "not asked"
    FAILED = "failed"
    WAITS = "waits"
    SILENT = "silent"
    HEARD = "heard"


@dataclass(frozen=True)
class Delivery:
    """How far it is, and why in words: a clause without its first capital and its full stop."""

    way: Way
    why: str

    @property
    def sentence(self) -> str:
        return f"{self.why[:1].upper()}{self.why[1:]}."


def delivery_of(channel: Channel, asked_at: datetime | None = None) -> Delivery:
    """Say how far a channel is from being given what was asked at a moment; without one, from its last push."""
    if channel.state == Channel.State.DISABLED:
        return Delivery(Way.UNENROLLED, "the device is no longer enrolled")
    if channel.state == Channel.State.PENDING:
        return Delivery(Way.ENROLLING, "the device is still enrolling")
    if channel.push_gone_at:
        since = clock(channel.push_gone_at)
        return Delivery(Way.GONE, f"the device is probably gone: APNs says since {since} that its push token is dead")
    push = getattr(channel, "push_state", None)
    if push is None:
        return Delivery(Way.NOT_ASKED, "no push was asked for; it is delivered when the device connects")
    return _after_push(channel, push, asked_at)


def _after_push(channel: Channel, push: PushState, asked_at: datetime | None) -> Delivery:
    if push.failures and _is_since(push.attempted_at, asked_at):
        reason = push.reason or (f"APNs answered {push.status}" if push.status else "APNs did not answer")
        again = f"; next attempt at {clock(push.next_attempt_at)}" if push.next_attempt_at else ""
        return Delivery(Way.FAILED, f"the push of {clock(push.attempted_at)} failed: {reason}{again}")
    if _is_since(push.accepted_at, asked_at):
        return _after_waking(channel, push)
    if push.requested_at:
        return Delivery(Way.WAITS, "waits for its push")
    return Delivery(Way.NOT_ASKED, "it is delivered when the device next connects")


def _after_waking(channel: Channel, push: PushState) -> Delivery:
    contact = getattr(channel, "contact", None)
    woken = f"woken at {clock(push.accepted_at)}"
    if contact is None:
        return Delivery(Way.SILENT, f"{woken}; the device has not been heard of yet")
    if contact.seen_at < push.accepted_at - CONTACT_IS_EXACT_TO:
        return Delivery(Way.SILENT, f"{woken}; the device is silent since {clock(contact.seen_at)}")
    return Delivery(Way.HEARD, f"{woken}; the device was heard of at {clock(contact.seen_at)}")


def _is_since(moment: datetime | None, asked_at: datetime | None) -> bool:
    return moment is not None and (asked_at is None or moment >= asked_at)


def clock(moment: datetime | None) -> str:
    """Say a moment briefly: the time today, the date otherwise; UTC."""
    if moment is None:
        return "an unknown time"
    is_today = moment.date() == timezone.now().date()
    return f"{moment:%H:%M:%S} UTC" if is_today else f"{moment:%Y-%m-%d %H:%M} UTC"
