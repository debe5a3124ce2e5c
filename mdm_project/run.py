"""What `make run` does: every process of the product on one machine, in the foreground, until Ctrl-C.

Owns the command lines of the processes (tests and benchmarks use them too) and their life: started in order, restarted
when one ends by itself, stopped in reverse order. Does not import Django: what needs it runs in a child.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from mdm_project.embedded import PROJECT_FOLDER, EmbeddedError, EmbeddedServers
from mdm_project.embedded.place import free_port
from mdm_project.embedded.servers import become

# A report waits for PostgreSQL's disk before it is answered, and those that wait together are committed together: with
# 8 threads a worker answers half again as many as with 4 on two cores, more bring nothing (docs/performance.md).
WEB_THREADS = 8
CHECK_INTERVAL_S = 0.2
READY_TIMEOUT_S = 120
STOP_TIMEOUT_S = 15
STABLE_AFTER_S = 30
RESTART_DELAYS_S = (0.5, 1, 2, 5, 10, 30)
ROOT_WARNING = "You're running the worker with superuser"


# Command lines


def web_command(host: str, port: int, workers: int) -> list[str]:
    """Return the command line of the web server."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
        *("--host", host, "--port", str(port), "--workers", str(workers)),
        # Its warnings are about thread counts, which are measured here; what goes wrong with a worker is an error.
        *("--blocking-threads", str(WEB_THREADS), "--respawn-failed-workers", "--log-level", "error"),
        "mdm_project.wsgi:application",
    ]


