"""B1: a device gets only what it can use; the reason stands on the row, in plans and in what holds on the device."""

import pytest
from django.utils import timezone

from commands.configuration import items_of
from commands.models import QueuedCommand
from commands.reconcile import reconcile
from devices import outbox
from devices.inventory.device_columns import lock_devices, write_columns
from devices.models import Answer
from devices.timeline import SYSTEM
from mdm_project.models import User
from profiles import assigning
from profiles.applicability import Facts, judge, shape_of
from profiles.composing import create_profile
from profiles.desired import recompute_desired
from profiles.effective import effective_configuration
from profiles.left_out import left_out_by
from profiles.models import DesiredItem
from profiles.plan import plan
from profiles.versions import publish
from tests.api.client import Caller
from tests.factories import make_channel, make_device, make_enrollment
from tests.profiles.assigned import assign, make_group

pytestmark = pytest.mark.django_db
LOCK = {"PayloadType": "com.apple.app.lock", "App": {"Identifier": "com.apple.calculator"}}
FILEVAULT = {"PayloadType": "com.apple.MCX.FileVault2", "Enable": "On"}
ROOT = {"PayloadType": "com.apple.security.root", "PayloadCertificateFileName": "root.cer"}
PASSCODE = {"PayloadType": "com.apple.mobiledevice.passwordpolicy", "forcePIN": True}
OWN = {"PayloadType": "com.example.app", "Color": "green"}
NEEDS = "Single App Mode needs a supervised device"


def publish_payloads(*payloads, **fields):
    profile = create_profile("Profile", actor=SYSTEM, payloads=[dict(each) for each in payloads], **fields)
    publish(profile, actor=SYSTEM)
    return profile


def judged(*payloads, **facts):
    told = {"platform": "ios", "version": "18.5", "is_supervised": True, "is_approved": True, "is_ade": False}
    return judge(shape_of({"PayloadContent": list(payloads)}), Facts(**told | facts))


def refusals() -> dict[int, str]:
    return dict(DesiredItem.objects.values_list("channel_id", "refusal"))


def test_what_is_not_for_a_device_is_told_and_nothing_of_it_is_sent():
    plain, supervised = make_channel(make_device(is_supervised=False)), make_channel(make_device(is_supervised=True))
    assignment = assign(publish_payloads(LOCK), make_group(plain, supervised))
    recompute_desired()
    assert refusals() == {plain.pk: NEEDS, supervised.pk: ""}
    assert reconcile() == 1
    (item,) = items_of(plain.device)
    assert (item.words.word, item.words.reason) == ("not_applicable", NEEDS)
    assert not QueuedCommand.objects.filter(channel=plain).exists()
    (left,) = left_out_by(assignment)
    assert (left["reason"], left["count"]) == (NEEDS, 1)
    assert [each["device"] for each in left["devices"]] == [plain.device_id]
    assert not recompute_desired()


