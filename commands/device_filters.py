"""The filter of the list of devices that only the queue can answer: what waits, what failed."""

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from commands import compliance
from commands.compliance import narrowed
from commands.models import QueuedCommand
from devices.list_filters import register

FAILED_DAYS = 7
CHOICES = {"waiting": "Something is waiting", "failed": "Something failed this week"}


def _by_commands(devices, value, _user):
    queue = QueuedCommand.objects.filter(channel__device=OuterRef("pk"))
    if value == "waiting":
        return devices.filter(Exists(queue.waiting()))
    return devices.filter(Exists(queue.failed_since(timezone.now() - timedelta(days=FAILED_DAYS))))


register("compliance", "Compliance", lambda devices, value, _user: narrowed(devices, value), compliance.CHOICES)
register("commands", "Commands", _by_commands, CHOICES)
