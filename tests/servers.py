"""Real processes for tests: the web server and a Celery worker, against the test database of this pytest worker.

A story that crosses processes uses `committed_db` (or `server`, which includes it) instead of pytest-django's `db`:
what it writes is committed, and every table is emptied afterwards. Ids keep counting up, so that what a process
remembers of an earlier test never matches a row of a later one.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction

from mdm_project.embedded.place import free_port
from mdm_project.embedded.servers import become
from mdm_project.run import web_command, worker_command

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15
SHOWN_OF_LOG = 8000
_LOGS: pytest.StashKey[dict[Path, int]] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show with a failure what the processes of the product wrote during the test."""
    report = yield
    if report.failed:
        for path in _logs():
            with path.open("rb") as file:
                file.seek(item.stash.get(_LOGS, {}).get(path, 0))
                text = file.read().decode(errors="replace")[-SHOWN_OF_LOG:]
            if text:
                report.sections.append((f"log of {path.stem}", text))
    elif call.when == "setup":
        item.stash[_LOGS] = {path: path.stat().st_size for path in _logs()}
    return report


def _logs() -> list[Path]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return sorted((settings.DATA_DIR / "log").glob(f"*-{worker}.log"))


@dataclass
class Process:
    """A running process of the product, and where it writes its log."""

    name: str
    process: subprocess.Popen
    log: Path
    url: str = ""

    def wait_until(self, is_ready: Callable[[], bool], why_not: Callable[[], str] = lambda: "") -> None:
        """Wait until is_ready says so; fails with the end of the log when the process ends or nothing comes."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = self.log.read_text(errors="replace")[-4000:]
                pytest.fail(f"{self.name} did not start: {why_not()}\n{log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask the process to end, insist, and leave none of its children."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a process of the product that works on this pytest worker's databases."""
    database = connection.settings_dict["NAME"]
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "mdm_project.settings",
        "DATABASE_URL": urlsplit(settings.DATABASE_URL)._replace(path=f"/{database}").geturl(),
        "REDIS_URL": settings.REDIS_URL,
        "PYTHONUNBUFFERED": "1",
        **changes,
    }


def start(name: str, command: list[str], env: dict[str, str]) -> Process:
    """Start a process in a group of its own that ends with this one; its log is in the run's folder."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    log = settings.DATA_DIR / "log" / f"{name}-{worker}.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_FOLDER,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: become(None, signal.SIGTERM),
        )
    return Process(name, process, log)


@contextlib.contextmanager
def running_server(port: int = 0, workers: int = 1, **changes: str) -> Iterator[Process]:
    """Run the web server; `changes` are settings of its environment. Its address is in .url."""
    port = port or free_port(0)
    url = f"http://127.0.0.1:{port}"
    env = environment(**{"PORT": str(port), "PUBLIC_URL": url, "WEB_WORKERS": str(workers), **changes})
    process = start("web", web_command("127.0.0.1", port, workers), env)
    process.url = url
    try:
        process.wait_until(lambda: is_ready(f"{url}/readyz"), lambda: answer_of(f"{url}/readyz"))
        yield process
    finally:
        process.stop()


@contextlib.contextmanager
def running_worker(**changes: str) -> Iterator[Process]:
    """Run a Celery worker; `changes` are settings of its environment."""
    process = start("worker", worker_command(), environment(**changes))
    seen = process.log.stat().st_size
    try:
        process.wait_until(lambda: b" ready." in process.log.read_bytes()[seen:])
        yield process
    finally:
        process.stop()


def is_ready(url: str) -> bool:
    """Say whether url answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (OSError, HTTPException):  # nobody, or somebody else
        return False


def answer_of(url: str) -> str:
    """Return the body of whatever url answers, or why there is none."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace")
    except OSError as error:
        return str(error)


def is_listening(port: int) -> bool:
    """Say whether something accepts connections on a port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


# Fixtures


@pytest.fixture(scope="session")
def _kept_tables(django_db_setup, django_db_blocker) -> dict[str, str]:
    """Tables that hold rows after migrating (permissions, roles, limits of the governor...) with a digest of each.

    They are not emptied; what a test changed in one is undone with the copy in the schema "kept".
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        names = _filled_tables(connection.introspection.table_names())
        cursor.execute("DROP SCHEMA IF EXISTS kept CASCADE")
        cursor.execute("CREATE SCHEMA kept")
        for name in map(connection.ops.quote_name, names):
            cursor.execute(f"CREATE TABLE kept.{name} AS TABLE public.{name}")
        return _digests(names)


def _digests(names: Iterable[str]) -> dict[str, str]:
    """Return a digest of the rows of each table, by one statement."""
    rows = "SELECT '{name}', md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM {table} t"
    statements = [rows.format(name=name, table=connection.ops.quote_name(name)) for name in sorted(names)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(statements))
        return dict(cursor.fetchall())


def restore(kept: dict[str, str]) -> None:
    """Give the kept tables back the rows they had; foreign keys are checked at the end of the transaction."""
    changed = [name for name, digest in _digests(kept).items() if digest != kept[name]]
    if not changed:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        for name in map(connection.ops.quote_name, changed):
            cursor.execute(f"DELETE FROM public.{name}")
            cursor.execute(f"INSERT INTO public.{name} OVERRIDING SYSTEM VALUE TABLE kept.{name}")


def _filled_tables(names: list[str]) -> list[str]:
    """Return those of the tables that hold a row, by one statement."""
    probes = " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT FROM {connection.ops.quote_name(name)})" for name in sorted(names)
    )
    with connection.cursor() as cursor:
        cursor.execute(probes)
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def committed_db(_kept_tables, django_db_blocker) -> Iterator[None]:
    """Allow the database with real commits; afterwards every table is as it was, and the queue in Redis empty."""
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            _empty_redis()
            _empty_tables(_kept_tables)
            restore(_kept_tables)
            connection.close()


def _empty_tables(kept: Iterable[str]) -> None:
    """Truncate the tables that hold rows; a process that is still at work may make it wait, never fail at once."""
    with connection.cursor() as cursor:
        filled = [name for name in _filled_tables(connection.introspection.table_names()) if name not in kept]
        if filled:
            cursor.execute("SET lock_timeout = '20s'")
            cursor.execute(f"TRUNCATE {', '.join(map(connection.ops.quote_name, filled))} CASCADE")
            cursor.execute("RESET lock_timeout")


def _empty_redis() -> None:
    """Delete queued messages and cache entries, but not the bindings a running Celery worker made."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        keys = [key for key in client.scan_iter(count=1000) if not key.startswith(b"_kombu.binding")]
        if keys:
            client.delete(*keys)


@pytest.fixture(scope="session")
def _shared_server(_kept_tables, django_db_blocker) -> Iterator[Process]:
    with django_db_blocker.unblock(), running_server(port=settings.PORT) as process:
        yield process


@pytest.fixture(scope="session")
def _shared_worker(_kept_tables, django_db_blocker) -> Iterator[Process]:
    with django_db_blocker.unblock(), running_worker() as process:
        yield process


@pytest.fixture
def server(_shared_server, committed_db) -> Process:
    """The web server with one worker; .url is its address, which is also settings.PUBLIC_URL."""
    return _shared_server


@pytest.fixture
def worker(_shared_worker, committed_db) -> Process:
    """A Celery worker."""
    return _shared_worker
