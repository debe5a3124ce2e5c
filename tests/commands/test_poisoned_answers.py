"""Issue 9, part 1: one poisoned device holds up nobody.

Devices whose answers have every kind of value at every place stand in a fleet with one that is as it should be; then
everything that looks at a fleet looks at this one.
"""

import pytest
from django.urls import reverse
from django.utils import timezone

from commands import results
from commands.applicability import candidates_of, split
from commands.asking import ask
from commands.meanings.remove_profile import RemoveProfile
from commands.models import QueuedCommand, Report, report_context
from commands.reconcile import reconcile
from devices import rules
from devices.console.tabs import TABS
from devices.models import Answer, Channel, Device, Event, InstalledProfile
from devices.rules import OPERATORS, Vocabulary
from devices.timeline import SYSTEM
from mdm_project import plist
from mdm_project.crypto import seal_body
from profiles import catalogue
from profiles.catalogue.examples import minimal
from profiles.models import ItemStatus
from tests.api.client import Caller
from tests.commands.poison import VALUES, full_answers, poisoned, ways
from tests.factories import make_channel, make_command, make_device, make_profile, make_report, make_staff

pytestmark = pytest.mark.django_db
PLATFORMS = ("macos", "ipados", "ios", "tvos", "visionos", "watchos")
WIFI = "com.example.leaving"
STATE = ItemStatus.State
LISTS = ("devices/", "events/", "commands/", "groups/", "profiles/")
OF_DEVICE = (
    "", "applications/", "profiles/", "certificates/", "commands/", "effective-configuration/",
)  # fmt: skip


def wifi_profile(answer: dict, payload) -> dict:
    """Let the list name our profile, with a payload that was poisoned beside the real one."""
    listed = answer.get("ProfileList")
    real = {"PayloadType": "com.apple.wifi.managed", "PayloadIdentifier": "w", "PayloadUUID": "w"}
    ours = {
        "PayloadIdentifier": WIFI,
        "PayloadUUID": "ours",
        "PayloadContent": [payload, {"PayloadType": payload}, real],
    }
    enrollment = {"PayloadIdentifier": "com.example.mdm", "PayloadContent": [{"PayloadType": "com.apple.mdm"}]}
    return answer | {"ProfileList": [*(listed if isinstance(listed, list) else []), enrollment, ours]}


def answers_of(way, first: int, full: dict[str, dict]) -> dict[str, dict]:
    found = {request_type: poisoned(answer, way, first) for request_type, answer in full.items()}
    found["ProfileList"] = wifi_profile(found["ProfileList"], found["ProfileList"].get("ErrorChain"))
    told = found["DeviceInformation"].get("QueryResponses")
    if isinstance(told, dict) and first % 2:
        told |= {"SerialNumber": f"TOLD{first}", "OSVersion": "18.5", "DeviceName": "Told"}
    return found


@pytest.fixture
def fleet() -> list[Channel]:
    """The first channel is of a device that says what it should; all have a network profile that is due to go."""
    full = full_answers()
    healthy = dict(full) | {"ProfileList": wifi_profile({}, {"PayloadType": "com.apple.wifi.managed"})}
    all_ways = list(ways())
    channels = [make_channel(make_device(PLATFORMS[number % 6])) for number in range(len(all_ways) + 1)]
    answers = [healthy, *(answers_of(way, first, full) for way, first in all_ways)]
    commands = {request_type: make_command(request_type) for request_type in full}
    queued = {
        (row.channel_id, row.command_id): row
        for row in QueuedCommand.objects.bulk_create(
            QueuedCommand(
                channel=channel, command=command, state=QueuedCommand.State.ACKNOWLEDGED, finished_at=timezone.now()
            )
            for channel in channels
            for command in commands.values()
        )
    }
    reports = []
    for channel, told in zip(channels, answers, strict=True):
        for request_type, answer in told.items():
            command = commands[request_type]
            envelope = {"Status": "Acknowledged", "UDID": channel.enrollment_key, "CommandUUID": command.uuid}
            body = seal_body(plist.dumps(answer | envelope), report_context(channel.enrollment_key, ""))
            reports.append(
                Report(
                    channel=channel, queued=queued[channel.pk, command.pk], status="Acknowledged",
                    command_uuid=command.uuid, disposition=Report.Disposition.RESULT,
                    body_encrypted=body,
                )
            )  # fmt: skip
    Report.objects.bulk_create(reports)
    profile = make_profile(identifier=WIFI)
    ItemStatus.objects.bulk_create(
        ItemStatus(channel=channel, identifier=WIFI, profile=profile, uuid="ours", state=STATE.VERIFIED)
        for channel in channels
    )
    return channels


