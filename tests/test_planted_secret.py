"""Secrets that a device or a person hands over are found nowhere in clear: not in PostgreSQL, Redis, logs or answers.

They go in by the real endpoints of real processes, reports are interpreted by a real worker, and everything that can
be read is read. What is searched for is each secret as it is, in base64 at any offset, and in hexadecimal.
"""

import base64
import json
import re
import threading
import time
import urllib.error
import urllib.request

import pytest
import redis
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from commands.models import QueuedCommand, Report
from commands.queue import queue_command
from devices.console.tabs import TABS
from devices.models import Device, EscrowedSecret
from devices.timeline import SYSTEM
from enrollment.services import ensure_demo_profile
from mdm_project.tokens import create_token
from tests.factories import make_staff
from tests.mdm.asking import channels_of
from tests.mdm.http_wire import new_device
from tests.mdm.wire import Wire
from tests.servers import running_server, running_worker

WAIT_S = 30
LAST_WORD = "nothing more to listen to"
BOOTSTRAP_TOKEN = b"planted-bootstrap-token"
UNLOCK_TOKEN = b"planted-unlock-token"
PIN = "planted-pin"
PASSWORD = "planted-password"
RECOVERY_KEY = b"planted-recovery-key"
ANSWERED_TOKEN = b"planted-answered-unlock-token"
BYPASS_CODE = "planted-bypass-code"
REFUSED_TOKEN = b"planted-refused-token"
SECRETS = [BOOTSTRAP_TOKEN, UNLOCK_TOKEN, PIN, PASSWORD, RECOVERY_KEY, ANSWERED_TOKEN, BYPASS_CODE, REFUSED_TOKEN]

# A row as text holds every column: bytea in hexadecimal, jsonb and arrays as they print.
_ROWS_WITH = "SELECT count(*) FROM {table} AS row_ WHERE {conditions}"


def disguises(secret: bytes | str) -> list[str]:
    """The secret, its hexadecimal, and the middle of its base64 at each offset it can have in a longer text."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    encoded = [base64.b64encode(b"x" * offset + raw).decode()[4 if offset else 0 : -4] for offset in range(3)]
    return [raw.decode(), raw.hex(), *encoded]


def leaks_in(text: bytes | str) -> list[str]:
    """Which secrets a text gives away."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    planted = [part for secret in SECRETS for part in disguises(secret)]
    return [part for part in planted if part in text]


@pytest.fixture
def processes(committed_db):
    """The web server and a worker that log as much as anybody would have them log."""
    with running_server(LOG_LEVEL="DEBUG") as server, running_worker(LOG_LEVEL="DEBUG") as worker:
        yield server, worker


@pytest.fixture
def redis_traffic(committed_db):
    """A list that fills with everything Redis is told."""
    told: list[str] = []

    def listen(monitor):
        while not told or LAST_WORD not in told[-1]:
            told.append(str(monitor.next_command()))

    with redis.Redis.from_url(settings.REDIS_URL) as client, client.monitor() as monitor:
        thread = threading.Thread(target=listen, args=[monitor])
        thread.start()
        try:
            yield told
        finally:
            client.echo(LAST_WORD)
            thread.join()


def test_no_planted_secret_is_found_in_clear(processes, redis_traffic):
    server, worker = processes
    token = create_token(make_staff(is_superuser=True), "planting")[1]
    SECRETS.append(token)
    device = plant(server.url, token)
    SECRETS.append(challenge_of(server.url))
    wait_for_interpretation()

    for address, text in everything_readable(server.url, token, device):
        assert leaks_in(text) == [], address
    for table in connection.introspection.table_names():
        assert rows_with_secrets(table) == 0, table
    assert leaks_in(contents_of_redis()) == []
    traffic = "\n".join(redis_traffic)
    assert "interpret_reports" in traffic or "LPUSH" in traffic
    assert leaks_in(traffic + decoded(traffic)) == []
    for process in (server, worker):
        assert leaks_in(process.log.read_bytes()) == [], process.name
    # Nothing was lost for it: who may know a secret gets it.
    assert device_gets_its_token_back(server.url, device)


