"""Who writes the heartbeats of scheduler and workers, from inside these processes (mdm_project/heartbeat.py).

The scheduler beats in its own loop, so that a loop that hangs is silent. A worker process beats from a thread: it may
work on one task for minutes. Neither may be stopped by a database that is away.
"""

import logging
import threading
import time

from celery.beat import PersistentScheduler
from celery.signals import worker_process_init, worker_process_shutdown
from django.db import DatabaseError, connection
from psycopg_pool import PoolTimeout

from mdm_project import heartbeat
from mdm_project.models import Heartbeat

# Celery closes the connections that a new process inherited, at the same moment.
FIRST_AFTER_S = 1

logger = logging.getLogger(__name__)


def connect() -> None:
    """Let each process of a worker beat from its start."""
    worker_process_init.connect(_begin, dispatch_uid="heartbeat")
    worker_process_shutdown.connect(_end, dispatch_uid="heartbeat")


def _begin(**_named) -> None:
    threading.Thread(target=_beat_for_life, name="heartbeat", daemon=True).start()


def _beat_for_life() -> None:
    time.sleep(FIRST_AFTER_S)
    while True:
        note(heartbeat.beat, Heartbeat.Part.WORKER)
        time.sleep(heartbeat.INTERVAL_S)


def _end(**_named) -> None:
    note(heartbeat.stopped, Heartbeat.Part.WORKER)


def note(write, part: str) -> None:
    """Write a heartbeat; the part goes on without when the database does not take it."""
    try:
        write(part)
    except (DatabaseError, PoolTimeout) as error:
        logger.warning("no heartbeat of the %s could be written: %s", part, type(error).__name__)
    finally:
        connection.close()


class BeatingScheduler(PersistentScheduler):
    """Celery's scheduler, which notes that it is at work."""

    _next_beat = 0.0

    def tick(self, *args, **kwargs):
        """Do what is due; return the seconds until the next time, at most until the next heartbeat."""
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + heartbeat.INTERVAL_S
            note(heartbeat.beat, Heartbeat.Part.SCHEDULER)
        return min(super().tick(*args, **kwargs), heartbeat.INTERVAL_S)

    def close(self):
        note(heartbeat.stopped, Heartbeat.Part.SCHEDULER)
        super().close()
