"""Rules: what each operator gathers, that every condition is true or false, what is refused, words and reasons."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices import rules
from devices.models import (
    AttributeValue,
    CustomAttribute,
    Device,
    Group,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
    Membership,
    Tag,
)
from devices.rules import OPERATORS, BadRule, Vocabulary
from tests import factories

pytestmark = pytest.mark.django_db


def gathered(rule) -> set[int]:
    return set(rules.matching(rule).values_list("id", flat=True))


def condition(fact: str, word: str, value=None, **more) -> dict:
    named = {} if value is None else {"value": value}
    return {"fact": fact, "is": word, **named, **more}


def problems(rule) -> dict[str, str]:
    with pytest.raises(BadRule) as refused:
        rules.parse(rule)
    return refused.value.fields


def known_attribute(name: str, kind: str, values: dict) -> None:
    attribute = CustomAttribute.objects.create(name=name, label=f"The {name}", kind=kind)
    for device, value in values.items():
        AttributeValue.objects.create(device=device, attribute=attribute, value=value)


@pytest.fixture
def fleet() -> dict[str, Device]:
    """Three devices that differ in everything, and one of which nothing is known."""
    anna = factories.make_person(name="Anna Gardener", email="anna@example.com", department="Sales", site="Linz")
    made = {
        "phone": factories.make_device(
            name="Anna’s iPhone", os_version="17.4.1", os_version_parts=[17, 4, 1], person=anna, is_supervised=True,
            battery_level=0.2, asset_tag="A-1",
        ),
        "pad": factories.make_device(
            "ipados", name="Till 100%", os_version="18.0", os_version_parts=[18, 0], is_supervised=False,
            battery_level=0.9,
        ),
        "mac": factories.make_device(
            "macos", name="Build_1", os_version="15", os_version_parts=[15], battery_level=0.5, is_supervised=True
        ),
        "blank": factories.make_device("", name="", udid=None, serial_number=None, os_version_parts=[]),
    }  # fmt: skip
    return made


@pytest.fixture
def names(fleet):
    """Who of the fleet meets a rule."""
    by_id = {device.pk: name for name, device in fleet.items()}
    return lambda rule: {by_id[pk] for pk in gathered(rule)}


ALL = {"phone", "pad", "mac", "blank"}


@pytest.mark.parametrize(
    ("fact", "word", "value", "met"),
    [
        ("name", "is", "TILL 100%", {"pad"}),
        ("name", "contains", "0%", {"pad"}),
        ("name", "contains", "d_", {"mac"}),
        ("name", "starts with", "anna", {"phone"}),
        ("name", "ends with", "_1", {"mac"}),
        ("name", "in", ["build_1", "till 100%", "nobody"], {"mac", "pad"}),
        ("name", "is set", None, {"phone", "pad", "mac"}),
        ("serial_number", "is set", None, {"phone", "pad", "mac"}),
        ("person_department", "is", "sales", {"phone"}),
        ("person_site", "is set", None, {"phone"}),
        ("platform", "is", "ipados", {"pad"}),
        ("platform", "in", ["ios", "macos"], {"phone", "mac"}),
        ("platform", "is set", None, {"phone", "pad", "mac"}),
        ("os_version", "is", "17.4.1.0", {"phone"}),
        ("os_version", "is", "18", {"pad"}),
        ("os_version", "is", "15.0.0", {"mac"}),
        ("os_version", "<", "17.4.1", {"mac"}),
        ("os_version", "<", "18", {"mac", "phone"}),
        ("os_version", "<=", "17.4.1", {"mac", "phone"}),
        ("os_version", "<=", "18", {"mac", "phone", "pad"}),
        ("os_version", ">", "17.4", {"phone", "pad"}),
        ("os_version", ">", "18", set()),
        ("os_version", ">=", "17.10", {"pad"}),
        ("os_version", ">=", "15", {"phone", "pad", "mac"}),
        ("os_version", "is set", None, {"phone", "pad", "mac"}),
        ("battery_level", "is", 0.5, {"mac"}),
        ("battery_level", "<", 0.5, {"phone"}),
        ("battery_level", "<=", 0.5, {"phone", "mac"}),
        ("battery_level", ">", 0.5, {"pad"}),
        ("battery_level", ">=", 0.5, {"pad", "mac"}),
        ("battery_level", "is set", None, {"phone", "pad", "mac"}),
        ("is_supervised", "is", True, {"phone", "mac"}),
        ("is_supervised", "is", False, {"pad"}),
        ("is_supervised", "is set", None, {"phone", "pad", "mac"}),
    ],
)
def test_a_condition_gathers_those_that_meet_it_and_its_opposite_all_others(names, fact, word, value, met):
    rule = condition(fact, word, value)

    assert names(rule) == met
    assert names({"not": rule}) == ALL - met
    assert names({"not": {"not": rule}}) == met
    build = OPERATORS[Vocabulary().fact(fact).kind][word].build
    for opposite, operator in OPERATORS[Vocabulary().fact(fact).kind].items():
        if operator.is_negated and operator.build is build:
            assert names(condition(fact, opposite, value)) == ALL - met, opposite


def test_conditions_are_combined_and_nested(names):
    mobile = {"any": [condition("platform", "is", "ios"), condition("platform", "is", "ipados")]}
    full = condition("battery_level", ">", 0.5)

    assert names(mobile) == {"phone", "pad"}
    assert names({"all": [mobile, full]}) == {"pad"}
    assert names({"all": [mobile, {"not": full}]}) == {"phone"}
    assert names({"any": [{"all": [mobile, full]}, condition("name", "is", "Build_1")]}) == {"pad", "mac"}
    assert names({"not": {"any": [mobile, full]}}) == {"mac", "blank"}


def test_dates_are_days_moments_and_days_from_now(fleet, names):
    now = timezone.now()
    for name, age in (("phone", timedelta(days=1)), ("pad", timedelta(days=10))):
        factories.make_channel(fleet[name], seen_at=now - age)
    factories.make_channel(fleet["pad"], user_key="anna", seen_at=now - timedelta(days=8))
    ten_days_ago = (now - timedelta(days=9)).date().isoformat()

    assert names(condition("last_seen_at", "within last days", 7)) == {"phone"}
    assert names(condition("last_seen_at", "not within last days", 7)) == {"pad", "mac", "blank"}
    # The newest contact counts, on whatever channel.
    assert names(condition("last_seen_at", "<", ten_days_ago)) == set()
    assert names(condition("last_seen_at", ">", ten_days_ago)) == {"phone", "pad"}
    assert names(condition("last_seen_at", "is set")) == {"phone", "pad"}
    assert names(condition("last_seen_at", "is empty")) == {"mac", "blank"}
    Device.objects.update(created_at="2026-03-01T23:30:00Z")
    assert names(condition("created_at", "is", "2026-03-01")) == ALL
    assert names(condition("created_at", "<=", "2026-03-01")) == ALL
    assert names(condition("created_at", ">", "2026-03-01")) == set()
    assert names(condition("created_at", "is", "2026-03-02T00:30:00+01:00")) == ALL
    assert names(condition("created_at", "<", "2026-03-01T23:30:00")) == set()


def test_the_newest_enrollment_counts(fleet, names):
    factories.make_enrollment(fleet["phone"], key="OLD", state="enrolled", kind="ade")
    factories.make_enrollment(fleet["phone"], key="NEW", state="unenrolled", kind="user", profile_slug="byod")
    factories.make_enrollment(fleet["pad"], state="unenrolled", is_current=False)
    factories.make_enrollment(fleet["pad"], state="enrolled", kind="ade")

    assert names(condition("enrollment_state", "is", "enrolled")) == {"pad"}
    assert names(condition("enrollment_state", "in", ["enrolled", "unenrolled"])) == {"pad", "phone"}
    assert names(condition("enrollment_state", "is not", "enrolled")) == ALL - {"pad"}
    assert names(condition("enrollment_kind", "is", "ade")) == {"pad"}
    assert names(condition("enrollment_profile", "is", "BYOD")) == {"phone"}
    assert names(condition("enrolled_at", "within last days", 1)) == {"phone", "pad"}


def test_certificates_that_expire_are_found(fleet, names):
    now = timezone.now()
    for name, days in (("phone", 10), ("pad", -2)):
        InstalledCertificate.objects.create(
            device=fleet[name], fingerprint=name.encode(), common_name=name, not_after=now + timedelta(days=days)
        )
    enrollment = factories.make_enrollment(fleet["mac"])
    factories.make_identity(enrollment.key, not_after=now + timedelta(days=5))
    factories.make_identity(enrollment.key, not_after=now - timedelta(days=5), is_active=False)

    assert names(condition("certificate_expires_at", "within next days", 14)) == {"phone"}
    assert names(condition("certificate_expires_at", "within last days", 14)) == {"pad"}
    assert names(condition("certificate", "has", "pad")) == {"pad"}
    assert names(condition("identity_expires_at", "within next days", 14)) == {"mac"}
    assert names(condition("identity_expires_at", "within last days", 14)) == set()


def test_installed_apps_and_profiles_are_present_or_not(fleet, names):
    def install(name, identifier, version):
        InstalledApplication.objects.create(
            device=fleet[name], identifier=identifier, name=identifier[4:], short_version=version
        )

    install("phone", "com.example", "9.10")
    install("pad", "com.example", "9.9.3 (77)")
    install("pad", "com.other", "1")
    install("mac", "com.example", "beta")
    channel = factories.make_channel(fleet["mac"])
    InstalledProfile.objects.create(
        channel=channel, device=fleet["mac"], identifier="wifi", display_name="Wi-Fi", reported_at=timezone.now()
    )

    assert names(condition("application", "has", "com.example")) == {"phone", "pad", "mac"}
    assert names(condition("application", "has", "COM.EXAMPLE")) == set()
    assert names(condition("application", "has not", "com.example")) == {"blank"}
    assert names(condition("application", "has any of", ["com.other", "com.third"])) == {"pad"}
    assert names(condition("application", "has none of", ["com.other", "com.third"])) == {"phone", "mac", "blank"}
    assert names(condition("application", "has starting with", "com.o")) == {"pad"}
    assert names(condition("application_name", "has containing", "XAM")) == {"phone", "pad", "mac"}
    assert names(condition("application", "is empty")) == {"blank"}
    assert names(condition("application_version", ">=", "9.10", of="com.example")) == {"phone"}
    assert names(condition("application_version", "<", "9.10", of="com.example")) == {"pad"}
    assert names(condition("application_version", "is", "9.9.3", of="com.example")) == {"pad"}
    assert names(condition("application_version", "is empty", of="com.example")) == {"mac", "blank"}
    assert names(condition("profile", "has", "wifi")) == {"mac"}
    assert names(condition("profile_name", "has containing", "wi-")) == {"mac"}


def test_tags_and_static_groups_are_looked_at(fleet, names):
    Tag.objects.create(name="loaner").devices.add(fleet["phone"], fleet["pad"])
    Tag.objects.create(name="lab").devices.add(fleet["phone"])
    static = Group.objects.create(name="Chosen")
    smart = Group.objects.create(name="Computed", kind="smart", rule=condition("name", "is set"))
    Membership.objects.create(group=static, device=fleet["mac"])
    Membership.objects.create(group=smart, device=fleet["pad"])

    assert names(condition("tag", "has", "loaner")) == {"phone", "pad"}
    assert names({"all": [condition("tag", "has", "loaner"), condition("tag", "has not", "lab")]}) == {"pad"}
    assert names(condition("tag", "is empty")) == {"mac", "blank"}
    assert names(condition("group", "has", static.pk)) == {"mac"}
    assert names(condition("group", "has none of", [static.pk])) == ALL - {"mac"}
    assert names(condition("group", "is set")) == {"mac"}
    assert "rule.value" in problems(condition("group", "has", smart.pk))


def test_custom_attributes_are_compared_by_their_kind(fleet, names):
    phone, pad, mac = fleet["phone"], fleet["pad"], fleet["mac"]
    known_attribute("room", "text", {phone: "Lab 9", pad: "lab 10"})
    known_attribute("price", "number", {phone: "9", pad: "10.5", mac: "-1"})
    known_attribute("bought", "date", {phone: "2026-01-31", pad: "2025-06-01"})
    known_attribute("insured", "boolean", {phone: "true", pad: "false"})
    known_attribute("firmware", "version", {phone: "1.9", pad: "1.10", mac: "1.9.0"})

    def met(name, word, value=None):
        return names(condition("attribute", word, value, of=name))

    assert met("room", "is", "LAB 9") == {"phone"}
    assert met("price", ">", 9) == {"pad"}
    assert met("price", "<=", 9) == {"phone", "mac"}
    assert met("bought", ">=", "2026-01-01") == {"phone"}
    assert met("bought", "is", "2025-06-01") == {"pad"}
    assert met("insured", "is", True) == {"phone"}
    assert met("insured", "is not", True) == {"pad", "mac", "blank"}
    assert met("firmware", "is", "1.9") == {"phone", "mac"}
    assert met("firmware", ">", "1.9") == {"pad"}
    assert met("price", "is empty") == {"blank"}
    assert met("insured", "is set") == {"phone", "pad"}


def test_every_fact_can_be_compared_by_each_of_its_operators_described_and_explained(fleet):
    for kind in CustomAttribute.Kind.values:
        known_attribute(f"of_{kind}", kind, {})
    group = Group.objects.create(name="Chosen")
    samples = {"text": "a", "number": 1, "version": "1.2", "date": "2026-01-01", "boolean": True, "presence": "a"}
    count = 0
    for fact, attribute in Vocabulary().facts():
        of = {"of": attribute or "com.example"} if fact.of else {}
        for word, operator in OPERATORS[fact.kind].items():
            one = fact.choices[0][0] if fact.choices else samples[fact.kind]
            one = group.pk if fact.name == "group" else one
            value = {"one": one, "many": [one], "days": 3, "nothing": None}[operator.takes]
            rule = condition(fact.name, word, value, **of)
            explanation = rules.explain(rule, fleet["phone"])
            assert explanation.is_met == (fleet["phone"].pk in gathered(rule)), rule
            assert explanation.text == rules.describe(rule)
            assert "{" not in explanation.text
            count += 1
    assert count > 300


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (None, "rule"),
        ([], "rule"),
        ({}, "rule.fact"),
        ({"all": []}, "rule.all"),
        ({"all": {}}, "rule.all"),
        ({"any": [{"all": [3]}]}, "rule.any.0.all.0"),
        ({"not": []}, "rule.not"),
        ({"all": [condition("name", "is", "a")], "any": []}, "rule"),
        (condition("shoe_size", "is", 43), "rule.fact"),
        ({"fact": ["name"], "is": "is", "value": "a"}, "rule.fact"),
        (condition("name", ">", "a"), "rule.is"),
        ({"fact": "name", "value": "a"}, "rule.is"),
        ({"fact": "name", "is": ["is"], "value": "a"}, "rule.is"),
        (condition("name", "is"), "rule.value"),
        (condition("name", "is", ""), "rule.value"),
        (condition("name", "is", 7), "rule.value"),
        (condition("name", "is", "a\0"), "rule.value"),
        (condition("name", "is", "\ud800"), "rule.value"),
        (condition("name", "in", "a"), "rule.value"),
        (condition("name", "in", []), "rule.value"),
        (condition("name", "in", ["a", 7]), "rule.value.1"),
        (condition("name", "is set", "a"), "rule.value"),
        (condition("name", "is", "a", of="b"), "rule.of"),
        (condition("name", "is", "a", valeu="b"), "rule.valeu"),
        (condition("platform", "is", "windows"), "rule.value"),
        (condition("platform", "is", ["ios"]), "rule.value"),
        (condition("os_version", ">=", "seventeen"), "rule.value"),
        (condition("os_version", ">=", 17.4), "rule.value"),
        (condition("os_version", ">=", "9999999999"), "rule.value"),
        (condition("battery_level", "<", "low"), "rule.value"),
        (condition("battery_level", "<", True), "rule.value"),
        (condition("battery_level", "<", float("nan")), "rule.value"),
        (condition("battery_level", "<", 10**400), "rule.value"),
        (condition("is_supervised", "is", 1), "rule.value"),
        (condition("created_at", "<", "yesterday"), "rule.value"),
        (condition("created_at", "<", "2026-02-30"), "rule.value"),
        (condition("created_at", "<", "0001-01-01"), "rule.value"),
        (condition("created_at", "within last days", 0), "rule.value"),
        (condition("created_at", "within last days", 10**9), "rule.value"),
        (condition("application_version", ">", "1"), "rule.of"),
        (condition("application_version", ">", "1", of=7), "rule.of"),
        (condition("attribute", "is", "a"), "rule.of"),
        (condition("attribute", "is", "a", of="nothing"), "rule.of"),
        (condition("group", "has", 12345), "rule.value"),
        (condition("group", "has", True), "rule.value"),
        ({"all": [condition("name", "is", "a")] * 101}, "rule.all"),
        ({"all": [{"any": [condition("name", "is", "a")] * 60}] * 2}, "rule"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_key_path(rule, path):
    assert path in problems(rule)


def test_a_rule_cannot_look_at_a_secret_attribute(db):
    CustomAttribute.objects.create(name="wifi-key", label="Wi-Fi key", is_secret=True)
    told = problems({"all": [condition("attribute", "is set", of="wifi-key")]})
    assert told == {"rule.all.0.of": "names the attribute 'wifi-key', which is secret: rules cannot look at it"}
    assert "wifi-key" not in {name for _fact, name in Vocabulary().facts()}


def test_a_rule_that_is_nested_too_deeply_is_refused():
    rule = condition("name", "is", "a")
    for _ in range(9):
        rule = {"not": rule}
    rules.parse(rule)
    assert "nested" in next(iter(problems({"not": rule}).values()))


def test_everything_that_is_wrong_is_named_at_once():
    rule = {"all": [condition("name", "is", 7), {"any": [condition("shoe_size", "is", 1)]}]}

    assert problems(rule).keys() == {"rule.all.0.value", "rule.all.1.any.0.fact"}


def test_a_rule_is_told_in_words(fleet):
    group = Group.objects.create(name="Tills")
    known_attribute("room", "text", {})
    rule = {
        "all": [
            {"any": [condition("platform", "is", "ios"), condition("os_version", "<", "17.4")]},
            {"not": condition("application", "has starting with", "com.adobe")},
            condition("is_supervised", "is", True),
            condition("last_seen_at", "within last days", 30),
            condition("group", "has not", group.pk),
            condition("attribute", "in", ["a", "b"], of="room"),
            condition("application_version", ">=", "120", of="com.google.Chrome"),
        ]
    }

    assert rules.describe(rule) == (
        "(platform is iPhone or OS version is below 17.4) and not (has any application starting with “com.adobe”) and "
        "supervised: yes and last seen is within the last 30 days and is not in the group Tills and "
        "The room is “a” or “b” and version of com.google.Chrome is at least 120"
    )


def test_why_a_device_is_gathered_is_told_condition_by_condition(fleet, django_assert_num_queries):
    rule = {
        "all": [
            condition("platform", "is", "ios"),
            {"any": [condition("os_version", ">=", "18"), condition("battery_level", "<", 0.3)]},
            {"not": condition("person_site", "is", "Linz")},
        ]
    }

    with django_assert_num_queries(1):
        why = rules.explain(rule, fleet["phone"])
    platform, versions, site = why.parts
    assert (why.word, why.is_met) == ("all", False)
    assert (platform.is_met, platform.actual) == (True, "iPhone")
    assert (versions.is_met, [part.is_met for part in versions.parts]) == (True, [False, True])
    assert versions.parts[0].actual == "17.4.1"
    assert (site.is_met, site.parts[0].is_met, site.parts[0].actual) == (False, True, "Linz")