def plant(url: str, token: str) -> Wire:
    """Enroll a Mac over HTTP and hand over every secret there is; return it."""
    device = new_device(url)
    assert device.authenticate(ProductName="MacBookPro18,3", SerialNumber="PLANT1").status == 200
    assert device.token_update(UnlockToken=UNLOCK_TOKEN).status == 200
    assert device.check_in("SetBootstrapToken", BootstrapToken=BOOTSTRAP_TOKEN).status == 200
    assert device.check_in("TokenUpdate", Token=REFUSED_TOKEN, UnlockToken=REFUSED_TOKEN).status == 400
    assert ask(url, token, device, "DeviceLock", {"PIN": PIN, "Message": "lost"}) == 400, "a PIN has six digits"
    assert ask(url, token, device, "DeviceLock", {"Message": "lost"}) == 201
    assert ask(url, token, device, "SetRecoveryLock", {"NewPassword": PASSWORD}) == 201
    answers = {
        "DeviceLock": {},
        "SetRecoveryLock": {},
        "SecurityInfo": {"SecurityInfo": {"FDE_PersonalRecoveryKeyCMS": RECOVERY_KEY, "FDE_Enabled": True}},
        "RequestUnlockToken": {"UnlockToken": ANSWERED_TOKEN},
        "ActivationLockBypassCode": {"ActivationLockBypassCode": BYPASS_CODE},
        "RotateFileVaultKey": {"RotateResult": {"EncryptedNewRecoveryKey": RECOVERY_KEY}},
        "DeviceInformation": {"QueryResponses": {"DeviceName": "Mac", "PushToken": ANSWERED_TOKEN}},
    }
    # Not by the API, which would leave this Mac out of some of them.
    for request_type in list(answers)[2:]:
        payload = {"Queries": ["DeviceName"]} if "Information" in request_type else {}
        queue_command(request_type, payload, channels_of(device), actor=SYSTEM)
    answer = device.idle()
    while answer.body:
        uuid, asked = answer.command_uuid, answer.plist["Command"]["RequestType"]
        answer = device.acknowledge(uuid, **answers.get(asked, {}))
    device.report("Error", "unknown", ErrorChain=[{"ErrorCode": 1, "Password": PASSWORD}])
    return device


