"""Commands through the API: asking, refusals, what became of it, cancelling."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commands.governor.models import GovernorLimit
from commands.models import Command, QueuedCommand, Report
from devices.models import Channel
from mdm_project import plist
from mdm_project.crypto import unseal
from tests import factories
from tests.api.client import Caller

State = QueuedCommand.State


def ask(caller, targets: dict, request_type: str = "ProfileList", **more):
    return caller.post("commands/", {"request_type": request_type, "targets": targets} | more)


def body_of(command: Command) -> dict:
    return plist.loads(unseal(command.body_encrypted, command.body_context))["Command"]


def test_a_command_is_queued_for_the_device_that_is_named(caller):
    channel = factories.make_channel()
    factories.make_channel()

    response = ask(
        caller,
        {"udids": [channel.device.udid]},
        "DeviceInformation",
        payload={"Queries": ["OSVersion"]},
        reason="audit",
        priority=5,
    )

    assert response.status_code == 201
    answer = response.json()
    command = Command.objects.get(pk=answer["id"])
    said_of_others = {"skipped": [], "refused": [], "warnings": []}
    assert answer == {"id": command.pk, "command_uuid": command.uuid, "queued": 1, **said_of_others}
    assert body_of(command) == {"RequestType": "DeviceInformation", "Queries": ["OSVersion"]}
    assert list(command.targets.values_list("channel", "priority")) == [(channel.pk, 5)]
    assert (command.origin, command.user, command.reason) == ("api", caller.user, "audit")
    assert command.actor == f"{caller.user.username} (token test)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("udids", lambda channel: channel.device.udid),
        ("serial_numbers", lambda channel: channel.device.serial_number),
        ("device_ids", lambda channel: channel.device_id),
        ("enrollment_ids", lambda channel: channel.enrollment_key),
    ],
)
def test_a_target_may_be_named_in_any_way(caller, name, value):
    channel = factories.make_channel()
    factories.make_channel()

    assert ask(caller, {name: [value(channel), value(channel)]}).json()["queued"] == 1
    assert QueuedCommand.objects.get().channel == channel


def test_a_device_named_twice_is_asked_once_and_names_add_up(caller):
    one, other = factories.make_channel(), factories.make_channel()
    targets = {
        "udids": [one.device.udid],
        "serial_numbers": [one.device.serial_number],
        "device_ids": [other.device_id],
        "enrollment_ids": [one.enrollment_key],
        "group": None,
        "all": False,
        "channel": "device",
    }

    assert ask(caller, targets).json()["queued"] == 2


def test_all_means_every_enrolled_device(caller):
    enrolled = [factories.make_channel() for _ in range(3)]
    factories.make_channel(state=Channel.State.DISABLED)
    factories.make_device()
    factories.make_channel(enrolled[0].device, user_key="USER")

    assert ask(caller, {"all": True, "udids": [], "serial_numbers": []}).json()["queued"] == 3
    assert set(QueuedCommand.objects.values_list("channel", flat=True)) == {channel.pk for channel in enrolled}


def test_the_user_channel_reaches_the_users_of_the_devices(caller):
    device = factories.make_device("macos")
    factories.make_channel(device)
    users = [factories.make_channel(device, user_key=key) for key in ("ONE", "TWO")]
    other = factories.make_channel()

    answer = ask(caller, {"device_ids": [device.pk, other.device_id], "channel": "user"}).json()
    assert (answer["queued"], answer["skipped"]) == (2, [other.device_id])
    assert set(QueuedCommand.objects.values_list("channel", flat=True)) == {channel.pk for channel in users}
    refused = ask(caller, {"device_ids": [other.device_id], "channel": "user"})
    assert refused.status_code == 409
    assert "user channel" in refused.json()["detail"]


def test_unknown_targets_are_named_one_by_one_and_nothing_is_queued(caller):
    channel = factories.make_channel()
    targets = {
        "udids": [channel.device.udid, "NOBODY"],
        "serial_numbers": ["X1"],
        "device_ids": [10**9],
        "enrollment_ids": ["GONE"],
    }

    response = ask(caller, targets)

    assert response.status_code == 400
    assert response.json()["code"] == "unknown_target"
    assert response.json()["fields"] == {
        "targets.udids.1": "no device has this UDID: NOBODY",
        "targets.serial_numbers.0": "no device has this serial number: X1",
        "targets.device_ids.0": "no device has this id: 1000000000",
        "targets.enrollment_ids.0": "nothing is enrolled under this id: GONE",
    }
    assert not Command.objects.exists()


def test_devices_that_left_are_skipped_and_told(caller):
    channel = factories.make_channel()
    gone = factories.make_channel(
        enrollment=factories.make_enrollment(state="unenrolled"), state=Channel.State.DISABLED
    )

    answer = ask(caller, {"device_ids": [channel.device_id], "enrollment_ids": [gone.enrollment_key]}).json()
    assert (answer["queued"], answer["skipped"]) == (1, [gone.device_id])
    refused = ask(caller, {"udids": [gone.device.udid]})
    assert refused.status_code == 409
    assert refused.json() == {
        "code": "no_reachable_target",
        "detail": "None of these devices is enrolled, so nothing was queued.",
    }


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"targets": {"all": True}}, "request_type"),
        ({"request_type": "ProfileList"}, "targets"),
        ({"request_type": "ProfileList", "targets": {}}, "targets"),
        ({"request_type": "ProfileList", "targets": []}, "targets"),
        ({"request_type": "ProfileList", "targets": {"udid": ["A"], "all": True}}, "targets.udid"),
        ({"request_type": "ProfileList", "targets": {"udids": ["A"], "all": True}}, "targets"),
        ({"request_type": "ProfileList", "targets": {"udids": "A"}}, "targets.udids"),
        ({"request_type": "ProfileList", "targets": {"udids": [{}]}}, "targets.udids.0"),
        ({"request_type": "ProfileList", "targets": {"device_ids": [10**30]}}, "targets.device_ids.0"),
        ({"request_type": "ProfileList", "targets": {"group": 7}}, "targets.group"),
        ({"request_type": "ProfileList", "targets": {"all": True, "channel": "tv"}}, "targets.channel"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "payload": []}, "payload"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "payload": {"A": {"B": [None]}}}, "payload.A.B.0"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "payload": {"A": {"$data": "!"}}}, "payload.A"),
        ({"request_type": "Profile List", "targets": {"all": True}}, "request_type"),
        ({"request_type": "InstallProfile", "targets": {"all": True}}, "payload.Payload"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "push": "perhaps"}, "push"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "expires_at": "soon"}, "expires_at"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "reason": "\ud800"}, "reason"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "command_uuid": "with space"}, "command_uuid"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "prority": 1}, "prority"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "\ud800": 1}, "\\ud800"),
        ({"request_type": "ProfileList", "targets": {"all": True}, "payload": {"\ud800": 1}}, "payload"),
    ],
)
def test_what_is_structurally_wrong_is_refused_with_the_key_path(caller, content, field):
    factories.make_channel()

    response = caller.post("commands/", content)

    assert response.status_code == 400
    assert list(response.json()["fields"]) == [field]
    assert response.json()["detail"]
    assert not Command.objects.exists()


def test_data_and_dates_travel_in_json(caller):
    channel = factories.make_channel()
    payload = {"Payload": {"$data": "AAEC"}, "When": {"$date": "2026-01-02T03:04:05Z"}, "Real": 0.5}

    response = ask(
        caller, {"device_ids": [channel.device_id]}, "NewerThanTheSchema", payload=payload, allow_unknown=True
    )

    command = Command.objects.get(pk=response.json()["id"])
    assert body_of(command) == {
        "RequestType": "NewerThanTheSchema",
        "Payload": b"\x00\x01\x02",
        "When": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "Real": 0.5,
    }


def test_a_command_may_bring_its_uuid_and_its_end(caller):
    channel = factories.make_channel()
    end = timezone.now() + timedelta(hours=1)

    response = ask(caller, {"device_ids": [channel.device_id]}, command_uuid="MINE-1", expires_at=end.isoformat())
    assert response.json()["command_uuid"] == "MINE-1"
    assert QueuedCommand.objects.get().expires_at == end
    again = ask(caller, {"device_ids": [channel.device_id]}, command_uuid="MINE-1")
    assert again.status_code == 409
    assert again.json()["fields"] == {"command_uuid": "was used before"}


def test_a_push_is_asked_for_unless_it_is_not_wanted(caller):
    quiet, woken = factories.make_channel(), factories.make_channel()

    ask(caller, {"device_ids": [quiet.device_id]}, push=False)
    ask(caller, {"device_ids": [woken.device_id]})

    assert [row["device_id"] for row in caller.results("push-states/")] == [woken.device_id]


def test_asking_costs_the_same_statements_for_many_devices(caller):
    channels = [factories.make_channel() for _ in range(12)]
    ask(caller, {"all": True})

    def statements(serial_numbers) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ask(caller, {"serial_numbers": serial_numbers}).status_code == 201
        return len(captured)

    numbers = [channel.device.serial_number for channel in channels]
    assert statements(numbers[:2]) == statements(numbers)


def test_a_command_is_shown_with_its_counts(caller):
    command = factories.make_command("ProfileList", reason="why not")
    states = [State.PENDING, State.SENT, State.NOT_NOW, State.ACKNOWLEDGED, State.PARTLY, State.FAILED]
    for state in [*states, State.QUARANTINED, State.CANCELLED, State.EXPIRED, State.EXPIRED]:
        factories.make_queued(command=command, state=state)

    shown = caller.get(f"commands/{command.pk}/").json()

    assert (shown["request_type"], shown["command_uuid"], shown["reason"]) == ("ProfileList", command.uuid, "why not")
    assert shown["target_count"] == 10
    assert shown["counts"] == {
        "pending": 1,
        "sent": 1,
        "not_now": 1,
        "acknowledged": 1,
        "partly": 1,
        "failed": 2,
        "cancelled": 1,
        "expired": 2,
    }


def test_commands_are_listed_newest_first_and_filtered(caller):
    old = factories.make_queued(command="ProfileList").command
    new = factories.make_queued(command="SecurityInfo", state=State.FAILED).command

    assert [row["id"] for row in caller.results("commands/")] == [new.pk, old.pk]
    device_id = old.targets.get().channel.device_id
    for query in ({"request_type": "ProfileList"}, {"command_uuid": old.uuid}, {"device": device_id}):
        assert [row["id"] for row in caller.results("commands/", **query)] == [old.pk]
    assert [row["id"] for row in caller.results("commands/", state="failed")] == [new.pk]
    assert [row["id"] for row in caller.results("commands/", search="security")] == [new.pk]


def test_the_result_of_a_device_is_there_before_it_is_interpreted(caller):
    channel = factories.make_channel()
    answer = {"QueryResponses": {"OSVersion": "18.5", "Icon": b"\x00", "At": datetime(2026, 1, 2, tzinfo=UTC)}}
    report = factories.make_report(channel, answer)
    assert report.interpreted_at is None

    [row] = caller.results(f"commands/{report.queued.command_id}/results/")

    device = channel.device
    assert (row["device_id"], row["udid"], row["serial_number"]) == (device.pk, device.udid, device.serial_number)
    assert (row["enrollment_id"], row["channel"]) == (channel.enrollment_key, "device")
    assert (row["status"], row["state"], row["problem"]) == ("Acknowledged", "acknowledged", None)
    assert row["result"]["QueryResponses"] == {
        "OSVersion": "18.5",
        "Icon": {"$data": "AA=="},
        "At": {"$date": "2026-01-02T00:00:00Z"},
    }
    assert row["error_chain"] is None
    assert row["received_at"].endswith("Z")


def test_the_errors_of_a_device_are_told_as_it_told_them(caller):
    chain = [{"ErrorCode": 12021, "ErrorDomain": "MCMDMErrorDomain", "USEnglishDescription": "Unknown command."}]
    report = factories.make_report(factories.make_channel(), {"ErrorChain": chain}, status="Error")

    [row] = caller.results(f"commands/{report.queued.command_id}/results/")

    assert (row["status"], row["state"], row["error_chain"]) == ("Error", "failed", chain)


def test_secrets_in_a_report_are_not_shown_and_flags_are(caller):
    answer = {
        "ActivationLockBypassCode": "AAAA-BBBB",
        "UnlockToken": b"secret",
        "SecurityInfo": {
            "PasscodePresent": True,
            "FDE_PersonalRecoveryKeyCMS": b"secret",
            "FirmwarePasswordStatus": {"PasswordExists": False},
        },
        "Accounts": [{"Password": "hunter2", "Name": "anna"}],
    }
    report = factories.make_report(factories.make_channel(), answer)

    response = caller.get(f"commands/{report.queued.command_id}/results/")

    result = response.json()["results"][0]["result"]
    assert result["SecurityInfo"]["PasscodePresent"] is True
    assert result["SecurityInfo"]["FirmwarePasswordStatus"] == {"PasswordExists": False}
    assert result["Accounts"] == [{"Password": "[redacted]", "Name": "anna"}]
    for secret in (b"AAAA-BBBB", b"hunter2", b"c2VjcmV0"):
        assert secret not in response.content


@pytest.mark.parametrize(
    ("state", "status", "name"),
    [
        (State.PENDING, "pending", "pending"),
        (State.SENT, "sent", "sent"),
        (State.NOT_NOW, "NotNow", "not_now"),
        (State.CANCELLED, "cancelled", "cancelled"),
        (State.EXPIRED, "expired", "expired"),
        (State.QUARANTINED, "failed", "failed"),
    ],
)
def test_a_target_without_a_report_tells_where_it_stands(caller, state, status, name):
    queued = factories.make_queued(state=state, note="because")

    [row] = caller.results(f"commands/{queued.command_id}/results/")

    assert (row["status"], row["state"], row["result"], row["problem"]) == (status, name, None, "because")


def test_a_report_that_cannot_be_read_is_shown_as_such(caller):
    report = factories.make_report(factories.make_channel(), body=b"<plist><dict><key>Status</key>")
    damaged = factories.make_report(factories.make_channel(), body_encrypted=b"\x01" * 200)

    [row] = caller.results(f"commands/{report.queued.command_id}/results/")
    assert (row["status"], row["result"]) == ("Acknowledged", None)
    assert "cannot be read" in row["problem"]
    [row] = caller.results(f"commands/{damaged.queued.command_id}/results/")
    assert "cannot be read" in row["problem"]


def test_a_repeated_or_late_report_does_not_hide_the_answer(caller):
    channel = factories.make_channel()
    first = factories.make_report(channel, {"Number": 1})
    for disposition in (Report.Disposition.REPEATED, Report.Disposition.LATE):
        factories.make_report(channel, {"Number": 2}, queued=first.queued, disposition=disposition)

    [row] = caller.results(f"commands/{first.queued.command_id}/results/")
    assert row["result"]["Number"] == 1


def test_the_answer_to_a_cancelled_command_is_still_shown(caller):
    queued = factories.make_queued()
    factories.make_report(queued=queued, answer={"Late": True}, disposition=Report.Disposition.LATE)
    QueuedCommand.objects.filter(pk=queued.pk).update(state=State.CANCELLED)

    [row] = caller.results(f"commands/{queued.command_id}/results/")
    assert (row["state"], row["result"]["Late"]) == ("cancelled", True)


def test_results_are_filtered_by_state_and_by_device(caller):
    command = factories.make_command()
    pending = factories.make_queued(command=command)
    failed = factories.make_queued(command=command, state=State.FAILED)
    quarantined = factories.make_queued(command=command, state=State.QUARANTINED)

    def devices(**query) -> list[int]:
        return [row["device_id"] for row in caller.results(f"commands/{command.pk}/results/", **query)]

    assert devices() == [queued.channel.device_id for queued in (pending, failed, quarantined)]
    assert devices(state="failed") == [failed.channel.device_id, quarantined.channel.device_id]
    assert devices(device=failed.channel.device_id) == [failed.channel.device_id]
    assert devices(search=pending.channel.device.serial_number) == [pending.channel.device_id]


def test_results_cost_the_same_statements_however_many_there_are(caller):
    command = factories.make_command()

    def add(number: int):
        for _ in range(number):
            channel = factories.make_channel()
            factories.make_report(channel, queued=factories.make_queued(channel, command))

    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert caller.get(path).status_code == 200
        return len(captured)

    add(1)
    caller.get("devices/")
    paths = [f"commands/{command.pk}/results/", f"commands/{command.pk}/", "commands/"]
    few = [statements(path) for path in paths]
    add(10)
    assert [statements(path) for path in paths] == few


def test_the_commands_of_a_device_are_listed_with_their_state(caller):
    channel = factories.make_channel()
    report = factories.make_report(channel, request_type="ProfileList")
    waiting = factories.make_queued(factories.make_channel(channel.device, user_key="USER"), "SecurityInfo")
    factories.make_queued()

    rows = caller.results(f"devices/{channel.device_id}/commands/")

    assert [(row["request_type"], row["channel"], row["status"], row["state"]) for row in rows] == [
        ("SecurityInfo", "user", "pending", "pending"),
        ("ProfileList", "device", "Acknowledged", "acknowledged"),
    ]
    assert [row["id"] for row in rows] == [waiting.command_id, report.queued.command_id]
    assert len(caller.results(f"devices/{channel.device_id}/commands/", state="pending")) == 1


def test_cancelling_ends_what_waits_and_nothing_else(caller):
    command = factories.make_command()
    waiting = factories.make_queued(command=command, state=State.SENT)
    done = factories.make_queued(command=command, state=State.ACKNOWLEDGED)
    other = factories.make_queued()

    response = caller.post(f"commands/{command.pk}/cancel/", {"reason": "a mistake"})

    assert (response.status_code, response.json()) == (200, {"cancelled": 1})
    for queued, state in ((waiting, State.CANCELLED), (done, State.ACKNOWLEDGED), (other, State.PENDING)):
        queued.refresh_from_db()
        assert queued.state == state
    waiting.refresh_from_db()
    assert "a mistake" in waiting.note
    assert caller.post(f"commands/{command.pk}/cancel/").json() == {"cancelled": 0}
    assert caller.post("commands/4711/cancel/").status_code == 404


@pytest.mark.django_db
def test_without_the_right_to_see_devices_no_target_exists():
    channel = factories.make_channel()
    caller = Caller("commands.add_command")

    assert ask(caller, {"device_ids": [channel.device_id]}).status_code == 403
    assert not Command.objects.exists()


def test_those_that_cannot_take_a_command_are_named_with_the_reason(caller):
    can = factories.make_channel(factories.make_device(is_supervised=True))
    cannot = factories.make_channel(factories.make_device(is_supervised=False))
    refused = {"device_id": cannot.device_id, "serial_number": cannot.device.serial_number}
    refused["reason"] = "needs a supervised device"

    response = ask(caller, {"device_ids": [can.device_id, cannot.device_id]}, "RestartDevice")
    assert (response.status_code, response.json()["queued"], response.json()["refused"]) == (201, 1, [refused])
    shown = caller.get(f"commands/{response.json()['id']}/").json()
    assert shown["refused"] == [{"reason": refused["reason"], "count": 1, "device_ids": [cannot.device_id]}]

    nobody = ask(caller, {"device_ids": [cannot.device_id]}, "RestartDevice")
    assert (nobody.status_code, nobody.json()["code"], nobody.json()["refused"]) == (409, "not_applicable", [refused])


@pytest.mark.parametrize(
    ("request_type", "payload", "path"),
    [
        ("EraseDevice", {"ObliterationBehavior": "Maybe"}, "payload.ObliterationBehavior"),
        ("DeviceInformation", {"Queries": [1]}, "payload.Queries.0"),
        ("RestartDevice", {"Notify": True}, "payload.Notify"),
        ("InstallProfile", {"Payload": {"$data": "AAEC"}}, "payload.Payload"),
    ],
)
def test_what_apples_schema_refuses_is_refused_with_the_key_path(caller, request_type, payload, path):
    channel = factories.make_channel()
    response = ask(caller, {"device_ids": [channel.device_id]}, request_type, payload=payload, reason="x")
    assert (response.status_code, list(response.json()["fields"])) == (400, [path])
    assert not Command.objects.exists()


def test_a_key_that_is_newer_than_the_schema_is_sent_when_that_is_wished(caller):
    channel = factories.make_channel()
    targets, payload = {"device_ids": [channel.device_id]}, {"Notify": True}
    assert ask(caller, targets, "RestartDevice", payload=payload).status_code == 400
    assert ask(caller, targets, "RestartDevice", payload=payload, allow_unknown=True).status_code == 201
    assert body_of(Command.objects.get())["Notify"] is True


def test_something_destructive_needs_a_reason_and_for_many_their_number(caller):
    channels = [factories.make_channel() for _ in range(3)]
    targets = {"device_ids": [channel.device_id for channel in channels]}

    answers = [
        ask(caller, targets, "EraseDevice", confirm=3),
        ask(caller, targets, "EraseDevice", reason="sold"),
        ask(caller, targets, "EraseDevice", reason="sold", confirm=2),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (400, "reason_required"),
        (400, "confirmation_required"),
        (400, "confirmation_required"),
    ]
    held = ask(caller, targets, "EraseDevice", reason="sold", confirm=3)
    assert (held.status_code, held.json()["device_count"], held.json()["state"]) == (202, 3, "delayed")
    assert held.json()["release_at"] and "until" in held.json()["waits_for"]
    assert not Command.objects.exists()


def test_no_key_of_a_devices_own_is_shown_by_the_api(caller):
    channel = factories.make_channel(factories.make_device("macos"))
    command_id = ask(caller, {"device_ids": [channel.device_id]}, "DeviceLock", reason="lost").json()["id"]
    queued = QueuedCommand.objects.select_related("command").get(command=command_id)
    pin = plist.loads(unseal(bytes(queued.body_encrypted), queued.command.body_context))["Command"]["PIN"]

    for address in (f"commands/{command_id}/", f"commands/{command_id}/results/", "commands/"):
        assert f'"{pin}"' not in caller.get(address).content.decode()


def fail(queued: QueuedCommand, note: str) -> None:
    QueuedCommand.objects.filter(pk=queued.pk).update(state=State.FAILED, finished_at=timezone.now(), note=note)


def test_failures_are_grouped_by_their_cause(caller):
    command = factories.make_command("ProfileList")
    rows = [factories.make_queued(command=command) for _ in range(8)]
    for queued, note in zip(
        rows, ["is busy"] * 3 + ["profile 4711471147 is bad", "profile 815815815 is bad"], strict=False
    ):
        fail(queued, note)

    failures = caller.get(f"commands/{command.pk}/").json()["failures"]
    assert [(it["cause"], it["count"]) for it in failures] == [("is busy", 3), ("profile … is bad", 2)]
    assert failures[0]["serial_numbers"] == [queued.channel.device.serial_number for queued in rows[:3]]


def test_a_rare_cause_behind_many_others_has_its_examples(caller):
    command = factories.make_command("ProfileList")
    rows = [factories.make_queued(command=command) for _ in range(12)]
    for queued in rows[:-1]:
        fail(queued, "is busy")
    fail(rows[-1], "is full")

    failures = caller.get(f"commands/{command.pk}/").json()["failures"]
    assert [(it["cause"], it["count"], len(it["serial_numbers"])) for it in failures] == [
        ("is busy", 11, 5),
        ("is full", 1, 1),
    ]
    assert failures[1]["serial_numbers"] == [rows[-1].channel.device.serial_number]


def test_what_failed_is_asked_again_as_a_new_command(caller):
    command = factories.make_command("ProfileList")
    failed, done = (factories.make_queued(command=command) for _ in range(2))
    fail(failed, "busy")

    answer = caller.post(f"commands/{command.pk}/retry/", {"reason": "once more"})
    again = Command.objects.get(pk=answer.json()["id"])
    assert (answer.status_code, answer.json()["queued"], again.reason) == (201, 1, "once more")
    assert list(again.targets.values_list("channel", flat=True)) == [failed.channel_id]
    assert caller.post(f"commands/{again.pk}/retry/").status_code == 400, "nothing of it failed"


def test_the_limit_counts_asking_again_too(caller):
    channel = factories.make_channel()
    GovernorLimit.objects.filter(danger="erase").update(per_person=1)
    targets = {"device_ids": [channel.device_id]}
    first = ask(caller, targets, "EraseDevice", reason="sold").json()["id"]
    fail(QueuedCommand.objects.get(), "busy")

    refused = caller.post(f"commands/{first}/retry/", {"reason": "again"})
    assert (refused.status_code, refused.json()["code"]) == (403, "limit_reached")
    assert Command.objects.count() == 1


def test_a_misspelt_request_type_is_refused_by_name_unless_it_is_wished(caller):
    """B14."""
    targets = {"device_ids": [factories.make_channel().device_id]}
    response = ask(caller, targets, "RestartDevise")
    assert response.status_code == 400
    assert "did you mean RestartDevice?" in response.json()["fields"]["request_type"]
    assert ask(caller, targets, "RestartDevise", allow_unknown=True).status_code == 201
