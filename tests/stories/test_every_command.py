"""Every command of the catalogue, through the API to a pretend device and back, as Apple has it on the wire."""

import hashlib
import plistlib

import pytest
from jsonschema import Draft202012Validator

from commands.applicability import candidates_of, refusal_of
from commands.models import QueuedCommand, Report
from commands.results import drain_reports
from devices import outbox
from devices.escrow import open_secret
from devices.models import Channel, Device, EscrowedSecret
from mdm_project.plist_values import to_json
from profiles import catalogue
from profiles.catalogue import json_schema
from profiles.catalogue.availability import evaluate
from simulator import answers, facts
from simulator.state import DEVICE
from tests.api.client import Caller
from tests.servers import _empty_redis, _empty_tables
from tests.stories.command_cases import BY_HAND, CAST, NOBODY_TAKES, case_of
from tests.stories.conftest import Stage, open_stage

REQUEST_TYPES = [entry.type for entry in catalogue.commands()]
TAKEN = [name for name in REQUEST_TYPES if name not in NOBODY_TAKES]
State = QueuedCommand.State


# Where devices do not answer as the schema has it: a list of results, and only what was asked for.
SLIPS_OF_THE_SCHEMA = {"Settings is no dictionary", "ProfileRestrictions is missing"}


class Cast:
    """The devices of this module, enrolled when they are first wanted, and the caller who asks them."""

    def __init__(self, stage: Stage):
        self.stage = stage
        self.caller = Caller()
        self._devices = {}

    def device(self, name: str):
        if name not in self._devices:
            platform, options = CAST[name]
            device = self._devices[name] = self.stage.new_device(platform, **options)
            device.state.is_shared = name == "shared ipad"
            device.state.is_supervised = name != "unsupervised iphone"
            self.stage.act(device.enroll(f"{self.stage.server_url}/enroll/demo/profile"))
            self.settle(device)
        device = self._devices[name]
        device.violations.clear()
        return device

    def settle(self, device) -> None:
        """Let the device answer what the server asks of new ones, so that it is not in the way."""
        for _ in range(3):
            self.work()
            self.stage.act(device.connect_all())
        self.work()

    @staticmethod
    def work() -> None:
        outbox.drain()
        drain_reports()

    def post(self, device, request_type: str, payload: dict, **targets):
        named = {"udids": [device.state.hardware.udid], **targets}
        wish = {"request_type": request_type, "payload": to_json(payload), "targets": named}
        return self.caller.post("commands/", wish | {"reason": "every command once", "push": False})

    def ask(self, device, request_type: str, payload: dict, *, on_user_channel: bool = False) -> dict:
        """Ask through the API, let the device come and the reports be interpreted; return the command as it came."""
        channel = device.user_channels[0].user_id if on_user_channel else DEVICE
        response = self.post(device, request_type, payload, channel="user" if on_user_channel else "device")
        assert response.status_code == 201, response.content
        command_uuid = response.json()["command_uuid"]
        self.stage.act(device.connect(channel))
        self.work()
        (queued,) = QueuedCommand.objects.filter(command__uuid=command_uuid)
        (report,) = Report.objects.filter(queued=queued)
        assert State(queued.state) == State.ACKNOWLEDGED, (queued.note, report.error_chain)
        assert (report.problem, report.interpreted_at is not None) == (None, True)
        (received,) = [one["Command"] for one in device.received if one["CommandUUID"] == command_uuid]
        # What a person does afterwards: the PIN of a locked Mac is typed, what was shut down is switched on.
        device.faults.is_offline = False
        if device.state.lock_pin:
            assert device.enter_pin(current_secret(device, EscrowedSecret.Kind.LOCK_PIN))
        return received


def current_secret(device, kind: str) -> str:
    row = EscrowedSecret.objects.get(device__udid=device.state.hardware.udid, kind=kind, is_current=True)
    return open_secret(row).decode()


@pytest.fixture(scope="module")
def cast(_shared_server, _kept_tables, django_db_blocker, tmp_path_factory):
    """One server and one cast for all commands; afterwards the tables are emptied."""
    folder = tmp_path_factory.mktemp("every-command")
    with django_db_blocker.unblock():
        try:
            with open_stage(_shared_server.url, folder) as stage:
                yield Cast(stage)
        finally:
            _empty_redis()
            _empty_tables(_kept_tables)


@pytest.mark.parametrize("request_type", TAKEN)
def test_a_command_is_composed_queued_delivered_valid_and_acknowledged(cast, request_type):
    entry = catalogue.command(request_type)
    validator = Draft202012Validator(json_schema(entry))
    for case in case_of(entry):
        device = cast.device(case.device)
        case.before(cast, device)
        for told in case.payloads:
            payload = told(device) if callable(told) else told
            received = cast.ask(device, request_type, payload, on_user_channel=case.on_user_channel)
            assert received["RequestType"] == request_type
            assert list(validator.iter_errors(to_json(received))) == []
            assert answer_problems(device, request_type) == []
            assert without_filled(received, payload) == without_filled(payload, payload)
        assert device.violations == []


def answer_problems(device, request_type: str) -> list[str]:
    """Hold the pretend device's answer against Apple's schema too, or the interpreters would learn from a fancy."""
    answered = device.reported[-1]
    assert answered["Status"] == "Acknowledged"
    hardware = device.state.hardware
    found = facts.answer_problems(request_type, answered, hardware.platform, device.state.os_version)
    return [problem for problem in found if problem not in SLIPS_OF_THE_SCHEMA]


