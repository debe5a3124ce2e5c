"""Devices and what they reported: contract's fields, search, filters, order, pages, constant cost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import (
    Answer,
    AvailableUpdate,
    Device,
    Event,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
    Person,
)
from devices.timeline import record_event
from tests import factories

CONTRACT = {
    "id",
    "udid",
    "serial_number",
    "enrollment_id",
    "name",
    "platform",
    "model",
    "os_version",
    "is_supervised",
    "enrollment_type",
    "enrollment_state",
    "last_seen_at",
}


def ids(rows) -> list[int]:
    return [row["id"] for row in rows]


def test_a_device_is_shown_with_the_fields_of_the_contract(caller):
    person = factories.make_person(name="Anna Gardener")
    device = factories.make_device("ipados", is_supervised=True, person=person, battery_level=0.5)
    seen_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    factories.make_channel(device, seen_at=seen_at)

    shown = caller.get(f"devices/{device.pk}/").json()

    assert shown.keys() >= CONTRACT
    assert shown["id"] == device.pk
    assert (shown["udid"], shown["serial_number"]) == (device.udid, device.serial_number)
    assert shown["enrollment_id"] == device.udid
    assert (shown["enrollment_type"], shown["enrollment_state"]) == ("device", "enrolled")
    assert shown["last_seen_at"] == "2026-01-02T03:04:05Z"
    assert shown["person"]["name"] == "Anna Gardener"
    assert (shown["model"], shown["model_name"], shown["build_version"]) == ("iPad16,3", "iPad", "22F76")
    assert (shown["is_supervised"], shown["battery_level"], shown["asset_tag"]) == (True, 0.5, "")
    assert caller.results("devices/") == [shown]


def test_user_enrollment_is_known_by_its_enrollment_id(caller):
    device = factories.make_device(udid=None, serial_number=None)
    factories.make_channel(enrollment=factories.make_enrollment(device, key="ENROLLMENT-1", kind="user"))

    [shown] = caller.results("devices/", enrollment_id="ENROLLMENT-1")
    assert (shown["udid"], shown["serial_number"], shown["enrollment_id"]) == (None, None, "ENROLLMENT-1")
    assert shown["enrollment_type"] == "user"


def test_the_state_of_a_device_follows_its_current_enrollment(caller):
    states = {}
    states["pre_assigned"] = factories.make_device(udid=None)
    for state in ("pending", "enrolled", "unenrolled"):
        states[state] = factories.make_device()
        factories.make_enrollment(states[state], state="unenrolled", is_current=False)
        factories.make_enrollment(states[state], state=state)

    for state, device in states.items():
        [shown] = caller.results("devices/", enrollment_state=state)
        assert (shown["id"], shown["enrollment_state"]) == (device.pk, state)
    both = caller.client.get("/api/v1/devices/?enrollment_state=pre_assigned&enrollment_state=enrolled").json()
    assert set(ids(both["results"])) == {states["pre_assigned"].pk, states["enrolled"].pk}


def test_of_two_memberships_the_newest_counts_in_rows_and_filters_alike(caller):
    device = factories.make_device()
    factories.make_enrollment(device, key="FIRST", state="enrolled")
    factories.make_enrollment(device, key="SECOND", state="unenrolled")

    assert caller.results("devices/", enrollment_state="enrolled") == []
    [shown] = caller.results("devices/", enrollment_state="unenrolled")
    assert shown["enrollment_id"] == "SECOND"


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("serial_number", "C02XYZ1234", "c02xyz"),
        ("udid", "00008030-AAAABBBB", "aaaabbbb"),
        ("name", "Anna's iPad", "anna's"),
        ("imei", "35 209900 176148 1", "176148"),
        ("wifi_mac", "a4:83:e7:00:11:22", "A4:83:E7"),
        ("asset_tag", "TAG-77", "tag-7"),
    ],
)
def test_search_finds_a_device_by_any_of_its_names(caller, column, value, text):
    factories.make_device()
    device = factories.make_device(**{column: value})

    assert ids(caller.results("devices/", search=text)) == [device.pk]


def test_search_finds_a_device_by_its_user_and_survives_odd_text(caller):
    device = factories.make_device(person=Person.objects.create(name="Zoë Baum"))
    factories.make_device()

    assert ids(caller.results("devices/", search=" zoë ")) == [device.pk]
    assert caller.results("devices/", search="100%_\\") == []
    assert len(caller.results("devices/", search="\x00")) == 2


def test_search_does_not_find_what_only_resembles(caller):
    factories.make_device("ios", serial_number="F2LXK7Q7HG")
    assert len(caller.results("devices/", search="f2lxk7q7hg")) == 1
    assert caller.results("devices/", search="F2LXK7Q7H6") == []


def test_filters_narrow_the_list(caller):
    old = factories.make_device("macos", os_version="14.9", os_version_parts=[14, 9], is_supervised=True)
    new = factories.make_device("macos", os_version="15.10", os_version_parts=[15, 10], is_supervised=False)
    phone = factories.make_device("ios", os_version_parts=[], battery_level=0.1)
    factories.make_channel(old, seen_at=timezone.now() - timedelta(days=30))
    factories.make_channel(new)

    assert ids(caller.results("devices/", platform="macos")) == [old.pk, new.pk]
    assert ids(caller.results("devices/", is_supervised="true")) == [old.pk]
    assert ids(caller.results("devices/", os_version_from="15.9")) == [new.pk]
    assert ids(caller.results("devices/", os_version_below="15.9")) == [old.pk]
    assert ids(caller.results("devices/", battery_level_below="0.2")) == [phone.pk]
    week_ago = (timezone.now() - timedelta(days=7)).isoformat()
    assert ids(caller.results("devices/", last_seen_after=week_ago)) == [new.pk]
    assert ids(caller.results("devices/", last_seen_before=week_ago)) == [old.pk, phone.pk]
    assert ids(caller.results("devices/", serial_number=new.serial_number)) == [new.pk]


def test_a_filter_that_makes_no_sense_is_refused_by_name(caller):
    response = caller.get("devices/", enrollment_state="asleep")

    assert response.status_code == 400
    assert "asleep" in response.json()["fields"]["enrollment_state"]


def test_the_order_is_as_asked_and_always_total(caller):
    same = [factories.make_device(name="Same", os_version_parts=[18, minor]) for minor in (9, 10, 2)]
    never, seen = same[0], same[1]
    factories.make_channel(seen)

    assert ids(caller.results("devices/", ordering="name")) == [device.pk for device in same]
    assert ids(caller.results("devices/", ordering="-name")) == [device.pk for device in reversed(same)]
    assert ids(caller.results("devices/", ordering="os_version")) == [same[2].pk, same[0].pk, same[1].pk]
    assert ids(caller.results("devices/", ordering="-last_seen_at"))[0] == seen.pk
    assert ids(caller.results("devices/", ordering="last_seen_at"))[0] == seen.pk
    assert never.pk in ids(caller.results("devices/", ordering="last_seen_at"))
    refused = caller.get("devices/", ordering="colour")
    assert refused.status_code == 400
    assert "cannot order by colour" in refused.json()["fields"]["ordering"]


def test_pages_cover_everything_once(caller):
    devices = [factories.make_device(name="Same") for _ in range(7)]
    found, address = [], "/api/v1/devices/?page_size=3&ordering=-name"
    while address:
        page = caller.client.get(address).json()
        assert (page["count"], page["page_size"]) == (7, 3)
        found += ids(page["results"])
        address = page["next"]

    assert found == [device.pk for device in reversed(devices)]
    assert caller.get("devices/", page_size=5000).json()["page_size"] == 1000
    assert caller.get("devices/", page=99).status_code == 404
    assert caller.get("devices/", page="one").json()["code"] == "not_found"


def test_a_list_costs_the_same_statements_however_long_it_is(caller):
    def statements(path) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert caller.get(path).status_code == 200
        return len(captured)

    def add():
        device = factories.make_device("macos", person=factories.make_person())
        factories.make_channel(device)
        factories.make_channel(device, user_key="USER")
        return device

    device = add()
    caller.get("devices/")  # notes the use of the token
    few = statements("devices/"), statements(f"devices/{device.pk}/profiles/")
    for number in range(20):
        add()
        report_profile(device, f"com.example.{number}")
    many = statements("devices/"), statements(f"devices/{device.pk}/profiles/")

    # Token, count, keys, rows, tags, attributes, compliance 2; for profiles: token, device, count, rows.
    assert many == (8, 4)
    assert few[0] == 8


def test_the_count_of_a_list_computes_nothing_per_row(caller):
    factories.make_channel()
    caller.get("devices/")
    with CaptureQueriesContext(connection) as captured:
        caller.get("devices/")

    [count] = [query["sql"] for query in captured if "__count" in query["sql"]]
    assert "devices_enrollment" not in count
    assert "devices_channelcontact" not in count


def report_profile(device: Device, identifier: str) -> InstalledProfile:
    channel = device.channels.get(user_key="")
    return InstalledProfile.objects.create(
        device=device, channel=channel, identifier=identifier, display_name=identifier, reported_at=timezone.now()
    )


def test_the_inventory_of_a_device_holds_its_answers_and_updates(caller):
    device = factories.make_device()
    factories.make_channel(device)
    answered_at = timezone.now()
    Answer.objects.create(
        device=device, request_type="SecurityInfo", content={"PasscodePresent": True}, answered_at=answered_at
    )
    AvailableUpdate.objects.create(device=device, product_key="iOS19", version="19.0", reported_at=answered_at)

    inventory = caller.get(f"devices/{device.pk}/inventory/").json()

    assert inventory["device"]["serial_number"] == device.serial_number
    assert inventory["answers"][0]["content"] == {"PasscodePresent": True}
    assert inventory["available_updates"][0]["version"] == "19.0"


def test_applications_profiles_and_certificates_are_lists_of_their_own(caller):
    device = factories.make_device("macos")
    channel = factories.make_channel(device)
    other = factories.make_channel()
    for owner in (device, other.device):
        InstalledApplication.objects.create(device=owner, identifier="com.example.mail", name="Mail", version="1")
        InstalledCertificate.objects.create(device=owner, fingerprint=b"\xab" * 32, common_name="Root")
    InstalledApplication.objects.create(device=device, identifier="com.example.maps", name="Maps", version="2")
    report_profile(device, "com.example.wifi")
    user_channel = factories.make_channel(device, user_key="USER")
    InstalledProfile.objects.create(
        device=device, channel=user_channel, identifier="com.example.dock", reported_at=timezone.now()
    )

    apps = caller.results(f"devices/{device.pk}/applications/")
    assert [app["name"] for app in apps] == ["Mail", "Maps"]
    [found] = caller.results(f"devices/{device.pk}/applications/", search="maps")
    assert found["identifier"] == "com.example.maps"
    profiles = caller.results(f"devices/{device.pk}/profiles/", ordering="identifier")
    assert [(p["identifier"], p["channel"], p["user_short_name"]) for p in profiles] == [
        ("com.example.dock", "user", "anna"),
        ("com.example.wifi", "device", ""),
    ]
    [certificate] = caller.results(f"devices/{device.pk}/certificates/")
    assert certificate["fingerprint"] == "ab" * 32
    assert channel.device_id == device.pk


def test_the_timeline_of_a_device_is_newest_first(caller):
    device = factories.make_device()
    record_event("enrolled", "Enrolled", device=device, actor="device")
    record_event("renamed", "Renamed", device=device, actor="anna", old="a")
    record_event("enrolled", "Another enrolled", device=factories.make_device())

    events = caller.results(f"devices/{device.pk}/timeline/")
    assert [event["kind"] for event in events] == ["renamed", "enrolled"]
    assert events[0]["data"] == {"old": "a"}
    assert [event["kind"] for event in caller.results(f"devices/{device.pk}/timeline/", kind="enrolled")] == [
        "enrolled"
    ]
    assert (
        caller.results(f"devices/{device.pk}/timeline/", after=(timezone.now() + timedelta(hours=1)).isoformat()) == []
    )


@pytest.mark.parametrize(
    "part", ["", "inventory/", "applications/", "profiles/", "certificates/", "commands/", "timeline/"]
)
def test_a_device_that_is_not_there_is_not_found(caller, part):
    for number in (4711, 10**30):
        response = caller.get(f"devices/{number}/{part}")
        assert response.status_code == 404
        assert response.json()["code"] == "not_found"


def test_a_device_is_added_ahead_and_people_are_found_and_edited(caller):
    """B23: people had no API, and devices could not be added before they enroll."""
    made = caller.post("people/", {"name": "Ada", "email": "ada@example.com"})
    assert made.status_code == 201, made.content
    person = made.json()
    assert caller.patch(f"people/{person['id']}/", {"site": "Berlin"}).json()["site"] == "Berlin"
    assert [each["id"] for each in caller.results("people/", search="ada@")] == [person["id"]]
    assert caller.post("people/", {"name": ""}).status_code == 400

    added = caller.post("devices/", {"serial_number": "c02ahead0001", "person": person["id"], "asset_tag": "A-1"})
    device = added.json()
    assert (added.status_code, device["serial_number"], device["enrollment_state"]) == (
        201, "C02AHEAD0001", "pre_assigned",
    )  # fmt: skip
    assert device["person"]["name"] == "Ada" and device["asset_tag"] == "A-1"
    again = caller.post("devices/", {"serial_number": "C02AHEAD0001"})
    assert (again.status_code, list(again.json()["fields"])) == (409, ["serial_number"])
    assert caller.post("devices/", {"serial_number": "no serial!"}).status_code == 400
    assert Event.objects.filter(kind__in=["person_added", "person_edited", "device_added"]).count() == 3
