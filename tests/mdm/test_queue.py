"""The command loop as devices see it: order, leases, NotNow, late and unknown reports."""

import plistlib
from datetime import timedelta

import pytest
from django.utils import timezone

from commands.models import Command, QueuedCommand, Report
from commands.queue import DuplicateCommand, NobodyToAsk, cancel_commands, expire_commands, queue_command
from devices.models import Channel, ChannelContact
from devices.timeline import SCHEDULE, SYSTEM
from tests.mdm.asking import ask, channels_of, state_of
from tests.mdm.wire import Wire

State = QueuedCommand.State


def test_the_queue_follows_the_reference_script(device):
    assert device.idle().body == b""
    first, second = ask(device), ask(device)
    assert device.idle().command_uuid == first
    assert device.acknowledge(first).command_uuid == second
    assert device.acknowledge(second).body == b""
    assert device.idle().body == b""
    third = ask(device)
    assert device.idle().command_uuid == third
    assert device.report("NotNow", third).body == b""
    assert device.idle().command_uuid == third
    assert device.acknowledge(third).body == b""
    assert device.idle().body == b""
    ask(device)
    device.enroll()
    assert device.idle().body == b""


def test_a_command_is_sent_as_apple_describes_it(device):
    command_uuid = ask(device, "DeviceInformation", {"Queries": ["OSVersion"]})
    answer = device.idle()
    assert answer.plist == {
        "CommandUUID": command_uuid,
        "Command": {"RequestType": "DeviceInformation", "Queries": ["OSVersion"]},
    }
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_a_command_whose_response_was_lost_is_sent_again(device):
    command_uuid = ask(device)
    assert [device.idle().command_uuid for _ in range(3)] == [command_uuid] * 3
    queued = QueuedCommand.objects.get()
    assert (queued.state, queued.deliveries) == (State.SENT, 3)


def test_not_now_lets_other_commands_through_and_waits_for_the_next_idle(device):
    first, second, third = ask(device), ask(device), ask(device)
    assert device.idle().command_uuid == first
    assert device.report("NotNow", first).command_uuid == second
    assert device.acknowledge(second).command_uuid == third
    assert device.report("NotNow", third).body == b""
    assert state_of(first) == State.NOT_NOW
    assert device.idle().command_uuid == first
    assert device.acknowledge(first).command_uuid == third
    assert device.acknowledge(third).body == b""


def test_not_now_keeps_its_first_time_and_counts(device):
    command_uuid = ask(device)
    device.idle()
    device.report("NotNow", command_uuid)
    first_time = QueuedCommand.objects.get().not_now_at
    device.idle()
    device.report("NotNow", command_uuid)
    queued = QueuedCommand.objects.get()
    assert (queued.not_nows, queued.not_now_at) == (2, first_time)
    assert queued.finished_at is None


@pytest.mark.parametrize("status", ["Error", "CommandFormatError", "SomethingNew"])
def test_every_other_status_finishes_a_command_as_failed(device, status):
    command_uuid = ask(device)
    device.idle()
    assert device.report(status, command_uuid, ErrorChain=[]).body == b""
    assert state_of(command_uuid) == State.FAILED
    assert device.idle().body == b""


def test_higher_priority_goes_first_and_equals_keep_their_order(device):
    late, urgent, later = ask(device), ask(device, priority=5), ask(device)
    order = [device.idle().command_uuid]
    order.append(device.acknowledge(urgent).command_uuid)
    order.append(device.acknowledge(late).command_uuid)
    assert order == [urgent, late, later]


def test_a_report_only_finishes_what_was_queued_for_its_channel(new_device):
    mine, other = new_device().enroll(), new_device().enroll()
    command_uuid = ask(mine)
    assert other.acknowledge(command_uuid).status == 200
    assert state_of(command_uuid) == State.PENDING
    stray = Report.objects.get()
    assert stray.disposition == Report.Disposition.UNKNOWN_COMMAND
    assert stray.queued_id is None


def test_unknown_repeated_and_late_reports_are_kept_and_never_block(device):
    answered, cancelled, waiting = ask(device), ask(device), ask(device)
    device.idle()
    device.acknowledge(answered)
    cancel_commands(QueuedCommand.objects.filter(command__uuid=cancelled), actor=SYSTEM, reason="changed my mind")
    assert device.acknowledge(answered).command_uuid == waiting
    assert device.acknowledge("never-heard-of").command_uuid == waiting
    assert device.acknowledge(cancelled).command_uuid == waiting
    kept = list(Report.objects.order_by("id").values_list("disposition", flat=True))
    Disposition = Report.Disposition
    assert kept == [Disposition.RESULT, Disposition.REPEATED, Disposition.UNKNOWN_COMMAND, Disposition.LATE]
    late = QueuedCommand.objects.get(command__uuid=cancelled)
    assert late.state == State.ACKNOWLEDGED
    assert late.note == "answered after it was cancelled"


def test_a_report_without_command_uuid_is_kept_and_answered(device):
    waiting = ask(device)
    assert device.send({"Status": "Acknowledged"}).command_uuid == waiting
    assert Report.objects.get().disposition == Report.Disposition.UNKNOWN_COMMAND


def test_an_acknowledgement_after_re_enrollment_is_accepted(device):
    """A device that re-installs its enrollment profile authenticates anew and only then reports on the command."""
    command_uuid = ask(device, "InstallProfile", {"Payload": b"profile"})
    device.idle()
    device.enroll()
    assert device.acknowledge(command_uuid).status == 200
    assert Report.objects.get().disposition == Report.Disposition.LATE


