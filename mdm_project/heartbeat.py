"""Heartbeats: which part of the product is at work, and which is silent since when.

Owns the rows and their judgement. The scheduler and each worker process write one row a host (mdm_project/beating.py);
a periodic task writes the third: it proves that what the scheduler asks for reaches a worker and is done. Times are
those of the database, so that clocks of hosts need not agree. Whoever was stopped in order is not told of beside others
that run.
"""

import socket
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models.functions import Now

from mdm_project.models import Heartbeat

INTERVAL_S = 15
# Four beats missed; periodic work may wait behind tasks that take minutes.
SILENT_AFTER = {
    Heartbeat.Part.SCHEDULER: timedelta(seconds=60),
    Heartbeat.Part.WORKER: timedelta(seconds=60),
    Heartbeat.Part.TASKS: timedelta(seconds=240),
}
FORGOTTEN_AFTER = timedelta(days=1)
CONSEQUENCES = {
    Heartbeat.Part.SCHEDULER: "Nothing periodic is asked for: inventory, profiles, workflows. Does beat run?",
    Heartbeat.Part.WORKER: "Nothing is pushed and no answer is read; devices are still answered. Does a worker run?",
    Heartbeat.Part.TASKS: "Workers do not get, or do not finish, what they are asked for. Look at Redis and their log.",
}

_BEAT = """
INSERT INTO staff_heartbeat (part, host, started_at, last_at, stopped_at) VALUES (%s, %s, now(), now(), NULL)
ON CONFLICT (part, host) DO UPDATE SET last_at = now(), stopped_at = NULL"""


@dataclass(frozen=True)
class Silence:
    """A part that is not heard of, or one of its hosts while others are; ``since`` is None when it never was."""

    part: Heartbeat.Part
    since: datetime | None
    host: str = ""

    @property
    def words(self) -> str:
        where = f" on {self.host}" if self.host else ""
        since = f"silent since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else "has not been heard of yet"
        return f"{self.part.label}{where}: {since}"

    @property
    def consequence(self) -> str:
        return "Others of its kind go on." if self.host else CONSEQUENCES[self.part]


def beat(part: str, host: str = "") -> None:
    """Note that a part is at work, on this host unless told otherwise: one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, [part, host or socket.gethostname()[:255]])


def stopped(part: str, host: str = "") -> None:
    """Note that a part ends in order on this host."""
    Heartbeat.objects.filter(part=part, host=host or socket.gethostname()[:255]).update(stopped_at=Now())


def silences() -> list[Silence]:
    """Return what is silent: parts first, then single hosts of parts that others keep going. One statement."""
    rows = defaultdict(list)
    for row in Heartbeat.objects.annotate(now=Now()).order_by("part", "-last_at", "id"):
        rows[row.part].append(row)
    whole, single = [], []
    for part, limit in SILENT_AFTER.items():
        silent = [row for row in rows[part] if row.now - row.last_at > limit]
        if len(silent) == len(rows[part]):
            whole.append(Silence(part, silent[0].last_at if silent else None))
        else:
            single += [Silence(part, row.last_at, row.host) for row in silent if row.stopped_at is None]
    return whole + single


def forget_old_beats() -> int:
    """Delete hosts that are gone for long; the newest row of each part stays, so that its silence is known."""
    newest = Heartbeat.objects.order_by("part", "-last_at", "-id").distinct("part").values("pk")
    old = Heartbeat.objects.filter(last_at__lt=Now() - FORGOTTEN_AFTER)
    return old.exclude(pk__in=list(newest.values_list("pk", flat=True))).delete()[0]
