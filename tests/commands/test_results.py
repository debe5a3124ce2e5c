import plistlib
import secrets
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from commands import interpreters, results
from commands.models import Command, QueuedCommand, Report, report_context
from devices.inventory import Reported
from devices.models import Answer, Device, InstalledApplication, InstalledProfile
from mdm_project.crypto import seal_body
from tests.factories import make_channel, make_command, make_device, make_queued, make_report
from tests.fixtures import capture

pytestmark = pytest.mark.django_db
ERROR = {
    "ErrorChain": [
        {
            "ErrorCode": 12021,
            "ErrorDomain": "MCMDMErrorDomain",
            "LocalizedDescription": "Befehl unbekannt",
            "USEnglishDescription": "Unknown command",
        },
        {"ErrorCode": 3, "ErrorDomain": "other", "LocalizedDescription": "deeper"},
    ]
}


def information(**values) -> dict:
    return {"QueryResponses": values}


def app_list(number: int) -> dict:
    return {"InstalledApplicationList": [{"Identifier": f"app{index}", "Name": "x"} for index in range(number)]}


def test_a_report_becomes_inventory():
    channel = make_channel()
    report = make_report(channel, information(DeviceName="Anna's iPhone", OSVersion="18.6"))
    assert results.interpret_reports() == 1
    report.refresh_from_db()
    assert report.interpreted_at is not None
    assert (report.problem, report.error_chain, report.attempts) == (None, None, 1)
    channel.device.refresh_from_db()
    assert (channel.device.name, channel.device.os_version) == ("Anna's iPhone", "18.6")
    assert Answer.objects.get().answered_at == report.received_at


def test_nothing_is_done_twice():
    make_report(answer=information(DeviceName="once"))
    assert results.drain_reports() == 1
    assert results.interpret_reports() == 0


def test_interpreting_again_gives_the_same():
    channel = make_channel()
    report = make_report(channel, app_list(3), request_type="InstalledApplicationList")
    results.drain_reports()
    Report.objects.update(interpreted_at=None)
    results.drain_reports()
    report.refresh_from_db()
    assert report.attempts == 2
    assert InstalledApplication.objects.count() == 3


def test_a_report_of_another_channel_does_not_open():
    report = make_report(make_channel(), information(DeviceName="mine"))
    foreign = make_report(make_channel(), information(DeviceName="yours"))
    Report.objects.filter(pk=foreign.pk).update(body_encrypted=report.body_encrypted)
    results.drain_reports()
    foreign.refresh_from_db()
    assert foreign.problem.startswith("cannot be read: ")
    assert Answer.objects.count() == 1


def test_a_report_that_cannot_be_parsed_is_marked_and_the_others_count():
    before = make_report(answer=information(DeviceName="before"))
    broken = make_report(body=b"<plist><dict><key>Status</key>")
    after = make_report(answer=information(DeviceName="after"))
    results.drain_reports()
    broken.refresh_from_db()
    assert broken.interpreted_at is not None
    assert "not well-formed" in broken.problem
    names = {report.channel.device_id: name for report, name in ((before, "before"), (after, "after"))}
    assert {device.pk: device.name for device in Device.objects.filter(pk__in=names)} == names


def test_what_was_left_out_is_noted_on_the_report():
    report = make_report(answer=information(DeviceName=5, OSVersion="18.6"))
    results.drain_reports()
    report.refresh_from_db()
    assert report.problem == "left out: DeviceName: is an integer"


def test_an_error_is_told_with_its_deepest_cause_first():
    report = make_report(answer=ERROR, request_type="ShutDownDevice", status="Error")
    results.drain_reports()
    report.refresh_from_db()
    assert report.error_chain == ERROR["ErrorChain"]
    assert report.queued.note == (
        "deeper (other/3) The device does not know this command, or does not take it in the state it is in. Compare the"
        " command's name, and its platforms and versions, with the device. (MCMDMErrorDomain/12021: Unknown command)"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "Errors/macOS-InstallProfile-SCEP-909",
            "The Mac could not get a certificate that the profile asks for. See that it reaches the SCEP server, and"
            " that the challenge is not used up. (NSOSStatusErrorDomain/-909)",
        ),
        (
            "Errors/iOS-11.3.1-AvailableOSUpdatesFailure",
            "The device finds no update that it could install. It may have the newest; refresh its updates."
            " (com.apple.softwareupdateservices.errors/3; DeviceManagement.error/2213: No update available.)",
        ),
        (
            "Status/CommandFormatError-iOS-11.3.1",
            "The device could not make sense of the command (CommandFormatError).",
        ),
    ],
)
def test_captured_errors_are_told_in_words_with_what_to_do(name, words):
    body = capture(f"responses/{name}.plist")
    chain = plistlib.loads(body).get("ErrorChain")
    report = make_report(body=body, request_type="InstallProfile", status=plistlib.loads(body)["Status"])
    results.drain_reports()
    report.refresh_from_db()
    assert report.queued.note == words
    assert report.error_chain == chain


