"""Activation Lock bypass codes: asked of every supervised device as soon as it is known to be one, and until had.

Apple lets a device give its code for 15 days after supervision begins, so nobody may have to think of it. Each
membership has one wish for its code: asked at once, again after a while when the device refused or did not answer, over
when the code is here, when the device can have none, or when the 15 days are. What the answer means is in
commands.meanings.activation_lock.

Apple: developer.apple.com/documentation/devicemanagement/activation-lock-bypass-code-command
"""

from datetime import timedelta

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from commands.applicability import candidates_of, split
from commands.interpreters import REFUSED, CommandReport, interprets
from commands.models import BypassCodeWish
from commands.querysets import UNTIL_HAD
from commands.queue import queue_command
from devices.models import Channel, Device, Enrollment, EscrowedSecret
from devices.outbox import handles
from devices.timeline import SCHEDULE

REQUEST_TYPE = "ActivationLockBypassCode"
WINDOW = timedelta(days=15)
# After each refusal; the last one is for all that follow. Whoever does not answer is asked again a day later.
PAUSES = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=12), timedelta(days=1))
WINDOW_IS_OVER = "the device gave none within the 15 days that Apple allows"
BATCH = 1000
Platform = Device.Platform
PLATFORMS = (Platform.IOS, Platform.IPADOS, Platform.MACOS, Platform.VISIONOS)


def ask_for_codes(channels=None) -> int:
    """Ask the devices whose code is wanted and due, of a ChannelQuerySet if given; return how many."""
    channels = Channel.objects.all() if channels is None else channels
    total = 0
    while True:
        with transaction.atomic():
            _begin(channels)
            due = _due(channels)
            total += _ask(due)
        if len(due) < BATCH:
            return total


def _supervised(channels):
    enrolled = channels.device_channels().filter(
        enrollment__is_current=True, enrollment__state=Enrollment.State.ENROLLED, state=Channel.State.ENABLED
    )
    return enrolled.filter(device__is_supervised=True, device__platform__in=PLATFORMS)


def _begin(channels) -> None:
    """Wish for the codes of supervised devices that were not asked in this membership."""
    wished = BypassCodeWish.objects.filter(enrollment=OuterRef("enrollment"))
    had = EscrowedSecret.objects.filter(
        device=OuterRef("device"), kind=EscrowedSecret.Kind.ACTIVATION_LOCK_BYPASS_CODE, is_current=True,
        created_at__gte=OuterRef("enrollment__authenticated_at"),
    )  # fmt: skip
    new = _supervised(channels).exclude(Exists(wished)).exclude(Exists(had)).order_by("id")
    rows = [BypassCodeWish(enrollment_id=pk) for pk in new.values_list("enrollment", flat=True)[:BATCH]]
    BypassCodeWish.objects.bulk_create(rows, ignore_conflicts=True)


def _due(channels) -> list[BypassCodeWish]:
    of_channels = _supervised(channels).order_by().values("enrollment")
    due = BypassCodeWish.objects.filter(next_at__lte=timezone.now(), enrollment__in=of_channels)
    return list(due.select_for_update(skip_locked=True, of=("self",)).order_by("next_at", "enrollment")[:BATCH])


def _ask(due: list[BypassCodeWish]) -> int:
    now = timezone.now()
    by_enrollment = {wish.enrollment_id: wish for wish in due}
    found = Channel.objects.device_channels().filter(enrollment__in=by_enrollment)
    fit, refused = split(REQUEST_TYPE, candidates_of(found.reachable()), {})
    enrollment_of = dict(found.values_list("id", "enrollment_id"))
    for refusal in refused:
        wish = by_enrollment[enrollment_of[refusal.channel_id]]
        wish.next_at, wish.problem = None, refusal.reason
    asked = [by_enrollment[candidate.enrollment_id] for candidate in fit]
    for wish in asked:
        is_last = now > wish.begun_at + WINDOW
        wish.tries, wish.asked_at = wish.tries + 1, now
        wish.next_at, wish.problem = (None, WINDOW_IS_OVER) if is_last else (now + PAUSES[-1], wish.problem)
    BypassCodeWish.objects.bulk_update(due, ["next_at", "problem", "tries", "asked_at"])
    if fit:
        queue_command(
            REQUEST_TYPE, {}, found.filter(id__in=[candidate.channel_id for candidate in fit]), actor=SCHEDULE,
            reason="its code is kept for the day it is needed", supersedes=UNTIL_HAD,
        )  # fmt: skip
    return len(fit)


@handles("enrolled")
def ask_enrolled(payloads: list[dict]) -> None:
    """Ask devices that enrolled and are known to be supervised."""
    ask_for_codes(Channel.objects.filter(id__in={payload["channel_id"] for payload in payloads}))


@handles("inventory_changed")
def ask_changed(payloads: list[dict]) -> None:
    """Ask devices that have just said that they are supervised."""
    ids = {device_id for payload in payloads for device_id in payload["device_ids"]}
    ask_for_codes(Channel.objects.filter(device__in=ids))


def _wishes_of(reports: list[CommandReport]):
    channels = Channel.objects.filter(id__in={report.channel_id for report in reports})
    return BypassCodeWish.objects.filter(enrollment__in=channels.order_by().values("enrollment"))


@interprets(REQUEST_TYPE)
def note_had(reports: list[CommandReport]) -> None:
    """A code that came fulfils the wish; an answer without one is asked for again."""
    had = [report for report in reports if report.content.get(REQUEST_TYPE)]
    now = timezone.now()
    _wishes_of(had).update(had_at=now, next_at=None, problem="")


@interprets(REQUEST_TYPE, statuses=REFUSED)
def ask_later(reports: list[CommandReport]) -> None:
    """A refusal is no end: a device may have no code while it is set up."""
    now = timezone.now()
    pauses = [models.When(tries__lte=number, then=models.Value(now + pause)) for number, pause in enumerate(PAUSES, 1)]
    again = models.Case(*pauses, default=models.Value(now + PAUSES[-1]), output_field=models.DateTimeField())
    open_wishes = _wishes_of(reports).filter(Q(next_at__isnull=False), had_at=None)
    open_wishes.update(next_at=again, problem="the device refused to give its code")
