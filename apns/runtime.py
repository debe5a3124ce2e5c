"""The event-loop thread in which this process talks to APNs.

Owns the thread, its loop and its connection pool: one a process, started when first needed. A forked child starts its
own, because threads do not survive a fork and a TLS connection must not have two owners.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from apns.pool import ConnectionPool

T = TypeVar("T")


class Runtime:
    """A running loop with its pool; `run` is called from other threads."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.pool = ConnectionPool(self.loop)
        self._thread = threading.Thread(target=self.loop.run_forever, name="apns", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for it; it is cancelled when the waiting is interrupted."""
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("the event loop cannot wait for itself")
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def stop(self) -> None:
        """Close the connections and end the thread."""
        self.run(self.pool.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


_lock = threading.Lock()
_runtime: Runtime | None = None
_of_parents: list[Runtime] = []


def runtime() -> Runtime:
    """Return this process's runtime, starting it if need be."""
    global _runtime
    with _lock:
        if _runtime is None:
            _runtime = Runtime()
        return _runtime


def shut_down() -> None:
    """Stop this process's runtime if it runs; the next push starts a new one."""
    global _runtime
    with _lock:
        running, _runtime = _runtime, None
    if running is not None:
        running.stop()


def _forget_after_fork() -> None:
    global _lock, _runtime
    _lock = threading.Lock()  # another thread of the parent may have held it
    if _runtime is not None:
        # Kept, not collected: collecting it would close the parent's TLS connections from here.
        _of_parents.append(_runtime)
        _runtime = None


os.register_at_fork(after_in_child=_forget_after_fork)
