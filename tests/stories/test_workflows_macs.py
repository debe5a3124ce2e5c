"""Workflows of Macs, told with pretend devices: FileVault with escrow, a new recovery key, the account of a new Mac."""

from datetime import timedelta

import pytest
from django.utils import timezone

from commands.models import Command, QueuedCommand
from commands.results import drain_reports
from commands.schedule import refresh_inventory
from commands.workflows.engine import advance_due
from commands.workflows.services import WorkflowRefused, start_workflow
from devices.escrow import open_secret
from devices.models import Channel, EscrowedSecret, Event
from devices.timeline import SCHEDULE
from simulator.catalog import MAC
from simulator.chains import MDM_CLIENT, link
from tests.stories.test_workflows import asked, lee, look, row_of, steps_of, visit  # noqa: F401 (a fixture)

FOUR_HOURS = timedelta(hours=4, minutes=1)
RECOVERY_KEY = EscrowedSecret.Kind.FILEVAULT_RECOVERY_KEY
DEFERRED = "FileVault waits for the person: it starts at the next login"


def plain_mac(stage):
    """Enroll a Mac on which FileVault is off."""
    device = stage.new_device(MAC)
    device.state.recovery_key = ""
    stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
    return device


def keys_of(device) -> list[tuple[str, bool]]:
    """Return the escrowed recovery keys, the current one last, and whether each is the current one."""
    rows = EscrowedSecret.objects.filter(device=row_of(device), kind=RECOVERY_KEY).order_by("is_current", "id")
    return [(open_secret(row).decode(), row.is_current) for row in rows]


