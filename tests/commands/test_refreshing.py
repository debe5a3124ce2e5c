"""A4, B21, L7: what a command of ours changes is known, or asked again, when the device has carried it out."""

import pytest

from commands.models import Command, QueuedCommand
from commands.refreshing import TELLING
from commands.results import interpret_reports
from devices.console.attention import attention_of
from devices.console.page import find_device, health_of
from devices.models import Event
from mdm_project import pki
from mdm_project.enveloped import envelope
from tests import factories

pytestmark = pytest.mark.django_db


def asked() -> dict[str, int]:
    """How many channels are asked what, by RequestType."""
    waiting = QueuedCommand.objects.waiting().select_related("command")
    types = [queued.command.request_type for queued in waiting]
    return {name: types.count(name) for name in types}


@pytest.mark.parametrize("request_type", TELLING)
def test_what_tells_of_the_change_is_asked_at_once_and_once(request_type):
    channels = [factories.make_channel(factories.make_device("macos")) for _ in range(2)]
    for channel in channels:
        factories.make_report(channel, {}, request_type=request_type)
    interpret_reports()
    assert asked() == {TELLING[request_type][0]: 2}
    assert Command.objects.filter(reason=f"after {request_type}").count() == 1

    factories.make_report(channels[0], {}, request_type=request_type)
    interpret_reports()
    assert asked() == {TELLING[request_type][0]: 2}  # the elder that nobody answered is replaced


def test_what_was_refused_changes_nothing():
    factories.make_report(None, {}, request_type="Settings", status="Error")
    interpret_reports()
    assert asked() == {}


def test_after_clear_passcode_no_passcode_is_claimed():
    device = factories.make_device(is_passcode_present=True, is_passcode_compliant=True)
    factories.make_report(factories.make_channel(device), {}, request_type="ClearPasscode")
    interpret_reports()
    device.refresh_from_db()
    assert (device.is_passcode_present, device.is_passcode_compliant) == (False, None)


def test_a_recovery_key_for_somebody_else_is_an_event_once_and_a_word_on_the_device():
    channel = factories.make_channel(factories.make_device("macos"))
    certificate, _key = pki.make_escrow_pair("Somebody else")
    sealed = envelope(b"AAAA-BBBB-CCCC-DDDD-EEEE-FFFF", certificate)
    for _ in range(2):
        answer = {"SecurityInfo": {"FDE_PersonalRecoveryKeyCMS": sealed}}
        factories.make_report(channel, answer, request_type="SecurityInfo")
        interpret_reports()
    assert Event.objects.get(kind="recovery_key_not_ours").device_id == channel.device_id
    user = factories.make_staff(is_superuser=True)
    device = find_device(user, channel.device_id)
    titles = [item.title for item in attention_of(device, health_of(device), user)]
    assert "Its FileVault recovery key is not kept here" in titles
