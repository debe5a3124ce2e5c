"""Conflicts in the whole fleet, worked out per pair of profiles."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from profiles.conflicts import conflicts
from tests.factories import make_channel, make_device
from tests.profiles.test_effective import RESTRICTIONS, give, publish_new

pytestmark = pytest.mark.django_db
DOCK = {"PayloadType": "com.apple.dock"}


def told(conflict) -> tuple:
    sides = [(side.version.profile.name, side.value, side.is_overruled) for side in conflict.sides]
    return conflict.key, conflict.is_decided, conflict.devices.count, sides


def test_profiles_that_share_devices_and_differ_are_told_with_the_devices():
    both = [make_channel(), make_channel(make_device("ipados"))]
    alone = make_channel()
    one = publish_new("One", RESTRICTIONS | {"allowCamera": True, "ratingRegion": "us", "allowSafari": True})
    two = publish_new("Two", RESTRICTIONS | {"allowCamera": False, "ratingRegion": "de", "allowSafari": True})
    for channel in both:
        give(channel, one, two)
    give(alone, one)

    found = conflicts()
    assert [told(each) for each in found] == [
        ("ratingRegion", False, 2, [("One", "us", False), ("Two", "de", False)]),
        ("allowCamera", True, 2, [("One", True, True), ("Two", False, False)]),
    ]
    assert found[0].devices.first == tuple((each.device_id, each.device.name) for each in both)
    assert found[0].message == "One and Two set ratingRegion to different values: nothing tells which one holds."


def test_two_payloads_of_which_one_is_allowed_are_one_conflict():
    mac = make_channel(make_device("macos"))
    give(mac, publish_new("One", DOCK | {"orientation": "left", "autohide": True}), publish_new("Two", DOCK))

    (found,) = conflicts()
    assert told(found) == ("", False, 1, [("One", None, False), ("Two", None, False)])
    assert found.message == "Only one Dock payload per device, and One and Two both have one."


def test_profiles_that_share_no_device_or_no_type_do_not_conflict():
    one, two = make_channel(make_device("macos")), make_channel(make_device("macos"))
    give(one, publish_new("One", DOCK | {"orientation": "left"}), publish_new("Other", RESTRICTIONS))
    give(two, publish_new("Two", DOCK | {"orientation": "right"}))
    give(one, publish_new("Users", DOCK | {"orientation": "right"}, scope="User"))

    assert conflicts() == []


def test_secrets_are_hidden_and_two_statements_do():
    mac = make_channel(make_device("macos"))
    app = {"PayloadType": "com.example.app"}
    give(mac, publish_new("One", app | {"Password": "a"}), publish_new("Two", app | {"Password": "b"}))

    with CaptureQueriesContext(connection) as statements:
        (hidden,) = conflicts()
    assert [side.value for side in hidden.sides] == ["[redacted]"] * 2
    assert [side.value for side in conflicts(show_secrets=True)[0].sides] == ["a", "b"]
    assert len(statements) == 2
