"""What failed lately over all commands, by what was asked and why: the inventory of a hundred devices is a hundred
commands, and one failure.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Max
from django.utils import timezone

from commands.asking import ask
from commands.causes import cause_of
from commands.models import Command, QueuedCommand
from commands.remainders import remainders
from devices.models import Channel
from devices.timeline import Actor
from mdm_project import plist
from mdm_project.crypto import unseal
from mdm_project.errors import EspalierError

WITHIN = timedelta(days=7)
# What the reconciler sends is followed, and tried again, from the profile.
OF_PROFILES = ("InstallProfile", "RemoveProfile")
MAX_RETRIED = 2000


@dataclass(frozen=True)
class Failure:
    """A kind of command that failed for one cause, in part everywhere or wholly somewhere; ``key`` names it."""

    request_type: str
    cause: str
    devices: int
    is_partly: bool = False

    @property
    def title(self) -> str:
        return f"{self.request_type} {'was done in part' if self.is_partly else 'failed'}"

    @property
    def key(self) -> str:
        return failure_key(self.request_type, self.cause)


@dataclass(frozen=True)
class Retried:
    """How many devices are asked again, and why others are not."""

    devices: int
    refusals: tuple[str, ...] = ()


def failure_key(request_type: str, cause: str) -> str:
    return sha256(f"{request_type}:{cause}".encode()).hexdigest()[:16]


def recent_failures(user):
    """Return what failed this week on devices that are still there, as QueuedCommands that somebody may see."""
    failed = QueuedCommand.objects.visible_to(user).failed_since(timezone.now() - WITHIN)
    failed = failed.exclude(channel__state=Channel.State.DISABLED)
    return failed.exclude(command__request_type__in=OF_PROFILES, command__origin=Command.Origin.SYSTEM)


def by_cause(failed) -> list[Failure]:
    """Group failures by what was asked and the cause, without what differs from device to device; one statement."""
    devices: dict[tuple[str, str], set[int]] = defaultdict(set)
    wholly = set()
    columns = ("command__request_type", "note", "state")
    rows = failed.order_by().values_list(*columns).annotate(devices=ArrayAgg("channel__device", distinct=True))
    for request_type, note, state, ids in rows:
        devices[request_type, cause_of(note)].update(ids)
        if state != QueuedCommand.State.PARTLY:
            wholly.add((request_type, cause_of(note)))
    found = [Failure(*which, len(ids), which not in wholly) for which, ids in devices.items()]
    return sorted(found, key=lambda failure: (-failure.devices, failure.request_type, failure.cause))


def of_failure(failed, request_type: str, key: str):
    """Return those of some failures that are of one kind and cause, the newest of each device."""
    failed = failed.filter(command__request_type=request_type)
    notes = set(failed.order_by().values_list("note", flat=True).distinct())
    meant = [note for note in notes if failure_key(request_type, cause_of(note)) == key]
    newest = failed.filter(note__in=meant).order_by().values("channel__device").annotate(newest=Max("pk"))
    return QueuedCommand.objects.filter(pk__in=newest.values("newest"))


def retry(failed, *, actor: Actor) -> Retried:
    """Ask again, what was the same in one command; what destroys something is not asked in passing."""
    rows = failed.filter(command__is_destructive=False).exclude(command__request_type__in=OF_PROFILES).order_by("id")
    rows = list(rows.select_related("command")[:MAX_RETRIED])
    devices, refusals = 0, []
    for request_type, payload, same in _alike(rows):
        channels = Channel.objects.filter(pk__in=[row.channel_id for row in same])
        narrowed = remainders(request_type, payload, QueuedCommand.objects.filter(pk__in=[row.pk for row in same]))
        try:
            asked = ask(
                request_type, payload, channels, actor=actor, reason=f"again: {request_type}", allows_unknown=True,
                narrowed=narrowed,
            )  # fmt: skip
            devices += asked.command.target_count if asked.command else 0
        except EspalierError as error:
            refusals.append(error.detail)
    return Retried(devices, tuple(refusals))


def _alike(rows: Sequence[QueuedCommand]):
    """Yield request type, payload and rows of what asked for the same."""
    groups: dict[tuple[str, bytes], list[QueuedCommand]] = defaultdict(list)
    for row in rows:
        payload = dict(plist.loads(unseal(bytes(row.command.body_encrypted), row.command.body_context))["Command"])
        request_type = payload.pop("RequestType")
        groups[request_type, plist.dumps(payload)].append(row)
    for (request_type, body), same in groups.items():
        yield request_type, plist.loads(body), same
