"""Secrets that a device or a person hands over are found nowhere in clear: not in PostgreSQL, Redis, logs or answers.

They go in by the real endpoints of real processes, reports are interpreted by a real worker, and everything that can
be read is read. tests/planting.py says what is searched for.
"""

import base64
import json
import logging
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import redis
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from commands import asking, results
from commands.governor.models import HeldAction
from commands.interpreters import interprets
from commands.meanings import Meaning, Prepared, meaning
from commands.models import QueuedCommand, Report
from commands.queue import queue_command
from devices.activation_lock import escrow_key_of
from devices.console.tabs import TABS
from devices.models import Channel, Device, Enrollment, EscrowedSecret, Event
from devices.timeline import SYSTEM, Actor
from enrollment.services import ensure_demo_profile
from mdm_project.crypto import unseal
from mdm_project.models import IdempotencyKey
from mdm_project.tokens import create_token
from tests import factories
from tests.factories import make_staff
from tests.mdm.asking import channels_of
from tests.mdm.http_wire import new_device
from tests.mdm.wire import Wire
from tests.planting import (
    ATTRIBUTES,
    PG_DUMP,
    disguises,
    dump,
    is_pin,
    leaks_in,
    made_up,
    plant_attributes,
    plant_keys,
    plant_profile,
    plant_recovery_key,
)
from tests.servers import running_server, running_worker

WAIT_S = 30
LAST_WORD = "nothing more to listen to"
BOOTSTRAP_TOKEN = b"planted-bootstrap-token"
UNLOCK_TOKEN = b"planted-unlock-token"
PIN = "planted-pin"
PASSWORD = "planted-password"
FIRMWARE = "planted-firmware-password"
RECOVERY_KEY = b"PLNT-RECO-VERY-KEYA-BCDE-FGHJ"
NEW_RECOVERY_KEY = b"PLNT-NEWR-ECOV-ERYK-EYAB-CDEF"
ANSWERED_TOKEN = b"planted-answered-unlock-token"
BYPASS_CODE = "planted-bypass-code"
REFUSED_TOKEN = b"planted-refused-token"
HELD_PIN = "480391"
PLANTED = [
    BOOTSTRAP_TOKEN, UNLOCK_TOKEN, PIN, PASSWORD, FIRMWARE, RECOVERY_KEY, NEW_RECOVERY_KEY, ANSWERED_TOKEN, BYPASS_CODE,
    REFUSED_TOKEN, HELD_PIN,
]  # fmt: skip
GIVEN = {"bootstrap_token", "unlock_token", "activation_lock_bypass_code", "filevault_recovery_key"}
MADE_UP = {
    "lock_pin", "recovery_lock_password", "firmware_password", "local_admin_password", "activation_lock_server_code",
}  # fmt: skip

# A row as text holds every column: bytea in hexadecimal, jsonb and arrays as they print.
_ROWS_WITH = "SELECT count(*) FROM {table} AS row_ WHERE {conditions}"


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
    device = plant(server.url, token)
    row = Device.objects.get(udid=device.keys["UDID"])
    answer_everything(device, row)
    wait_for_interpretation()
    secrets = [*PLANTED, token, challenge_of(server.url), *plant_keys(), *plant_profile(row), *made_up(row)]
    secrets += plant_attributes(server.url, token, row)
    answer_everything(device, row)
    wait_for_interpretation()
    reveal_everything(server.url, token, row)
    pins = [secret for secret in secrets if is_pin(secret)]
    assert len(pins) == 2, "the PIN of the held command, and the one that was made up"

    for address, text in everything_readable(server.url, token, row):
        assert leaks_in(text, secrets) == [], address
    # Secrets of profiles are shown to who may see those; values of attributes are revealed for a reason only.
    effective = get(server.url, token, f"devices/{row.pk}/effective-configuration/")
    assert b"Planted attributes" in effective and leaks_in(effective, list(ATTRIBUTES.values())) == []
    for table in connection.introspection.table_names():
        assert rows_with_secrets(table, secrets) == 0, table
    assert leaks_in(dump(), secrets) == []
    assert leaks_in(contents_of_redis(), secrets) == []
    traffic = "\n".join(redis_traffic)
    assert "interpret_reports" in traffic or "LPUSH" in traffic
    assert leaks_in(traffic + decoded(traffic), secrets) == []
    for process in (server, worker):
        assert leaks_in(process.log.read_bytes(), secrets) == [], process.name
    asked = QueuedCommand.objects.filter(channel__device=row, state=QueuedCommand.State.ACKNOWLEDGED)
    sent = {"DeviceLock", "SetRecoveryLock", "SetFirmwarePassword", "SetAutoAdminPassword", "InstallProfile"}
    assert sent <= set(asked.values_list("command__request_type", flat=True))
    # Nothing was lost for it: who may know a secret gets it.
    assert set(EscrowedSecret.objects.filter(is_current=True).values_list("kind", flat=True)) == GIVEN | MADE_UP
    assert device.check_in("GetBootstrapToken").plist == {"BootstrapToken": BOOTSTRAP_TOKEN}


