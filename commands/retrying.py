"""Trying again, in one step, all that failed lately on a device: profiles, and commands that destroy nothing."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Max, Q
from django.utils import timezone

from commands.asking import ask_again
from commands.models import QueuedCommand
from commands.reconcile import retry_items
from devices.models import Device
from devices.timeline import Actor
from mdm_project.errors import EspalierError
from profiles.models import ItemStatus

WITHIN = timedelta(days=7)
MAX_COMMANDS = 20
# What the reconciler sends is its own to send again.
NOT_BY_HAND = "InstallProfile"
# May take more by now than when it was asked: the last network, say.
NOT_IN_PASSING = "RemoveProfile"


@dataclass(frozen=True)
class Retried:
    """How many profiles and commands are tried again, and why others are not."""

    profiles: int
    commands: int
    refusals: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Say it in one or two sentences."""
        parts = [_counted(self.profiles, "profile"), _counted(self.commands, "command")]
        told = " and ".join(part for part in parts if part)
        verb = "is" if self.profiles + self.commands == 1 else "are"
        first = f"{told} {verb} tried again." if told else "Nothing is tried again."
        return " ".join([first, *self.refusals])


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""


def failed_commands(device: Device):
    """Return the newest failure of each kind of command within the last week that can be asked again as it was."""
    failed = QueuedCommand.objects.for_device(device).failed_since(timezone.now() - WITHIN)
    failed = failed.filter(command__is_destructive=False).exclude(command__request_type=NOT_IN_PASSING)
    failed = failed.exclude(command__request_type=NOT_BY_HAND, command__origin="system")
    newest = failed.order_by().values("channel", "command__request_type").annotate(newest=Max("id"))
    return QueuedCommand.objects.filter(pk__in=[row["newest"] for row in newest[:MAX_COMMANDS]]).order_by("id")


def retry_failed(device: Device, *, actor: Actor) -> Retried:
    """Try again what failed on a device; what is refused is told with the reason and stops nothing else."""
    items = ItemStatus.objects.filter(channel__device=device, channel__enrollment__is_current=True)
    items = items.filter(Q(state=ItemStatus.State.FAILED) | Q(attempts__gt=0))
    profiles, commands, refusals = retry_items(items, actor=actor), 0, []
    for queued in failed_commands(device).select_related("command").defer("command__body_encrypted"):
        try:
            ask_again(QueuedCommand.objects.filter(pk=queued.pk), actor=actor)
            commands += 1
        except EspalierError as error:
            refusals.append(f"{queued.command.request_type} is not: {error.detail}.")
    return Retried(profiles, commands, tuple(refusals))
