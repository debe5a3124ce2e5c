"""Groups: members chosen and worked out, kept current, told of; what fails keeps its members; cost for a fleet."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices import groups, outbox
from devices.models import (
    AttributeValue,
    ChannelContact,
    CustomAttribute,
    Device,
    Event,
    Group,
    Membership,
    Outbox,
)
from devices.rules import BadRule
from devices.services import set_asset_tag
from devices.tasks import regroup
from devices.timeline import SYSTEM
from mdm_project.errors import BadRequest, Conflict
from profiles.models import Assignment, Profile
from tests import factories

pytestmark = pytest.mark.django_db

IOS = {"fact": "platform", "is": "is", "value": "ios"}
LOANERS = {"fact": "asset_tag", "is": "starts with", "value": "loan"}


@pytest.fixture(autouse=True)
def told(monkeypatch) -> list[dict]:
    """What those who hear of memberships were told."""
    payloads = []
    monkeypatch.setitem(outbox._handlers, "memberships_changed", [payloads.extend])
    return payloads


def members(group: Group) -> set[int]:
    return set(group.memberships.values_list("device_id", flat=True))


def make_smart(rule, name="Smart") -> Group:
    return groups.create_group(name, kind="smart", rule=rule, actor=SYSTEM)


def drain() -> None:
    while outbox.drain():
        pass


# Smart groups


def test_a_smart_group_has_its_members_at_once_and_tells_of_them(told):
    phones = [factories.make_device() for _ in range(2)]
    factories.make_device("macos")

    group = make_smart(IOS)

    assert members(group) == {phone.pk for phone in phones}
    assert (group.problem, group.evaluated_at is not None) == ("", True)
    drain()
    assert told == [{"group_ids": [group.pk], "device_ids": sorted(phone.pk for phone in phones)}]


def test_rows_of_members_that_stay_are_not_touched(told):
    stays, leaves = factories.make_device(asset_tag="loan 1"), factories.make_device(asset_tag="loan 2")
    group = make_smart(LOANERS)
    row = Membership.objects.get(device=stays)
    Device.objects.filter(pk=leaves.pk).update(asset_tag="")
    joins = factories.make_device(asset_tag="LOAN 3")

    [shift] = groups.evaluate_groups()

    assert (shift.group_id, shift.joined, shift.left) == (group.pk, (joins.pk,), (leaves.pk,))
    again = Membership.objects.get(device=stays)
    assert (again.pk, again.since) == (row.pk, row.since)
    assert groups.evaluate_groups() == []
    drain()
    assert told[1:] == [{"group_ids": [group.pk], "device_ids": sorted([joins.pk, leaves.pk])}]


def test_only_the_devices_that_changed_are_looked_at():
    first, second = factories.make_device(), factories.make_device()
    group = make_smart(LOANERS)
    Device.objects.update(asset_tag="loan")

    groups.evaluate_groups(device_ids=[first.pk])
    assert members(group) == {first.pk}
    Device.objects.update(asset_tag="")
    groups.evaluate_groups(device_ids=[second.pk])
    assert members(group) == {first.pk}
    groups.evaluate_groups(device_ids=[first.pk, second.pk])
    assert members(group) == set()
    groups.evaluate_groups(device_ids=[])
    assert members(group) == set()


def test_a_change_of_a_device_reaches_its_groups_through_the_outbox(told):
    device = factories.make_device()
    group = make_smart(LOANERS)

    set_asset_tag(device, "loan 7", actor=SYSTEM)
    drain()

    assert members(group) == {device.pk}
    assert told == [{"group_ids": [group.pk], "device_ids": [device.pk]}]


def test_many_changes_are_one_evaluation():
    devices = [factories.make_device(asset_tag="loan") for _ in range(5)]
    group = make_smart(LOANERS)
    Membership.objects.all().delete()
    Outbox.objects.all().delete()
    payloads = [{"device_ids": [device.pk, devices[0].pk]} for device in devices]

    with CaptureQueriesContext(connection) as captured:
        groups.regroup(payloads)

    assert members(group) == {device.pk for device in devices}
    assert sum("devices_membership" in query["sql"] for query in captured) == 1


def test_the_sweep_sees_what_time_changed():
    channel = factories.make_channel()
    group = make_smart({"fact": "last_seen_at", "is": "within last days", "value": 7})
    assert members(group) == {channel.device_id}
    ChannelContact.objects.update(seen_at=timezone.now() - timezone.timedelta(days=8))

    regroup()

    assert members(group) == set()


def test_a_rule_that_fails_is_told_of_and_its_group_keeps_its_members(told):
    device = factories.make_device()
    attribute = CustomAttribute.objects.create(name="price", label="Price", kind="number")
    value = AttributeValue.objects.create(device=device, attribute=attribute, value="7")
    good = make_smart(IOS, "Good")
    bad = make_smart({"fact": "attribute", "of": "price", "is": ">", "value": 5}, "Bad")
    AttributeValue.objects.update(value="seven")
    another = factories.make_device()

    for given in ({}, {"device_ids": [device.pk, another.pk]}):
        groups.evaluate_groups(**given)
        bad.refresh_from_db()
        assert "seven" in bad.problem
        assert members(bad) == {device.pk}
    assert members(good) == {device.pk, another.pk}

    value.value = "3"
    value.save()
    groups.evaluate_groups()
    bad.refresh_from_db()
    assert (bad.problem, members(bad)) == ("", set())


def test_a_rule_about_what_is_gone_keeps_its_members_and_says_why():
    device = factories.make_device()
    attribute = CustomAttribute.objects.create(name="room", label="Room", kind="text")
    group = make_smart({"any": [IOS, {"fact": "attribute", "of": "room", "is": "is set"}]})
    CustomAttribute.objects.filter(pk=attribute.pk).delete()

    groups.evaluate_groups()

    group.refresh_from_db()
    assert group.problem == "the rule cannot be used: rule.any.1.of there is no attribute 'room'"
    assert members(group) == {device.pk}


def test_a_new_rule_counts_at_once():
    phone, mac = factories.make_device(), factories.make_device("macos")
    group = make_smart(IOS)

    groups.change_group(group, rule={"not": IOS}, name="Others", actor=SYSTEM)

    assert members(group) == {mac.pk} != {phone.pk}
    group.refresh_from_db()
    assert group.name == "Others"
    event = Event.objects.get(kind="group_changed")
    assert (event.actor, event.data["before"]) == ("Espalier", {"rule": IOS, "name": "Smart"})


def test_a_bad_rule_is_refused_and_changes_nothing():
    group = make_smart(IOS)

    for attempt in (
        lambda: groups.create_group("Other", kind="smart", rule={"fact": "x"}, actor=SYSTEM),
        lambda: groups.create_group("Other", kind="smart", actor=SYSTEM),
        lambda: groups.change_group(group, rule={"all": []}, actor=SYSTEM),
    ):
        with pytest.raises(BadRule):
            attempt()
    assert Group.objects.get() == group
    assert Group.objects.get().rule == IOS


# Static groups


def test_staff_choose_the_members_of_a_static_group(told):
    one, two, three = (factories.make_device() for _ in range(3))
    group = groups.create_group("Chosen", actor=SYSTEM)

    assert groups.set_members(group, [one.pk, two.pk, two.pk, 10**12], actor=SYSTEM).joined == (one.pk, two.pk)
    assert groups.add_members(group, [two.pk, three.pk], actor=SYSTEM).joined == (three.pk,)
    assert groups.remove_members(group, [one.pk], actor=SYSTEM).left == (one.pk,)
    assert members(group) == {two.pk, three.pk}
    shift = groups.set_members(group, [one.pk, two.pk], actor=SYSTEM)
    assert (shift.joined, shift.left) == ((one.pk,), (three.pk,))
    groups.set_members(group, [two.pk, one.pk], actor=SYSTEM)
    assert Event.objects.filter(kind="group_members_changed").count() == 4
    drain()
    assert [payload["device_ids"] for payload in told] == [
        [one.pk, two.pk],
        [three.pk],
        [one.pk],
        [one.pk, three.pk],
    ]


def test_rules_about_a_static_group_follow_its_members():
    device = factories.make_device()
    static = groups.create_group("Chosen", actor=SYSTEM)
    smart = make_smart({"fact": "group", "is": "has", "value": static.pk})

    groups.add_members(static, [device.pk], actor=SYSTEM)
    drain()
    assert members(smart) == {device.pk}
    groups.set_members(static, [], actor=SYSTEM)
    drain()
    assert members(smart) == set()


def test_the_members_of_a_smart_group_cannot_be_chosen():
    with pytest.raises(Conflict, match="chosen by its rule"):
        groups.add_members(make_smart(IOS), [factories.make_device("macos").pk], actor=SYSTEM)
    with pytest.raises(BadRequest):
        groups.create_group("Chosen", rule=IOS, actor=SYSTEM)


def test_a_name_is_taken_once():
    groups.create_group(" Chosen ", actor=SYSTEM)
    other = groups.create_group("Other", actor=SYSTEM)

    for attempt in (
        lambda: groups.create_group("Chosen", actor=SYSTEM),
        lambda: groups.change_group(other, name="Chosen", actor=SYSTEM),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.fields == {"name": "is taken"}
    for name in ("", "  ", "a" * 201, "a\nb"):
        with pytest.raises(BadRequest):
            groups.create_group(name, actor=SYSTEM)


# Deletion


def test_a_group_that_is_used_is_not_deleted_and_its_users_are_named():
    static = groups.create_group("Chosen", actor=SYSTEM)
    smart = make_smart({"all": [IOS, {"not": {"fact": "group", "is": "has any of", "value": [static.pk]}}]})
    with pytest.raises(Conflict, match="Chosen is used by the rule of group Smart"):
        groups.delete_group(static, actor=SYSTEM)

    profile = Profile.objects.create(name="Wi-Fi", identifier="com.example.wifi", draft_encrypted=b"")
    included, excluded = (Assignment.objects.create(profile=profile) for _ in range(2))
    included.include.add(smart)
    excluded.exclude.add(smart)
    with pytest.raises(Conflict) as refused:
        groups.delete_group(smart, actor=SYSTEM)
    assert f"assignment {included.pk} (Wi-Fi" in refused.value.detail
    assert f"assignment {excluded.pk} (Wi-Fi" in refused.value.detail

    Assignment.objects.all().delete()
    groups.delete_group(smart, actor=SYSTEM)
    groups.delete_group(static, actor=SYSTEM)
    assert not Group.objects.exists()
    assert Event.objects.filter(kind="group_deleted").count() == 2


# Ten thousand devices

_FLEET = """
INSERT INTO devices_device (udid, serial_number, name, platform, model, model_name, model_number, os_version,
    os_version_parts, supplemental_os_version, build_version, asset_tag, imei, meid, phone_number, wifi_mac,
    bluetooth_mac, ethernet_mac, is_supervised, is_awaiting_configuration, battery_level, created_at)