def failures(addresses, get) -> dict[str, object]:
    """Return the addresses that are not answered 200, with what came instead."""
    found = {}
    for address in addresses:
        response = get(address)
        if response.status_code != 200:
            found[address] = (response.status_code, getattr(response, "content", b"")[:300])
    return found


def test_a_fleet_with_poisoned_devices_works_as_one_without(fleet, client, caplog):
    results.drain_reports(time_limit_s=120)
    assert not Report.objects.filter(interpreted_at=None).exists()
    broken = Report.objects.filter(problem__startswith="cannot be interpreted")
    assert list(broken.values_list("queued__command__request_type", "problem").distinct()) == []
    assert Answer.objects.exclude(misfits={}).exists()
    assert InstalledProfile.objects.filter(identifier=WIFI).count() == len(fleet)

    # Commands: whoever can take one gets it, and nobody is left out because of what was reported.
    everybody = Channel.objects.filter(pk__in=[channel.pk for channel in fleet])
    candidates = candidates_of(everybody)
    assert len(candidates) == len(fleet)
    faults = {
        (entry.type, refusal.reason)
        for entry in catalogue.commands()
        for refusal in split(entry.type, candidates, minimal(entry))[1]
        if refusal.is_fault
    }
    assert faults == set()
    for request_type, payload in (
        ("DeviceInformation", {"Queries": ["OSVersion"]}),
        ("RemoveProfile", {"Identifier": "x"}),
    ):
        asked = ask(request_type, payload, everybody, actor=SYSTEM, reason="test", confirmed=len(fleet))
        assert fleet[0].pk in asked.command.targets.values_list("channel_id", flat=True)

    # Rules, the reconciler, pages and the API.
    assert_rules_work(fleet[0].device)
    assert reconcile() == 10  # last networks: no more in an hour
    moved = ItemStatus.objects.filter(identifier=WIFI, state=STATE.REMOVING)
    assert moved.exclude(error="").exclude(error__startswith="held by the governor").count() == 0
    assert moved.count() == len(fleet)
    assert_pages_work(fleet, client)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def assert_rules_work(device: Device) -> None:
    samples = {"text": "a", "number": 1, "version": "1.2", "date": "2026-01-01", "boolean": True, "presence": "a"}
    for fact, _attribute in Vocabulary().facts():
        for word, operator in OPERATORS[fact.kind].items():
            if fact.name == "group":
                continue
            one = fact.choices[0][0] if fact.choices else samples[fact.kind]
            value = {"one": one, "many": [one], "days": 3, "nothing": None}[operator.takes]
            rule = {"fact": fact.name, "is": word} | ({} if value is None else {"value": value})
            rule |= {"of": "com.example"} if fact.of else {}
            rules.explain(rule, device)
            rules.matching(rule).count()