def plant(url: str, token: str) -> Wire:
    """Enroll a Mac over HTTP, hand over every secret there is and ask for every command that has one; return it."""
    device = new_device(url)
    assert device.authenticate(ProductName="MacBookPro18,3", SerialNumber="PLANT1").status == 200
    assert device.token_update(UnlockToken=UNLOCK_TOKEN).status == 200
    Enrollment.objects.update(kind=Enrollment.Kind.ADE)  # only such a Mac has an administrator of ours
    assert device.check_in("SetBootstrapToken", BootstrapToken=BOOTSTRAP_TOKEN).status == 200
    assert device.check_in("TokenUpdate", Token=REFUSED_TOKEN, UnlockToken=REFUSED_TOKEN).status == 400
    assert ask(url, token, device, "DeviceLock", {"PIN": PIN, "Message": "lost"}) == 400, "a PIN has six digits"
    assert ask(url, token, device, "DeviceLock", {"Message": "lost"}) == 201
    assert ask(url, token, device, "SetRecoveryLock", {"NewPassword": PASSWORD}) == 201
    assert ask(url, token, device, "SetFirmwarePassword", {"NewPassword": FIRMWARE, "AllowOroms": False}) == 201
    assert ask(url, token, device, "SetAutoAdminPassword", {"GUID": "A6C1F3A0-0000-4000-8000-00000000BEEF"}) == 201
    # Not by the API, which would leave this Mac out of some of them.
    for request_type in ("SecurityInfo", "RequestUnlockToken", "ActivationLockBypassCode", "DeviceInformation"):
        payload = {"Queries": ["DeviceName"]} if request_type == "DeviceInformation" else {}
        queue_command(request_type, payload, channels_of(device), actor=SYSTEM)
    escrow_key_of(Device.objects.get(udid=device.keys["UDID"]), actor=SYSTEM)
    hold_with_pin()
    return device


def hold_with_pin() -> None:
    """Have erasing with a PIN that a person chose held: it waits for somebody else, with what was entered."""
    channels = [factories.make_channel(factories.make_device("macos")).pk for _ in range(6)]
    asking.ask(
        "EraseDevice", {"PIN": HELD_PIN}, Channel.objects.filter(pk__in=channels),
        actor=Actor.staff(make_staff(is_superuser=True)), reason="sold", confirmed=6,
    )  # fmt: skip
    assert HeldAction.objects.count() == 1


def answer_everything(device: Wire, row: Device) -> None:
    """Answer whatever waits in the queue, with the secrets that belong into the answers."""
    answers = {
        "SecurityInfo": {
            "SecurityInfo": {"FDE_PersonalRecoveryKeyCMS": plant_recovery_key(row, RECOVERY_KEY), "FDE_Enabled": True}
        },
        "RequestUnlockToken": {"UnlockToken": ANSWERED_TOKEN},
        "SetFirmwarePassword": {"SetFirmwarePassword": {"PasswordChanged": True}},
        "ActivationLockBypassCode": {"ActivationLockBypassCode": BYPASS_CODE},
        "RotateFileVaultKey": {"RotateResult": {"EncryptedNewRecoveryKey": plant_recovery_key(row, NEW_RECOVERY_KEY)}},
        "DeviceInformation": {"QueryResponses": {"DeviceName": "Mac", "PushToken": ANSWERED_TOKEN}},
    }
    answer = device.idle()
    while answer.body:
        uuid, asked = answer.command_uuid, answer.plist["Command"]["RequestType"]
        answer = device.acknowledge(uuid, **answers.get(asked, {}))
    device.report("Error", "unknown", ErrorChain=[{"ErrorCode": 1, "Password": PASSWORD}])


