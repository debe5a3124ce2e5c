"""B2: Acknowledged is not success. Every answer that can tell of a failure inside is read to its end."""

import pytest

from commands import failures, results
from commands.asking import ask_again
from commands.causes import failures_by_cause
from commands.models import QueuedCommand, Report
from devices.escrow import current_value, propose_secrets
from devices.models import EscrowedSecret, Event
from devices.timeline import Actor
from mdm_project import plist
from mdm_project.crypto import unseal
from profiles import catalogue
from tests import factories

pytestmark = pytest.mark.django_db
State = QueuedCommand.State
DONE, PARTLY, FAILED = State.ACKNOWLEDGED, State.PARTLY, State.FAILED
CHAIN = [
    {"ErrorDomain": "MCMDMErrorDomain", "ErrorCode": 12080, "LocalizedDescription": "The device must be supervised."}
]
PLACE = {"Latitude": 48.0, "Longitude": 2.0}
TWO = {
    "Settings": [
        {"Item": "Bluetooth", "Enabled": True},
        {"Item": "OrganizationInfo", "OrganizationInfo": {"OrganizationName": "ACME"}},
    ]
}


def setting(name: str, *, fails: bool = False, **more) -> dict:
    return {
        "Item": name,
        "Status": "Error" if fails else "Acknowledged",
        **({"ErrorChain": CHAIN} if fails else {}),
        **more,
    }


