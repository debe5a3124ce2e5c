"""The pages of groups, tags and custom attributes, and what the device list and the device page show of them."""

import json

import pytest
from django.urls import reverse
from django.utils.html import escape

from devices.attributes import add_tags, define_attribute, set_attributes
from devices.console.groups_rule import HEADINGS, builder_offer
from devices.groups import add_members, create_group, evaluate_groups
from devices.models import CustomAttribute, Device, Group, Tag
from devices.rules import OPERATORS, Vocabulary
from devices.rules.facts import BUILT_IN
from devices.secret_attributes import text_of as text_of_value
from devices.timeline import SYSTEM
from tests.console.pages import DEVICES, page_of, text_of
from tests.factories import make_channel, make_profile, make_staff

LIST = "/console/devices/group/"
WIFI = "correct horse 4711"
IPHONES = {"fact": "platform", "is": "is", "value": "ios"}
OLD = {"all": [IPHONES, {"fact": "os_version", "is": "<", "value": "17.4"}]}


def make_device(name: str, platform="ios", **facts) -> Device:
    device = make_channel().device
    Device.objects.filter(pk=device.pk).update(name=name, platform=platform, **facts)
    device.refresh_from_db()
    return device


def smart(name="Phones", rule=IPHONES) -> Group:
    return create_group(name, kind="smart", rule=rule, actor=SYSTEM)


def static(name="Some", *devices: Device) -> Group:
    group = create_group(name, actor=SYSTEM)
    add_members(group, [device.pk for device in devices], actor=SYSTEM)
    return group


def address_of(group: Group, page: str = "change") -> str:
    return reverse(f"admin:devices_group_{page}", args=[group.pk])


def names_in(group: Group) -> list[str]:
    return list(Device.objects.filter(memberships__group=group).order_by("name").values_list("name", flat=True))


def add_address(kind: str) -> str:
    return f"{LIST}add/?kind={kind}"


# Lists


def test_the_list_shows_kind_number_of_devices_and_the_rule_as_a_sentence(console):
    make_device("Ada's iPhone")
    smart("Old phones", OLD)
    static("By hand")
    page = text_of(console.get(LIST))
    assert "Platform is iPhone and OS version is below 17.4" in page
    assert "By rule" in page and "Chosen by hand" in page
    assert "Old phones" not in text_of(console.get(LIST, {"q": "By hand"}))


def test_the_list_says_which_rule_could_not_be_worked_out_and_why(console):
    define_attribute("cost", kind="number", actor=SYSTEM)
    smart("Costly", {"fact": "attribute", "of": "cost", "is": ">", "value": 5})
    CustomAttribute.objects.all().delete()
    evaluate_groups()
    page = text_of(console.get(LIST))
    assert "Attention" in page and "there is no attribute" in page
    group = Group.objects.get()
    assert "could not be worked out" in text_of(console.get(address_of(group)))


def test_a_list_of_many_groups_takes_as_many_statements_as_one_of_few(console, django_assert_max_num_queries):
    for number in range(30):
        smart(f"Group {number}", {"fact": "tag", "is": "has", "value": "red"})
    with django_assert_max_num_queries(16):
        console.get(LIST)


# A group's page


def test_a_group_shows_its_devices_and_finds_among_them(console):
    ada, bob = make_device("Ada's iPhone"), make_device("Bob's Mac", "macos")
    group = static("Some", ada, bob)
    page = text_of(console.get(address_of(group)))
    assert ada.serial_number in page and bob.serial_number in page
    page = text_of(console.get(address_of(group), {"q": "bob"}))
    assert ada.serial_number not in page and bob.serial_number in page
    assert "No device of this group matches" in text_of(console.get(address_of(group), {"q": "nobody"}))


def test_the_pages_of_a_long_group_hold_every_device_once(console):
    devices = [make_device(f"Phone {number:02}") for number in range(53)]
    group = static("Many", *devices)
    pages = [text_of(console.get(address_of(group), {"p": number})) for number in (1, 2)]
    for device in devices:
        assert sum(f'data-copy="{device.serial_number}"' in page for page in pages) == 1


