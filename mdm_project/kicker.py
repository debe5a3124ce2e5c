"""Telling the workers that rows wait, by Celery and never in the way of a request.

Publishing takes 0.7 ms and hangs while Redis is down, so a thread of its own does it: one message a process and
100 ms, however often it is asked. Losing a kick loses nothing: beat runs the same task every few seconds.
"""

import logging
import os
import threading
import time

from celery import current_app
from kombu.exceptions import OperationalError
from redis import RedisError

logger = logging.getLogger(__name__)

INTERVAL_S = 0.2
PAUSE_AFTER_FAILURE_S = 2.0
MESSAGE_LIFETIME_S = 30


class Kicker:
    """Asks for one task; its thread starts with the first kick of a process, and anew after a fork."""

    def __init__(self, task_name: str):
        self.task_name = task_name
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._pid = 0

    def kick(self) -> None:
        """Ask for the task soon; returns at once."""
        if self._pid != os.getpid():
            self._start()
        # Setting an event takes its lock, a hundred times a second for nothing.
        if not self._wanted.is_set():
            self._wanted.set()

    def _start(self) -> None:
        with self._starting:
            if self._pid == os.getpid():
                return
            self._wanted = threading.Event()
            self._pid = os.getpid()
            threading.Thread(target=self._run, name=f"kick {self.task_name}", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            time.sleep(INTERVAL_S if self._publish() else PAUSE_AFTER_FAILURE_S)

    def _publish(self) -> bool:
        try:
            current_app.send_task(self.task_name, expires=MESSAGE_LIFETIME_S)
        except (OperationalError, RedisError, OSError) as error:
            logger.warning("%s could not be asked for (%s); beat will run it", self.task_name, type(error).__name__)
            return False
        return True