ONE, OTHER = setting("Bluetooth"), setting("OrganizationInfo")
WRONG = setting("Bluetooth", fails=True)
BOTH_WRONG = [WRONG, setting("OrganizationInfo", fails=True)]
UNNAMED = [{"Status": "Error", "ErrorChain": CHAIN}, {"Status": "Acknowledged"}]
UPDATE = {"ProductKey": "k", "InstallAction": "InstallASAP", "Status": "Idle"}
# RequestType, what was asked, what the answer holds, the state, and words of its note ("": no note).
ANSWERS = [
    ("Settings", TWO, {"Settings": [ONE, OTHER]}, DONE, ""),
    ("Settings", TWO, {"Settings": [WRONG, OTHER]}, PARTLY, "Bluetooth: The"),
    ("Settings", TWO, {"Settings": BOTH_WRONG}, FAILED, "supervised"),
    ("Settings", TWO, {"Settings": [ONE]}, PARTLY, "OrganizationInfo: the device did not say"),
    ("Settings", TWO, {"Settings": UNNAMED}, PARTLY, "Bluetooth"),
    ("Settings", TWO, {"Settings": []}, FAILED, "did not say"),
    ("Settings", TWO, {}, DONE, ""),
    ("ScheduleOSUpdate", {}, {"UpdateResults": [UPDATE]}, DONE, ""),
    ("ScheduleOSUpdate", {}, {"UpdateResults": [
        {"ProductKey": "a", "InstallAction": "Error", "Status": "DownloadInsufficientSpace", "ErrorChain": CHAIN},
    ]}, FAILED, "a: there is too little space to download it"),
    ("ScheduleOSUpdate", {}, {"UpdateResults": [
        {"ProductKey": "a", "InstallAction": "InstallASAP", "Status": "InstallFailed"},
        {"ProductKey": "b", "InstallAction": "InstallASAP", "Status": "Installing"},
    ]}, PARTLY, "a: the installation failed"),
    ("ScheduleOSUpdate", {}, {"UpdateResults": []}, FAILED, "No update was scheduled"),
    ("ScheduleOSUpdate", {}, {}, FAILED, "no UpdateResults"),
    ("ScheduleOSUpdateScan", {}, {"ScanInitiated": True}, DONE, ""),
    ("ScheduleOSUpdateScan", {}, {"ScanInitiated": False}, FAILED, "did not begin"),
    ("DeviceLock", {}, {}, DONE, ""),
    ("DeviceLock", {}, {"MessageResult": "Success"}, DONE, ""),
    ("DeviceLock", {}, {"MessageResult": "NoPasscodeSet"}, PARTLY, "not shown: the device has no passcode"),
    ("DeviceLock", {}, {"MessageResult": "DeviceInLostMode"}, PARTLY, "Lost Mode"),
    ("InstallApplication", {}, {"Identifier": "a", "State": "Installing"}, DONE, ""),
    ("InstallApplication", {}, {"RejectionReason": "AppStoreDisabled"}, FAILED, "the App Store is switched off"),
    ("InstallApplication", {}, {"State": "ManagementRejected"}, FAILED, "declined"),
    ("InstallApplication", {}, {"State": "NeedsRedemption"}, PARTLY, "redemption code"),
    ("InstallMedia", {}, {"State": "Failed", "RejectionReason": "PurchaseNotFound"}, FAILED, "no license"),
    ("InviteToProgram", {}, {"InvitationResult": "Acknowledged"}, DONE, ""),
    ("InviteToProgram", {}, {"InvitationResult": "InvalidProgramID"}, FAILED, "does not know the program"),
    ("RequestMirroring", {}, {"MirroringResult": "Prompting"}, DONE, ""),
    ("RequestMirroring", {}, {"MirroringResult": "DestinationNotFound"}, FAILED, "did not find"),
    ("SetFirmwarePassword", {}, {"SetFirmwarePassword": {"PasswordChanged": True}}, DONE, ""),
    ("SetFirmwarePassword", {}, {"SetFirmwarePassword": {"PasswordChanged": False}}, FAILED, "was not changed"),
    ("VerifyFirmwarePassword", {}, {"VerifyFirmwarePassword": {"PasswordVerified": False}}, FAILED, "not the one"),
    ("VerifyRecoveryLock", {}, {"PasswordVerified": True}, DONE, ""),
    ("VerifyRecoveryLock", {}, {"PasswordVerified": False}, FAILED, "not the one"),
    ("ActivationLockBypassCode", {}, {"ActivationLockBypassCode": "AAAA"}, DONE, ""),
    ("ActivationLockBypassCode", {}, {"ActivationLockBypassCode": ""}, FAILED, "no bypass code"),
    ("RequestUnlockToken", {}, {"UnlockToken": b"x"}, DONE, ""),
    ("RequestUnlockToken", {}, {}, FAILED, "no unlock token"),
    ("DeviceLocation", {}, PLACE, DONE, ""),
    ("DeviceLocation", {}, {"Timestamp": "now"}, FAILED, "does not know where it is"),
    ("RotateFileVaultKey", {"KeyType": "institutional"}, {}, DONE, ""),
    ("RotateFileVaultKey", {}, {}, FAILED, "no new recovery key"),
    ("RotateFileVaultKey", {}, {"RotateResult": {"EncryptedNewRecoveryKey": b"junk"}}, FAILED, "recovery key"),
    ("LOMDeviceRequest", {}, {"ResponseList": [{"DeviceRequestSuccess": True}]}, DONE, ""),
    ("LOMDeviceRequest", {}, {"ResponseList": [
        {"DeviceRequestSuccess": True}, {"DeviceRequestSuccess": False, "DeviceRequestReturnError": "unreachable"},
    ]}, PARTLY, "unreachable"),
    ("UserList", {}, {"Users": []}, DONE, ""),
    ("UserList", {}, {}, FAILED, "no Users"),
    ("RestartDevice", {}, {"ErrorChain": CHAIN}, PARTLY, "must be supervised"),
]  # fmt: skip
# Keys of answers by which Apple's schema tells of success or failure.
TELLING = ("Status", "State", "RejectionReason", "ErrorChain", "MessageResult", "MirroringResult", "InvitationResult",
           "PasswordChanged", "PasswordVerified", "ScanInitiated", "DeviceRequestSuccess", "InstallAction")  # fmt: skip
# What they say of apps, books and updates is what was asked for, and no failure of the question.
QUESTIONS = {"ManagedApplicationList", "ManagedMediaList", "OSUpdateStatus"}


def answered(request_type: str, asked: dict, content: dict, channel=None) -> QueuedCommand:
    channel = channel or factories.make_channel(factories.make_device("macos"))
    command = factories.make_command(request_type, asked)
    queued = factories.make_queued(channel, command, state=DONE)
    factories.make_report(channel, {"CommandUUID": command.uuid, **content}, queued=queued)
    return queued


def test_every_answer_is_read_to_its_end():
    rows = [(answered(*case[:3]), case) for case in ANSWERS]
    results.drain_reports()
    for queued, (request_type, _asked, content, state, words) in rows:
        queued.refresh_from_db()
        assert (State(queued.state), bool(queued.note)) == (state, bool(words)), (request_type, content, queued.note)
        assert words in (queued.note or ""), (request_type, content)


def test_no_command_of_apples_schema_that_tells_inside_is_forgotten():
    telling = {
        entry.type for entry in catalogue.commands()
        for key in entry.response_keys if any(each.name in TELLING for each in key.walk())
    }  # fmt: skip
    assert telling - QUESTIONS <= {case[0] for case in ANSWERS}


