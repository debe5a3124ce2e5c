"""A1: the list of devices, saved searches, the API and smart groups by how far a profile is."""

import pytest

from commands.reconcile import reconcile
from commands.tasks import regroup_by_state
from devices.groups import create_group
from devices.list_filters import FILTERS
from devices.models import Device, Membership
from devices.saved_searches import devices_of, save_search, words_of
from devices.timeline import SYSTEM, Actor
from profiles.desired import recompute_desired
from profiles.models import ItemStatus
from tests.api.client import Caller
from tests.factories import make_staff
from tests.profiles.assigned import assign, make_channels, make_group, make_profile

State = ItemStatus.State


@pytest.fixture
def world(db):
    """Two devices with two profiles: the first fails on one device, the second on the other."""
    channels = make_channels(2)
    profiles = [make_profile(name=name) for name in ("Wi-Fi", "Dock")]
    for profile in profiles:
        assign(profile, make_group(*channels))
    recompute_desired()
    reconcile()
    ItemStatus.objects.update(state=State.VERIFIED, command_id=None)
    for channel, profile in zip(channels, profiles, strict=True):
        failing = ItemStatus.objects.filter(channel=channel, profile=profile)
        failing.update(state=State.FAILED, error="No.", is_stopped=True)
    return profiles, [channel.device_id for channel in channels]


def test_lists_and_saved_searches_find_by_profile_and_state(world):
    (wifi, dock), (first, second) = world
    user = make_staff(is_superuser=True)

    def found(name: str, value) -> set[int]:
        return set(FILTERS[name].narrow(Device.objects.all(), str(value), user).values_list("pk", flat=True))

    assert found("profile", wifi.pk) == found("profile_state", "failed") == {first, second}
    assert found("profile_state", f"{wifi.pk}-failed") == {first}
    assert found("profile_state", f"{dock.pk}-verified") == {first}
    saved = save_search("Broken", filters={"profile_state": f"{dock.pk}-failed"}, actor=Actor.staff(user))
    assert [device.pk for device in devices_of(saved, user)] == [second]
    assert words_of(saved, user) == ["Profile state: Dock: Failed"]
    for value in ("0-failed", "x", "-", f"{wifi.pk}-x", "9" * 30 + "-failed"):
        assert FILTERS["profile_state"].problem(value, user), value
    assert FILTERS["profile"].problem("0", user)


def test_the_api_combines_profile_and_state(world):
    (wifi, _dock), (first, second) = world
    caller = Caller()
    assert [row["id"] for row in caller.results("devices/", profile=wifi.pk, profile_state="failed")] == [first]
    assert {row["id"] for row in caller.results("devices/", profile_state="failed")} == {first, second}
    refused = caller.get("devices/?profile=0")
    assert refused.status_code == 400 and "profile" in refused.json()["fields"]


def test_smart_groups_gather_by_the_state_of_a_profile(world):
    (wifi, _dock), (first, _second) = world
    rule = {"fact": "profile_state", "of": wifi.identifier, "is": "is", "value": "failed"}
    group = create_group("Broken Wi-Fi", actor=SYSTEM, kind="smart", rule=rule)
    assert list(Membership.objects.filter(group=group).values_list("device", flat=True)) == [first]
    ItemStatus.objects.update(state=State.VERIFIED)
    other = create_group("Phones", actor=SYSTEM, kind="smart", rule={"fact": "platform", "is": "is", "value": "ios"})
    evaluated_at = other.evaluated_at
    regroup_by_state()
    other.refresh_from_db()
    assert other.evaluated_at == evaluated_at
    assert not Membership.objects.filter(group=group).exists()
