"""What else fails: PostgreSQL drops every connection, Redis is not there, a process is killed between two steps."""

import json
import os
import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection, connections, transaction

from commands.models import Command, Report
from commands.tasks import interpret_reports
from mdm_project.embedded import EmbeddedServers
from mdm_project.run import WEB_THREADS
from mdm_project.tokens import create_token
from tests.factories import make_staff
from tests.mdm.asking import ask, state_of
from tests.mdm.http_wire import new_device
from tests.servers import running_server
from tests.stories.test_enrollment import wait_until

ACKNOWLEDGED = 3
_DROP_EVERYBODY = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""


def drop_connections() -> int:
    """Terminate the connections of other processes to this database, and wait until they are gone."""
    connections["default"].close_pool()
    with connection.cursor() as cursor:
        cursor.execute(_DROP_EVERYBODY)
        return cursor.fetchone()[0]


def count_waiting(table: str) -> int:
    """Return how many connections wait for a lock on a table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass", [table])
        return cursor.fetchone()[0]


@pytest.fixture
def web(committed_db):
    with running_server() as process:
        yield process


def test_the_next_message_after_every_connection_was_dropped_is_answered(web):
    device = new_device(web.url).enroll()
    uuid = ask(device, push=False)
    assert device.idle().command_uuid == uuid

    assert drop_connections() > 0
    assert device.acknowledge(uuid).status == 200
    assert drop_connections() > 0
    assert device.idle().status == 200

    assert state_of(uuid) == ACKNOWLEDGED
    assert Report.objects.count() == 1


@pytest.mark.parametrize("message_type", ["TokenUpdate", "SetBootstrapToken", "GetBootstrapToken", "Authenticate"])
def test_the_next_check_in_after_every_connection_was_dropped_is_answered(web, message_type):
    device = new_device(web.url).enroll()
    drop_connections()
    fields = {"Topic": device.topic, "Token": b"t", "PushMagic": "m", "BootstrapToken": b"b"}
    assert device.check_in(message_type, **fields).status == 200


def test_the_next_page_is_answered_however_many_idle_connections_were_dropped(web):
    def get(_=None) -> int:
        with urllib.request.urlopen(f"{web.url}/readyz", timeout=30) as response:
            return response.status

    with ThreadPoolExecutor(WEB_THREADS) as threads:
        # All requests are held up at once, so that each of them has a connection of its own.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE django_migrations")
            answers = [threads.submit(get) for _ in range(WEB_THREADS)]
            wait_until(lambda: count_waiting("django_migrations") == WEB_THREADS, "all requests wait")
        assert [answer.result() for answer in answers] == [200] * WEB_THREADS

    assert drop_connections() >= WEB_THREADS
    assert [get() for _ in range(3)] == [200] * 3


@pytest.fixture
def own_redis(tmp_path):
    """A Redis that only this test has, so that it can be stopped."""
    if os.geteuid() == 0:
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o711)  # the server's user must get through
    servers = EmbeddedServers(tmp_path, postgres=False, redis=True, is_durable=False)
    servers.start()
    try:
        yield servers
    finally:
        servers.erase()


def test_without_redis_devices_are_served_and_commands_queued(committed_db, own_redis):
    with running_server(REDIS_URL=own_redis.redis_url) as web:
        own_redis.stop()
        device = new_device(web.url).enroll()
        uuid = api_ask(web.url, device)
        assert device.idle().command_uuid == uuid
        assert device.acknowledge(uuid).status == 200
        assert device.check_in("CheckOut").status == 200
    assert state_of(uuid) == ACKNOWLEDGED
    assert Report.objects.filter(interpreted_at=None).count() == 1


def api_ask(url: str, device) -> str:
    """Queue a command over the API and return its CommandUUID."""
    token = create_token(make_staff(is_superuser=True), "test")[1]
    content = {"request_type": "ProfileList", "targets": {"udids": [device.keys["UDID"]]}}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v1/commands/", json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["command_uuid"]


def test_reports_that_came_while_redis_was_empty_are_interpreted_by_the_sweep(web):
    device = new_device(web.url).enroll()
    uuid = ask(device, "DeviceInformation", {"Queries": ["DeviceName"]}, push=False)
    device.idle()
    device.acknowledge(uuid, QueryResponses={"DeviceName": "Swept"})
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
    interpret_reports()
    assert Report.objects.get().interpreted_at is not None


def test_a_web_worker_killed_after_storing_a_report_loses_neither_report_nor_next_command(web):
    device = new_device(web.url).enroll()
    first, second = ask(device, push=False), ask(device, "SecurityInfo", push=False)
    assert device.idle().command_uuid == first
    assert device.acknowledge(first).command_uuid == second
    os.kill(workers_of(web.process.pid)[0], signal.SIGKILL)
    wait_until(lambda: is_up(device), "the web worker is replaced")
    assert device.acknowledge(first).command_uuid == second  # the device repeats what it got no answer to
    assert device.acknowledge(second).status == 200
    assert (state_of(first), state_of(second)) == (ACKNOWLEDGED, ACKNOWLEDGED)
    assert Command.objects.count() == 2


def workers_of(pid: int) -> list[int]:
    """The processes that a web server started to answer requests."""
    children = [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if parent_of(stat) == pid]
    return [child for child in children if b"granian" in Path(f"/proc/{child}/cmdline").read_bytes()]


def parent_of(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:  # it ended in this moment
        return None


def is_up(device) -> bool:
    try:
        return device.send({"Status": "Idle"}, path="/mdm/connect").status == 200
    except OSError:
        return False