def test_a_group_says_of_each_condition_why_a_device_is_not_in_it(console):
    device = make_device("Bob's Mac", "macos", os_version="14.1")
    group = smart("Old phones", OLD)
    page = text_of(console.get(address_of(group, "why"), {"device": device.pk}))
    assert "Not in the group" in page
    assert "it is Mac" in page and "it is 14.1" in page
    assert page.count("Not met:") == 3  # both conditions, and so all of them
    found = text_of(console.get(address_of(group, "why"), {"find": device.serial_number}))
    assert "Not in the group" in found
    assert "No device matches" in text_of(console.get(address_of(group, "why"), {"find": "nothing like it"}))


def test_a_group_names_the_assignments_and_the_rules_that_use_it(console):
    from profiles.models import Assignment

    group = static("Some")
    smart("Others", {"fact": "group", "is": "has", "value": group.pk})
    profile = make_profile()
    assignment = Assignment.objects.create(profile=profile)
    assignment.include.add(group)
    page = text_of(console.get(address_of(group)))
    assert escape(str(assignment)) in page and "included in" in page
    assert "Others" in page and "its rule looks at this one" in page
    assert "cannot be deleted" in text_of(console.get(address_of(group, "delete")))
    console.post(address_of(group, "delete"))
    assert Group.objects.filter(pk=group.pk).exists()


def test_a_group_that_nothing_uses_is_deleted(console):
    group = static("Some")
    assert console.post(address_of(group, "delete")).status_code == 302
    assert not Group.objects.exists()


def test_who_may_not_see_devices_sees_none_in_a_group(client, db):
    device = make_device("Ada's iPhone")
    group = static("Some", device)
    client.force_login(make_staff("devices.view_group"))
    page = text_of(client.get(address_of(group)))
    assert device.serial_number not in page and "You may not see devices" in page
    assert client.get(address_of(smart(), "why"), {"device": device.pk}).status_code == 403
    assert client.post(f"{LIST}preview/", {"rule": json.dumps(IPHONES)}).status_code == 403


# Static groups


def test_a_static_group_is_made_of_ticked_devices_and_pasted_serial_numbers(console):
    ada, bob, _other = make_device("Ada"), make_device("Bob"), make_device("Eve")
    body = {
        "name": "Pilots",
        "description": "",
        "device": [ada.pk],
        "serial_numbers": f" {bob.serial_number.lower()},\n",
    }
    assert console.post(add_address("static"), body).status_code == 302
    assert names_in(Group.objects.get(name="Pilots")) == ["Ada", "Bob"]


def test_a_serial_number_that_no_device_has_is_named_and_nothing_is_made(console):
    body = {"name": "Pilots", "serial_numbers": "NOSUCHSERIAL"}
    page = text_of(console.post(add_address("static"), body))
    assert "No device has these serial numbers: NOSUCHSERIAL" in page
    assert not Group.objects.exists()


def test_a_name_that_is_taken_is_told_at_the_field(console):
    static("Pilots")
    page = text_of(console.post(add_address("static"), {"name": "Pilots", "serial_numbers": ""}))
    assert "Name is taken." in page
    assert Group.objects.count() == 1


def test_devices_are_put_in_and_taken_out_on_the_group_page(console):
    ada, bob = make_device("Ada"), make_device("Bob")
    group = static("Pilots", ada)
    console.post(address_of(group, "members_add"), {"serial_numbers": bob.serial_number})
    assert names_in(group) == ["Ada", "Bob"]
    console.post(address_of(group, "members_remove"), {"device": [ada.pk]})
    assert names_in(group) == ["Bob"]


def test_a_search_for_devices_keeps_those_that_are_ticked_and_leaves_out_members(console):
    ada, bob, eve = make_device("Ada pilot"), make_device("Bob pilot"), make_device("Eve pilot")
    query = {"find": "pilot", "device": [eve.pk], "group": static("Pilots", ada).pk}
    page = text_of(console.get(f"{LIST}pick/", query))
    assert ada.serial_number not in page and bob.serial_number in page
    assert f'value="{eve.pk}" checked' in page and f'value="{bob.pk}" checked' not in page