def assert_pages_work(fleet: list[Channel], client) -> None:
    staff = make_staff(is_superuser=True)
    client.force_login(staff)
    client.raise_request_exception = False
    pages = [reverse("admin:index"), *(reverse(f"admin:{name}_changelist") for name in (
        "devices_device", "commands_command", "devices_event", "profiles_profile", "devices_group"))]  # fmt: skip
    shown = chosen(fleet, ("inventory", "configuration"), tuple(tab for tab in TABS if tab not in ("groups", "notes")))
    pages += [f"{reverse('admin:devices_device_change', args=[device_id])}?tab={tab}" for device_id, tab in shown]
    pages += [f"/helpdesk/devices/{channel.device_id}/" for channel in fleet[::5]]
    assert failures(pages, client.get) == {}
    caller = Caller(user=staff)
    addresses = [
        *LISTS,
        *(
            f"devices/{device_id}/{name}"
            for device_id, name in chosen(fleet, ("inventory/", "removability/"), OF_DEVICE)
        ),
    ]
    assert failures(addresses, caller.get) == {}


def chosen(fleet: list[Channel], always: tuple, others: tuple) -> list[tuple[int, str]]:
    """Pair devices with what is shown of one: where leaves are poisoned always some, and of the others each in turn."""
    number = len(VALUES) + 1
    leaves = [(channel.device_id, name) for channel in fleet[:number] for name in always]
    names = (*others, *always)
    return leaves + [(channel.device_id, names[index % len(names)]) for index, channel in enumerate(fleet)]


# Stored before answers were brought to their types, and what breaks all the same


def installed(channel: Channel, payloads) -> None:
    InstalledProfile.objects.create(
        channel=channel, device=channel.device, identifier=WIFI, payloads=payloads, reported_at=timezone.now()
    )


def due_to_go(*channels: Channel) -> None:
    profile = make_profile(identifier=WIFI)
    for channel in channels:
        ItemStatus.objects.create(channel=channel, identifier=WIFI, profile=profile, uuid="ours", state=STATE.VERIFIED)


def test_part_1a_a_payload_type_that_is_no_text_holds_up_no_removal_even_stored_long_ago(client):
    healthy, poisoned_one = make_channel(), make_channel()
    installed(healthy, [{"PayloadType": "com.apple.wifi.managed"}])
    installed(poisoned_one, [{"PayloadType": ["com.apple.wifi.managed"]}, {"PayloadType": "com.apple.wifi.managed"}])
    due_to_go(healthy, poisoned_one)
    assert reconcile() == 2
    both = Channel.objects.filter(pk__in=[healthy.pk, poisoned_one.pk])
    asked = ask("RemoveProfile", {"Identifier": WIFI}, both, actor=SYSTEM, reason="test", confirmed=2)
    assert (asked.refused, len(asked.held.channel_ids)) == ([], 2)  # last networks wait, as they would without it
    assert Caller().get(f"devices/{poisoned_one.device_id}/removability/").status_code == 200


def test_part_1b_a_flag_that_is_none_stops_no_command_even_stored_long_ago(client):
    healthy, poisoned_one = make_channel(make_device("ipados")), make_channel(make_device("ipados"))
    Answer.objects.create(
        device=poisoned_one.device, request_type="DeviceInformation", content={"IsMultiUser": [], "IsAppleSilicon": {}},
        answered_at=timezone.now(),
    )  # fmt: skip
    response = Caller().post(
        "commands/",
        {"request_type": "RestartDevice", "payload": {}, "targets": {"all": True}},
    )
    assert (response.status_code, response.json().get("queued")) == (201, 2), response.content
    client.force_login(make_staff(is_superuser=True))
    assert client.get(reverse("admin:devices_device_change", args=[poisoned_one.device_id])).status_code == 200
    assert candidates_of(Channel.objects.filter(pk=healthy.pk))[0].target.shared_ipad is None