def reveal_everything(url: str, token: str, row: Device) -> None:
    """Reveal what a person may see by the API, with an Idempotency-Key, and by the console; both give it."""
    client = Client()
    client.force_login(make_staff(is_superuser=True))
    number = 0
    for secret in EscrowedSecret.objects.filter(device=row).exclude(kind__in=EscrowedSecret.UNREVEALABLE):
        told = post(url, token, f"devices/{row.pk}/secrets/{secret.pk}/reveal/", {"reason": "planting"}, str(secret.pk))
        address = reverse("admin:devices_device_reveal", args=[row.pk, secret.pk])
        shown = client.post(address, {"reason": "planting"}).content.decode()
        assert json.loads(told)["value"] in shown
        number += 2
    assert number >= 2 * len(GIVEN | MADE_UP) - 4
    for name, value in ATTRIBUTES.items():
        told = post(url, token, f"devices/{row.pk}/attributes/{name}/reveal/", {"reason": "planting"}, name)
        assert json.loads(told)["value"] == value
        number += 1
    assert Event.objects.filter(kind="secret_revealed").count() == number
    remembered = [unseal(each.response_encrypted, each.response_context) for each in IdempotencyKey.objects.all()]
    assert not any("value" in json.loads(answer) for answer in remembered), "a revealed secret is not remembered"


def ask(url: str, token: str, device: Wire, request_type: str, payload: dict) -> int:
    """Ask the device by the API; return 201, or 400 for what cannot be sent."""
    content = {"request_type": request_type, "payload": payload, "targets": {"udids": [device.keys["UDID"]]}}
    content["reason"] = "planting"
    try:
        post(url, token, "commands/", content, f"{request_type} {len(payload)}")
    except urllib.error.HTTPError as error:
        told = error.read()
        assert leaks_in(told, PLANTED) == [] and error.code == 400, told
        return error.code
    return 201