# Smart groups


def test_a_smart_group_is_made_of_a_rule_and_has_its_devices_at_once(console):
    make_device("Ada", os_version="16.1", os_version_parts=[16, 1])
    make_device("Bob", os_version="18.0", os_version_parts=[18, 0])
    body = {"name": "Old phones", "description": "", "rule": json.dumps(OLD)}
    assert console.post(add_address("smart"), body).status_code == 302
    assert names_in(Group.objects.get(name="Old phones")) == ["Ada"]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ('{"all": [{"fact": "os_version", "is": "<", "value": ""}]}', "rule.all.0.value"),
        ('{"all": [{"fact": "no_such", "is": "is"}]}', "rule.all.0.fact"),
        ('{"all": []}', "rule"),
        ("{", "rule"),
        ("", "rule"),
        ("[" * 100_000, "rule"),
    ],
)
def test_what_is_wrong_with_a_rule_is_answered_by_its_place_and_nothing_is_saved(console, rule, path):
    response = console.post(add_address("smart"), {"name": "Broken", "description": "", "rule": rule})
    assert response.status_code == 200
    assert path in response.context["problems"]
    assert escape(rule[:20]) in text_of(response)
    assert not Group.objects.exists()
    assert path in console.post(f"{LIST}preview/", {"rule": rule}).context["problems"]


def test_a_rule_is_edited_and_its_group_follows(console):
    make_device("Ada"), make_device("Bob", "macos")
    group = smart()
    assert names_in(group) == ["Ada"]
    rule = {"any": [{"fact": "platform", "is": "is", "value": "macos"}]}
    console.post(address_of(group, "edit"), {"name": "Macs", "description": "", "rule": json.dumps(rule)})
    group.refresh_from_db()
    assert (group.name, group.rule, names_in(group)) == ("Macs", rule, ["Bob"])


def test_a_preview_counts_and_shows_the_first_devices_and_the_sentence(console):
    devices = [make_device(f"Phone {number:02}") for number in range(14)]
    page = text_of(console.post(f"{LIST}preview/", {"rule": json.dumps(IPHONES)}))
    assert ">14</b> devices" in page and "Platform is iPhone." in page
    assert sum(device.serial_number in page for device in devices) == 12 and "and more" in page


def test_every_fact_is_offered_under_a_heading_with_operators_that_read_differently(db):
    define_attribute("cost", actor=SYSTEM)
    offer = builder_offer()
    assert {name for names in HEADINGS.values() for name in names} == {*BUILT_IN, "group", "attribute"}
    assert len(offer["facts"]) == len(Vocabulary().facts())
    for kind, operators in offer["operators"].items():
        assert [each["is"] for each in operators] == list(OPERATORS[kind])
        labels = [each["label"] for each in operators]
        assert len(set(labels)) == len(labels) and not any("{" in label or not label for label in labels), labels


def test_the_search_of_everything_finds_groups_for_those_who_may_see_them(sign_in):
    smart("Old phones")
    assert "Old phones" in text_of(sign_in("viewer").get("/console/search/", {"s": "old ph"}))
    assert "Old phones" not in text_of(sign_in("nobody").get("/console/search/", {"s": "old ph"}))


# Tags and custom attributes


def test_a_tag_is_renamed_on_all_its_devices_unless_a_rule_uses_it(console):
    device = make_device("Ada")
    add_tags([device.pk], ["red", "blue"], actor=SYSTEM)
    smart("Blue ones", {"fact": "tag", "is": "has", "value": "blue"})
    red, blue = Tag.objects.get(name="red"), Tag.objects.get(name="blue")
    console.post(f"/console/devices/tag/{red.pk}/change/", {"name": "crimson"})
    page = text_of(console.post(f"/console/devices/tag/{blue.pk}/change/", {"name": "navy"}))
    assert "is used by the rule of group Blue ones" in page
    assert set(device.tags.values_list("name", flat=True)) == {"crimson", "blue"}