def without_filled(command: dict, payload: dict) -> dict:
    """Return what of a command was asked for; accounts are compared by name, for they get their password hash."""
    kept = {key: value for key, value in command.items() if key in payload}
    if "AutoSetupAdminAccounts" in kept:
        kept["AutoSetupAdminAccounts"] = [account["shortName"] for account in kept["AutoSetupAdminAccounts"]]
    return plistlib.loads(plistlib.dumps(_naive(kept)))


def _naive(value):
    """Drop the time zone of dates, which a property list does not write."""
    if isinstance(value, dict):
        return {key: _naive(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_naive(one) for one in value]
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value


@pytest.mark.parametrize("request_type", NOBODY_TAKES)
def test_what_no_device_of_ours_can_take_is_refused_with_the_reason(cast, request_type):
    name, payload, reason = NOBODY_TAKES[request_type]
    response = cast.post(cast.device(name), request_type, payload)
    assert response.status_code == 409
    assert reason in response.json()["detail"]


def test_the_tables_name_commands_of_the_catalogue_only():
    assert BY_HAND.keys() | NOBODY_TAKES.keys() <= set(REQUEST_TYPES)
    assert not BY_HAND.keys() & NOBODY_TAKES.keys()
    assert len(REQUEST_TYPES) > 60


@pytest.mark.parametrize("name", [name for name in CAST if not name.startswith("spare")])
def test_the_server_and_the_device_agree_on_which_commands_it_can_take(cast, name):
    """Two readings of Apple's schema, made apart: what is offered is taken, and what is refused would be, too."""
    device = cast.device(name)
    disagreements = []
    for channel in device.state.channels.values():
        rows = Channel.objects.filter(device__udid=device.state.hardware.udid, user_key=channel.user_id)
        (candidate,) = candidates_of(rows)
        for entry in catalogue.commands():
            by_device = answers.refusal(device, channel, entry.type)
            by_schema = reasons(entry, candidate)
            is_offered = not refusal_of(entry.type, candidate)
            if (is_offered and by_device) or (by_schema and not by_device):
                disagreements.append((entry.type, channel.user_short_name, by_schema, str(by_device)))
    assert disagreements == []


def reasons(entry, candidate) -> list[str]:
    """Return why the schema rules a command out, but for how the device was enrolled: a device looks at its state."""
    return [it.message for it in evaluate(entry.support, candidate.target).reasons if it.code != "ade"]


# What the secrets on both sides say of each other


def test_the_escrowed_passwords_are_the_ones_the_macs_have(cast):
    kinds = EscrowedSecret.Kind
    mac, intel = cast.device("mac"), cast.device("intel mac")
    cast.ask(mac, "SetRecoveryLock", {})
    cast.ask(intel, "SetFirmwarePassword", {})
    assert current_secret(mac, kinds.RECOVERY_LOCK_PASSWORD) == mac.state.recovery_lock
    assert current_secret(intel, kinds.FIRMWARE_PASSWORD) == intel.state.firmware_password


def test_a_recovery_key_is_escrowed_and_after_a_rotation_the_new_one_is(cast):
    mac = cast.device("mac")
    BY_HAND["RotateFileVaultKey"].before(cast, mac)
    first = mac.state.recovery_key
    assert current_secret(mac, EscrowedSecret.Kind.FILEVAULT_RECOVERY_KEY) == first
    cast.ask(mac, "RotateFileVaultKey", {})
    assert mac.state.recovery_key != first
    assert current_secret(mac, EscrowedSecret.Kind.FILEVAULT_RECOVERY_KEY) == mac.state.recovery_key


def test_the_escrowed_password_of_the_administrator_opens_the_hash_on_the_mac(cast):
    mac = cast.device("new mac")
    BY_HAND["SetAutoAdminPassword"].before(cast, mac)
    cast.ask(mac, "SetAutoAdminPassword", {})
    (account,) = mac.state.admin_accounts
    parts = plistlib.loads(account["passwordHash"])["SALTED-SHA512-PBKDF2"]
    password = current_secret(mac, EscrowedSecret.Kind.LOCAL_ADMIN_PASSWORD).encode()
    made = hashlib.pbkdf2_hmac("sha512", password, parts["salt"], parts["iterations"], len(parts["entropy"]))
    assert made == parts["entropy"]


def test_the_bypass_code_a_device_gives_is_escrowed(cast):
    iphone = cast.device("iphone")
    BY_HAND["ActivationLockBypassCode"].before(cast, iphone)
    cast.ask(iphone, "ActivationLockBypassCode", {})
    assert current_secret(iphone, EscrowedSecret.Kind.ACTIVATION_LOCK_BYPASS_CODE) == iphone.state.bypass_code


def test_a_refusal_and_a_not_now_of_one_command_are_told_as_the_device_told_them(cast):
    mac = cast.device("mac")
    mac.faults.not_now = {"RestartDevice": 1}
    mac.faults.refuse = {"RestartDevice": [{"ErrorCode": 1, "ErrorDomain": "Example", "LocalizedDescription": "busy"}]}
    try:
        response = cast.post(mac, "RestartDevice", {})
        (queued,) = QueuedCommand.objects.filter(command__uuid=response.json()["command_uuid"])
        cast.stage.act(mac.connect())
        queued.refresh_from_db()
        assert (State(queued.state), queued.not_nows) == (State.NOT_NOW, 1)
        cast.stage.act(mac.connect())
        cast.work()
        queued.refresh_from_db()
        assert State(queued.state) == State.FAILED
        assert "busy" in queued.note
    finally:
        mac.faults.refuse = {}
    assert Device.objects.filter(udid=mac.state.hardware.udid).exists()