def worker_command() -> list[str]:
    """Return the command line of a Celery worker."""
    return [
        *(sys.executable, "-m", "celery", "--quiet", "--app", "mdm_project", "worker"),
        *("--concurrency", os.environ.get("WORKER_CONCURRENCY", "2"), "--loglevel", "INFO", "-O", "fair"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


def beat_command() -> list[str]:
    """Return the command line of Celery beat; there must be one of it per installation."""
    return [sys.executable, "-m", "celery", "--quiet", "--app", "mdm_project", "beat", "--loglevel", "WARNING"]


def simulator_command(server: str, devices: int, data_dir: Path, apns_port: int) -> list[str]:
    """Return the command line of the fleet and its APNs, which has one port for life: the worker is told it once."""
    return [
        *(sys.executable, "-m", "simulator", "serve", "--server", server, "--devices", str(devices)),
        *("--data-dir", str(data_dir), "--apns-port", str(apns_port)),
    ]


def manage_command(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


# Processes


@dataclass
class Child:
    """One process of the product, in a process group of its own."""

    name: str
    command: list[str]
    is_restarted: bool = True
    process: subprocess.Popen | None = None
    failures: int = 0
    started_at: float = 0.0
    due_at: float | None = field(default=None)

    def start(self, environment: dict[str, str]) -> None:
        self.started_at, self.due_at = time.monotonic(), None
        self.process = subprocess.Popen(
            self.command,
            cwd=PROJECT_FOLDER,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # Killed with us, however we end; this process has one thread, so running code after fork is safe.
            preexec_fn=lambda: become(None, signal.SIGTERM),
        )

    def check(self, environment: dict[str, str]) -> None:
        """Restart the process if it has ended by itself, after a delay that grows while it keeps ending."""
        if self.process is None or self.process.poll() is None:
            return
        if self.due_at is not None:
            if time.monotonic() >= self.due_at:
                self.start(environment)
            return
        self.end_group()
        if not self.is_restarted:
            self.process = None
            return
        if time.monotonic() - self.started_at > STABLE_AFTER_S:
            self.failures = 0
        delay_s = RESTART_DELAYS_S[min(self.failures, len(RESTART_DELAYS_S) - 1)]
        self.failures += 1
        self.due_at = time.monotonic() + delay_s
        say(f"the {self.name} ended by itself ({describe(self.process.returncode)}); starting it again in {delay_s} s")

    def ask_to_stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def wait_until_stopped(self, deadline: float) -> None:
        """Wait for the end until deadline, then insist; leaves nothing of the process group."""
        if not self.process:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(0.1, deadline - time.monotonic()))
        self.end_group()
        self.process.wait()

    def end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def describe(status: int) -> str:
    """Say in words what a return code means."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def say(text: str) -> None:
    """Tell a person, if the terminal is still there."""
    with contextlib.suppress(OSError):
        print(f"espalier: {text}", flush=True)


class Stop(BaseException):
    """A signal asked us to end; like KeyboardInterrupt it passes every handler of errors."""


class Failed(Exception):
    """The product cannot be started, and the text says why."""


# The product


@dataclass
class Options:
    """The settings that decide what is started (docs/settings.md)."""

    host: str
    port: int
    data_dir: Path
    web_workers: int
    demo_devices: int
    is_production: bool

    @classmethod
    def from_environment(cls) -> "Options":
        is_production = os.environ.get("ESPALIER_ENV", "development") == "production"
        return cls(
            host=os.environ.get("HOST", "127.0.0.1"),
            port=number("PORT", 8000),
            data_dir=Path(os.environ.get("DATA_DIR") or PROJECT_FOLDER / ".data").resolve(),
            web_workers=number("WEB_WORKERS", 2),
            # Pretend devices have no place beside real ones.
            demo_devices=0 if is_production else number("DEMO_DEVICES", 25),
            is_production=is_production,
        )

    @property
    def url(self) -> str:
        """Where this machine reaches the web server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"

    @property
    def simulator_dir(self) -> Path:
        return self.data_dir / "simulator"


def number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit():
        raise Failed(f"{name} must be a whole number, it is {text!r}")
    return int(text)


def main() -> int:
    """Run the product until a signal; return the exit status."""
    stop_on_signals()
    servers = None
    children: list[Child] = []
    try:
        options = Options.from_environment()
        check_port(options)
        servers = embedded_servers(options)
        environment = child_environment(options, servers)
        start_all(options, environment, children)
        while True:
            time.sleep(CHECK_INTERVAL_S)
            for child in children:
                child.check(environment)
    except Stop:
        say("stopping")
        return 0
    except (Failed, EmbeddedError) as error:
        say(str(error))
        return 1
    finally:
        stop_all(children)
        if servers:
            servers.stop()


def stop_on_signals() -> None:
    def stop(_number, _frame):
        # The first one starts the stopping, which further ones must not interrupt.
        for name in names:
            signal.signal(name, signal.SIG_IGN)
        raise Stop

    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for name in names:
        signal.signal(name, stop)


def check_port(options: Options) -> None:
    """Refuse a port that is taken, before anything is started."""
    with socket.socket(socket.AF_INET6 if ":" in options.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise Failed(
                f"cannot listen on {options.host}:{options.port}: {error.strerror}. "
                f"Stop what runs there or choose another port: PORT={options.port + 10} make run"
            ) from error


def embedded_servers(options: Options) -> EmbeddedServers | None:
    """Start the servers that are not configured; production has none of them."""
    is_missing = {name: not os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL")}
    if options.is_production or not any(is_missing.values()):
        return None
    say(f"starting PostgreSQL and Redis, data in {options.data_dir}")
    return EmbeddedServers(options.data_dir, postgres=is_missing["DATABASE_URL"], redis=is_missing["REDIS_URL"]).start()


def child_environment(options: Options, servers: EmbeddedServers | None) -> dict[str, str]:
    """Return the environment of every process: ours and where the servers are."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "mdm_project.settings"}
    environment.setdefault("PYTHONWARNINGS", f"ignore:{ROOT_WARNING}")
    if servers:
        environment |= {
            name: url for name, url in (("DATABASE_URL", servers.database_url), ("REDIS_URL", servers.redis_url)) if url
        }
    return environment


def start_all(options: Options, environment: dict[str, str], children: list[Child]) -> None:
    """Bring the database up to date and start the processes; children grows with each, so that all can be stopped."""
    # Where WhiteNoise looks for collected files; it serves the apps' own without.
    (options.data_dir / "static").mkdir(parents=True, exist_ok=True)
    run_to_end("migrate", manage_command("migrate", "--verbosity", "0"), environment, children)
    if options.demo_devices:
        environment |= start_simulator(options, environment, children)
    run_to_end("setup", manage_command("setup"), environment, children)
    processes = [
        Child("web server", web_command(options.host, options.port, options.web_workers)),
        Child("worker", worker_command()),
        Child("scheduler", beat_command()),
    ]
    for child in processes:
        children.append(child)
        child.start(environment)
    wait_until_ready(options, children)
    if options.demo_devices:
        children.append(Child("demo", manage_command("show_life"), is_restarted=False))
        children[-1].start(environment)
    say(f"ready: {environment.get('PUBLIC_URL', options.url)}/console/ (Ctrl-C stops everything)")


def start_simulator(options: Options, environment: dict[str, str], children: list[Child]) -> dict[str, str]:
    """Start the fleet, which waits for the web server by itself; return the settings that lead to its APNs."""
    description = options.simulator_dir / "apns.json"
    description.unlink(missing_ok=True)
    options.simulator_dir.mkdir(mode=0o700, exist_ok=True)
    command = simulator_command(options.url, options.demo_devices, options.simulator_dir, free_port(0))
    child = Child("simulator", command)
    children.append(child)
    child.start(environment)
    while not description.exists():
        if child.process.poll() is not None:
            raise Failed(f"the simulator ended at once ({describe(child.process.returncode)})")
        time.sleep(CHECK_INTERVAL_S)
    apns = json.loads(description.read_text())
    return {"APNS_HOST": apns["host"], "APNS_PORT": str(apns["port"]), "APNS_CA_FILE": apns["ca_file"]}


def run_to_end(name: str, command: list[str], environment: dict[str, str], children: list[Child]) -> None:
    """Run a step that ends by itself; raises Failed if it does not end well."""
    step = Child(name, command, is_restarted=False)
    children.append(step)
    step.start(environment)
    status = step.process.wait()
    children.remove(step)
    if status:
        raise Failed(f"{name} failed ({describe(status)}); the reason is above")


def wait_until_ready(options: Options, children: list[Child]) -> None:
    """Wait until /readyz answers 200; raises Failed naming what it says."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    answer = "nothing answers"
    while time.monotonic() < deadline:
        for child in children:
            if child.process.poll() is not None:
                raise Failed(f"the {child.name} ended at once ({describe(child.process.returncode)})")
        try:
            with urllib.request.urlopen(f"{options.url}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            answer = error.read(1000).decode(errors="replace")
        except OSError as error:
            answer = str(error)
        time.sleep(CHECK_INTERVAL_S)
    raise Failed(f"not ready after {READY_TIMEOUT_S} s: {answer}")


def stop_all(children: list[Child]) -> None:
    """Stop the processes, the last started first, and wait until none is left."""
    for child in reversed(children):
        child.ask_to_stop()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for child in reversed(children):
        child.wait_until_stopped(deadline)


if __name__ == "__main__":
    sys.exit(main())
