"""Telling the workers that reports wait: at most one Celery message per web process and 100 ms, never in a request.

Publishing takes 0.7 ms and hangs while Redis is down, so a thread of its own does it. Losing a kick loses nothing:
beat sweeps the same rows every few seconds.
"""

import logging
import os
import threading
import time

from kombu.exceptions import OperationalError
from redis import RedisError

logger = logging.getLogger(__name__)

INTERVAL_S = 0.1
PAUSE_AFTER_FAILURE_S = 2.0


class _Kicker:
    """One event and one thread a process; the thread starts with the first kick after a fork."""

    def __init__(self):
        self._wanted = threading.Event()
        self._pid = 0
        self._starting = threading.Lock()

    def kick(self) -> None:
        if self._pid != os.getpid():
            self._start()
        if not self._wanted.is_set():
            self._wanted.set()

    def _start(self) -> None:
        with self._starting:
            if self._pid == os.getpid():
                return
            self._wanted = threading.Event()
            self._pid = os.getpid()
            threading.Thread(target=self._run, name="kick-interpreter", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            time.sleep(INTERVAL_S if self._publish() else PAUSE_AFTER_FAILURE_S)

    def _publish(self) -> bool:
        from commands.tasks import interpret_reports

        try:
            interpret_reports.apply_async(expires=30)
        except (OperationalError, RedisError, OSError) as error:
            logger.warning("workers could not be told of new reports (%s); beat will find them", type(error).__name__)
            return False
        return True


_kicker = _Kicker()
kick_interpreter = _kicker.kick