def test_an_attribute_is_defined_and_a_wrong_name_is_told(console):
    address = "/console/devices/customattribute/add/"
    page = text_of(console.post(address, {"name": "cost center", "label": "Cost center", "kind": "number"}))
    assert "may have letters, digits, _ and - only" in page
    console.post(address, {"name": "cost_center", "label": "Cost center", "kind": "number"})
    assert CustomAttribute.objects.get().kind == "number"
    assert "$COST_CENTER" in text_of(console.get("/console/devices/customattribute/"))


def test_tags_and_attributes_are_set_in_the_edit_dialog_and_shown_on_the_device_page(console):
    device = make_device("Ada")
    define_attribute("cost", label="Cost center", kind="number", actor=SYSTEM)
    address = reverse("admin:devices_device_edit", args=[device.pk])
    console.post(address, {"asset_tag": "", "person": "", "tags": "red, on loan", "attribute_cost": "42"})
    page = text_of(console.get(page_of(device), {"tab": "groups"}))
    assert "on loan" in page and "Cost center" in page and "42" in page
    page = text_of(console.post(address, {"asset_tag": "", "person": "", "tags": "", "attribute_cost": "many"}))
    assert "Must be a number." in page
    assert device.tags.count() == 2 and device.attribute_values.get().value == "42"


def stored_secret(device) -> str | None:
    value = device.attribute_values.filter(attribute__name="wifi-key").first()
    return text_of_value(value) if value else None


def test_a_secret_attribute_is_set_in_the_edit_dialog_and_shown_masked(console):
    device = make_device("Ada")
    made = {"label": "Wi-Fi key", "name": "wifi-key", "kind": "text", "is_secret": "on"}
    console.post("/console/devices/customattribute/add/", made)
    assert ">, secret</span>" in text_of(console.get("/console/devices/customattribute/"))
    address = reverse("admin:devices_device_edit", args=[device.pk])
    rest = {"asset_tag": "", "person": "", "tags": ""}
    assert "No value is stored" in text_of(console.get(address))
    console.post(address, rest | {"attribute_wifi-key": WIFI})
    assert stored_secret(device) == WIFI
    for page in ("edit", "groups", "secrets", "timeline", "overview"):
        shown = console.get(address) if page == "edit" else console.get(page_of(device), {"tab": page})
        assert WIFI not in shown.content.decode(), page
    reveal = reverse("admin:devices_device_reveal_attribute", args=[device.pk, CustomAttribute.objects.get().pk])
    assert reveal in console.get(page_of(device), {"tab": "secrets"}).content.decode()
    assert reveal in console.get(page_of(device), {"tab": "groups"}).content.decode()
    assert WIFI not in console.post(reveal, {"reason": ""}).content.decode()
    answer = console.post(reveal, {"reason": "a visitor"})
    assert WIFI in answer.content.decode() and "no-store" in answer["Cache-Control"]

    console.post(address, rest | {"attribute_wifi-key": ""})
    assert stored_secret(device) == WIFI, "what is left empty stays"
    console.post(address, rest | {"attribute_wifi-key": "", "remove_wifi-key": "on"})
    assert stored_secret(device) is None
    assert console.post(reveal, {"reason": "a visitor"}).status_code == 404


def test_a_secret_that_was_typed_into_a_refused_form_is_asked_for_again(console):
    device = make_device("Ada")
    define_attribute("cost", kind="number", actor=SYSTEM)
    define_attribute("wifi-key", is_secret=True, actor=SYSTEM)
    address = reverse("admin:devices_device_edit", args=[device.pk])
    form = {"asset_tag": "", "person": "", "tags": "", "attribute_cost": "many", "attribute_wifi-key": WIFI}
    page = console.post(address, form).content.decode()
    assert "Must be a number." in page and WIFI not in page
    assert 'name="attribute_wifi-key-again"' in page
    again = form | {"attribute_cost": "4", "attribute_wifi-key": "", "attribute_wifi-key-again": "1"}
    page = console.post(address, again).content.decode()
    assert "Type it again: secrets are not shown twice." in page
    assert 'name="attribute_wifi-key-again"' in page
    assert not device.attribute_values.exists()
    console.post(address, again | {"attribute_wifi-key": WIFI})
    assert stored_secret(device) == WIFI


