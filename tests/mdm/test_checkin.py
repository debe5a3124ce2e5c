"""Check-in messages: what they do to the enrollment, its channels, its queue and its secrets."""

import json
import plistlib
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Channel, ChannelContact, Device, Enrollment, EscrowedSecret, Event, Outbox
from devices.models import Identity as IdentityRow
from tests.mdm.asking import ask, channels_of, state_of
from tests.mdm.wire import CHECK_IN, Wire, request

SHARED_IPAD = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"
EMPTY_ITEMS = (
    b'{"Declarations":{"Activations":[],"Assets":[],"Configurations":[],"Management":[]},"DeclarationsToken":"none"}'
)


def secret(device: Wire, kind: str) -> EscrowedSecret | None:
    key = device.keys.get("UDID") or device.keys["EnrollmentID"]
    return EscrowedSecret.objects.filter(device__channels__enrollment_key=key, kind=kind, is_current=True).first()


# Which channel


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"UDID": "D"}, ("D", "")),
        ({"UDID": "D", "UserID": "U"}, ("D", "U")),
        ({"UDID": "D", "UserID": SHARED_IPAD, "UserShortName": "ada@example.org"}, ("D", "ada@example.org")),
        ({"EnrollmentID": "E"}, ("E", "")),
        ({"EnrollmentID": "E", "EnrollmentUserID": "EU"}, ("E", "EU")),
        ({"UDID": "D", "EnrollmentID": "E", "EnrollmentUserID": "EU"}, ("D", "")),
    ],
)
def test_identity_keys_name_one_channel(new_device, keys, expected):
    owner = {name: value for name, value in keys.items() if name in ("UDID", "EnrollmentID")}
    device = new_device(keys=owner).enroll()
    spoken = Wire(device.identity, keys)
    assert spoken.token_update().status == 200
    assert spoken.idle().status == 200
    assert Channel.objects.filter(enrollment_key=expected[0], user_key=expected[1], state=1).exists()


@pytest.mark.parametrize("keys", [{}, {"UDID": ""}, {"UDID": 5}, {"UserID": "U"}, {"UDID": "D", "UserID": SHARED_IPAD}])
def test_a_message_that_names_no_channel_is_refused(new_device, keys):
    answer = Wire(new_device().identity, keys).authenticate()
    assert answer.status == 400
    assert Device.objects.count() == 0


def test_two_users_of_a_shared_ipad_do_not_overwrite_each_other(device):
    for number, name in enumerate(("ada", "grace")):
        user = device.user(SHARED_IPAD, name)
        user.token_update(Token=bytes([number]) * 32)
    tokens = dict(Channel.objects.exclude(user_key="").values_list("user_key", "token"))
    assert {name: bytes(token)[0] for name, token in tokens.items()} == {"ada": 0, "grace": 1}


# Contacts


@pytest.mark.parametrize(
    "message", ["Authenticate", "TokenUpdate", "GetBootstrapToken", "UserAuthenticate", "CheckOut"]
)
def test_every_check_in_counts_as_a_contact(device, message):
    """A4."""
    channel = channels_of(device).get()
    long_ago = timezone.now() - timedelta(days=2)
    ChannelContact.objects.update_or_create(channel=channel, defaults={"seen_at": long_ago})
    fields = {"Topic": device.topic, "Token": b"t", "PushMagic": "m"}
    if message == "UserAuthenticate":
        device.user("U").token_update()
        channel = channels_of(device, user_key="U").get()
        ChannelContact.objects.filter(channel=channel).update(seen_at=long_ago)
        assert device.user("U").check_in(message, **fields).status == 410
    else:
        device.check_in(message, **fields)
    assert ChannelContact.objects.get(channel=channel).seen_at > timezone.now() - timedelta(minutes=1)


# Authenticate and TokenUpdate


def test_authenticate_makes_the_device_and_token_update_opens_it(new_device):
    newcomer = new_device()
    facts = {"SerialNumber": "C02X", "ProductName": "iPhone17,1", "OSVersion": "26.1", "DeviceName": "Ada's iPhone"}
    answer = newcomer.authenticate(**facts, BuildVersion="23B85", IMEI="35")
    assert (answer.status, answer.body) == (200, b"")
    device = Device.objects.get()
    assert (device.udid, device.serial_number, device.platform) == (newcomer.keys["UDID"], "C02X", "ios")
    assert device.os_version_parts == [26, 1]
    enrollment = Enrollment.objects.get()
    assert (enrollment.state, enrollment.token_update_tally) == ("pending", 0)
    assert Outbox.objects.filter(kind="enrolled").count() == 0
    newcomer.token_update()
    newcomer.token_update()
    enrollment.refresh_from_db()
    assert (enrollment.state, enrollment.token_update_tally) == ("enrolled", 2)
    assert Outbox.objects.filter(kind="enrolled").count() == 1


