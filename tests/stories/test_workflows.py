"""Workflows, told with pretend devices: several commands with waiting, and everything that comes in between."""

from datetime import timedelta

import pytest
from django.utils import timezone

from commands.governor import switch as kill_switch
from commands.governor.models import GovernorLimit, HeldAction
from commands.models import Command, QueuedCommand
from commands.results import drain_reports
from commands.workflows.definition import InvalidParameters
from commands.workflows.engine import advance_due
from commands.workflows.models import Workflow
from commands.workflows.services import (
    ReasonNeeded,
    WorkflowRefused,
    cancel_workflow,
    end_workflow,
    start_workflow,
)
from devices import outbox
from devices.escrow import current_value
from devices.models import Channel, Device, Enrollment, EscrowedSecret, Event
from devices.timeline import Actor
from simulator.catalog import IPHONE, MAC
from tests import factories


@pytest.fixture
def lee(stage):
    return Actor.staff(factories.make_staff(username="h.lee", is_superuser=True))


def row_of(device) -> Device:
    return Device.objects.get(udid=device.state.hardware.udid)


def look(workflow: Workflow, later: timedelta = timedelta()) -> Workflow:
    """Have the worker look at a workflow, after a while: what is waited for is moved back by that much."""
    Workflow.objects.filter(pk=workflow.pk).update(due_at=timezone.now())
    for step in workflow.steps.exclude(begins_at=None):
        workflow.steps.filter(pk=step.pk).update(begins_at=step.begins_at - later)
    advance_due()
    workflow.refresh_from_db()
    return workflow


def visit(stage, device, workflow: Workflow) -> Workflow:
    """Have the device visit the server, its reports interpreted, and the workflow looked at."""
    stage.act(device.connect_all())
    drain_reports()
    return look(workflow)


def steps_of(workflow: Workflow) -> dict[str, str]:
    return dict(workflow.steps.order_by("position").values_list("name", "state"))


def asked(workflow: Workflow) -> list[str]:
    commands = Command.objects.filter(workflow_steps__workflow=workflow).order_by("id")
    return list(commands.values_list("request_type", flat=True))


LOST = {"message": "Please call", "phone_number": "+49 30 1", "every_minutes": 15, "sound": True}


def test_a_lost_device_is_locked_located_again_and_again_and_let_go_when_it_is_found(stage, lee):
    device = stage.enroll(IPHONE)
    workflow = start_workflow("lost_device", row_of(device), LOST, actor=lee, reason="left in a taxi")
    look(workflow)
    assert asked(workflow) == ["EnableLostMode"]
    assert "pending" in workflow.note

    visit(stage, device, workflow)
    assert device.state.lost_mode == {"Message": "Please call", "PhoneNumber": "+49 30 1"}
    visit(stage, device, workflow)
    visit(stage, device, workflow)
    assert steps_of(workflow) == {"enable": "done", "sound": "done", "locate": "waiting", "disable": "waiting"}
    assert workflow.note == "Located once; again in 15 minutes."

    look(workflow)
    assert asked(workflow).count("DeviceLocation") == 1, "fifteen minutes are not over"
    look(workflow, timedelta(minutes=16))
    visit(stage, device, workflow)
    assert workflow.note.startswith("Located 2 times")

    end_workflow(workflow, actor=lee, reason="found")
    look(workflow)
    visit(stage, device, workflow)
    assert (workflow.state, device.state.lost_mode) == ("done", {})
    assert asked(workflow) == [
        "EnableLostMode", "PlayLostModeSound", "DeviceLocation", "DeviceLocation", "DisableLostMode",
    ]  # fmt: skip
    assert device.violations == []
    kinds = Event.objects.filter(device=row_of(device)).values_list("kind", flat=True)
    assert {"workflow_started", "lost_mode_on", "located", "lost_mode_off", "workflow_done"} <= set(kinds)


def test_a_lost_device_that_is_offline_for_a_week_is_waited_for(stage, lee):
    device = stage.enroll(IPHONE)
    workflow = start_workflow("lost_device", row_of(device), LOST, actor=lee, reason="stolen")
    look(workflow)
    week = timezone.now() - timedelta(days=7)
    workflow.steps.filter(name="enable").update(begun_at=week, deadline_at=week + timedelta(days=365))
    Command.objects.update(created_at=week)
    QueuedCommand.objects.update(queued_at=week)
    look(workflow)
    assert (workflow.state, steps_of(workflow)["enable"]) == ("running", "running")
    assert "EnableLostMode: pending" in workflow.note
    visit(stage, device, workflow)
    assert steps_of(workflow)["enable"] == "done"


