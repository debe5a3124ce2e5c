"""Told from the device's side: it enrolls, is woken through APNs, answers, renews and leaves."""

import time

import pytest

from commands.models import QueuedCommand
from commands.queue import queue_command
from devices.models import Channel, Device, Enrollment
from devices.timeline import SYSTEM
from enrollment.services import renew_identity
from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, VISION
from simulator.device import Setup
from simulator.session import EMPTY

WAIT_S = 30
State = QueuedCommand.State


def wait_until(condition, what):
    """Poll until something is true; the story's other processes need a moment."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.05)


def channels_of(device, user_key=None):
    channels = Channel.objects.filter(device__udid=device.state.hardware.udid)
    return channels.filter(user_key="") if user_key is None else channels.filter(user_key=user_key)


def ask(device, request_type, payload=None, user_key=None, **options):
    """Queue a command for a channel of this device and return its row in the queue."""
    command = queue_command(request_type, payload, channels_of(device, user_key), actor=SYSTEM, **options)
    return QueuedCommand.objects.get(command=command)


def state_of(queued):
    queued.refresh_from_db()
    return State(queued.state)


@pytest.mark.parametrize("platform", [IPHONE, IPAD, MAC, APPLE_TV, VISION])
def test_a_device_of_each_platform_enrolls_and_answers_device_information(stage, platform):
    device = stage.enroll(platform)
    row = Device.objects.get(udid=device.state.hardware.udid)
    assert row.serial_number == device.state.hardware.serial_number
    assert row.enrollments.get(is_current=True).state == Enrollment.State.ENROLLED
    queries = ["UDID", "DeviceName", "OSVersion", "SerialNumber", "ModelName"]
    queued = ask(device, "DeviceInformation", {"Queries": queries}, push=False)
    visit = stage.act(device.connect())
    assert visit.ended == EMPTY
    assert ("DeviceInformation", "Acknowledged") in visit.commands
    assert state_of(queued) == State.ACKNOWLEDGED
    assert device.violations == []


def test_a_push_wakes_the_device_and_its_answer_becomes_inventory(woken_stage):
    device = woken_stage.enroll(IPHONE)
    queued = ask(device, "DeviceInformation", {"Queries": ["DeviceName", "OSVersion"]})
    wait_until(lambda: state_of(queued) == State.ACKNOWLEDGED, "the pushed command was answered")
    row = Device.objects.get(udid=device.state.hardware.udid)

    def is_named():
        row.refresh_from_db()
        return row.name == device.state.name

    wait_until(is_named, "the name arrived in the inventory")
    assert row.os_version == device.state.os_version
    assert device.violations == []


def test_a_macs_user_channel_is_woken_and_answers_on_its_own(woken_stage):
    device = woken_stage.enroll(MAC)
    (user,) = device.user_channels
    queued = ask(device, "ProfileList", user_key=user.user_id)
    wait_until(lambda: state_of(queued) == State.ACKNOWLEDGED, "the user channel answered")
    assert device.violations == []


def test_a_locked_ipad_says_not_now_and_is_asked_again_when_it_returns(stage):
    device = stage.enroll(IPAD)
    device.lock()
    queued = ask(device, "SecurityInfo", push=False)
    stage.act(device.connect())
    assert state_of(queued) == State.NOT_NOW
    stage.act(device.unlock())
    assert state_of(queued) == State.ACKNOWLEDGED
    assert device.violations == []


def test_a_command_whose_response_was_lost_is_delivered_again(stage):
    device = stage.enroll(IPHONE)
    queued = ask(device, "SecurityInfo", push=False)
    device.faults.lost_responses = 1
    stage.act(device.connect())
    assert state_of(queued) != State.ACKNOWLEDGED
    stage.act(device.connect())
    assert state_of(queued) == State.ACKNOWLEDGED
    assert device.violations == []


def test_a_report_whose_response_was_lost_may_come_twice(stage):
    device = stage.enroll(IPHONE)
    first = ask(device, "SecurityInfo", push=False)
    second = ask(device, "ProfileList", push=False)
    hold_back = iter([0, 1])
    device.faults.take_lost_response = lambda: next(hold_back, 0)
    stage.act(device.connect())
    assert device.channel.unsent_report["CommandUUID"]
    stage.act(device.connect())
    assert [state_of(first), state_of(second)] == [State.ACKNOWLEDGED, State.ACKNOWLEDGED]
    assert device.violations == []


def test_a_mac_gets_its_bootstrap_token_back(stage):
    device = stage.enroll(MAC)
    assert stage.act(device.fetch_bootstrap_token()) == device.state.bootstrap_token != b""


def test_declarative_management_gets_valid_answers(stage):
    device = stage.enroll(MAC)
    queued = ask(device, "DeclarativeManagement", push=False)
    stage.act(device.connect())
    assert state_of(queued) == State.ACKNOWLEDGED
    assert device.violations == []


@pytest.mark.parametrize("renewal", ["authenticate", "token-update"])
def test_the_identity_is_renewed_by_installing_the_enrollment_profile_anew(stage, renewal):
    device = stage.enroll(IPHONE, setup=Setup(renewal=renewal))
    old = device.identity.certificate
    enrollment = Enrollment.objects.get(device__udid=device.state.hardware.udid, is_current=True)
    renew_identity(enrollment, actor=SYSTEM)
    visit = stage.act(device.connect())
    assert ("InstallProfile", "Acknowledged") in visit.commands, visit
    assert device.identity.certificate != old
    queued = ask(device, "SecurityInfo", push=False)
    stage.act(device.connect())
    assert state_of(queued) == State.ACKNOWLEDGED
    assert device.violations == []


def test_a_device_that_leaves_checks_out_and_can_come_back(stage):
    device = stage.enroll(IPHONE)
    stage.act(device.unenroll())
    row = Device.objects.get(udid=device.state.hardware.udid)
    assert not row.enrollments.filter(state=Enrollment.State.ENROLLED).exists()
    stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
    assert row.enrollments.get(is_current=True).state == Enrollment.State.ENROLLED
    queued = ask(device, "SecurityInfo", push=False)
    stage.act(device.connect())
    assert state_of(queued) == State.ACKNOWLEDGED
    assert device.violations == []