SELECT 'UDID' || n, 'SERIAL' || n, 'Device ' || n, (ARRAY['ios', 'ipados', 'macos'])[n % 3 + 1], '', '', '',
    (15 + n % 4) || '.' || n % 7, ARRAY[15 + n % 4, n % 7], '', '', '', '', '', '', '', '', '', n % 2 = 0, FALSE,
    (n % 100) / 100.0, now()
FROM generate_series(1, 10000) AS n"""
_APPLICATIONS = """
INSERT INTO devices_installedapplication (device_id, identifier, name, version, short_version, extra)
SELECT id, 'com.example.app' || (id + n) % 40, '', '', (id + n) % 20 || '.1', '{}'
FROM devices_device, generate_series(1, 5) AS n"""
NESTED = {
    "all": [
        {"any": [IOS, {"fact": "platform", "is": "is", "value": "ipados"}]},
        {"fact": "os_version", "is": ">=", "value": "16.3"},
        {"not": {"fact": "application", "is": "has", "value": "com.example.app7"}},
        {"fact": "is_supervised", "is": "is", "value": True},
    ]
}


def test_ten_thousand_devices_are_one_statement_whatever_joins_or_leaves():
    with connection.cursor() as cursor:
        cursor.execute(_FLEET)
        cursor.execute(_APPLICATIONS)
    group = make_smart(NESTED)
    expected = {
        device.pk
        for device in Device.objects.prefetch_related("applications")
        if device.platform in ("ios", "ipados")
        and device.os_version_parts >= [16, 3]
        and device.is_supervised
        and all(app.identifier != "com.example.app7" for app in device.applications.all())
    }
    assert members(group) == expected
    assert 500 < len(expected) < 9500

    def statements(**given) -> int:
        with CaptureQueriesContext(connection) as captured:
            groups.evaluate_groups([group.pk], **given)
        # Lock, savepoint, difference, release, mark, within a savepoint; timeline and outbox where members changed.
        return len(captured)

    unchanged = statements()
    Device.objects.filter(pk__in=sorted(expected)[:200]).update(is_supervised=False)
    assert statements() == unchanged + 2
    Device.objects.update(is_supervised=False)
    assert statements() == unchanged + 2
    assert members(group) == set()
    Device.objects.update(is_supervised=True)
    assert statements(device_ids=sorted(expected)) == unchanged + 1  # nothing to mark, but the timeline and the outbox
    assert members(group) == expected
    assert unchanged <= 7
