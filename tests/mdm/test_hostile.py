"""What a device with a valid certificate may try: odd identities, odd text, depth, size. Never 401, never a 5xx."""

import itertools
import json
import plistlib
import threading

import pytest
from django.db import close_old_connections

from devices.models import Answer, Channel, Device, Identity, RejectedMessage
from tests.mdm.asking import ask, state_of
from tests.mdm.wire import CHECK_IN, REPORT

DEEP = b"<array>" * 2000 + b"</array>" * 2000
LONG = "A" * 1_000_000


def binary(message: dict) -> bytes:
    return plistlib.dumps(message, fmt=plistlib.FMT_BINARY)


ODD_TEXTS = [
    "a\0b",
    "\0",
    "A" * 300,
    LONG,
    "\ufffe\uffff",
    "'; DROP TABLE devices_device; --",
    "%s%(x)s",
    "\u202e",
    " ",
]


KEYS = ["UDID", "EnrollmentID", "UserID", "UserShortName", "EnrollmentUserID"]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: repr(text)[:20])
def test_an_odd_name_of_a_channel_is_refused_or_taken_and_never_a_server_error(device, new_device, text):
    for wire, key in itertools.product((device, new_device()), KEYS):
        say_everything(wire, wire.keys | {key: text})


def say_everything(device, keys: dict) -> None:
    """Send every kind of message under these keys, as binary and as XML; none may be a server error."""
    for message in (
        {"Status": "Idle"},
        {"Status": "Acknowledged", "CommandUUID": "x"},
        {"MessageType": "Authenticate", "Topic": device.topic},
        {"MessageType": "TokenUpdate", "Topic": device.topic, "Token": b"1", "PushMagic": "m"},
        {"MessageType": "CheckOut"},
    ):
        content_type = CHECK_IN if "MessageType" in message else REPORT
        for body in (binary(keys | message), xml(keys | message)):
            assert device.send(body, content_type).status in (200, 400, 403)


def xml(message: dict) -> bytes:
    """An XML property list as a hostile device writes it: with characters that XML forbids."""
    members = []
    for key, value in message.items():
        text = value if isinstance(value, str) else ""
        kind = "data" if isinstance(value, bytes) else "string"
        content = "AAAA" if kind == "data" else text.replace("&", "&amp;").replace("<", "&lt;")
        members.append(f"<key>{key}</key><{kind}>{content}</{kind}>")
    return f'<plist version="1.0"><dict>{"".join(members)}</dict></plist>'.encode(errors="surrogatepass")


FACTS = ["SerialNumber", "DeviceName", "ModelName", "OSVersion", "BuildVersion", "IMEI", "MEID", "ProductName", "Model"]
ODD_FACTS = [*ODD_TEXTS, "9" * 400, "1.2.3." * 500, "99999999999999999999"]


@pytest.mark.parametrize("text", ODD_FACTS, ids=lambda text: repr(text)[:20])
def test_odd_facts_of_an_authenticate_never_keep_a_device_out(new_device, text):
    for field in FACTS:
        device = new_device()
        body = binary(device.keys | {"MessageType": "Authenticate", "Topic": device.topic, field: text})
        assert device.send(body, CHECK_IN).status == 200, field
        assert device.token_update().status == 200, field


@pytest.mark.parametrize("field", ["CommandUUID", "Status", "RequestType"])
@pytest.mark.parametrize(
    "value", [*ODD_TEXTS, 5, 2.5, True, b"\xff", [], {}, ["a"]], ids=lambda value: repr(value)[:20]
)
def test_an_odd_report_is_stored_or_refused_and_the_device_goes_on(device, field, value):
    uuid = ask(device)
    report = device.keys | {"Status": "Acknowledged", "CommandUUID": "unknown", field: value}
    assert device.send(binary(report)).status in (200, 400)
    assert uuid.encode() in device.idle().body
    device.acknowledge(uuid)


@pytest.mark.parametrize("field", ["Topic", "PushMagic", "Token", "UnlockToken", "UserLongName", "NotOnConsole",
                                   "AwaitingConfiguration", "MessageType"])  # fmt: skip