def test_enrolling_again_voids_what_was_before_in_one_go(device):
    user = device.user()
    user.token_update()
    device.check_in("SetBootstrapToken", BootstrapToken=b"bootstrap")
    device.token_update(UnlockToken=b"unlock")
    for_device, for_user = ask(device), ask(device, user_key="USER-1")
    device.authenticate()
    channel_states = set(Channel.objects.values_list("state", flat=True))
    assert channel_states == {Channel.State.PENDING}
    assert set(Channel.objects.values_list("token", flat=True)) == {None}
    assert secret(device, "bootstrap_token") is None
    assert secret(device, "unlock_token") is None
    assert {state_of(for_device).name, state_of(for_user).name} == {"CANCELLED"}
    assert Device.objects.count() == 1
    device.token_update()
    old, new = Enrollment.objects.order_by("id")
    assert (old.state, old.is_current, new.state, new.token_update_tally) == ("unenrolled", False, "enrolled", 1)


def test_a_device_record_made_beforehand_is_found_by_its_serial_number(new_device):
    planned = Device.objects.create(serial_number="PLANNED1", asset_tag="A-17")
    new_device().enroll(SerialNumber="PLANNED1")
    device = Device.objects.get()
    assert (device.pk, device.asset_tag) == (planned.pk, "A-17")


def test_user_enrollment_has_neither_udid_nor_serial_number(new_device):
    new_device(keys={"EnrollmentID": "622258EF-Xxxx"}).enroll(ProductName="iPhone12,1")
    device = Device.objects.get()
    assert (device.udid, device.serial_number) == (None, None)
    assert Enrollment.objects.get().kind == "user"


def test_an_unknown_topic_is_refused_and_named(new_device):
    answer = new_device(topic="com.apple.mgmt.External.someone-else").authenticate()
    assert answer.status == 403
    assert b"someone-else" in answer.body
    assert Device.objects.count() == 0


def test_authenticate_needs_a_topic_and_belongs_to_the_device_channel(new_device):
    assert new_device(topic="").authenticate().status == 400
    assert new_device().user().authenticate().status == 400


def test_a_token_update_without_authenticate_is_refused(new_device):
    assert new_device().token_update().status == 403
    assert Channel.objects.count() == 0


@pytest.mark.parametrize("broken", [{"Token": "text"}, {"Token": b""}, {"PushMagic": 5}, {"Token": b"x" * 2000}])
def test_a_token_update_that_could_not_be_pushed_to_is_refused_and_names_the_key(device, broken):
    before = Channel.objects.values_list("token", "push_magic").get()
    answer = device.token_update(**broken)
    assert answer.status == 400
    assert next(iter(broken)).encode() in answer.body
    assert Channel.objects.values_list("token", "push_magic").get() == before


def test_a_token_may_have_any_length_and_is_not_unique(new_device):
    for _ in range(2):
        new_device().enroll()
    assert Channel.objects.filter(token=b"\x01" * 32).count() == 2
    assert new_device().enroll().token_update(Token=b"abcd\n").status == 200


def test_the_unlock_token_survives_a_token_update_without_one_and_is_not_taken_from_users(device):
    device.token_update(UnlockToken=b"unlock")
    device.token_update()
    kept = secret(device, "unlock_token")
    device.user().token_update(UnlockToken=b"stolen")
    assert secret(device, "unlock_token") == kept
    assert b"unlock" not in bytes(kept.value_encrypted)


def test_awaiting_configuration_is_kept_while_a_token_update_does_not_mention_it(device):
    device.token_update(AwaitingConfiguration=True)
    device.token_update()
    assert Device.objects.get().is_awaiting_configuration is True
    device.token_update(AwaitingConfiguration=False)
    assert Device.objects.get().is_awaiting_configuration is False


# CheckOut


def test_check_out_ends_the_enrollment_and_keeps_its_history(device):
    device.user().token_update()
    command_uuid = ask(device)
    answer = device.check_in("CheckOut")
    assert (answer.status, answer.body) == (200, b"")
    enrollment = Enrollment.objects.get()
    assert (enrollment.state, enrollment.end_reason) == ("unenrolled", "the device checked out")
    assert state_of(command_uuid).name == "CANCELLED"
    assert set(Channel.objects.values_list("state", flat=True)) == {Channel.State.DISABLED}
    assert device.idle().status == 403
    assert device.token_update().status == 403
    assert Event.objects.filter(kind="checked_out").count() == 1
    device.enroll()
    assert device.idle().status == 200


def test_check_out_of_a_user_closes_that_channel_only(device):
    user = device.user()
    user.token_update()
    assert user.check_in("CheckOut").status == 200
    assert Channel.objects.get(user_key="USER-1").state == Channel.State.DISABLED
    assert Enrollment.objects.get().state == "enrolled"
    assert device.idle().status == 200


# Users and tokens


def test_network_users_are_declined_with_gone(device):
    assert device.user().check_in("UserAuthenticate").status == 410
    assert device.check_in("UserAuthenticate").status == 410