@pytest.mark.parametrize("chain", ["text", [], ["text"], [{"ErrorCode": "x"}], [{"LocalizedDescription": 5}]])
def test_odd_error_chains_do_no_harm(chain):
    report = make_report(answer={"ErrorChain": chain}, status="Error")
    results.drain_reports()
    report.refresh_from_db()
    assert report.problem is None
    assert report.queued.note


def test_the_note_of_a_cancelled_command_stays():
    report = make_report(answer=ERROR, status="Error", disposition=Report.Disposition.LATE)
    QueuedCommand.objects.update(note="answered after it was cancelled")
    results.drain_reports()
    report.refresh_from_db()
    assert report.queued.note == "answered after it was cancelled"
    assert report.error_chain == ERROR["ErrorChain"]


def test_a_late_answer_is_inventory_too_but_not_a_repeated_or_unknown_one():
    late, repeated, unknown = (make_channel(make_device(name="before")) for _ in range(3))
    make_report(late, information(DeviceName="new"), disposition=Report.Disposition.LATE)
    make_report(repeated, information(DeviceName="new"), disposition=Report.Disposition.REPEATED)
    stray = make_report(unknown, information(DeviceName="new"), disposition=Report.Disposition.UNKNOWN_COMMAND)
    Report.objects.filter(pk=stray.pk).update(queued=None)
    assert results.drain_reports() == 3
    names = [Device.objects.get(pk=channel.device_id).name for channel in (late, repeated, unknown)]
    assert names == ["new", "before", "before"]
    assert not Report.objects.filter(interpreted_at=None).exists()


def test_a_question_for_some_apps_is_known_from_the_command():
    channel = make_channel()
    make_report(channel, app_list(3), request_type="InstalledApplicationList")
    some = make_command("InstalledApplicationList", {"Identifiers": ["app1"]})
    make_report(queued=make_queued(channel, some), answer=app_list(1))
    results.drain_reports()
    assert InstalledApplication.objects.count() == 3


def test_a_newer_answer_is_not_overwritten_by_an_older_report_that_comes_later():
    channel = make_channel()
    make_report(channel, information(DeviceName="newer"))
    results.drain_reports()
    make_report(channel, information(DeviceName="older"), received_at=timezone.now() - timedelta(hours=1))
    results.drain_reports()
    assert Device.objects.get(pk=channel.device_id).name == "newer"


@pytest.fixture
def poisoned(monkeypatch):
    """An interpreter that chokes on one report of a batch, as a bug in one would."""
    seen = []

    def choke(reports):
        for report in reports:
            Device.objects.filter(pk=report.device_id).update(asset_tag="seen")
            if report.content.get("Poison"):
                raise KeyError("something a programmer forgot")
        seen.append(len(reports))

    entry = interpreters.Interpreter(choke, frozenset({"Acknowledged"}), False)
    monkeypatch.setitem(interpreters._registry, "RestartDevice", [entry])
    return seen


def test_one_poisoned_report_is_isolated(poisoned):
    good = [make_report(request_type="RestartDevice") for _ in range(7)]
    bad = make_report(request_type="RestartDevice", answer={"Poison": True})
    good += [make_report(request_type="RestartDevice") for _ in range(7)]
    assert results.interpret_reports() == 15
    assert Report.objects.filter(interpreted_at=None).get() == bad
    assert sum(poisoned) == 14
    tagged = set(Device.objects.filter(asset_tag="seen").values_list("pk", flat=True))
    assert tagged == {report.channel.device_id for report in good}


def test_a_poisoned_report_is_given_up_after_three_attempts(poisoned):
    bad = make_report(request_type="RestartDevice", answer={"Poison": True})
    assert results.drain_reports() == 3
    bad.refresh_from_db()
    assert bad.attempts == 3
    assert bad.interpreted_at is not None
    assert bad.problem == "cannot be interpreted: KeyError: the log of the worker says where"


def test_an_error_of_the_database_is_isolated_too(monkeypatch):
    def refuse(reports):
        with connection.cursor() as cursor:
            for report in reports:
                cursor.execute("SELECT %s::integer", [report.content.get("Number", "1")])

    entry = interpreters.Interpreter(refuse, frozenset({"Acknowledged"}), False)
    monkeypatch.setitem(interpreters._registry, "RestartDevice", [entry])
    good = make_report(request_type="RestartDevice")
    bad = make_report(request_type="RestartDevice", answer={"Number": "none"})
    results.interpret_reports()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert good.problem is None
    assert bad.problem.startswith("cannot be interpreted: DataError: the log")


