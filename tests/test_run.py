"""`make run` without pretend devices: ready, self-healing, and gone without a trace (the fleet has its own story)."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mdm_project.embedded import PROJECT_FOLDER, EmbeddedServers, running_urls
from mdm_project.embedded.place import free_port

TIMEOUT_S = 120


class Run:
    """A running `python -m mdm_project.run` and what it has printed."""

    def __init__(self, data_dir: Path, port: int, **changes: str):
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        settings = {"DATA_DIR": str(data_dir), "PORT": str(port), "DEMO_DEVICES": "0", "WEB_WORKERS": "1"}
        self.url = f"http://127.0.0.1:{port}"
        self.output_file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mdm_project.run"],
            cwd=PROJECT_FOLDER,
            env=kept | settings | changes,
            stdin=subprocess.DEVNULL,
            stdout=self.output_file,
            stderr=subprocess.STDOUT,
        )
        self.seen: set[psutil.Process] = set()

    @property
    def output(self) -> str:
        return os.pread(self.output_file.fileno(), 1_000_000, 0).decode()

    def wait_for(self, text: str) -> None:
        """Wait until the text was printed."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.output:
            assert self.process.poll() is None and time.monotonic() < deadline, self.output
            time.sleep(0.1)
        self.remember()

    def remember(self) -> list[psutil.Process]:
        """Note the processes below this one, however deep, to know later whether they are gone; return them."""
        processes = psutil.Process(self.process.pid).children(recursive=True)
        self.seen.update(processes)
        return processes

    def child(self, *words: str) -> psutil.Process:
        """Return the topmost process whose command line has all the words."""
        return next(process for process in self.remember() if set(words) <= set(process.cmdline()))

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does and return its exit status."""
        self.remember()
        self.process.send_signal(number)
        return self.process.wait(timeout=TIMEOUT_S)

    def left_over(self) -> list[psutil.Process]:
        return psutil.wait_procs(self.seen, timeout=10)[1]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output_file.close()


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="espalier-test-"))
    folder.chmod(0o711)
    yield folder
    EmbeddedServers(folder).erase()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port(0)


@pytest.fixture
def run(data_dir, port) -> Iterator[Run]:
    with contextlib.closing(Run(data_dir, port)) as running:
        yield running


def get(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.status, response.read()


def test_it_is_ready_when_it_says_so_and_ctrl_c_leaves_nothing_and_keeps_the_data(run, data_dir, port):
    run.wait_for(f"ready: http://127.0.0.1:{port}/console/")
    assert get(f"{run.url}/readyz")[0] == 200
    assert b"</html>" in get(f"{run.url}/console/")[1]
    assert re.search(r"admin\b.*password: \S+", run.output)

    assert run.stop(signal.SIGINT) == 0
    assert run.left_over() == []
    assert running_urls(data_dir) is None

    with contextlib.closing(Run(data_dir, port)) as again:
        again.wait_for("ready:")
        assert "password" not in again.output
        assert again.stop(signal.SIGTERM) == 0
        assert again.left_over() == []


def test_a_process_that_is_killed_is_started_again_and_it_says_so(run):
    run.wait_for("ready:")
    for words, title in (
        (("granian",), "web server"),
        (("celery", "worker"), "worker"),
        (("celery", "beat"), "scheduler"),
    ):
        killed = run.child(*words)
        killed.kill()
        run.wait_for(f"the {title} ended by itself (killed by SIGKILL)")
        deadline = time.monotonic() + TIMEOUT_S
        while not any(set(words) <= set(process.cmdline()) for process in living(run)):
            assert time.monotonic() < deadline, run.output
            time.sleep(0.1)
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with contextlib.suppress(OSError):
            if get(f"{run.url}/readyz")[0] == 200:
                break
        assert time.monotonic() < deadline, run.output
        time.sleep(0.1)

    assert run.stop() == 0
    assert run.left_over() == []


def living(run: Run) -> Iterator[psutil.Process]:
    for process in run.remember():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children of a killed parent on Linux only")
def test_nothing_survives_it_when_it_is_killed_itself(run):
    run.wait_for("ready:")
    run.stop(signal.SIGKILL)

    # A worker that is asked to end finishes what it is at.
    assert psutil.wait_procs(run.seen, timeout=60)[1] == []


def test_a_port_that_is_taken_is_named_before_anything_is_started(data_dir, port):
    with socket.create_server(("127.0.0.1", port)), contextlib.closing(Run(data_dir, port)) as run:
        assert run.process.wait(timeout=TIMEOUT_S) == 1
        assert f"cannot listen on 127.0.0.1:{port}" in run.output
        assert f"PORT={port + 10} make run" in run.output
        assert "Traceback" not in run.output


def test_a_setting_that_is_no_number_is_named(data_dir, port):
    with contextlib.closing(Run(data_dir, port, DEMO_DEVICES="many")) as run:
        assert run.process.wait(timeout=TIMEOUT_S) == 1
        assert "DEMO_DEVICES must be a whole number, it is 'many'" in run.output


def test_production_starts_no_servers_of_its_own_and_names_what_is_missing(data_dir, port):
    with contextlib.closing(Run(data_dir, port, ESPALIER_ENV="production")) as run:
        assert run.process.wait(timeout=TIMEOUT_S) == 1
        assert "SECRET_KEY, ENCRYPTION_KEYS, PUBLIC_URL, DATABASE_URL, REDIS_URL" in run.output
        assert "starting PostgreSQL" not in run.output
