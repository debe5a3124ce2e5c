"""Differences by key path, and secrets in them."""

import pytest

from mdm_project import plist
from mdm_project.errors import BadRequest
from profiles.diff import Kind, diff
from profiles.masking import REDACTED, mask, restore
from profiles.unwrapping import unwrap
from tests.fixtures import capture

A = {"PayloadUUID": "A", "PayloadType": "com.apple.wifi.managed", "SSID_STR": "One", "Password": "old secret"}
B = {"PayloadUUID": "B", "PayloadType": "com.apple.dock", "static-apps": [{"tile": 1}, {"tile": 2}]}
BASE = {"PayloadDisplayName": "Name", "PayloadContent": [A, B]}


def told(a: dict, b: dict, **options) -> list[tuple]:
    return [(change.key_path, change.kind, change.before, change.after) for change in diff(a, b, **options)]


def test_equal_contents_have_no_difference_whatever_the_order_of_their_keys():
    assert told(BASE, dict(reversed(BASE.items()))) == []


def test_top_level_keys_are_added_removed_and_changed():
    after = {"PayloadContent": [A, B], "PayloadDescription": "New"}
    assert told(BASE | {"PayloadOrganization": "Example"}, after | {"PayloadOrganization": "Other"}) == [
        ("PayloadDisplayName", Kind.REMOVED, "Name", None),
        ("PayloadOrganization", Kind.CHANGED, "Example", "Other"),
        ("PayloadDescription", Kind.ADDED, None, "New"),
    ]


def test_payloads_are_matched_by_uuid_and_their_order_is_told():
    changed = A | {"SSID_STR": "Two"}
    changes = diff(BASE, BASE | {"PayloadContent": [B, changed]})

    assert [(each.key_path, each.before, each.after) for each in changes] == [
        ("PayloadContent.A.SSID_STR", "One", "Two"),
        ("PayloadContent", ["A", "B"], ["B", "A"]),
    ]
    assert changes[0].payload_type == "com.apple.wifi.managed"


def test_a_payload_that_comes_or_goes_is_one_change():
    c = {"PayloadUUID": "C", "PayloadType": "com.apple.mail"}
    assert told(BASE, BASE | {"PayloadContent": [A, c]}) == [
        ("PayloadContent.B", Kind.REMOVED, B, None),
        ("PayloadContent.C", Kind.ADDED, None, c),
    ]


def test_other_arrays_go_by_index():
    after = BASE | {"PayloadContent": [A, B | {"static-apps": [{"tile": 3}]}]}
    assert told(BASE, after) == [
        ("PayloadContent.B.static-apps.0.tile", Kind.CHANGED, 1, 3),
        ("PayloadContent.B.static-apps.1", Kind.REMOVED, {"tile": 2}, None),
    ]


def test_payloads_that_uuids_do_not_tell_apart_go_by_index():
    twice = [A, A | {"SSID_STR": "Two"}]
    assert told({"PayloadContent": twice}, {"PayloadContent": [A, A]}) == [
        ("PayloadContent.1.SSID_STR", Kind.CHANGED, "Two", "One")
    ]


@pytest.mark.parametrize(("before", "after"), [(True, 1), (1, 1.0), ("1", 1), ([], {}), ("x", {"$data": "eA=="})])
def test_values_of_another_type_are_another_value(before, after):
    assert [change.kind for change in diff({"Key": before}, {"Key": after})] == [Kind.CHANGED]
    assert diff({"Key": before}, {"Key": before}) == []


def test_data_and_dates_are_one_value_each():
    assert told({"Key": {"$date": "2030-01-01T00:00:00Z"}}, {"Key": {"$date": "2031-01-01T00:00:00Z"}}) == [
        ("Key", Kind.CHANGED, {"$date": "2030-01-01T00:00:00Z"}, {"$date": "2031-01-01T00:00:00Z"})
    ]


def test_a_changed_secret_is_told_but_not_shown():
    after = BASE | {"PayloadContent": [A | {"Password": "new secret"}, B]}
    assert told(BASE, after) == [("PayloadContent.A.Password", Kind.CHANGED, REDACTED, REDACTED)]
    assert told(BASE, after, show_secrets=True) == [
        ("PayloadContent.A.Password", Kind.CHANGED, "old secret", "new secret")
    ]
    assert "secret" not in repr(diff(BASE, {"PayloadContent": [B]}))


# Masking


def test_passwords_and_keys_are_masked_and_certificates_are_not():
    values, _warnings = unwrap(capture("profiles/unsigned/willswire_dod.mobileconfig"))
    certificates = plist.to_json(values)
    assert mask(certificates) == certificates

    key = {"PayloadType": "com.apple.security.pkcs12", "PayloadContent": {"$data": "c2VjcmV0"}, "Password": "secret"}
    posing = key | {"PayloadType": "com.apple.security.root"}
    masked = mask({"PayloadContent": [key, posing, A]})["PayloadContent"]
    assert [each.get("PayloadContent") for each in masked] == [REDACTED, REDACTED, None]
    assert [each["Password"] for each in masked] == [REDACTED] * 3
    assert masked[2]["SSID_STR"] == "One"


def test_what_was_masked_comes_back_as_it_is_stored_wherever_its_payload_went():
    masked = mask(BASE)
    moved = masked | {"PayloadContent": list(reversed(masked["PayloadContent"]))}

    assert restore(masked, BASE) == BASE
    assert restore(moved, BASE) == BASE | {"PayloadContent": [B, A]}


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"PayloadContent": [{"PayloadUUID": "new", "Password": REDACTED}]}, "PayloadContent.0.Password"),
        ({"PayloadContent": [A | {"Other": REDACTED}]}, "PayloadContent.0.Other"),
        ({"PayloadContent": [A | {"Password": {"inside": REDACTED}}]}, "PayloadContent.0.Password.inside"),
        ({"Other": [REDACTED]}, "Other.0"),
    ],
)
def test_a_masked_value_where_no_secret_is_stored_is_refused(content, path):
    with pytest.raises(BadRequest) as refused:
        restore(content, BASE)
    assert list(refused.value.fields) == [path]