def ask(url: str, token: str, device: Wire, request_type: str, payload: dict) -> int:
    """Ask the device by the API; return 201, or 400 for what cannot be sent."""
    content = {"request_type": request_type, "payload": payload, "targets": {"udids": [device.keys["UDID"]]}}
    content["reason"] = "planting"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    headers["Idempotency-Key"] = f"{request_type} {len(payload)}"
    request = urllib.request.Request(f"{url}/api/v1/commands/", json.dumps(content).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as response:
            return response.status
    except urllib.error.HTTPError as error:
        told = error.read()
        assert leaks_in(told) == [] and error.code == 400, told
        return error.code


def challenge_of(url: str) -> str:
    """Download the demo profile and return the challenge in it."""
    ensure_demo_profile()
    with urllib.request.urlopen(f"{url}/enroll/demo/profile", timeout=WAIT_S) as response:
        profile = response.read()
    return re.search(rb"<key>Challenge</key>\s*<string>([^<]+)</string>", profile)[1].decode()


def wait_for_interpretation() -> None:
    deadline = time.monotonic() + WAIT_S
    while Report.objects.filter(interpreted_at=None).exists():
        assert time.monotonic() < deadline, "the worker did not interpret the reports"
        time.sleep(0.1)
    assert Device.objects.get(serial_number="PLANT1").answers.filter(request_type="SecurityInfo").exists()


def everything_readable(url: str, token: str, device: Wire):
    """Yield (address, text) of the API over HTTP and of the console's pages, as somebody who may see everything."""
    row = Device.objects.get(udid=device.keys["UDID"])
    parts = ["", "inventory/", "applications/", "profiles/", "certificates/", "commands/", "timeline/"]
    addresses = ["devices/", "commands/", "push-certificates/", "push-states/", "enrollment-profiles/"]
    addresses += [f"devices/{row.pk}/{part}" for part in parts]
    for command in QueuedCommand.objects.values_list("command_id", flat=True):
        addresses += [f"commands/{command}/", f"commands/{command}/results/"]
    for address in addresses:
        request = urllib.request.Request(f"{url}/api/v1/{address}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=WAIT_S) as response:
            yield address, response.read()
    yield from console_pages(row)


def console_pages(device: Device):
    """Every page there is of every row, without the permission that opens the beginnings of refused messages as they
    came; and with it the tab of raw reports, which has no secrets either."""
    client, reader = Client(), Client()
    staff = make_staff()
    staff.user_permissions.set(Permission.objects.exclude(codename="view_raw_reports"))
    client.force_login(staff)
    reader.force_login(make_staff(is_superuser=True))
    page = reverse("admin:devices_device_change", args=[device.pk])
    addresses = [reverse("admin:index"), *(f"{page}?tab={tab}" for tab in TABS)]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses.append(reverse(f"{name}_changelist"))
        for pk in model.objects.values_list("pk", flat=True)[:20]:
            addresses += [reverse(f"{name}_change", args=[pk]), reverse(f"{name}_history", args=[pk])]
    queued = QueuedCommand.objects.values_list("pk", flat=True)
    addresses += [reverse("admin:commands_command_target", args=[pk]) for pk in queued]
    responses = [(address, client.get(address, follow=True)) for address in addresses]
    assert sum(response.status_code == 200 for _, response in responses) > len(TABS) + len(admin.site._registry)
    raw = reader.get(page, {"tab": "raw"})
    assert b"FDE_Enabled" in raw.content
    yield from ((address, response.content) for address, response in [*responses, ("raw reports", raw)])


def rows_with_secrets(table: str) -> int:
    parts = [part for secret in SECRETS for part in disguises(secret)]
    conditions = " OR ".join(["strpos(row_::text, %s) > 0"] * len(parts))
    with connection.cursor() as cursor:
        cursor.execute(_ROWS_WITH.format(table=connection.ops.quote_name(table), conditions=conditions), parts)
        return cursor.fetchone()[0]


def contents_of_redis() -> str:
    """Every key of this run's database with its value, as text."""
    read = {
        b"string": lambda client, key: client.get(key),
        b"list": lambda client, key: client.lrange(key, 0, -1),
        b"hash": lambda client, key: client.hgetall(key),
        b"set": lambda client, key: client.smembers(key),
        b"zset": lambda client, key: client.zrange(key, 0, -1),
    }
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        return "\n".join(f"{key} {read[client.type(key)](client, key)}" for key in client.scan_iter(count=1000))


def decoded(text: str) -> str:
    """What is base64 in a text, decoded: Celery wraps the arguments of its tasks so."""
    return "\n".join(
        base64.b64decode(part + "=" * (-len(part) % 4)).decode("latin-1")
        for part in re.findall(r"[A-Za-z0-9+/]{16,}", text)
        if len(part) % 4 != 1
    )


def device_gets_its_token_back(url: str, device: Wire) -> bool:
    answer = device.check_in("GetBootstrapToken")
    kinds = set(EscrowedSecret.objects.filter(is_current=True).values_list("kind", flat=True))
    given = {"bootstrap_token", "unlock_token", "activation_lock_bypass_code"}
    made = {"lock_pin", "recovery_lock_password"}
    assert kinds == given | made
    return answer.plist == {"BootstrapToken": BOOTSTRAP_TOKEN}


def test_the_search_finds_a_secret_that_is_in_clear(committed_db):
    """A search that finds nothing proves something only if it can find."""
    for leaked in (f"a {PIN} b", f"\\x{UNLOCK_TOKEN.hex()}", base64.b64encode(b"12" + UNLOCK_TOKEN + b"34").decode()):
        assert leaks_in(leaked), leaked
    Device.objects.create(name=f"leaked {PIN}")
    assert rows_with_secrets("devices_device") == 1
    assert PIN in decoded(base64.b64encode(f'[["{PIN}"]]'.encode()).decode())
