"""B2: what a device says inside an acknowledged answer, told with pretend devices from the question to the retry."""

import pytest
from django.urls import reverse

from commands.asking import ask, ask_again
from commands.models import QueuedCommand
from commands.results import drain_reports
from devices.models import Channel, Device
from devices.timeline import Actor
from simulator.catalog import IPHONE, MAC
from tests import factories
from tests.console.pages import text_of

State = QueuedCommand.State
ORGANIZATION = {"Item": "OrganizationInfo", "OrganizationInfo": {"OrganizationName": "ACME"}}
NAMELESS = {"Item": "DeviceName", "DeviceName": ""}


@pytest.fixture
def lee(stage):
    return factories.make_staff(username="h.lee", is_superuser=True)


def asked(stage, lee, device, request_type: str, payload: dict) -> QueuedCommand:
    """Ask a device, let it answer and the answer be read."""
    channels = Channel.objects.device_channels().filter(device=row_of(device))
    command = ask(request_type, payload, channels, actor=Actor.staff(lee), reason="a story").command
    answer(stage, device)
    return command.targets.get()


def answer(stage, device) -> None:
    stage.act(device.connect_all())
    drain_reports()


def row_of(device) -> Device:
    return Device.objects.get(udid=device.state.hardware.udid)


def test_of_two_settings_one_fails_is_told_and_is_asked_again_alone(stage, lee, client):
    device = stage.enroll(IPHONE)
    queued = asked(stage, lee, device, "Settings", {"Settings": [ORGANIZATION, NAMELESS]})
    assert (State(queued.state), queued.note.startswith("DeviceName: ")) == (State.PARTLY, True)
    client.force_login(lee)
    page = text_of(client.get(reverse("admin:commands_command_change", args=[queued.command_id])))
    assert "1 partly done" in page and "Retry what failed on 1" in page and "DeviceName: " in page
    page = text_of(client.get(reverse("admin:devices_device_change", args=[row_of(device).pk])))
    assert "Partly done" in page and "Settings was done in part" in page
    again = ask_again(QueuedCommand.objects.filter(pk=queued.pk), actor=Actor.staff(lee)).command
    answer(stage, device)
    sent = next(one["Command"] for one in device.received if one["CommandUUID"] == again.uuid)
    assert [item["Item"] for item in sent["Settings"]] == ["DeviceName"]
    assert State(again.targets.get().state) == State.FAILED, "all of what was asked now"


def test_a_lock_whose_message_nobody_sees_is_done_in_part(stage, lee):
    device = stage.enroll(IPHONE)
    device.state.has_passcode = False
    queued = asked(stage, lee, device, "DeviceLock", {"Message": "Bring it back"})
    assert (State(queued.state), queued.note) == (
        State.PARTLY, "Locked, but the message was not shown: the device has no passcode.",
    )  # fmt: skip
    assert State(asked(stage, lee, device, "DeviceLock", {}).state) == State.ACKNOWLEDGED, "no message, none missing"


def test_an_update_that_does_not_exist_is_a_failure(stage, lee):
    device = stage.enroll(MAC)
    device.state.os_version = "15.5"
    wish = {"InstallAction": "InstallASAP"}
    queued = asked(stage, lee, device, "ScheduleOSUpdate", {"Updates": [wish | {"ProductVersion": "99.0"}]})
    assert (State(queued.state), "finds no update" in queued.note) == (State.FAILED, True)
    newest = asked(stage, lee, device, "AvailableOSUpdates", {})
    assert newest.state == State.ACKNOWLEDGED
