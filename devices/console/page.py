"""What the device page says about a device: its header, health, and its live list of commands.

Everything is read for one device in a fixed number of statements; nothing here changes anything.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, F, Max
from django.http import Http404
from django.utils import timezone

from commands.answers import summaries
from commands.compliance import Compliance, judge
from commands.delivery import Way, clock, delivery_of
from commands.error_words import words_of
from commands.governor import HeldAction
from commands.governor.holding import held_of_device
from commands.models import QueuedCommand, Report
from commands.progress import progress
from devices.contacts import is_locked
from devices.models import Channel, Device, Enrollment, Identity
from mdm_project import status
from mdm_project.status import Status

LIVE_COMMANDS = 8
ATTENTION_DAYS = 7
MAX_HELD = 5
ENROLLMENT_STATES = {
    Enrollment.State.ENROLLED: status.ENROLLED,
    Enrollment.State.PENDING: status.ENROLLING,
    Enrollment.State.UNENROLLED: status.UNENROLLED,
    Enrollment.State.ERASED: status.ERASED,
}


@dataclass
class LiveCommand:
    """A line of the live list."""

    queued: QueuedCommand
    status: Status
    summary: str = ""
    report_id: int | None = None

    @property
    def is_waiting(self) -> bool:
        return self.queued.state in QueuedCommand.WAITING

    @property
    def can_retry(self) -> bool:
        state = QueuedCommand.State
        return self.queued.state in (state.FAILED, state.QUARANTINED, state.PARTLY, state.CANCELLED, state.EXPIRED)


@dataclass
class Health:
    """The numbers of the header."""

    enrollment: Status
    push: Status
    last_seen_at: datetime | None
    pending: int
    failed: int
    is_enrolled: bool
    is_locked: bool = False  # a Mac that waits for its PIN
    compliance: Compliance | None = None
    channel: Channel | None = None
    failures: list[dict] = field(default_factory=list)
    held: list[HeldAction] = field(default_factory=list)  # what the governor holds that means this device


def find_device(user, pk) -> Device:
    """Return a device with its current enrollment and last contact, or raise 404."""
    devices = Device.objects.visible_to(user).with_enrollment().with_last_seen().select_related("person")
    try:
        return devices.get(pk=pk)
    except (Device.DoesNotExist, ValueError) as error:
        raise Http404("there is no such device") from error


def device_channel(device: Device) -> Channel | None:
    """Return the device channel of the current enrollment."""
    channels = Channel.objects.device_channels().filter(device=device, enrollment__is_current=True)
    return channels.select_related("push_state", "contact", "enrollment").order_by("-enrollment_id").first()


def health_of(device: Device) -> Health:
    """Return the header's health: a statement each for the channel, what waits, what failed, and what is held."""
    channel = device_channel(device)
    waiting = QueuedCommand.objects.for_device(device).waiting().count()
    has_ended = device.state in (Enrollment.State.UNENROLLED, Enrollment.State.ERASED)
    failures = [] if has_ended else recent_failures(device)
    waits_for_pin = device.state == Enrollment.State.ENROLLED and is_locked(device)
    return Health(
        enrollment=enrollment_status(device.state, channel.enrollment if channel else None),
        push=LOCKED if waits_for_pin else push_status(channel),
        last_seen_at=device.last_seen_at,
        pending=waiting,
        failed=sum(failure["number"] for failure in failures),
        is_enrolled=device.state == Enrollment.State.ENROLLED,
        is_locked=waits_for_pin,
        compliance=judge([device.pk]).get(device.pk),
        channel=channel,
        failures=failures,
        held=list(held_of_device(device.pk)[:MAX_HELD]),
    )


def enrollment_status(state: str | None, enrollment: Enrollment | None) -> Status:
    """Say in words whether a device is enrolled, and since when and why it is not any more."""
    said = ENROLLMENT_STATES.get(state, status.NEVER_ENROLLED)
    if enrollment is None or enrollment.unenrolled_at is None:
        return said
    asked = f", as {enrollment.end_asked_by} asked" if enrollment.end_asked_by else ""
    return said.because(
        f"Since {clock(enrollment.unenrolled_at)}{asked}: {enrollment.end_reason or 'it did not say why'}."
    )


def recent_failures(device: Device) -> list[dict]:
    """Return what failed in the last days, wholly or in part, by kind and cause, newest first."""
    since = timezone.now() - timedelta(days=ATTENTION_DAYS)
    failed = QueuedCommand.objects.for_device(device).failed_since(since).order_by()
    grouped = failed.values(request_type=F("command__request_type"), cause=F("note"), how=F("state"))
    return list(grouped.annotate(number=Count("id"), newest=Max("id")).order_by("-newest")[:5])