def encrypted_mac(stage, lee):  # noqa: F811
    """Enroll a Mac and turn FileVault on by the workflow, with the person logging in at once."""
    device = plain_mac(stage)
    workflow = start_workflow("enable_filevault", row_of(device), {"deferrals": 0}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    device.log_in()
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    return device


def test_filevault_waits_for_the_person_and_is_done_when_our_certificate_opened_the_key(stage, lee):  # noqa: F811
    device = plain_mac(stage)
    workflow = start_workflow("enable_filevault", row_of(device), {"deferrals": 2}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    visit(stage, device, workflow)
    assert workflow.state == "running"
    assert workflow.note == f"{DEFERRED}. Asked again in 4 hours."
    for _time in range(2):
        assert not device.log_in(puts_off=True)
        look(workflow, FOUR_HOURS)
        visit(stage, device, workflow)
        assert workflow.note.startswith(DEFERRED)
    assert device.log_in(puts_off=True), "twice was allowed"
    look(workflow, FOUR_HOURS)
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert workflow.note == "SecurityInfo says that FileVault is on, and our certificate opened its recovery key"
    assert keys_of(device) == [(device.state.recovery_key, True)]
    assert device.violations == []


def test_filevault_that_was_on_before_is_said_to_keep_its_key_elsewhere(stage, lee):  # noqa: F811
    device = plain_mac(stage)
    device.state.recovery_key = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
    workflow = start_workflow("enable_filevault", row_of(device), {}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    visit(stage, device, workflow)
    assert workflow.state == "running"
    assert "fdesetup changerecovery -personal" in workflow.note
    assert keys_of(device) == []
    device.change_recovery_key()
    look(workflow, FOUR_HOURS)
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert keys_of(device) == [(device.state.recovery_key, True)]


def test_filevault_is_done_by_whatever_security_info_proves_it(stage, lee):  # noqa: F811
    """B10: the inventory asked; the workflow does not wait for its own question four hours later."""
    device = plain_mac(stage)
    workflow = start_workflow("enable_filevault", row_of(device), {"deferrals": 0}, actor=lee)
    look(workflow)
    for _ in range(2):
        visit(stage, device, workflow)
    assert (workflow.state, workflow.is_waiting_for_person) == ("running", True)
    device.log_in()
    refresh_inventory(Channel.objects.device_channels().filter(device=row_of(device)), actor=SCHEDULE)
    stage.act(device.connect_all())
    drain_reports()
    advance_due()
    workflow.refresh_from_db()
    assert (workflow.state, workflow.is_waiting_for_person) == ("done", False), workflow.note
    assert asked(workflow).count("SecurityInfo") == 1


def test_filevault_waits_for_a_mac_that_is_offline_for_a_week(stage, lee):  # noqa: F811
    device = plain_mac(stage)
    device.faults.is_offline = True
    workflow = start_workflow("enable_filevault", row_of(device), {}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    week = timezone.now() - timedelta(days=7)
    workflow.steps.filter(name="install").update(begun_at=week, deadline_at=week + timedelta(days=30))
    Command.objects.update(created_at=week)
    QueuedCommand.objects.update(queued_at=week)
    look(workflow)
    assert (workflow.state, workflow.note.split(".")[0]) == ("running", "InstallProfile: pending")
    device.faults.is_offline = False
    visit(stage, device, workflow)
    device.log_in()
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note


def test_filevault_waits_for_a_mac_that_says_not_now(stage, lee):  # noqa: F811
    device = plain_mac(stage)
    device.lock()
    workflow = start_workflow("enable_filevault", row_of(device), {}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    assert workflow.state == "running"
    assert workflow.note.startswith("InstallProfile: not now")
    device.state.is_locked = False
    visit(stage, device, workflow)
    device.log_in()
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note


def test_a_mac_that_enrolls_again_gets_the_profile_of_filevault_again(stage, lee):  # noqa: F811
    device = plain_mac(stage)
    workflow = start_workflow("enable_filevault", row_of(device), {}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    stage.act(device.unenroll())
    stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
    look(workflow)
    visit(stage, device, workflow)
    assert device.log_in(), "the profile went with the enrollment and was sent again"
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert asked(workflow).count("InstallProfile") == 2


def test_a_recovery_key_is_exchanged_and_the_old_one_stays_in_the_history(stage, lee):  # noqa: F811
    device = encrypted_mac(stage, lee)
    old = device.state.recovery_key
    workflow = start_workflow("rotate_recovery_key", row_of(device), {}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert device.state.recovery_key != old
    assert keys_of(device) == [(old, False), (device.state.recovery_key, True)]
    told = " ".join(Event.objects.filter(device=row_of(device)).values_list("summary", flat=True))
    assert old not in told
    assert device.state.recovery_key not in told
    assert device.violations == []


def test_a_refused_exchange_is_told_in_the_words_of_the_mac_and_the_old_key_stays(stage, lee):  # noqa: F811
    device = encrypted_mac(stage, lee)
    old = device.state.recovery_key
    device.faults.refuse["RotateFileVaultKey"] = [link(MDM_CLIENT, 62, "FileVault could not be unlocked")]
    workflow = start_workflow("rotate_recovery_key", row_of(device), {}, actor=lee)
    for _attempt in range(3):
        look(workflow, timedelta(minutes=16))
        visit(stage, device, workflow)
    assert workflow.state == "failed"
    assert workflow.note.startswith("Exchange the key: RotateFileVaultKey failed: ")
    assert "FileVault could not be unlocked" in workflow.note
    assert keys_of(device) == [(old, True)]


def test_a_key_that_the_person_changed_on_the_mac_is_refused_and_nothing_is_lost(stage, lee):  # noqa: F811
    device = encrypted_mac(stage, lee)
    old = device.state.recovery_key
    device.state.recovery_key = "ZZZZ-BBBB-CCCC-DDDD-EEEE-FFFF"
    workflow = start_workflow("rotate_recovery_key", row_of(device), {}, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    assert "FileVault could not be unlocked" in workflow.note
    assert keys_of(device) == [(old, True)]


def test_without_an_escrowed_key_there_is_none_to_exchange(stage, lee):  # noqa: F811
    with pytest.raises(WorkflowRefused, match="none to exchange"):
        start_workflow("rotate_recovery_key", row_of(plain_mac(stage)), {}, actor=lee)


ACCOUNT = {
    "full_name": "Anna Gardener", "short_name": "anna", "lock_names": True, "admin_short_name": "itadmin",
    "hide_admin": True,
}  # fmt: skip


def new_mac(stage):
    """B11: enroll a Mac whose Setup Assistant waits; what it says of that makes the enrollment an automated one."""
    device = stage.new_device(MAC)
    device.state.is_awaiting_configuration = True
    stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
    return device


def test_a_new_mac_gets_its_accounts_and_is_let_out_of_setup_assistant(stage, lee):  # noqa: F811
    device = new_mac(stage)
    workflow = start_workflow("mac_account", row_of(device), ACCOUNT, actor=lee)
    look(workflow)
    assert steps_of(workflow)["await"] == "skipped"
    visit(stage, device, workflow)
    assert [account["shortName"] for account in device.state.admin_accounts] == ["itadmin"]
    assert device.state.primary_account == {
        "PrimaryAccountFullName": "Anna Gardener", "PrimaryAccountUserName": "anna", "LockPrimaryAccountInfo": True,
        "SetPrimarySetupAccountAsRegularUser": True,
    }  # fmt: skip
    assert device.state.is_awaiting_configuration, "not before the accounts are there"
    visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert not device.state.is_awaiting_configuration
    assert asked(workflow) == ["AccountConfiguration", "DeviceConfigured"]
    kept = EscrowedSecret.objects.get(device=row_of(device), kind=EscrowedSecret.Kind.LOCAL_ADMIN_PASSWORD)
    assert kept.is_current
    assert device.violations == []


def test_a_mac_that_is_not_in_setup_assistant_is_waited_for(stage, lee):  # noqa: F811
    device = new_mac(stage)
    device.state.is_awaiting_configuration = False
    stage.act(device.update_token(device.channel))
    workflow = start_workflow("mac_account", row_of(device), ACCOUNT, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    assert workflow.state == "running"
    assert workflow.note == "The Mac is not in Setup Assistant."
    device.state.is_awaiting_configuration = True
    look(workflow, timedelta(minutes=31))
    for _step in range(3):
        visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note


def test_a_new_mac_that_was_wiped_before_it_was_let_out_gets_its_accounts_again(stage, lee):  # noqa: F811
    device = new_mac(stage)
    workflow = start_workflow("mac_account", row_of(device), ACCOUNT, actor=lee)
    look(workflow)
    visit(stage, device, workflow)
    assert steps_of(workflow)["configure"] == "done"
    device.erase()
    device.state.is_awaiting_configuration = True
    stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
    look(workflow)
    for _step in range(3):
        visit(stage, device, workflow)
    assert workflow.state == "done", workflow.note
    assert [account["shortName"] for account in device.state.admin_accounts] == ["itadmin"]


def test_accounts_that_the_mac_refuses_end_the_workflow_and_it_is_not_let_out_without_them(stage, lee):  # noqa: F811
    device = new_mac(stage)
    device.faults.refuse["AccountConfiguration"] = [link(MDM_CLIENT, 97, "The account name is taken")]
    workflow = start_workflow("mac_account", row_of(device), ACCOUNT, actor=lee)
    for _attempt in range(3):
        look(workflow, timedelta(minutes=16))
        visit(stage, device, workflow)
    assert workflow.state == "failed"
    assert workflow.note.startswith("Set up the accounts: AccountConfiguration failed: ")
    assert "The account name is taken" in workflow.note
    assert device.state.is_awaiting_configuration
    assert not EscrowedSecret.objects.filter(
        device=row_of(device), kind=EscrowedSecret.Kind.LOCAL_ADMIN_PASSWORD, is_current=True
    ).exists()
