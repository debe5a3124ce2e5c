"""The supervisor process: keeps the embedded servers running until its holder is gone.

Told by its standard input (closed: stop) and SIGTERM or SIGINT. It says where the servers are in one JSON line on
standard output, and on standard error what happens to them.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mdm_project.embedded.place import EmbeddedError, Identity, Place, free_port, prepare_data_dir, write_private
from mdm_project.embedded.servers import Postgres, Redis, Server

LOCK_TIMEOUT_S = 45  # an instance whose holder was just killed needs a while for its last checkpoint
CHECK_INTERVAL_S = 0.2
RESTART_DELAYS_S = (0, 0.5, 1, 2, 5, 10)
START_ATTEMPTS = 3
STABLE_AFTER_S = 60


def supervise(data_dir: Path, *, postgres: bool, redis: bool, is_durable: bool) -> int:
    """Run the wanted servers until standard input closes; return the exit status."""
    stop_on_signals()
    try:
        prepare_data_dir(data_dir)
        with only_instance(data_dir):
            run_servers(data_dir, postgres=postgres, redis=redis, is_durable=is_durable)
    except EmbeddedError as error:
        answer({"error": str(error)})
        return 1
    except Stopped:
        pass
    return 0


class Stopped(BaseException):
    """A signal asked the supervisor to end; like KeyboardInterrupt it passes every handler of errors."""


def stop_on_signals() -> None:
    def stop(_number, _frame):
        # One is enough: a second one must not interrupt the stopping.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


@contextlib.contextmanager
def only_instance(data_dir: Path) -> Iterator[None]:
    """Hold the lock of data_dir; the kernel frees it however we end."""
    with open(data_dir / "embedded.lock", "w") as lock:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        running = data_dir / "embedded-running.json"
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pass
            # The file says that it is up and not on its way down.
            if time.monotonic() > deadline or (running.exists() and is_held(running)):
                raise EmbeddedError(f"the embedded servers of {data_dir} run already, for another process") from None
            time.sleep(0.1)
        yield


def is_held(running: Path) -> bool:
    """Say whether the holder of the instance described in the file still lives."""
    try:
        os.kill(json.loads(running.read_text())["holder_pid"], 0)
    except (OSError, ValueError, KeyError):
        return False
    return True


def run_servers(data_dir: Path, *, postgres: bool, redis: bool, is_durable: bool) -> None:
    """Start, announce, watch and stop the servers."""
    identity = Identity.load(data_dir)
    place = Place.load(data_dir)
    place.make_folders()
    servers: list[Server] = []
    if postgres:
        servers.append(Postgres(place, identity, is_durable=is_durable))
    if redis:
        servers.append(Redis(place, identity))
    for server in servers:
        server.prepare()
    identity.choose_ports(data_dir)
    running = data_dir / "embedded-running.json"
    try:
        for server in servers:
            start_on_free_port(server, data_dir)
        urls = {"database_url": "", "redis_url": ""} | {server.url_name: server.url for server in servers}
        write_private(running, json.dumps(urls | {"holder_pid": os.getppid()}))
        answer(urls)
        watch(servers)
    finally:
        running.unlink(missing_ok=True)
        for server in reversed(servers):
            server.stop()
        shutil.rmtree(place.sockets, ignore_errors=True)


def start_on_free_port(server: Server, data_dir: Path) -> None:
    """Start a server; where its port was taken between choosing and binding, try another."""
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            return server.start()
        except EmbeddedError:
            if attempt == START_ATTEMPTS or free_port(server.port) == server.port:
                raise
            server.identity.choose_ports(data_dir)


def watch(servers: list[Server]) -> None:
    """Restart servers that end by themselves, until standard input closes."""
    failures = dict.fromkeys(servers, 0)
    started_at = dict.fromkeys(servers, time.monotonic())
    while not select.select([sys.stdin], [], [], CHECK_INTERVAL_S)[0]:
        for server in servers:
            status = server.process.poll()
            if status is None:
                continue
            if time.monotonic() - started_at[server] > STABLE_AFTER_S:
                failures[server] = 0
            delay_s = RESTART_DELAYS_S[min(failures[server], len(RESTART_DELAYS_S) - 1)]
            failures[server] += 1
            say(f"{server.title} ended by itself (status {status}); starting it again")
            if select.select([sys.stdin], [], [], delay_s)[0]:
                return
            started_at[server] = time.monotonic()
            try:
                server.start()
            except EmbeddedError as error:
                say(str(error))


def answer(values: dict[str, str]) -> None:
    """Tell the holder, if it still listens."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(values), flush=True)


def say(text: str) -> None:
    """Tell a person, if the terminal is still there."""
    with contextlib.suppress(OSError):
        print(f"embedded servers: {text}", file=sys.stderr, flush=True)