def test_what_is_of_a_wrong_type_is_kept_raw_beside_the_answer_and_goes_when_it_is_right_again():
    channel = make_channel(make_device("ipados"))
    told = {"IsMultiUser": "yes", "DeviceName": "Pad", "ServiceSubscriptions": [{"IMEI": 5, "MEID": "m"}]}
    make_report(channel, {"QueryResponses": told})
    results.drain_reports()
    answer = Answer.objects.get()
    assert answer.content == {"DeviceName": "Pad", "ServiceSubscriptions": [{"MEID": "m"}]}
    assert answer.misfits == {
        "IsMultiUser": {"IsMultiUser": "yes"}, "ServiceSubscriptions": {"ServiceSubscriptions[0].IMEI": 5}
    }  # fmt: skip
    shown = Caller().get(f"devices/{channel.device_id}/inventory/").json()["answers"][0]
    assert shown["misfits"]["IsMultiUser"] == {"IsMultiUser": "yes"}
    make_report(channel, {"QueryResponses": {"IsMultiUser": True}})
    results.drain_reports()
    answer.refresh_from_db()
    assert (answer.content["IsMultiUser"], answer.content["DeviceName"]) == (True, "Pad")
    assert answer.misfits.keys() == {"ServiceSubscriptions"}


@pytest.fixture
def broken_meaning(monkeypatch):
    """A meaning that breaks on one device, as a mistake in one would."""
    broken: dict[str, int] = {}

    def break_on(method: str, channel: Channel) -> None:
        broken["channel"] = channel.pk
        work = getattr(RemoveProfile, method)

        def breaking(self, candidates, *rest):
            some = candidates if isinstance(candidates, list) else [candidates]
            if any(candidate.channel_id == channel.pk for candidate in some):
                raise KeyError("something a programmer forgot")
            return work(self, candidates, *rest)

        monkeypatch.setattr(RemoveProfile, method, breaking)

    return break_on


@pytest.mark.parametrize("method", ["refusal", "refusals", "dangers", "prepare"])
def test_a_device_that_breaks_the_work_is_left_out_of_a_command_and_said_to_be(broken_meaning, method, client):
    channels = [make_channel() for _ in range(5)]
    for channel in channels:
        installed(channel, [{"PayloadType": "com.apple.mdm"}])
    broken_meaning(method, channels[2])
    all_of_them = Channel.objects.filter(pk__in=[channel.pk for channel in channels])
    asked = ask("RemoveProfile", {"Identifier": "com.example.other"}, all_of_them, actor=SYSTEM, reason="test")
    assert asked.command.targets.count() == 4
    assert [group["device_ids"] for group in asked.command.refused] == [[channels[2].device_id]]
    client.force_login(make_staff(is_superuser=True))
    page = client.get(reverse("admin:devices_device_change", args=[channels[2].device_id])).content.decode()
    assert "RemoveProfile: left out" in page
    assert "KeyError" in page
    assert "1 device left out" in client.get(reverse("admin:index")).content.decode()
    assert (
        "left out"
        not in client.get(reverse("admin:devices_device_change", args=[channels[0].device_id])).content.decode()
    )


def test_a_device_that_breaks_the_reconciler_fails_alone_and_is_said_to(broken_meaning):
    channels = [make_channel() for _ in range(5)]
    for channel in channels:
        installed(channel, [{"PayloadType": "com.apple.wifi.managed"}])
    due_to_go(*channels)
    broken_meaning("dangers", channels[2])
    assert reconcile() == 4
    failed = ItemStatus.objects.get(channel=channels[2])
    assert (failed.state, failed.command_id, failed.attempts) == (STATE.REMOVING, None, 1)
    assert "KeyError" in failed.error
    assert Event.objects.get(kind="left_out").device_id == channels[2].device_id
    assert reconcile() == 0  # it waits for its next attempt


def test_an_answer_that_cannot_be_interpreted_is_told_where_the_device_is_shown(client):
    channel = make_channel()
    make_report(channel, {"QueryResponses": {"DeviceName": 5}})
    results.drain_reports()
    client.force_login(make_staff(is_superuser=True))
    page = client.get(reverse("admin:devices_device_change", args=[channel.device_id])).content.decode()
    assert "has values that count for nothing" in page
    assert "DeviceName: is an integer" in page