def get(url: str, token: str, address: str) -> bytes:
    request = urllib.request.Request(f"{url}/api/v1/{address}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=WAIT_S) as response:
        return response.read()


def post(url: str, token: str, address: str, content: dict, key: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(f"{url}/api/v1/{address}", json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=WAIT_S) as response:
        return response.read()


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


def everything_readable(url: str, token: str, row: Device):
    """Yield (address, text) of the API over HTTP and of the console's pages, as somebody who may see everything."""
    parts = ["", "inventory/", "applications/", "profiles/", "certificates/", "commands/", "timeline/", "secrets/"]
    addresses = ["devices/", "commands/", "push-certificates/", "push-states/", "enrollment-profiles/", "profiles/"]
    addresses += [f"devices/{row.pk}/{part}" for part in parts]
    addresses += ["attributes/", "groups/facts/"]
    for command in QueuedCommand.objects.values_list("command_id", flat=True):
        addresses += [f"commands/{command}/", f"commands/{command}/results/"]
    for address in addresses:
        yield address, get(url, token, address)
    # What somebody pastes into the search box by mistake goes into no log.
    wrong = urllib.parse.urlencode({"q": RECOVERY_KEY.decode()})
    with urllib.request.urlopen(f"{url}/console/login/?{wrong}", timeout=WAIT_S) as response:
        assert response.status == 200
    yield from console_pages(row)


def console_pages(device: Device):
    """Every page there is of every row, without the permission that opens the beginnings of refused messages as they
    came and secrets in profiles; and with it the tab of raw reports, which has no secrets either.
    """
    client, reader = Client(), Client()
    staff = make_staff()
    staff.user_permissions.set(Permission.objects.exclude(codename__in=("view_raw_reports", "view_profile_secrets")))
    client.force_login(staff)
    reader.force_login(make_staff(is_superuser=True))
    page = reverse("admin:devices_device_change", args=[device.pk])
    addresses = [reverse("admin:index"), reverse("helpdesk_device", args=[device.pk])]
    addresses += [f"{page}?tab={tab}" for tab in TABS]
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses.append(reverse(f"{name}_changelist"))
        addresses += [reverse(entry) for entry in csv_of(name, model_admin)]
        for pk in model.objects.values_list("pk", flat=True)[:20]:
            addresses += [reverse(f"{name}_change", args=[pk]), reverse(f"{name}_history", args=[pk])]
    queued = QueuedCommand.objects.values_list("pk", flat=True)
    addresses += [reverse("admin:commands_command_target", args=[pk]) for pk in queued]
    responses = [(address, client.get(address, follow=True)) for address in addresses]
    assert sum(response.status_code == 200 for _, response in responses) > len(TABS) + len(admin.site._registry)
    raw = reader.get(page, {"tab": "raw"})
    assert b"FDE_Enabled" in raw.content
    for address, response in [*responses, ("raw reports", raw)]:
        yield address, b"".join(response) if response.streaming else response.content
    yield "cookies", f"{client.cookies} {reader.cookies}"


def csv_of(name: str, model_admin) -> list[str]:
    """The name of the list's CSV where it has one."""
    names = {entry.name for entry in model_admin.get_urls() if entry.name}
    return [f"{name}_csv"] if f"{name}_csv".removeprefix("admin:") in names else []


def rows_with_secrets(table: str, secrets: list) -> int:
    """How many rows of a table have one of the secrets; PINs are searched for in the dump, which has no keys in it."""
    parts = [part for secret in secrets if not is_pin(secret) for part in disguises(secret)]
    # No text in PostgreSQL has a NUL: bytes that do are found as hexadecimal and base64.
    parts = [part for part in parts if "\0" not in part]
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


# What goes wrong on the way


@pytest.fixture
def breaking():
    """A command whose preparation fails with the secret in hand, and another whose answer cannot be interpreted."""

    @meaning("PlantedPreparation")
    class Breaks(Meaning):
        def prepare(self, candidates, payload):
            prepared = {candidate.channel_id: Prepared({"PIN": PASSWORD}) for candidate in candidates}
            raise RuntimeError(f"cannot go on: {len(prepared)}")

    @interprets("PlantedAnswer")
    def break_off(reports):
        int(reports[0].content["Token"])


def test_what_breaks_while_it_is_sent_or_interpreted_tells_no_secret(db, breaking, caplog):
    caplog.set_level(logging.DEBUG)
    channel = factories.make_channel()
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token_of_a_superuser()}"})
    body = {"request_type": "PlantedPreparation", "payload": {"Password": PASSWORD}, "targets": {"all": True}}
    body |= {"allow_unknown": True, "reason": "planting"}
    response = client.post("/api/v1/commands/", json.dumps(body), content_type="application/json")
    assert response.status_code == 409, "the only device is left out"
    assert b"RuntimeError" in response.content
    assert leaks_in(response.content, PLANTED) == []
    assert "cannot go on" in caplog.text, "it is logged, with where it happened"

    report = factories.make_report(channel, {"Token": ANSWERED_TOKEN.decode()}, request_type="PlantedAnswer")
    results.drain_reports()
    report.refresh_from_db()
    assert "ValueError" in report.problem, "it did break off"
    assert "break_off" in caplog.text
    assert leaks_in(report.problem, PLANTED) == []
    assert leaks_in(caplog.text, PLANTED) == []


def token_of_a_superuser() -> str:
    return create_token(make_staff(is_superuser=True), "planting")[1]


def test_the_search_finds_a_secret_that_is_in_clear(committed_db):
    """A search that finds nothing proves something only if it can find."""
    for leaked in (f"a {PIN} b", f"\\x{UNLOCK_TOKEN.hex()}", base64.b64encode(b"12" + UNLOCK_TOKEN + b"34").decode()):
        assert leaks_in(leaked, PLANTED), leaked
    Device.objects.create(name=f"leaked {PIN}", asset_tag=HELD_PIN)
    assert rows_with_secrets("devices_device", PLANTED) == 1
    assert set(leaks_in(dump(), PLANTED)) == {PIN, HELD_PIN}
    assert PIN in decoded(base64.b64encode(f'[["{PIN}"]]'.encode()).decode())


@pytest.mark.parametrize(
    "text",
    [f"PIN {HELD_PIN}.", f'{{"PIN":"{HELD_PIN}"}}', f"<string>{HELD_PIN}</string>", f"\\x{HELD_PIN.encode().hex()}"],
)
def test_the_search_finds_a_pin_that_stands_alone(text):
    assert leaks_in(text, [HELD_PIN]) == leaks_in(text, [HELD_PIN.encode()]) != []


@pytest.mark.parametrize("text", [f"12:00:00.{HELD_PIN}+00", f"1{HELD_PIN}", f"\\xab{HELD_PIN}cd", f"a{HELD_PIN}f"])
def test_a_number_that_only_looks_like_a_pin_is_not_taken_for_one(text):
    assert leaks_in(text, [HELD_PIN]) == []


def test_the_database_can_be_dumped():
    assert PG_DUMP.is_file()