def test_a_plan_says_who_is_left_out_and_counts_only_who_gets_it():
    plain, supervised = make_channel(make_device(is_supervised=False)), make_channel(make_device(is_supervised=True))
    profile, group = publish_payloads(LOCK), make_group(plain, supervised)
    summary = plan({"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]}, actor=SYSTEM).summary
    assert summary["counts"] == {"gains": 1, "loses": 0, "changes": 0}
    assert [item["device"] for item in summary["items"]] == [supervised.device_id]
    (left,) = summary["left_out"]
    assert (left["reason"], left["count"], left["is_waiting"]) == (NEEDS, 1, False)
    assert left["devices"][0]["device"] == plain.device_id


def test_what_a_device_has_not_told_yet_is_waited_for_and_then_decided():
    channel = make_channel(make_device(is_supervised=None))
    assign(publish_payloads(LOCK), make_group(channel))
    outbox.drain()
    assert refusals() == {channel.pk: "waits for the device to say whether it is supervised"}
    assert not reconcile()
    (item,) = items_of(channel.device)
    assert (item.words.word, item.words.reason) == ("pending", "waits for the device to say whether it is supervised")
    lock_devices([channel.device_id])
    write_columns({channel.device_id: {"is_supervised": True}})
    outbox.drain()
    assert refusals() == {channel.pk: ""}


def test_nothing_is_waited_for_that_an_answer_left_out():
    channel = make_channel(make_device(is_supervised=None))
    told = {"content": {"DeviceName": "iPhone"}, "answered_at": timezone.now()}
    Answer.objects.create(device=channel.device, request_type="DeviceInformation", **told)
    assign(publish_payloads(LOCK), make_group(channel))
    recompute_desired()
    assert refusals() == {channel.pk: ""}


def test_a_change_of_facts_works_it_out_anew():
    channel = make_channel(make_device(is_supervised=True))
    assign(publish_payloads(LOCK), make_group(channel))
    outbox.drain()
    assert refusals() == {channel.pk: ""}
    lock_devices([channel.device_id])
    write_columns({channel.device_id: {"is_supervised": False, "battery_level": 0.5}})
    outbox.drain()
    assert refusals() == {channel.pk: NEEDS}


def test_a_command_that_waits_is_taken_back_when_the_profile_is_found_to_be_not_for_the_device():
    channel = make_channel(make_device(is_supervised=True))
    assign(publish_payloads(LOCK), make_group(channel))
    recompute_desired()
    reconcile()
    lock_devices([channel.device_id])
    write_columns({channel.device_id: {"is_supervised": False}})
    outbox.drain()
    reconcile()
    assert not QueuedCommand.objects.waiting().exists()
    (item,) = items_of(channel.device)
    assert (item.words.word, item.words.reason) == ("not_applicable", NEEDS)


def test_a_profile_of_several_payloads_goes_without_those_that_are_skipped():
    channel = make_channel(make_device("tvos", is_supervised=True))
    assign(publish_payloads(ROOT, FILEVAULT), make_group(channel))
    recompute_desired()
    assert refusals() == {channel.pk: ""}
    (own,) = effective_configuration(channel.device)
    assert {setting.payload_type for setting in own.settings} == {"com.apple.security.root"}
    assert own.carriers[0].ignored == ("FileVault is not available on tvOS",)


def test_nothing_of_a_profile_holds_that_is_not_for_the_device():
    channel = make_channel(make_device("tvos", is_supervised=True))
    assign(publish_payloads(FILEVAULT), make_group(channel))
    recompute_desired()
    (own,) = effective_configuration(channel.device)
    assert own.settings == ()
    assert (own.carriers[0].state, own.carriers[0].refusal) == ("not_applicable", "FileVault is not available on tvOS")


def test_user_enrollment_refuses_on_iphones_and_skips_on_macs():
    assert judged(ROOT, LOCK, kind="user").refusal
    assert judged(ROOT, FILEVAULT, platform="macos", version="15.5", kind="user").refusal == ""
    ignored = judged(ROOT, FILEVAULT, platform="macos", version="15.5", kind="user").ignored
    assert ignored == ("FileVault is not allowed in User Enrollment",)


def test_types_that_nobody_knows_are_settings_of_apps_on_macs_and_need_a_word_elsewhere():
    phone, mac = make_channel(make_device()), make_channel(make_device("macos"))
    assignment = assign(publish_payloads(OWN), make_group(phone, mac))
    recompute_desired()
    words = "“com.example.app” is no payload type that Apple's schema knows"
    assert refusals() == {phone.pk: words, mac.pk: ""}
    assigning.change_assignment(assignment, actor=SYSTEM, sends_anyway=True)
    recompute_desired()
    assert refusals() == {phone.pk: "", mac.pk: ""}


def test_send_anyway_is_for_unknown_types_only():
    channel = make_channel(make_device(is_supervised=False))
    assign(publish_payloads(LOCK, OWN), make_group(channel), sends_anyway=True)
    recompute_desired()
    assert refusals() == {channel.pk: NEEDS}


def test_a_target_device_type_is_kept_to():
    content = {"PayloadContent": [ROOT], "TargetDeviceType": 4}
    facts = Facts("ios", "18.5", is_supervised=True, is_ade=False)
    assert judge(shape_of(content), facts).refusal == "is meant for Apple TV only (TargetDeviceType)"


def test_a_system_that_is_too_old_or_too_new_is_told():
    assert judged(LOCK, version="5.1").refusal == "Single App Mode needs iOS 6.0 or later"


def test_what_was_never_for_a_device_is_forgotten_without_a_word():
    channel = make_channel(make_device(is_supervised=False))
    assignment = assign(publish_payloads(LOCK), make_group(channel))
    recompute_desired()
    assigning.delete_assignment(assignment, actor=SYSTEM)
    assert refusals() == {}
    assert not reconcile()
    assert not QueuedCommand.objects.filter(channel=channel).exists()


def test_a_user_enrolled_phone_does_not_wait_for_what_it_never_tells():
    device = make_device(is_supervised=None)
    channel = make_channel(enrollment=make_enrollment(device, kind="user"))
    assign(publish_payloads(PASSCODE), make_group(channel))
    recompute_desired()
    assert not refusals()[channel.pk].startswith("waits")


def test_the_page_of_a_plan_and_the_answer_to_an_assignment_name_who_is_left_out(client):
    plain = make_channel(make_device(name="Lobby", is_supervised=False))
    profile, group = publish_payloads(LOCK), make_group(plain)
    client.force_login(User.objects.create_superuser("ada"))
    change = {"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]}
    row = plan(change, actor=SYSTEM)
    page = client.get(f"/console/profiles/profile/plans/{row.token}/").content.decode()
    assert "Left out" in page and NEEDS in page and "Lobby" in page
    wish = {"profile": profile.pk, "include": [group.pk], "sends_anyway": True}
    answer = Caller().post("assignments/", wish)
    assert answer.status_code == 201 and answer.json()["sends_anyway"] is True
    (left,) = answer.json()["left_out"]
    assert (left["reason"], left["count"], left["devices"][0]["device_name"]) == (NEEDS, 1, "Lobby")