PUSHES = {
    Way.UNENROLLED: Status("Not woken", "wait", "notifications_off"),
    Way.ENROLLING: Status("Not woken", "wait", "notifications_off"),
    Way.GONE: Status("Probably gone", "attn", "cloud_off"),
    Way.FAILED: Status("Push failed", "bad", "notifications_off"),
    Way.WAITS: Status("Can be woken", "ok", "notifications"),
    Way.SILENT: Status("Pushed", "wait", "notifications"),
    Way.HEARD: Status("Can be woken", "ok", "notifications"),
}

LOCKED = Status("Not woken", "wait", "notifications_off", "No push reaches the Mac before its PIN is entered.")


def push_status(channel: Channel | None) -> Status:
    """Say in words whether a channel can be woken."""
    if channel is None or channel.state == Channel.State.DISABLED:
        return Status("Not woken", "wait", "notifications_off", "The device is not enrolled.")
    if not channel.push_gone_at and not (channel.token and channel.push_magic):
        return Status("Not woken", "wait", "notifications_off", "The device has not told its push token yet.")
    delivery = delivery_of(channel)
    if delivery.way is Way.NOT_ASKED:
        return Status("Can be woken", "ok", "notifications", "No push was needed so far.")
    return PUSHES[delivery.way].because(delivery.sentence)


def current_identity(device: Device) -> Identity | None:
    """Return the active certificate that is pinned to the current enrollment."""
    key = device.enrollment_key
    identities = Identity.objects.filter(enrollment_key=key, is_active=True) if key else Identity.objects.none()
    return identities.order_by("-not_after", "-id").first()


def live_commands(device: Device, limit: int = LIVE_COMMANDS) -> list[LiveCommand]:
    """Return the newest commands with where they stand and what came back: two statements, three for a new answer."""
    queue = (
        QueuedCommand.objects.for_device(device)
        .select_related("command", "channel", "channel__push_state", "channel__contact")
        .defer("command__body_encrypted")
        .order_by("-id")[:limit]
    )
    _hear_answers(queue)
    rows = [LiveCommand(queued, progress(queued)) for queued in queue]
    _add_answers({row.queued.pk: row for row in rows})
    return rows


def hear(health: Health, rows: list[LiveCommand]) -> None:
    """Let "last seen" be no older than an answer shown, in the moment before a worker has read it."""
    newest = _newest_answers(row.queued for row in rows).values()
    health.last_seen_at = max(filter(None, (health.last_seen_at, *newest)), default=None)


def _hear_answers(queue: Iterable[QueuedCommand]) -> None:
    """Let no channel be silent since a moment before an answer that is shown beside it."""
    newest = _newest_answers(queue)
    for queued in queue:
        contact, at = getattr(queued.channel, "contact", None), newest.get(queued.channel_id)
        if contact and at and contact.seen_at < at:
            contact.seen_at = at


def _newest_answers(queue: Iterable[QueuedCommand]) -> dict[int, datetime]:
    newest: dict[int, datetime] = {}
    for queued in queue:
        if queued.state in (QueuedCommand.State.ACKNOWLEDGED, QueuedCommand.State.FAILED):
            newest[queued.channel_id] = max(queued.finished_at, newest.get(queued.channel_id, queued.finished_at))
    return newest


def _add_answers(rows: dict[int, LiveCommand]) -> None:
    finished = [pk for pk, row in rows.items() if not row.is_waiting]
    reports = Report.objects.filter(queued__in=finished, disposition=Report.Disposition.RESULT).order_by("id")
    pairs = []
    for pk, queued_id, chain in reports.values_list("id", "queued_id", "error_chain"):
        row = rows[queued_id]
        row.report_id = pk
        row.summary = row.queued.note or (words_of(chain) if chain else "")
        if row.queued.state == QueuedCommand.State.ACKNOWLEDGED:
            pairs.append((pk, row.queued.command.request_type))
    told = summaries(pairs)
    for row in rows.values():
        row.summary = told.get(row.report_id, "") or row.summary or row.queued.note or ""


def live_version(rows: list[LiveCommand], health: Health) -> str:
    """Return a value that changes when the live part of the page has something new to show."""
    parts = [(row.queued.pk, row.queued.state, row.queued.deliveries, row.status.why, row.report_id) for row in rows]
    held = [(row.pk, row.state, row.release_at) for row in health.held]
    shown = (
        parts,
        held,
        health.pending,
        health.failed,
        health.push.why,
        health.last_seen_at,
        health.enrollment.word,
        health.is_locked,
        health.compliance,
    )
    return f"{zlib.crc32(repr(shown).encode()):x}"
