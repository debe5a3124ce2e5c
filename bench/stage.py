"""Where the benchmarks play: durable servers in a folder that is thrown away, the product's own processes, Django here.

Always servers of its own, never those of DATABASE_URL: a benchmark fills tables and, in the fault run, kills servers.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.processes import family
from mdm_project.embedded import EmbeddedServers
from mdm_project.embedded.place import free_port
from mdm_project.run import Child, beat_command, manage_command, web_command, worker_command
from simulator.push_ca import PushCA

PREFIX = "espalier-bench-"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
PRODUCT = "mdm_project.wsgi:application"
CALIBRATION = "bench.calibration:application"
TRIVIAL = "bench.calibration:trivial"
# What a person set for a product of theirs must not reach the benchmark's.
OWN_SETTINGS = {
    "ESPALIER_ENV": "development",
    "DJANGO_SETTINGS_MODULE": "mdm_project.settings",
    "SECRET_KEY": "only for benchmarks",
    "ENCRYPTION_KEYS": "0" * 63 + "1",
    "HOST": "127.0.0.1",
    "DEMO_DEVICES": "0",
    "LOG_LEVEL": "WARNING",
    "PYTHONUNBUFFERED": "1",
}
UNSET = ("IDENTITY_HEADER", "TRUSTED_PROXIES", "ALLOWED_HOSTS", "DATABASE_POOL", "DATABASE_POOL_SIZE")


class StageError(Exception):
    """Something the benchmarks need did not start, and the text says why."""


class Stage:
    """The servers and settings of one run, as a context manager; Django is ready inside."""

    def __init__(self):
        self.data_dir = Path(tempfile.mkdtemp(prefix=PREFIX))
        if os.geteuid() == 0:
            self.data_dir.chmod(0o711)  # the servers' user must get through
        self.servers = EmbeddedServers(self.data_dir, is_durable=True)
        self.port = free_port(0)
        self.push_ca = PushCA(self.data_dir / "push")
        self.is_ready = False

    def __enter__(self) -> "Stage":
        try:
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _prepare(self) -> None:
        self.servers.start()
        for name in UNSET:
            os.environ.pop(name, None)
        os.environ |= OWN_SETTINGS | {
            "DATA_DIR": str(self.data_dir),
            "PYTHONWARNINGS": "ignore:No directory at",  # no static files here
            "DATABASE_URL": self.servers.database_url,
            "REDIS_URL": self.servers.redis_url,
            "PORT": str(self.port),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "APNS_HOST": "127.0.0.1",
            "APNS_PORT": str(free_port(0)),
            "APNS_CA_FILE": str(self.push_ca.ca_file),
        }
        migrate = subprocess.run(manage_command("migrate", "--verbosity", "0"), cwd=Path(__file__).resolve().parents[1])
        if migrate.returncode:
            raise StageError("the database could not be migrated; the reason is above")
        import django

        django.setup()
        self.is_ready = True

    def __exit__(self, *_exc_info) -> None:
        if self.is_ready:
            from django.db import connections

            connections.close_all()
            connections["default"].close_pool()
        self.servers.erase()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def postgres_pid(self) -> int:
        """The postmaster of this run; 0 while there is none."""
        return self._server_pid("postgres")

    def redis_pid(self) -> int:
        """The Redis of this run; 0 while there is none."""
        return self._server_pid("redis-server")

    def _server_pid(self, name: str) -> int:
        """Find a server below the supervisor, which is a child of ours."""
        return next((process.pid for process in family(os.getpid()) if process.name == name), 0)

    @contextlib.contextmanager
    def web(self, application: str = PRODUCT, *, port: int = 0, workers: int = 2, **changes: str) -> Iterator["Web"]:
        """Run the product's web server, with another application in it if told so."""
        port = port or free_port(0)
        command = [*web_command("127.0.0.1", port, workers)[:-1], application]
        child = Child(application, command)
        child.start(os.environ | changes)
        try:
            _wait_until(child, lambda: _answers(port))
            yield Web(port, child)
        finally:
            _stop(child)

    @contextlib.contextmanager
    def workers(self) -> Iterator[list[Child]]:
        """Run a Celery worker and beat; whoever kills servers calls `check` on them, as `make run` does."""
        children = [Child("worker", worker_command()), Child("scheduler", beat_command())]
        try:
            for child in children:
                child.start(os.environ.copy())
            yield children
        finally:
            for child in children:
                _stop(child)


@dataclass
class Web:
    """A running web server."""

    port: int
    child: Child

    def worker_pids(self) -> list[int]:
        """The processes that answer requests, the longest running first."""
        ours = family(self.child.process.pid)
        return [process.pid for process in ours if process.parent == self.child.process.pid]


def _wait_until(child: Child, is_ready) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_ready():
        if child.process.poll() is not None or time.monotonic() > deadline:
            raise StageError(f"{child.name} did not start; the reason is above")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    """Tell whether something speaks HTTP there, whatever it says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _stop(child: Child) -> None:
    child.ask_to_stop()
    child.wait_until_stopped(time.monotonic() + STOP_TIMEOUT_S)
