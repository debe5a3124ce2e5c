"""B14 and A3: what Apple states in prose of a command is checked before it is asked, and so is its name."""

import pytest
from django.utils import timezone

from commands.asking import NoneCanTake, ask
from commands.meanings import meaning_of
from commands.models import Command, QueuedCommand
from commands.validation import InvalidCommand, check_command
from devices.escrow import keep_secret
from devices.models import Answer, Channel
from devices.timeline import Actor
from tests import factories

LEE = Actor("lee", origin="staff")
HTTPS, HTTP = "https://example.com/app.plist", "http://example.com/app.plist"
UPDATE = {"InstallAction": "InstallASAP"}
# RequestType, payload, the key path that is named.
REFUSED = [
    ("DeleteUser", {}, "UserName"),
    ("DeleteUser", {"DeleteAllUsers": False}, "UserName"),
    ("DeleteUser", {"UserName": "kim", "DeleteAllUsers": True}, "UserName"),
    ("InstallApplication", {}, "Identifier"),
    ("InstallApplication", {"ManifestURL": HTTP}, "ManifestURL"),
    ("InstallEnterpriseApplication", {}, "ManifestURL"),
    ("InstallEnterpriseApplication", {"ManifestURL": HTTP}, "ManifestURL"),
    ("InstallEnterpriseApplication", {"ManifestURL": HTTPS, "Manifest": {"items": []}}, "Manifest"),
    ("InstallEnterpriseApplication",
     {"ManifestURL": HTTPS, "ChangeManagementState": "Managed", "InstallAsManaged": False}, "InstallAsManaged"),
    ("InstallMedia", {"MediaType": "Book"}, "iTunesStoreID"),
    ("InstallMedia", {"MediaType": "Book", "MediaURL": HTTPS}, "PersistentID"),
    ("InstallMedia", {"MediaType": "Book", "MediaURL": HTTP, "PersistentID": "a"}, "MediaURL"),
    ("RemoveMedia", {"MediaType": "Book"}, "PersistentID"),
    ("InviteToProgram", {"ProgramID": "com.apple.cloudvpp", "InvitationURL": HTTP}, "InvitationURL"),
    ("RefreshCellularPlans", {"eSIMServerURL": HTTP}, "eSIMServerURL"),
    ("RequestMirroring", {}, "DestinationName"),
    ("RequestMirroring", {"DestinationName": "Boardroom", "ScanTime": 5}, "ScanTime"),
    ("Settings", {"Settings": []}, "Settings"),
    ("ScheduleOSUpdate", {"Updates": []}, "Updates"),
    ("ScheduleOSUpdate", {"Updates": [UPDATE | {"ProductKey": "a"}, UPDATE]}, "Updates.1.ProductKey"),
    ("EnableLostMode", {}, "Message"),
    ("LOMDeviceRequest", {"RequestList": []}, "RequestList"),
    ("RestartDevice", {"KextPaths": ["/Library/x.kext"]}, "RebuildKernelCache"),
    ("RotateFileVaultKey", {"FileVaultUnlock": {"PrivateKeyExport": b"x"}}, "FileVaultUnlock.Password"),
    ("RotateFileVaultKey", {"KeyType": "institutional"}, "NewCertificate"),
    ("AccountConfiguration", {"SkipPrimarySetupAccountCreation": True}, "AutoSetupAdminAccounts"),
]  # fmt: skip
TAKEN = [
    ("DeleteUser", {"UserName": "kim"}),
    ("DeleteUser", {"DeleteAllUsers": True}),
    ("InstallApplication", {"iTunesStoreID": 1}),
    ("InstallApplication", {"ManifestURL": "HTTPS://example.com/app.plist"}),
    ("InstallEnterpriseApplication", {"Manifest": {"items": []}}),
    ("ScheduleOSUpdate", {"Updates": [UPDATE | {"ProductVersion": "26.1"}]}),
    ("EnableLostMode", {"PhoneNumber": "1"}),
    ("RotateFileVaultKey", {}),
]