def test_network_users_may_be_let_in_with_an_empty_digest(device, settings):
    settings.USER_AUTHENTICATE = "empty_digest"
    user = device.user()
    assert user.check_in("UserAuthenticate").plist == {"DigestChallenge": ""}
    second = user.check_in("UserAuthenticate", DigestResponse="Digest …")
    assert (second.status, second.body) == (200, b"")


def test_a_bootstrap_token_comes_back_and_an_empty_one_forgets_it(device):
    nothing = device.check_in("GetBootstrapToken")
    assert (nothing.status, nothing.body) == (200, b"")
    device.check_in("SetBootstrapToken", BootstrapToken=b"token bytes")
    assert device.check_in("GetBootstrapToken").plist == {"BootstrapToken": b"token bytes"}
    device.check_in("SetBootstrapToken", BootstrapToken=b"")
    assert device.check_in("GetBootstrapToken").body == b""
    device.check_in("SetBootstrapToken", BootstrapToken=b"token bytes")
    device.check_in("SetBootstrapToken")
    assert device.check_in("GetBootstrapToken").body == b""


def test_a_bootstrap_token_is_never_given_to_another_device(new_device):
    owner, other = new_device().enroll(), new_device().enroll()
    owner.check_in("SetBootstrapToken", BootstrapToken=b"mine")
    assert other.check_in("GetBootstrapToken").body == b""
    assert Wire(other.identity, owner.keys).check_in("GetBootstrapToken").status == 403


def test_get_token_is_refused_cleanly(device):
    assert device.check_in("GetToken", TokenServiceType="com.apple.maid").status == 404
    assert device.check_in("GetToken").status == 400


# Declarative management


def test_declarative_management_answers_that_nothing_is_declared(device):
    items = device.check_in("DeclarativeManagement", Endpoint="declaration-items")
    assert (items.status, items.body) == (200, EMPTY_ITEMS)
    assert items.headers["Content-Type"] == "application/json"
    tokens = json.loads(device.check_in("DeclarativeManagement", Endpoint="tokens").body)
    assert tokens["SyncTokens"]["DeclarationsToken"] == json.loads(items.body)["DeclarationsToken"]
    unknown = device.check_in("DeclarativeManagement", Endpoint="declaration/configuration/a/b")
    assert unknown.status == 404
    assert device.check_in("DeclarativeManagement", Endpoint="nonsense").status == 400


def test_a_declarative_status_report_is_kept(device):
    report = {"StatusItems": {"device": {"model": {"family": "Mac"}}}, "Errors": []}
    answer = device.check_in("DeclarativeManagement", Endpoint="status", Data=json.dumps(report).encode())
    assert (answer.status, answer.body) == (200, b"")
    assert Device.objects.get().answers.get().content == report
    assert device.check_in("DeclarativeManagement", Endpoint="status", Data=b"{").status == 400


# Dispatch


def test_the_content_type_decides_whatever_the_url(device):
    command_uuid = ask(device)
    assert device.send({"Status": "Idle"}, path="/mdm/checkin").command_uuid == command_uuid
    assert device.send({"Status": "Idle"}, None).command_uuid == command_uuid
    check_in = {"MessageType": "GetBootstrapToken"}
    assert device.send(check_in, f"{CHECK_IN}; charset=UTF-8", path="/mdm/connect").body == b""


@pytest.mark.parametrize(
    "message", [{"MessageType": "OldManYellsAtCloud.gif"}, {"MessageType": 5}, {}, {"Status": "Idle"}]
)
def test_an_unknown_message_is_refused(device, message):
    assert device.send(message, CHECK_IN).status == 400


def test_a_report_needs_a_status(device):
    assert device.send({"Status": ""}).status == 400
    assert device.send({}).status == 400
    assert device.send({"Status": ["Idle"]}).status == 400


def test_only_put_and_post_are_taken_and_only_at_the_endpoints(device):
    assert request(b"", method="GET").status == 405
    assert device.send({"Status": "Idle"}, method="POST").status == 200
    assert device.send({"Status": "Idle"}, path="/mdm/elsewhere").status == 404


def test_a_check_in_may_be_binary(new_device):
    newcomer = new_device()
    message = {**newcomer.keys, "MessageType": "Authenticate", "Topic": newcomer.topic}
    assert newcomer.send(plistlib.dumps(message, fmt=plistlib.FMT_BINARY), CHECK_IN).status == 200


def test_the_identity_of_before_works_until_the_first_token_update_with_the_new_one(new_device):
    old = new_device().enroll()
    renewed = Wire(new_device().identity, old.keys)
    renewed.authenticate()
    assert old.idle().status == 200
    renewed.token_update()
    assert old.idle().status == 403
    assert renewed.idle().status == 200
    ended = IdentityRow.objects.get(is_active=False)
    assert ended.end_reason == "superseded"


def test_a_known_serial_number_with_another_udid_is_told_on_both_timelines(new_device):
    """B20."""
    for _ in range(2):
        new_device().enroll(SerialNumber="C02SAME")
    assert Event.objects.filter(kind="same_serial").values("device").distinct().count() == 2
