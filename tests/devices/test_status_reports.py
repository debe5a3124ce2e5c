"""Issue 9, part 11: status reports of declarative management merge, instead of the newest taking the place of all."""

import json

import pytest

from devices.inventory.status import document_of, keep_status, merge_status
from devices.models import Answer, DeclarativeStatus
from tests.factories import make_channel
from tests.fixtures import capture

FULL = {
    "StatusItems": {
        "device": {"operating-system": {"version": "18.2", "build-version": "22C152"}, "model": {"family": "Mac"}},
        "mdm": {"app": [{"identifier": "a", "state": "managed"}, {"identifier": "b", "state": "managed"}]},
        "management": {"declarations": {"activations": [{"identifier": "x"}, {"identifier": "y"}]}},
    },
    "Errors": [{"StatusItem": "device.power.battery-health", "Reasons": []}, {"StatusItem": "passcode.is-set"}],
    "FullReport": True,
}


def after(*reports: dict) -> dict:
    known: dict = {}
    for report in reports:
        known = merge_status(known, report)
    return known


def test_a_report_changes_only_what_it_tells():
    changed = {"StatusItems": {"device": {"operating-system": {"version": "18.3"}}}, "Errors": []}
    known = after(FULL, changed)["StatusItems"]
    assert known["device"] == {
        "operating-system": {"version": "18.3", "build-version": "22C152"},
        "model": {"family": "Mac"},
    }
    assert FULL["StatusItems"]["device"]["operating-system"]["version"] == "18.2"


def test_elements_with_an_identifier_come_change_and_go_one_by_one():
    apps = [{"identifier": "a", "_removed": True}, {"identifier": "b", "state": "failed"}, {"identifier": "c"}]
    known = after(FULL, {"StatusItems": {"mdm": {"app": apps}}})
    assert known["StatusItems"]["mdm"]["app"] == [{"identifier": "b", "state": "failed"}, {"identifier": "c"}]


def test_declarations_are_told_as_a_whole():
    known = after(FULL, {"StatusItems": {"management": {"declarations": {"activations": [{"identifier": "y"}]}}}})
    assert known["StatusItems"]["management"]["declarations"]["activations"] == [{"identifier": "y"}]


def test_an_error_stands_until_its_item_is_told_or_fails_otherwise():
    told = {
        "StatusItems": {"passcode": {"is-set": True}},
        "Errors": [{"StatusItem": "device.power.battery-health", "Reasons": [1]}],
    }
    assert after(FULL, told)["Errors"] == [{"StatusItem": "device.power.battery-health", "Reasons": [1]}]
    assert after(FULL, {"StatusItems": {}})["Errors"] == FULL["Errors"]


def test_a_full_report_replaces_what_was_known():
    full = {"StatusItems": {"device": {"model": {"family": "iPad"}}}, "Errors": [], "FullReport": True}
    assert after(FULL, full) == {"StatusItems": full["StatusItems"], "Errors": []}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"StatusItems": []},
        {"StatusItems": {"mdm": {"app": [5]}}},
        {"Errors": {}},
        {"Errors": [5, {"StatusItem": []}]},
    ],
)
def test_odd_reports_do_no_harm(odd):
    known = after(FULL, odd, FULL)
    assert known["StatusItems"]["device"] == FULL["StatusItems"]["device"]
    assert after(odd, odd).keys() == {"StatusItems", "Errors"}


@pytest.mark.django_db
def test_what_a_channel_told_is_encrypted_and_shown_without_secrets():
    channel = make_channel()
    keep_status(channel, {"StatusItems": {"management": {"push-token": "c2VjcmV0", "declarations": {}}}})
    keep_status(channel, FULL | {"FullReport": False})
    status = DeclarativeStatus.objects.get(channel=channel)
    assert b"c2VjcmV0" not in bytes(status.document_encrypted)
    assert document_of(status)["StatusItems"]["management"]["push-token"] == "c2VjcmV0"
    shown = Answer.objects.get(request_type="DeclarativeManagement").content
    assert shown["StatusItems"]["device"] == FULL["StatusItems"]["device"]
    assert "c2VjcmV0" not in json.dumps(shown)


@pytest.mark.django_db
def test_a_captured_report_and_a_change_after_it_are_one_document(django_assert_max_num_queries):
    report = json.loads(capture("ddm-status/macOS-13.3.1-first-full.json"))
    channel = make_channel()
    keep_status(channel, report)
    with django_assert_max_num_queries(10):
        keep_status(channel, {"StatusItems": {"device": {"operating-system": {"version": "99"}}}})
    items = document_of(DeclarativeStatus.objects.get())["StatusItems"]
    assert items["device"]["operating-system"]["version"] == "99"
    assert items["device"].keys() >= report["StatusItems"]["device"].keys()
