"""The private PostgreSQL and Redis of development, tests and benchmarks: starting, finding and stopping them.

Three processes stand behind each other. The holder (`make run`, pytest, a benchmark) starts a supervisor and keeps the
write end of its standard input; the supervisor (supervisor.py) starts both servers (servers.py), restarts one that dies
and stops them when that pipe closes, which also happens when the holder is killed; the servers ask the kernel to end
them should the supervisor itself be killed. Where their files are is in place.py. Nothing here imports Django.
"""

import fcntl
import json
import shutil
import subprocess
import sys
from pathlib import Path

from mdm_project.embedded.place import EmbeddedError, Place
from mdm_project.embedded.servers import STOP_TIMEOUT_S

__all__ = ["EmbeddedError", "EmbeddedServers", "running_urls"]

PROJECT_FOLDER = Path(__file__).resolve().parents[2]


class EmbeddedServers:
    """Run PostgreSQL and Redis for one DATA_DIR, as a context manager or between start() and stop().

    With is_durable=False PostgreSQL skips fsync. Both servers listen on loopback and want a generated password, which
    is part of database_url and redis_url.
    """

    def __init__(self, data_dir: Path, *, postgres: bool = True, redis: bool = True, is_durable: bool = True):
        self.data_dir = Path(data_dir).resolve()
        self.database_url = ""
        self.redis_url = ""
        self._flags = [
            flag
            for flag, wanted in (
                ("--no-postgres", not postgres),
                ("--no-redis", not redis),
                ("--not-durable", not is_durable),
            )
            if wanted
        ]
        self._supervisor: subprocess.Popen | None = None

    def start(self) -> "EmbeddedServers":
        """Start what is wanted and return when it answers; raises EmbeddedError. A second call does nothing."""
        if self._supervisor:
            return self
        command = [sys.executable, "-m", "mdm_project.embedded", "--data-dir", str(self.data_dir), "supervise"]
        self._supervisor = subprocess.Popen(
            command + self._flags,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd=PROJECT_FOLDER,
            text=True,
        )
        try:
            answer = json.loads(self._supervisor.stdout.readline() or '{"error": "the supervisor ended at once"}')
        except BaseException:
            self.stop()
            raise
        if "error" in answer:
            self.stop()
            raise EmbeddedError(answer["error"])
        self.database_url, self.redis_url = answer["database_url"], answer["redis_url"]
        return self

    def stop(self) -> None:
        """Stop both servers and wait until they are gone; a second call does nothing."""
        supervisor, self._supervisor = self._supervisor, None
        if not supervisor:
            return
        supervisor.stdin.close()
        try:
            supervisor.wait(timeout=STOP_TIMEOUT_S + 10)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()
        supervisor.stdout.close()

    def erase(self) -> None:
        """Stop, then delete DATA_DIR and what lies outside it."""
        self.stop()
        if self.data_dir.exists():
            place = Place.load(self.data_dir)
            shutil.rmtree(place.cluster.parent if place.is_outside else place.cluster, ignore_errors=True)
            shutil.rmtree(self.data_dir)

    def __enter__(self) -> "EmbeddedServers":
        return self.start()

    def __exit__(self, *_exc_info) -> None:
        self.stop()


def running_urls(data_dir: Path) -> tuple[str, str] | None:
    """Return (database_url, redis_url) of the servers running for data_dir, or None; a server not wanted has ""."""
    running = Path(data_dir) / "embedded-running.json"
    try:
        urls = json.loads(running.read_text())
        with open(Path(data_dir) / "embedded.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:  # somebody holds it: they run
        return urls["database_url"], urls["redis_url"]
    except (FileNotFoundError, PermissionError, json.JSONDecodeError):
        return None
    return None