def test_each_rule_names_the_key_that_is_missing_or_wrong():
    for request_type, payload, path in REFUSED:
        with pytest.raises(InvalidCommand) as told:
            check_command(request_type, payload)
        assert list(told.value.fields) == [f"payload.{path}"], (request_type, payload)
    for request_type, payload in TAKEN:
        check_command(request_type, payload)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("RestartDevise", "RestartDevice"), ("EraseDevic", "EraseDevice"), ("ProfilesList", "ProfileList")],
)
def test_a_misspelt_request_type_is_not_sent_and_the_right_one_is_named(written, meant):
    with pytest.raises(InvalidCommand) as told:
        check_command(written, {})
    assert f"did you mean {meant}?" in told.value.fields["request_type"]
    check_command(written, {}, allows_unknown=True)


def test_a_request_type_of_next_year_is_sent_only_where_it_is_wished():
    with pytest.raises(InvalidCommand) as told:
        check_command("GetSetupAssistant", {})
    assert "allow unknown" in told.value.fields["request_type"]
    check_command("GetSetupAssistant", {}, allows_unknown=True)
    with pytest.raises(InvalidCommand):
        check_command("erasedevice", {}, allows_unknown=True)


# Applicability of the items of Settings (B2)


SUPERVISED_ONLY = {"Item": "Bluetooth", "Enabled": True}
ANYWHERE = {"Item": "OrganizationInfo", "OrganizationInfo": {"OrganizationName": "ACME"}}
MACS_ONLY = {"Item": "HostName", "HostName": "a.example.com"}


@pytest.mark.django_db
def test_a_device_that_cannot_take_an_item_of_settings_is_left_out_and_the_item_named():
    free, bound = (
        factories.make_channel(factories.make_device("ios", os_version="18.0", is_supervised=is_supervised))
        for is_supervised in (False, True)
    )
    channels = Channel.objects.filter(pk__in=[free.pk, bound.pk])
    asked = ask("Settings", {"Settings": [ANYWHERE, SUPERVISED_ONLY]}, channels, actor=LEE)
    assert list(asked.command.targets.values_list("channel", flat=True)) == [bound.pk]
    assert [(it.channel_id, it.reason) for it in asked.refused] == [(free.pk, "Bluetooth: needs a supervised device")]
    assert ask("Settings", {"Settings": [ANYWHERE]}, channels, actor=LEE).command.target_count == 2
    with pytest.raises(NoneCanTake) as told:
        ask("Settings", {"Settings": [MACS_ONLY]}, channels, actor=LEE)
    assert "HostName: not available on iOS" in told.value.detail


@pytest.mark.django_db
def test_an_item_of_settings_may_need_a_right_of_its_own():
    channel = factories.make_channel(factories.make_device("ios", os_version="18.0", is_supervised=True))
    channel.enrollment.access_rights = 2048
    channel.enrollment.save()
    with pytest.raises(NoneCanTake) as told:
        payload = {"Settings": [{"Item": "PersonalHotspot", "Enabled": True}]}
        ask("Settings", payload, Channel.objects.filter(pk=channel.pk), actor=LEE)
    assert "PersonalHotspot: its enrollment profile did not grant the right to" in told.value.detail


# L3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("request_type", "is_apple_silicon"), [("SetRecoveryLock", True), ("SetFirmwarePassword", False)]
)
def test_a_second_password_waits_for_the_answer_to_the_first(request_type, is_apple_silicon):
    channel = factories.make_channel(factories.make_device("macos"))
    told = {"QueryResponses": {"IsAppleSilicon": is_apple_silicon}}
    Answer.objects.create(
        device=channel.device, request_type="DeviceInformation", content=told, answered_at=timezone.now()
    )
    channels = Channel.objects.filter(pk=channel.pk)
    keep_secret(channel.device, "recovery_lock_password", b"old")
    first = ask(request_type, {}, channels, actor=LEE).command
    with pytest.raises(NoneCanTake) as told:
        ask(request_type, {}, channels, actor=LEE)
    assert "waits for the answer of the Mac" in told.value.detail
    assert ask(request_type, {"CurrentPassword": "told by phone"}, channels, actor=LEE).command
    QueuedCommand.objects.update(state=QueuedCommand.State.FAILED, finished_at=first.created_at)
    assert ask(request_type, {}, channels, actor=LEE).command
    assert Command.objects.count() == 3


def test_what_every_meaning_checks_can_be_asked_of_an_empty_payload_too():
    for request_type, _payload, _path in REFUSED:
        meaning_of(request_type).check({})
