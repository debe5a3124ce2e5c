"""What of commands needs a person: second persons, requests that were refused, what failed."""

import hashlib
from datetime import timedelta

from django.db.models import Count, Max
from django.urls import reverse
from django.utils import timezone

from commands.models import QueuedCommand
from commands.workflows.held import Waiting, waiting_by_batch
from devices.models import Channel, Event
from mdm_project.attention import ATTENTION, BAD, Need, devices_in_words, needs

RECENT = timedelta(days=7)


@needs("commands.view_heldaction")
def second_persons(user) -> list[Need]:
    """Return what waits for a second person, newest first."""
    waiting = [Waiting(group.batch, group.to_approve) for group in waiting_by_batch(user) if group.to_approve]
    safety = reverse("admin:commands_heldaction_changelist")
    return [_second_person(group, safety) for group in reversed(waiting)]


def _second_person(group: Waiting, link: str) -> Need:
    title, detail = f"{group} waits for a second person", f"{group.first.actor}: {group.first.reason}"
    return Need(ATTENTION, "how_to_reg", title, detail, link, "Show", f"second-person:{group.first.pk}")


@needs("commands.view_heldaction")
def refused_requests(user) -> list[Need]:
    """Return that somebody ran into a limit, which may be a stolen account."""
    refused = Event.objects.visible_to(user).filter(kind="governor_refused", at__gt=timezone.now() - timedelta(days=1))
    number = refused.count()
    if not number:
        return []
    words = "1 destructive request was" if number == 1 else f"{number:,} destructive requests were"
    newest = refused.order_by("-id").first()
    link, key = reverse("admin:commands_heldaction_changelist"), f"governor-refused:{newest.pk}"
    return [Need(BAD, "gpp_maybe", f"{words} refused within a day", newest.summary, link, "Show", key)]


@needs("commands.view_command")
def failed_commands(user) -> list[Need]:
    """Return what failed this week by type and cause, what concerns the most devices first."""
    failed = QueuedCommand.objects.visible_to(user).failed_since(timezone.now() - RECENT).order_by()
    failed = failed.exclude(channel__state=Channel.State.DISABLED)  # of what has left nothing is wanted any more
    causes = failed.values("command__request_type", "note").annotate(
        number=Count("channel__device", distinct=True), newest=Max("command")
    )
    return [_failure(row) for row in causes.order_by("-number", "-newest", "note")]


def _failure(row: dict) -> Need:
    request_type, cause = row["command__request_type"], row["note"]
    title = f"{request_type} failed on {devices_in_words(row['number'])}"
    detail = cause or "The devices gave no reason."
    link = reverse("admin:commands_command_change", args=[row["newest"]]) + "?state=failed"
    digest = hashlib.sha256((cause or "").encode()).hexdigest()[:16]
    return Need(BAD, "cancel", title, detail, link, "Show", f"command-failed:{request_type}:{digest}")