def test_an_attribute_is_made_secret_on_its_page_unless_a_rule_uses_it(console):
    device = make_device("Ada")
    attribute = define_attribute("wifi-key", actor=SYSTEM)
    set_attributes({device.pk: {"wifi-key": WIFI}}, actor=SYSTEM)
    group = smart("Keyed", {"fact": "attribute", "of": "wifi-key", "is": "is set"})
    address = reverse("admin:devices_customattribute_change", args=[attribute.pk])
    refused = text_of(console.post(address, {"label": "Wi-Fi key", "is_secret": "on"}))
    assert "Wifi-key is used by the rule of group Keyed; rules cannot look at secrets" in refused
    group.delete()
    console.post(address, {"label": "Wi-Fi key", "is_secret": "on"})
    attribute.refresh_from_db()
    assert attribute.is_secret and attribute.label == "Wi-Fi key" and stored_secret(device) == WIFI
    page = console.get(address).content.decode()
    assert "Its values are secret, and stay so." in page and 'name="is_secret"' not in page
    console.post(address, {"label": "Key"})
    attribute.refresh_from_db()
    assert attribute.is_secret and attribute.label == "Key"
    assert "wifi-key" not in console.get(add_address("smart")).content.decode()


def test_an_edit_that_is_refused_changes_nothing(console):
    device = make_device("Ada")
    define_attribute("cost", kind="number", actor=SYSTEM)
    address = reverse("admin:devices_device_edit", args=[device.pk])
    console.post(address, {"asset_tag": "A-1", "person": "", "tags": "red", "attribute_cost": "many"})
    device.refresh_from_db()
    assert (device.asset_tag, device.tags.count()) == ("", 0)


# The device list and the device page


def test_a_device_shows_its_groups_with_the_rule_that_matched(console):
    device = make_device("Ada", os_version="16.1", os_version_parts=[16, 1])
    smart("Old phones", OLD), static("Pilots", device), smart("Macs", IPHONES | {"value": "macos"})
    page = text_of(console.get(page_of(device), {"tab": "groups"}))
    assert "Platform is iPhone and OS version is below 17.4" in page
    assert "Pilots" in page and "chosen by hand" in page and ">Macs<" not in page


def test_devices_of_the_list_are_put_into_a_static_group(console):
    ada, bob = make_device("Ada"), make_device("Bob")
    group, by_rule = static("Pilots"), smart()
    body = {"action": "add_to_group", "_selected_action": [ada.pk, bob.pk]}
    page = text_of(console.post(DEVICES, body))
    assert "Add 2 devices to a group" in page and by_rule.name not in page
    console.post(DEVICES, body | {"confirmed": "1", "group": group.pk})
    assert names_in(group) == ["Ada", "Bob"]


def test_who_may_not_change_groups_puts_nothing_into_them_from_the_list(sign_in):
    device, group = make_device("Ada"), static("Pilots")
    body = {"action": "add_to_group", "_selected_action": [device.pk], "confirmed": "1", "group": group.pk}
    sign_in("operator").post(DEVICES, body)
    assert names_in(group) == []


def test_the_device_list_is_filtered_by_group_and_by_tag(console):
    ada, bob = make_device("Ada"), make_device("Bob")
    add_tags([bob.pk], ["red"], actor=SYSTEM)
    page = text_of(console.get(DEVICES, {"group": static("Pilots", ada).pk}))
    assert ada.serial_number in page and bob.serial_number not in page
    page = text_of(console.get(DEVICES, {"tag": Tag.objects.get().pk}))
    assert bob.serial_number in page and ada.serial_number not in page


def test_a_date_and_a_yes_or_no_are_asked_with_fields_of_their_own(console):
    device = make_device("Ada")
    define_attribute("bought", kind="date", actor=SYSTEM)
    define_attribute("leased", kind="boolean", actor=SYSTEM)
    set_attributes({device.pk: {"bought": "2026-01-31", "leased": True}}, actor=SYSTEM)
    page = text_of(console.get(reverse("admin:devices_device_edit", args=[device.pk])))
    assert 'type="date"' in page and 'value="2026-01-31"' in page and 'value="true" selected' in page