def test_the_number_of_statements_does_not_grow_with_the_number_of_reports(django_assert_max_num_queries):
    mac = make_channel(make_device("macos"))
    make_report(mac, app_list(400), request_type="InstalledApplicationList")
    for number in range(30):
        channel = make_channel(make_device(os_version="1.0"))
        make_report(channel, information(DeviceName=f"name {number}", OSVersion="18.6"))
        make_report(channel, app_list(5), request_type="InstalledApplicationList")
        make_report(channel, {"ProfileList": [{"PayloadIdentifier": "a"}]}, request_type="ProfileList")
        make_report(channel, {"SecurityInfo": {"PasscodePresent": True}}, request_type="SecurityInfo")
        make_report(channel, ERROR, status="Error")
    # Claim 2, questions 1, devices 1, marks 1, notes 1, contacts 1, savepoints 12;
    # information 8, security 4, lists 3 each, items 1, and what other apps make of answers (compliance, facts) 5.
    with django_assert_max_num_queries(46):
        assert results.interpret_reports(limit=200) == 151
    assert Answer.objects.count() == 121


def test_profiles_are_asked_for_after_one_was_installed():
    channels = [make_channel() for _ in range(3)]
    command = make_command("InstallProfile")
    for channel in channels[:2]:
        make_report(queued=make_queued(channel, command))
    make_report(queued=make_queued(channels[2], command), answer=ERROR, status="Error")
    results.drain_reports()
    asked = Command.objects.get(request_type="ProfileList")
    assert asked.origin == "schedule"
    assert set(asked.targets.values_list("channel_id", flat=True)) == {channels[0].pk, channels[1].pk}


def test_the_profiles_of_a_device_that_left_are_not_asked_for():
    channel = make_channel()
    report = make_report(channel, request_type="RemoveProfile")
    channel.state = channel.State.DISABLED
    channel.save(update_fields=["state"])
    results.drain_reports()
    report.refresh_from_db()
    assert (report.problem, report.interpreted_at is None) == (None, False)
    assert not Command.objects.filter(request_type="ProfileList").exists()


def test_profiles_of_a_user_are_kept_apart():
    channel = make_channel(make_device("macos"))
    user = make_channel(channel.device, user_key="anna")
    make_report(user, {"ProfileList": [{"PayloadIdentifier": "mail"}]}, request_type="ProfileList")
    results.drain_reports()
    assert InstalledProfile.objects.get().channel == user


def test_a_batch_that_would_not_fit_into_memory_is_cut(monkeypatch):
    monkeypatch.setattr(results, "MAX_BATCH_BYTES", 1500)
    for _ in range(3):
        make_report(answer=information(DeviceName=secrets.token_hex(600)))
    assert results.interpret_reports() == 1
    assert results.drain_reports() == 2


def test_reports_that_unfold_into_too_much_are_left_for_the_next_batch(monkeypatch):
    monkeypatch.setattr(results, "MAX_BATCH_BYTES", 50_000)
    for _ in range(3):
        make_report(answer=information(DeviceName="x" * 60_000))
    assert results.interpret_reports() == 1
    assert Report.objects.filter(interpreted_at=None).count() == 2


def test_a_report_whose_channel_was_deleted_does_not_come_again():
    report = make_report(answer=information(DeviceName="x"))
    Report.objects.filter(pk=report.pk).update(channel=0, queued=None)
    other = make_report(answer=information(DeviceName="y"))
    assert results.drain_reports() == 1
    problems = dict(Report.objects.values_list("pk", "problem"))
    assert problems == {report.pk: "its channel was deleted", other.pk: None}
    assert not Report.objects.filter(interpreted_at=None).exists()
    Report.objects.filter(pk=report.pk).delete()


def test_a_report_whose_text_has_a_nul_is_stored():
    channel = make_channel()
    body = plistlib.dumps({"Status": "Acknowledged", "QueryResponses": {"Odd": "a\0b"}}, fmt=plistlib.FMT_BINARY)
    sealed = seal_body(body, report_context(channel.enrollment_key, channel.user_key))
    report = make_report(channel, body_encrypted=sealed)
    results.drain_reports()
    report.refresh_from_db()
    assert report.problem is None
    assert Answer.objects.get().content == {"Odd": "ab"}


def test_interpreters_get_whole_reports(monkeypatch):
    got: list[Reported] = []
    entry = interpreters.Interpreter(got.extend, frozenset({"Error"}), True)
    monkeypatch.setitem(interpreters._registry, "RestartDevice", [entry])
    report = make_report(
        queued=make_queued(command=make_command("RestartDevice", {"Why": "x"})), answer=ERROR, status="Error"
    )
    results.drain_reports()
    assert [(one.report_id, one.queued_id, one.status) for one in got] == [(report.pk, report.queued_id, "Error")]
    assert got[0].asked == {"RequestType": "RestartDevice", "Why": "x"}
    assert got[0].error_chain == ERROR["ErrorChain"]