def test_the_same_command_goes_to_a_thousand_devices_as_one_body(authority):
    wires = [Wire(authority.issue()) for _ in range(3)]
    for one in wires:
        one.enroll()
    command = queue_command("ProfileList", {}, channels_of(*wires), actor=SYSTEM)
    assert Command.objects.count() == 1
    assert command.target_count == 3
    assert {one.idle().command_uuid for one in wires} == {command.uuid}


def test_a_command_uuid_is_used_once_and_need_not_be_a_uuid(device):
    assert ask(device, command_uuid="0001_ProfileList") == "0001_ProfileList"
    with pytest.raises(DuplicateCommand):
        ask(device, command_uuid="0001_ProfileList")
    assert Command.objects.count() == 1
    assert device.idle().command_uuid == "0001_ProfileList"


def test_commands_wait_between_authenticate_and_token_update(new_device):
    newcomer = new_device()
    newcomer.authenticate()
    command_uuid = ask(newcomer)
    assert newcomer.idle().body == b""
    newcomer.token_update()
    assert newcomer.idle().command_uuid == command_uuid


def test_nobody_can_be_asked_who_has_left(device):
    device.check_in("CheckOut")
    with pytest.raises(NobodyToAsk):
        ask(device)
    assert Command.objects.count() == 0


def test_asking_an_empty_selection_is_refused_as_asking_nobody(authority):
    with pytest.raises(NobodyToAsk):
        queue_command("ProfileList", {}, Channel.objects.filter(id__in=[]), actor=SYSTEM)


def test_an_expired_command_is_not_sent_and_is_marked_by_the_sweep(device):
    over = ask(device, expires_at=timezone.now() - timedelta(seconds=1))
    waiting = ask(device, expires_at=timezone.now() + timedelta(hours=1))
    assert device.idle().command_uuid == waiting
    assert expire_commands() == 1
    assert state_of(over) == State.EXPIRED


def test_a_scheduled_refresh_replaces_its_unanswered_elders_and_nothing_else(device):
    asked_by_staff = ask(device)
    elder = queue_command("ProfileList", {}, channels_of(device), actor=SCHEDULE, supersedes="refresh:ProfileList")
    newer = queue_command("ProfileList", {}, channels_of(device), actor=SCHEDULE, supersedes="refresh:ProfileList")
    assert state_of(asked_by_staff) == State.PENDING
    assert state_of(elder.uuid) == State.CANCELLED
    assert state_of(newer.uuid) == State.PENDING


def test_a_command_that_cannot_be_built_is_quarantined_and_those_behind_it_go_on(device):
    broken, good = ask(device), ask(device)
    Command.objects.filter(uuid=broken).update(body_encrypted=b"\x01" + b"damaged" * 20)
    assert device.idle().command_uuid == good
    queued = QueuedCommand.objects.get(command__uuid=broken)
    assert queued.state == State.QUARANTINED
    assert "cannot be built" in queued.note


def test_the_user_channel_has_a_queue_of_its_own(device):
    user = device.user()
    user.token_update(Token=b"\x02" * 32, PushMagic="user magic")
    for_device, for_user = ask(device), ask(device, user_key="USER-1")
    assert device.idle().command_uuid == for_device
    assert user.idle().command_uuid == for_user
    assert user.acknowledge(for_user).body == b""
    assert state_of(for_device) == State.SENT


def test_a_report_with_characters_illegal_in_xml_is_stored_and_answered(device):
    first, second = ask(device), ask(device)
    device.idle()
    body = plistlib.dumps({**device.keys, "Status": "Acknowledged", "CommandUUID": first, "Name": "App"})
    body = body.replace(b"<string>App</string>", b"<string>A\x00p\x08p&#0;</string>")
    assert device.send(body).command_uuid == second
    report = Report.objects.get()
    assert report.was_repaired
    assert state_of(first) == State.ACKNOWLEDGED


def test_a_truncated_report_whose_identity_and_status_are_readable_is_stored(device):
    first, second = ask(device), ask(device)
    device.idle()
    body = plistlib.dumps({**device.keys, "Status": "Acknowledged", "CommandUUID": first, "ZZ": "x" * 500})
    assert device.send(body[:-300]).command_uuid == second
    assert Report.objects.get().was_repaired


def test_a_binary_report_is_understood(device):
    command_uuid = ask(device)
    device.idle()
    message = {**device.keys, "Status": "Acknowledged", "CommandUUID": command_uuid}
    assert device.send(plistlib.dumps(message, fmt=plistlib.FMT_BINARY)).status == 200
    assert state_of(command_uuid) == State.ACKNOWLEDGED


def test_contact_is_noted_coarsely_and_an_idle_with_nothing_to_do_writes_nothing(device, row_versions):
    device.idle()
    seen = ChannelContact.objects.get().seen_at
    before = row_versions()
    device.idle()
    assert row_versions() == before
    ChannelContact.objects.update(seen_at=seen - timedelta(minutes=6))
    device.idle()
    assert ChannelContact.objects.get().seen_at > seen - timedelta(minutes=1)


def test_a_message_is_one_statement(device, count_statements):
    first, second = ask(device), ask(device)
    device.idle()
    with count_statements() as statements:
        device.acknowledge(first)
    assert statements() == 1
    with count_statements() as statements:
        device.acknowledge(second)
        device.idle()
    assert statements() == 2
