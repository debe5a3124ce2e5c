"""What of commands needs a person: second persons, requests that were refused, what failed."""

import hashlib
from datetime import timedelta

from django.db.models import Count, Max
from django.urls import reverse
from django.utils import timezone

from commands.compliance import Rule, count_by_rule
from commands.failures import Failure, by_cause, recent_failures
from commands.workflows.definitions import definition_of
from commands.workflows.held import Waiting, waiting_by_batch
from commands.workflows.models import Workflow
from devices.models import Device, Event
from mdm_project.attention import ATTENTION, BAD, Need, devices_in_words, needs


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


@needs("commands.view_workflow")
def waiting_workflows(user) -> list[Need]:
    """Return what workflows wait for that somebody has to do, what concerns the most devices first."""
    waiting = Workflow.objects.visible_to(user).waiting_for_a_person()
    causes = waiting.order_by().values("kind", "note").annotate(number=Count("device", distinct=True), newest=Max("pk"))
    return [_waiting(row) for row in causes.order_by("-number", "-newest")]


def _waiting(row: dict) -> Need:
    kind, number = row["kind"], row["number"]
    link = reverse("admin:commands_workflow_change", args=[row["newest"]])
    if number > 1:
        link = reverse("admin:commands_workflow_changelist") + f"?state__exact=running&kind={kind}"
    title = f"“{definition_of(kind).title}” waits for somebody on {devices_in_words(number)}"
    key = f"workflow:{kind}:{_digest(row['note'])}"
    return Need(ATTENTION, "person_alert", title, row["note"], link, "Show", key)


@needs("commands.view_command")
def failed_commands(user) -> list[Need]:
    """Return what failed this week by type and cause, what concerns the most devices first."""
    return [_failure(failure) for failure in by_cause(recent_failures(user))]


def _failure(failure: Failure) -> Need:
    title = f"{failure.title} on {devices_in_words(failure.devices)}"
    link = reverse("admin:commands_command_failures") + f"?cause={failure.key}"
    detail = failure.cause[:1].upper() + failure.cause[1:]
    tone, icon = (ATTENTION, "rule") if failure.is_partly else (BAD, "cancel")
    return Need(tone, icon, title, detail, link, "Show", f"command-failed:{failure.key}")


def _digest(words: str | None) -> str:
    return hashlib.sha256((words or "").encode()).hexdigest()[:16]


@needs("devices.view_device")
def non_compliant_devices(user) -> list[Need]:
    """Return how many devices are not as they should be, by reason; profiles that fail are told of by themselves."""
    return [_non_compliant(*each) for each in count_by_rule(Device.objects.visible_to(user))]


def _non_compliant(rule: Rule, number: int) -> Need:
    are = "is" if number == 1 else "are"
    title = f"{devices_in_words(number)} {are} not compliant: {rule.words}"
    link = reverse("admin:devices_device_changelist") + f"?compliance={rule.name}"
    detail = "As the devices told with their newest inventory."
    return Need(ATTENTION, "gpp_maybe", title, detail, link, "Show", f"compliance:{rule.name}")