def test_not_now_is_waited_for_and_said(stage, lee):
    device = stage.enroll(IPHONE)
    device.lock()
    workflow = start_workflow("refresh_everything", row_of(device), {}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    assert workflow.state == "running"
    assert "not now" in workflow.note
    device.state.is_locked = False
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert "DeviceInformation" in asked(workflow)


def test_a_device_that_enrolls_again_in_the_middle_is_asked_from_the_beginning(stage, lee):
    device = stage.enroll(IPHONE)
    workflow = start_workflow("lost_device", row_of(device), LOST, actor=lee, reason="stolen")
    look(workflow)
    visit(stage, device, workflow)
    stage.act(device.unenroll())
    look(workflow)
    assert workflow.note == "The device is not enrolled; this goes on when it is."
    device.state.lost_mode = {}
    stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
    look(workflow)
    visit(stage, device, workflow)
    assert device.state.lost_mode["Message"] == "Please call"
    assert asked(workflow).count("EnableLostMode") == 2
    assert workflow.state == "running"


def test_an_error_is_tried_three_times_and_then_the_workflow_ends_with_the_devices_words(stage, lee):
    device = stage.enroll(IPHONE)
    device.state.is_supervised = False  # it says so only when it is asked
    workflow = start_workflow("lost_device", row_of(device), LOST, actor=lee, reason="stolen")
    for _attempt in range(3):
        look(workflow, timedelta(minutes=16))
        visit(stage, device, workflow)
    assert workflow.state == "failed"
    assert "The device must be supervised" in workflow.note
    assert asked(workflow) == ["EnableLostMode"] * 3
    assert steps_of(workflow)["enable"] == "failed"


def test_offboarding_erases_one_device_and_lets_its_secrets_go(stage, lee):
    device = stage.enroll(IPHONE)
    row = row_of(device)
    assert EscrowedSecret.objects.filter(device=row, is_current=True).exists()
    workflow = start_workflow("offboard", row, {"how": "erase"}, actor=lee, reason="sold")
    look(workflow)
    visit(stage, device, workflow)
    assert asked(workflow)[-1] == "EraseDevice"
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert not device.is_enrolled
    left = EscrowedSecret.objects.filter(device=row, is_current=True).values_list("kind", flat=True)
    assert set(left) <= {"activation_lock_bypass_code"}
    assert EscrowedSecret.objects.filter(device=row).exists(), "they stay in the history"
    assert device.violations == []


def test_offboarding_does_not_erase_what_nobody_could_set_up_again(stage, lee):
    """B4: Activation Lock is on and the device gives no code; it can be erased knowingly all the same."""
    device = stage.enroll(IPHONE)
    device.state.is_activation_locked, device.state.bypass_code = True, ""
    workflow = start_workflow("offboard", row_of(device), {"how": "erase"}, actor=lee, reason="sold")
    look(workflow)
    for _ in range(3):
        visit(stage, device, workflow)
    assert workflow.state == "failed"
    assert "Activation Lock is on and no code that opens it is kept" in workflow.note
    assert "EraseDevice" not in asked(workflow)
    assert device.is_enrolled
    how = {"how": "erase", "even_if_locked": True}
    workflow = start_workflow("offboard", row_of(device), how, actor=lee, reason="sold, its user has the account")
    look(workflow)
    for _ in range(3):
        visit(stage, device, workflow)
    assert (workflow.state, device.is_enrolled) == ("done", False), workflow.note


def test_a_code_is_given_for_fifteen_days_and_offboarding_erases_with_one_that_is_kept(stage, lee):
    """B4: the code that was asked for in time serves, though the device gives none any more."""
    device = stage.enroll(IPHONE)
    code = device.state.bypass_code = "ABCD-EFGH-JKLM-NPQR-STUV"
    device.state.is_activation_locked = True
    Device.objects.update(is_supervised=True)
    outbox.drain()
    stage.act(device.connect_all())
    drain_reports()
    assert current_value(row_of(device), "activation_lock_bypass_code").decode() == code
    device.state.supervised_at -= 16 * 24 * 3600
    workflow = start_workflow("offboard", row_of(device), {"how": "erase"}, actor=lee, reason="sold")
    look(workflow)
    for _ in range(3):
        visit(stage, device, workflow)
    assert (workflow.state, device.is_enrolled) == ("done", False), workflow.note
    assert steps_of(workflow)["bypass_code"] == "skipped", "it refused"


def test_offboarding_unenrolls_and_waits_for_the_goodbye(stage, lee):
    device = stage.enroll(MAC)
    row = row_of(device)
    refresh = start_workflow("refresh_everything", row, {}, actor=lee)
    look(refresh)
    visit(stage, device, refresh)
    workflow = start_workflow("offboard", row, {"how": "unenroll"}, actor=lee, reason="leaver")
    for _ in range(3):
        look(workflow)
        visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert not Enrollment.objects.enrolled().filter(device=row).exists()
    assert asked(workflow)[-1] == "RemoveProfile"


def test_offboarding_stops_when_somebody_enrolls_the_device_again(stage, lee):
    device = stage.enroll(IPHONE)
    workflow = start_workflow("offboard", row_of(device), {"how": "erase"}, actor=lee, reason="sold")
    look(workflow)
    stage.act(device.unenroll())
    stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
    look(workflow)
    assert workflow.state == "failed"
    assert "enrolled again" in workflow.note
    stage.act(device.connect_all())
    assert device.is_enrolled, "nobody erased it"
    assert not [event for event in device.events if "erased" in event]


def test_cancelling_takes_back_what_the_device_has_not_answered(stage, lee):
    device = stage.enroll(IPHONE)
    workflow = start_workflow("lost_device", row_of(device), LOST, actor=lee, reason="lost")
    look(workflow)
    assert cancel_workflow(workflow, actor=lee, reason="it was in the bag") == 1
    workflow.refresh_from_db()
    assert workflow.state == "cancelled"
    stage.act(device.connect())
    assert device.state.lost_mode == {}
    with pytest.raises(WorkflowRefused):
        end_workflow(workflow, actor=lee)


def test_a_workflow_is_refused_with_the_reason(stage, lee):
    mac, phone = stage.enroll(MAC), stage.enroll(IPHONE)
    with pytest.raises(WorkflowRefused, match="Lock the Mac instead"):
        start_workflow("lost_device", row_of(mac), LOST, actor=lee, reason="lost")
    with pytest.raises(ReasonNeeded):
        start_workflow("lost_device", row_of(phone), LOST, actor=lee)
    with pytest.raises(InvalidParameters) as wrong:
        start_workflow("lost_device", row_of(phone), {"every_minutes": 0, "colour": "red"}, actor=lee, reason="lost")
    assert set(wrong.value.fields) == {"parameters.every_minutes", "parameters.colour"}
    start_workflow("lost_device", row_of(phone), LOST, actor=lee, reason="lost")
    with pytest.raises(WorkflowRefused, match="running on this device already"):
        start_workflow("lost_device", row_of(phone), LOST, actor=lee, reason="lost")
    assert not HeldAction.objects.exists()


def test_an_account_that_was_closed_asks_for_nothing_more(stage, lee):
    device = stage.enroll(IPHONE)
    workflow = start_workflow("lost_device", row_of(device), LOST, actor=lee, reason="stolen")
    look(workflow)
    visit(stage, device, workflow)
    visit(stage, device, workflow)
    type(lee.user).objects.filter(pk=lee.user.pk).update(is_active=False)
    before = len(asked(workflow))
    visit(stage, device, workflow)
    look(workflow, timedelta(minutes=16))
    assert workflow.state == "failed"
    assert "may no longer send commands" in workflow.note
    assert len(asked(workflow)) == before


def test_while_destructive_commands_are_stopped_an_offboarding_waits_and_then_goes_on(stage, lee):
    device = stage.enroll(IPHONE)
    kill_switch.stop(actor=lee, reason="strange")
    workflow = start_workflow(
        "offboard", row_of(device), {"how": "erase", "even_if_locked": True}, actor=lee, reason="sold"
    )
    for _ in range(5):
        look(workflow, timedelta(minutes=11))
    assert workflow.state == "running"
    assert "strange" in workflow.note
    assert "EraseDevice" not in asked(workflow)
    kill_switch.resume(actor=lee, reason="over")
    look(workflow, timedelta(minutes=11))
    assert asked(workflow)[-1] == "EraseDevice"


def test_what_the_governor_holds_of_a_workflow_goes_with_it(stage, lee):
    device = stage.enroll(IPHONE)
    GovernorLimit.objects.filter(danger="erase").update(second_person_above=0)
    workflow = start_workflow(
        "offboard", row_of(device), {"how": "erase", "even_if_locked": True}, actor=lee, reason="sold"
    )
    look(workflow)
    held = HeldAction.objects.get()
    assert "second person" in workflow.note
    look(workflow)
    assert HeldAction.objects.count() == 1, "it is asked once"
    cancel_workflow(workflow, actor=lee, reason="not sold after all")
    held.refresh_from_db()
    assert held.state == HeldAction.State.CANCELLED


def test_a_step_that_could_not_ask_is_not_taken_for_done(stage, lee):
    device = stage.enroll(IPHONE)
    workflow = start_workflow("refresh_everything", row_of(device), {}, actor=lee)
    Channel.objects.update(state=Channel.State.DISABLED)
    for _ in range(3):
        look(workflow, timedelta(minutes=11))
    assert (workflow.state, asked(workflow)) == ("running", [])
    Channel.objects.update(state=Channel.State.ENABLED)
    look(workflow, timedelta(minutes=11))
    assert "DeviceInformation" in asked(workflow)
