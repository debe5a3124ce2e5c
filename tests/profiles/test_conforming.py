"""Issue 9, part 1: what a device answers is brought to the types of Apple's schema before anybody interprets it."""

from datetime import UTC, datetime

import pytest

from mdm_project import plist
from profiles.catalogue.conforming import conform, known_information
from tests.fixtures import capture, captures

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def misfits(request_type: str, answer: dict) -> dict:
    return {misfit.path: misfit.problem for misfit in conform(request_type, answer)[1]}


def test_an_answer_that_fits_is_handed_back_as_it_came():
    answer = {"QueryResponses": {"IsMultiUser": True, "BatteryLevel": 0.5, "NewIn2030": [1]}, "Status": "Acknowledged"}
    brought, wrong = conform("DeviceInformation", answer)
    assert brought is answer
    assert wrong == []


def test_values_of_another_type_are_taken_out_and_named():
    values = {
        "IsMultiUser": 1,
        "BatteryLevel": float("nan"),
        "LastCloudBackupDate": "2026",
        "OSVersion": b"18",
        "UDID": "u",
    }
    answer = {"QueryResponses": values, "ErrorChain": [{"ErrorCode": "x", "ErrorDomain": "d"}, "text"]}
    brought, wrong = conform("DeviceInformation", answer)
    assert brought == {"QueryResponses": {"UDID": "u"}, "ErrorChain": [{"ErrorDomain": "d"}]}
    assert {misfit.path: misfit.problem for misfit in wrong} == {
        "IsMultiUser": "is an integer",
        "BatteryLevel": "is not a number",
        "LastCloudBackupDate": "is text",
        "OSVersion": "is data",
        "ErrorChain[0].ErrorCode": "is text",
        "ErrorChain[1]": "is text",
    }
    assert answer["QueryResponses"] is values
    assert len(values) == 5


def test_numbers_become_the_kind_of_number_that_is_declared():
    answer = {"QueryResponses": {"DeviceCapacity": 64, "CellularTechnology": 3.0}}
    brought, wrong = conform("DeviceInformation", answer)
    assert wrong == []
    assert [type(value) for value in brought["QueryResponses"].values()] == [float, int]
    assert misfits("DeviceInformation", {"QueryResponses": {"CellularTechnology": 3.5}}) == {
        "CellularTechnology": "is a real"
    }


def test_what_is_in_lists_and_below_any_name_is_looked_at():
    profile = {"PayloadIdentifier": "a", "PayloadContent": [{"PayloadType": ["x"], "PayloadVersion": 1}, 5]}
    brought, _wrong = conform("ProfileList", {"ProfileList": [profile, "text"]})
    assert brought == {"ProfileList": [{"PayloadIdentifier": "a", "PayloadContent": [{"PayloadVersion": 1}]}]}
    managed = {"ManagedApplicationList": {"com.example": {"Status": 5, "HasConfiguration": True}, "com.other": "text"}}
    brought, _wrong = conform("ManagedApplicationList", managed)
    assert brought == {"ManagedApplicationList": {"com.example": {"HasConfiguration": True}}}


def test_what_is_unknown_stays_as_it_is():
    answer = {"QueryResponses": {"NewIn2030": {"a": [float("nan")]}}, "Other": NOON}
    assert conform("DeviceInformation", answer) == (answer, [])
    assert conform("NoSuchCommand", {"Other": 5, "Status": "x"}) == ({"Other": 5, "Status": "x"}, [])


@pytest.mark.parametrize("name", captures("responses", "*/*.plist"))
def test_what_real_devices_answer_fits(name):
    content, _was_repaired = plist.loads_report(capture(name))
    assert misfits(name.split("/")[-2], content) == {}


def test_a_stored_answer_is_read_without_what_has_another_type():
    stored = {"IsMultiUser": "yes", "IsAppleSilicon": True, "DeviceCapacity": 64, "LastCloudBackupDate": {"$date": "x"}}
    assert known_information(stored | {"NewIn2030": 1}) == {
        "IsAppleSilicon": True, "DeviceCapacity": 64, "LastCloudBackupDate": {"$date": "x"}, "NewIn2030": 1
    }  # fmt: skip
    assert known_information(["text"]) == {}