def test_an_answer_that_cannot_be_read_is_a_failure():
    broken = factories.make_report(body=b"<plist><dict><key>Status</key>")
    sealed = factories.make_report()
    Report.objects.filter(pk=sealed.pk).update(body_encrypted=b"\0" * 40)
    QueuedCommand.objects.update(state=DONE)
    results.drain_reports()
    for report in (broken, sealed):
        report.queued.refresh_from_db()
        assert report.queued.state == FAILED
        assert report.queued.note.startswith("The answer cannot be read: ")


def test_a_status_that_apple_does_not_define_says_so():
    report = factories.make_report(status="Perhaps")
    QueuedCommand.objects.update(state=FAILED, finished_at=report.received_at)
    results.drain_reports()
    report.queued.refresh_from_db()
    assert report.queued.note == "The device answered with a Status that Apple does not define: Perhaps."


def test_secrets_follow_the_outcome_and_not_the_status():
    channel = factories.make_channel(factories.make_device("macos"))
    for request_type, kind, content in (
        ("SetFirmwarePassword", "firmware_password", {"SetFirmwarePassword": {"PasswordChanged": False}}),
        ("DeviceLock", "lock_pin", {"MessageResult": "NoPasscodeSet"}),
    ):
        queued = answered(request_type, {}, content, channel)
        propose_secrets(queued.command.uuid, [(channel.device_id, kind, b"123456")])
    results.drain_reports()
    assert current_value(channel.device_id, "firmware_password") is None, "it was not changed"
    assert current_value(channel.device_id, "lock_pin") == b"123456", "locked it is, whatever was shown"
    assert not EscrowedSecret.objects.filter(is_pending=True).exists()


def test_a_wrong_password_is_told_on_the_timeline_as_before():
    answered("VerifyRecoveryLock", {}, {"PasswordVerified": False})
    results.drain_reports()
    assert Event.objects.filter(kind="password_wrong").count() == 1


def test_partly_counts_and_has_causes_and_only_what_failed_is_asked_again():
    command = factories.make_command("Settings", TWO)
    wrong = (["Bluetooth"], ["OrganizationInfo"], [])
    for failing in wrong:
        channel = factories.make_channel(factories.make_device("macos", os_version="15.0"))
        queued = factories.make_queued(channel, command, state=DONE)
        told = [setting(each["Item"], fails=each["Item"] in failing) for each in TWO["Settings"]]
        factories.make_report(channel, {"CommandUUID": command.uuid, "Settings": told}, queued=queued)
    results.drain_reports()
    targets = command.targets
    assert {name: number for name, number in targets.counts().items() if number} == {"acknowledged": 1, "partly": 2}
    assert len(failures_by_cause(targets)) == 2
    again = ask_again(targets.failed(), actor=Actor("lee", origin="staff")).command
    bodies = [unseal(bytes(row.body_encrypted), again.body_context) for row in again.targets.order_by("id")]
    asked = [[item["Item"] for item in plist.loads(body)["Command"]["Settings"]] for body in bodies]
    assert asked == [["Bluetooth"], ["OrganizationInfo"]]


def test_from_the_list_of_failures_only_what_failed_is_asked_again_too():
    channel = factories.make_channel(factories.make_device("macos", os_version="15.0"))
    queued = answered("Settings", TWO, {"Settings": [WRONG, OTHER]}, channel)
    results.drain_reports()
    (failure,) = failures.by_cause(QueuedCommand.objects.failed())
    assert (failure.title, failure.devices) == ("Settings was done in part", 1)
    assert failures.retry(QueuedCommand.objects.filter(pk=queued.pk), actor=Actor("lee", origin="staff")).devices == 1
    again = QueuedCommand.objects.exclude(pk=queued.pk).filter(command__request_type="Settings").get()
    body = plist.loads(unseal(bytes(again.body_encrypted), again.command.body_context))
    assert [item["Item"] for item in body["Command"]["Settings"]] == ["Bluetooth"]


def test_a_repeated_answer_changes_nothing_of_what_was_partly_done():
    queued = answered("Settings", TWO, {"Settings": [setting("Bluetooth", fails=True), setting("OrganizationInfo")]})
    results.drain_reports()
    Report.objects.update(interpreted_at=None)
    results.drain_reports()
    queued.refresh_from_db()
    assert queued.state == PARTLY
