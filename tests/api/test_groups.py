"""Groups, tags and custom attributes by the API, and commands to a group."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from commands.models import QueuedCommand
from devices import attributes, groups
from devices.models import AccessLimit, Group, Tag
from devices.timeline import SYSTEM
from tests import factories
from tests.api.client import Caller

IOS = {"fact": "platform", "is": "is", "value": "ios"}


@pytest.fixture
def phone(db):
    return factories.make_device(name="Anna’s iPhone")


@pytest.fixture
def mac(db):
    return factories.make_device("macos")


def make(caller, **content):
    return caller.post("groups/", {"name": "Phones"} | content)


def ids(rows) -> list[int]:
    return [row["id"] for row in rows]


def test_a_smart_group_is_made_shown_changed_and_deleted(caller, phone, mac):
    made = make(caller, kind="smart", rule=IOS, description="all of them")

    assert made.status_code == 201
    shown = made.json()
    assert (shown["sentence"], shown["member_count"], shown["problem"]) == ("platform is iPhone", 1, "")
    address = f"groups/{shown['id']}/"
    assert caller.get(address).json() == shown
    assert caller.results("groups/") == [shown]
    assert ids(caller.results(address + "devices/")) == [phone.pk]

    changed = caller.patch(address, {"name": "Others", "rule": {"not": IOS}}).json()
    assert (changed["name"], changed["sentence"], changed["description"]) == (
        "Others",
        "not (platform is iPhone)",
        "all of them",
    )
    assert ids(caller.results(address + "devices/")) == [mac.pk]
    assert caller.client.delete("/api/v1/" + address).status_code == 204
    assert caller.get(address).status_code == 404


def test_the_members_of_a_static_group_are_named_by_id_or_serial_number(caller, phone, mac):
    address = f"groups/{make(caller).json()['id']}/members/"

    added = caller.post(address, {"action": "add", "device_ids": [phone.pk], "serial_numbers": [mac.serial_number]})
    assert added.json() == {"joined": 2, "left": 0, "member_count": 2}
    removed = caller.post(address, {"action": "remove", "serial_numbers": [mac.serial_number]})
    assert removed.json() == {"joined": 0, "left": 1, "member_count": 1}
    assert caller.post(address, {"action": "set", "device_ids": []}).json()["member_count"] == 0

    unknown = caller.post(address, {"action": "add", "device_ids": [phone.pk, 10**9], "serial_numbers": ["NOBODY"]})
    assert unknown.status_code == 400
    assert unknown.json()["fields"].keys() == {"device_ids.1", "serial_numbers.0"}
    assert not groups.Membership.objects.exists()


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        ({"kind": "smart"}, 400, "rule"),
        ({"kind": "smart", "rule": {"all": [IOS, {"fact": "shoe_size"}]}}, 400, "rule.all.1.fact"),
        ({"kind": "smart", "rule": "ios"}, 400, "rule"),
        ({"rule": IOS}, 400, "rule"),
        ({"kind": "clever"}, 400, "kind"),
        ({"name": ""}, 400, "name"),
        ({"name": "Taken"}, 409, "name"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_what_is_no_group_is_refused_with_the_key_path(caller, content, status, field):
    make(caller, name="Taken")

    refused = make(caller, **content)
    assert (refused.status_code, list(refused.json()["fields"])) == (status, [field])
    assert Group.objects.count() == 1


def test_a_rule_is_tried_before_it_is_kept(caller, phone, mac):
    found = caller.post("groups/preview/", {"rule": IOS}).json()

    assert (found["sentence"], found["count"], ids(found["devices"])) == ("platform is iPhone", 1, [phone.pk])
    assert caller.post("groups/preview/", {"rule": {"any": []}}).json()["fields"].keys() == {"rule.any"}
    assert not Group.objects.exists()


def test_it_is_told_why_a_device_is_in_a_group(caller, phone, mac):
    group = make(caller, kind="smart", rule={"any": [IOS, {"fact": "name", "is": "contains", "value": "Anna"}]}).json()

    why = caller.get(f"groups/{group['id']}/devices/{mac.pk}/").json()
    assert (why["is_met"], why["word"], [part["is_met"] for part in why["parts"]]) == (False, "any", [False, False])
    assert (why["parts"][0]["text"], why["parts"][0]["actual"]) == ("platform is iPhone", "Mac")
    assert caller.get(f"groups/{group['id']}/devices/{phone.pk}/").json()["is_met"] is True
    assert caller.get(f"groups/{group['id']}/devices/{10**9}/").status_code == 404
    static = make(caller, name="Static").json()
    assert caller.get(f"groups/{static['id']}/devices/{mac.pk}/").status_code == 400


def test_the_facts_of_rules_are_listed_with_their_operators(caller):
    attributes.define_attribute("room", label="Room", actor=SYSTEM)
    group = make(caller).json()

    facts = {(fact["fact"], fact["of"]): fact for fact in caller.results("groups/facts/", page_size=1000)}
    assert facts["attribute", "room"]["label"] == "Room"
    assert facts["group", ""]["choices"] == [{"value": group["id"], "label": "Phones"}]
    assert {"is": "within last days", "takes": "days"} in facts["last_seen_at", ""]["operators"]
    for fact in facts.values():
        assert fact["operators"] and fact["kind"]


def test_lists_of_groups_cost_the_same_for_many(caller, phone):
    attributes.define_attribute("room", actor=SYSTEM)
    rule = {"all": [IOS, {"not": {"fact": "attribute", "of": "room", "is": "is set"}}]}

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert caller.results("groups/")[0]["member_count"] == 1
        return len(captured)

    groups.create_group("First", kind="smart", rule=rule, actor=SYSTEM)
    statements()  # notes the use of the token
    few = statements()
    for number in range(5):
        groups.create_group(f"Group {number}", kind="smart", rule=rule, actor=SYSTEM)
    assert statements() == few


def test_a_group_that_is_used_is_not_deleted(caller):
    group = make(caller).json()
    make(caller, name="Smart", kind="smart", rule={"fact": "group", "is": "has", "value": group["id"]})

    refused = caller.client.delete(f"/api/v1/groups/{group['id']}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "the rule of group Smart" in refused.json()["detail"]


def test_staff_say_what_they_know_of_a_device(caller, phone):
    person = factories.make_person(name="Anna Gardener")
    caller.post("attributes/", {"name": "price", "label": "Price", "kind": "number"})
    address = f"devices/{phone.pk}/"

    changed = caller.patch(
        address, {"asset_tag": "A-1", "person": person.pk, "tags": ["lab", "loaner"], "attributes": {"price": 9.50}}
    )
    assert changed.status_code == 200
    shown = changed.json()
    assert shown == caller.get(address).json()
    assert (shown["asset_tag"], shown["person"]["name"]) == ("A-1", "Anna Gardener")
    assert (shown["tags"], shown["attributes"]) == (["lab", "loaner"], {"price": "9.5"})

    again = caller.patch(address, {"tags": [], "attributes": {"price": None}, "person": None}).json()
    assert (again["tags"], again["attributes"], again["person"], again["asset_tag"]) == ([], {}, None, "A-1")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"person": 10**9}, "person"),
        ({"attributes": {"size": 1}}, "attributes.size"),
        ({"attributes": {"price": "much"}}, "attributes.price"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": ["a\tb"]}, "tags"),
        ({"asset_tag": "a" * 101}, "asset_tag"),
        ({"name": "Other"}, "name"),
    ],
)
def test_a_change_that_is_wrong_in_one_place_changes_nothing(caller, phone, content, field):
    attributes.define_attribute("price", kind="number", actor=SYSTEM)

    refused = caller.patch(f"devices/{phone.pk}/", {"asset_tag": "A-1", "tags": ["lab"]} | content)
    assert (refused.status_code, list(refused.json()["fields"])) == (400, [field])
    phone.refresh_from_db()
    assert phone.asset_tag == ""
    assert not Tag.objects.exists()


def test_tags_are_listed_with_their_devices(caller, phone, mac):
    attributes.add_tags([phone.pk, mac.pk], ["lab"], actor=SYSTEM)
    attributes.add_tags([mac.pk], ["loaner"], actor=SYSTEM)

    shown = [(tag["name"], tag["device_count"]) for tag in caller.results("tags/")]
    assert shown == [("lab", 2), ("loaner", 1)]


def test_attributes_are_defined_renamed_and_deleted(caller):
    made = caller.post("attributes/", {"name": "room", "label": "Room"})
    assert (made.status_code, made.json()["kind"]) == (201, "text")
    assert caller.post("attributes/", {"name": "ROOM"}).status_code == 409
    assert list(caller.post("attributes/", {"name": "a b"}).json()["fields"]) == ["name"]
    address = f"attributes/{made.json()['id']}/"
    assert caller.patch(address, {"label": "Office"}).json()["label"] == "Office"
    assert caller.patch(address, {"kind": "number"}).status_code == 400
    assert caller.results("attributes/") == [caller.get(address).json()]
    assert caller.client.delete("/api/v1/" + address).status_code == 204
    assert caller.results("attributes/") == []


def test_attributes_of_many_devices_come_from_csv(caller, phone):
    attributes.define_attribute("room", actor=SYSTEM)

    text = f"serial_number,room\n{phone.serial_number},Lab 9\nNOBODY,x\n"
    assert caller.post("attributes/import/", {"csv": text}).json() == {
        "changed": 1,
        "unknown": ["NOBODY"],
        "problems": [],
    }
    assert caller.get(f"devices/{phone.pk}/").json()["attributes"] == {"room": "Lab 9"}


# Commands to a group


def ask(caller, targets: dict):
    return caller.post("commands/", {"request_type": "ProfileList", "targets": targets})


def test_a_command_reaches_who_is_in_a_group_and_whoever_else_is_named(caller):
    one, two, other, outside = (factories.make_channel() for _ in range(4))
    left = factories.make_device()
    group = groups.create_group("Chosen", actor=SYSTEM)
    groups.set_members(group, [one.device_id, two.device_id, left.pk], actor=SYSTEM)

    answer = ask(caller, {"group": group.pk, "device_ids": [one.device_id, other.device_id]}).json()
    assert (answer["queued"], answer["skipped"]) == (3, [left.pk])
    asked = set(QueuedCommand.objects.values_list("channel", flat=True))
    assert asked == {one.pk, two.pk, other.pk} and outside.pk not in asked
    assert ask(caller, {"group": group.pk}).json()["queued"] == 2


def test_a_group_that_does_not_exist_or_has_nobody_is_told_of(caller):
    channel = factories.make_channel()
    empty = groups.create_group("Empty", actor=SYSTEM)

    unknown = ask(caller, {"group": 987, "device_ids": [channel.device_id]})
    assert (unknown.status_code, unknown.json()["fields"]) == (
        400,
        {"targets.group": "there is no group with this id: 987"},
    )
    assert ask(caller, {"group": empty.pk}).status_code == 409
    assert list(ask(caller, {"group": empty.pk, "all": True}).json()["fields"]) == ["targets"]
    blind = Caller("commands.add_command", "devices.view_device")
    assert list(ask(blind, {"group": empty.pk}).json()["fields"]) == ["targets.group"]
    assert not QueuedCommand.objects.exists()


def test_asking_a_group_costs_the_same_statements_for_many_devices(caller):
    channels = [factories.make_channel() for _ in range(12)]
    group = groups.create_group("Chosen", actor=SYSTEM)

    def statements(number: int) -> int:
        groups.set_members(group, [channel.device_id for channel in channels[:number]], actor=SYSTEM)
        with CaptureQueriesContext(connection) as captured:
            assert ask(caller, {"group": group.pk}).json()["queued"] == number
        return len(captured)

    statements(1)
    assert statements(2) == statements(12)


# Secret attributes

WIFI = "correct horse 4711"


def test_a_secret_attribute_is_written_like_others_and_read_as_redacted(caller, phone):
    made = caller.post("attributes/", {"name": "wifi-key", "is_secret": True})
    assert made.status_code == 201 and made.json()["is_secret"] is True
    address = f"devices/{phone.pk}/"
    written = caller.patch(address, {"attributes": {"wifi-key": WIFI}})
    assert written.status_code == 200 and WIFI not in written.content.decode()
    assert caller.get(address).json()["attributes"] == {"wifi-key": "[redacted]"}
    assert [row["attributes"] for row in caller.results("devices/")] == [{"wifi-key": "[redacted]"}]
    assert WIFI not in caller.get(f"{address}timeline/").content.decode()
    # What was read can be sent back.
    assert caller.patch(address, {"attributes": {"wifi-key": "[redacted]"}}).status_code == 200
    told = caller.post(f"{address}attributes/wifi-key/reveal/", {"reason": "a visitor"})
    assert told.json() == {"value": WIFI, "attribute": "wifi-key"}
    assert told["Cache-Control"] == "no-store"
    assert "a visitor" in caller.get(f"{address}timeline/").content.decode()
    assert caller.patch(address, {"attributes": {"wifi-key": None}}).json()["attributes"] == {}
    assert caller.post(f"{address}attributes/wifi-key/reveal/", {"reason": "a visitor"}).status_code == 404


def test_a_secret_is_revealed_only_of_devices_that_may_be_seen_and_with_a_reason(phone, mac):
    factories.make_secret_value(phone, "wifi-key", WIFI)
    limited = factories.make_staff("devices.view_device", "devices.reveal_secret")
    site = groups.create_group("Site", actor=SYSTEM)
    groups.add_members(site, [mac.pk], actor=SYSTEM)
    AccessLimit.objects.create(user=limited).groups.add(site)
    address = f"devices/{phone.pk}/attributes/wifi-key/reveal/"
    assert Caller(user=limited).post(address, {"reason": "curious"}).status_code == 404
    groups.add_members(site, [phone.pk], actor=SYSTEM)
    assert Caller(user=limited).post(address, {"reason": "  "}).status_code == 400
    assert Caller(user=limited).post(address, {"reason": "a visitor"}).json()["value"] == WIFI


def test_an_attribute_is_made_secret_later_and_never_taken_back(caller, phone):
    attribute = attributes.define_attribute("wifi-key", actor=SYSTEM)
    attributes.set_attributes({phone.pk: {"wifi-key": WIFI}}, actor=SYSTEM)
    address = f"attributes/{attribute.pk}/"
    assert caller.patch(address, {"is_secret": False}).json()["is_secret"] is False
    changed = caller.patch(address, {"is_secret": True, "label": "Wi-Fi key"})
    assert (changed.json()["is_secret"], changed.json()["label"]) == (True, "Wi-Fi key")
    assert caller.get(f"devices/{phone.pk}/").json()["attributes"] == {"wifi-key": "[redacted]"}
    refused = caller.patch(address, {"is_secret": False})
    assert refused.status_code == 400 and refused.json()["fields"] == {"is_secret": "cannot be taken back"}
    assert [row["name"] for row in caller.results("attributes/?is_secret=true")] == ["wifi-key"]
    assert caller.results("attributes/?is_secret=false") == []


def test_an_imported_table_of_secrets_is_answered_without_them(caller, phone):
    attributes.define_attribute("code", kind="number", is_secret=True, actor=SYSTEM)
    answer = caller.post("attributes/import/", {"csv": f"serial_number,code\n{phone.serial_number},{WIFI}\n"})
    assert answer.json()["problems"] == ["line 2: code must be a number"]
    assert WIFI not in answer.content.decode()