@pytest.mark.parametrize("value", ["a\0b", LONG, b"\0" * 2000, 5, -1, True, [], {"a": [1]}], ids=lambda v: repr(v)[:20])
def test_an_odd_token_update_is_taken_or_refused(device, field, value):
    good = {"MessageType": "TokenUpdate", "Topic": device.topic, "Token": b"1", "PushMagic": "m"}
    for keys in (device.keys, device.user().keys):
        assert device.send(binary(keys | good | {field: value}), CHECK_IN).status in (200, 400, 403)


@pytest.mark.parametrize("content_type", [CHECK_IN, REPORT])
def test_depth_is_refused_and_not_followed(device, content_type):
    keys = f"<key>UDID</key><string>{device.keys['UDID']}</string><key>MessageType</key><string>CheckOut</string>"
    body = b'<plist version="1.0"><dict>' + keys.encode() + b"<key>x</key>" + DEEP + b"</dict></plist>"
    assert device.send(body, content_type).status == 400
    assert device.idle().status == 200


ODD_STATUS_REPORTS = [
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"a": "\\u0000"}',
    b'{"a\\u0000": 1}',
    b'{"a": "\\ud800"}',
    b'{"a": NaN, "b": Infinity}',
    b'{"a": 1e999}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b"\xff\xfe",
    b"",
    b"null",
    b'"text"',
    b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}",
]


@pytest.mark.parametrize("data", ODD_STATUS_REPORTS, ids=lambda data: repr(data)[:24])
def test_an_odd_declarative_status_report_is_kept_or_refused(device, data):
    answer = device.check_in("DeclarativeManagement", Endpoint="status", Data=data)
    assert answer.status in (200, 400)


def test_a_declarative_status_report_shows_no_secret(device):
    report = {"StatusItems": {"management": {"push-token": "c2VjcmV0"}}, "Errors": []}
    device.check_in("DeclarativeManagement", Endpoint="status", Data=json.dumps(report).encode())
    assert "c2VjcmV0" not in json.dumps(Answer.objects.get().content)


# Speaking for somebody else


def test_two_devices_that_authenticate_as_one_at_the_same_time_leave_one_enrollment(new_device):
    first, second = new_device(), new_device()
    second.keys = first.keys
    statuses = []

    def authenticate(wire):
        statuses.append(wire.authenticate().status)
        close_old_connections()

    threads = [threading.Thread(target=authenticate, args=[wire]) for wire in (first, second) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 403, 503}
    assert 200 in statuses
    device = Device.objects.get(udid=first.keys["UDID"])
    assert device.enrollments.filter(is_current=True).count() == 1
    assert Channel.objects.filter(enrollment_key=first.keys["UDID"]).count() == 1


def test_a_message_that_was_heard_and_is_sent_again_under_another_certificate_does_nothing(device, new_device):
    uuid = ask(device)
    stranger = new_device().enroll()
    heard = plistlib.dumps({**device.keys, "Status": "Acknowledged", "CommandUUID": uuid})
    assert stranger.send(heard).status == 403
    assert state_of(uuid) == 0


def test_a_report_that_is_sent_again_finishes_nothing_twice(device):
    uuid = ask(device)
    device.idle()
    assert device.acknowledge(uuid).status == 200
    assert device.report("Error", uuid).status == 200
    assert state_of(uuid) == 3


def test_the_serial_number_of_an_enrolled_device_takes_nothing_from_it(device, new_device):
    Device.objects.filter(udid=device.keys["UDID"]).update(serial_number="C02VICTIM", asset_tag="A-1")
    thief = new_device().enroll(SerialNumber="C02VICTIM")
    assert Device.objects.get(udid=thief.keys["UDID"]).asset_tag == ""
    assert Device.objects.get(udid=device.keys["UDID"]).asset_tag == "A-1"


def test_a_user_enrollment_cannot_claim_the_udid_of_a_device_as_its_id(device, new_device):
    stranger = new_device()
    stranger.keys = {"EnrollmentID": device.keys["UDID"]}
    before = Identity.objects.filter(enrollment_key=device.keys["UDID"], is_active=True).count()
    stranger.authenticate()
    assert device.idle().status == 200
    assert Identity.objects.filter(enrollment_key=device.keys["UDID"], is_active=True).count() >= before


def test_what_is_refused_is_told_without_what_was_sent(device):
    answer = device.check_in("TokenUpdate", Token="not data but s3cr3t", Topic=device.topic, PushMagic="m")
    assert answer.status == 400
    assert b"s3cr3t" not in answer.body
    assert "s3cr3t" not in RejectedMessage.objects.get().reason
