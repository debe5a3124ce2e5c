"""Where things of the catalogue can be used: inheritance of support, and each rule on real entries."""

import pytest

from profiles.catalogue import Catalogue, Kind, Support, version_of
from profiles.catalogue.availability import Target, evaluate
from profiles.catalogue.entries import Entry
from profiles.catalogue.store import SHIPPED
from profiles.catalogue.support import overlay

CATALOGUE = Catalogue(SHIPPED)


def entry(kind: Kind, name: str) -> Entry:
    return CATALOGUE.entry(kind, name)


def codes(availability) -> list[str]:
    return [reason.code for reason in availability.reasons]


def judge(stated: dict, os: str = "ios", version: str = "", **known):
    return evaluate(overlay({}, {"iOS": stated, "macOS": stated}), Target(os, version, **known))


@pytest.mark.parametrize(
    ("lower", "higher"), [("9.3", "10.0"), ("10.9", "10.10"), ("10.13.4", "10.14"), ("17", "17.0.1"), ("", "1")]
)
def test_versions_compare_as_numbers(lower, higher):
    assert version_of(lower) < version_of(higher)


def test_versions_that_differ_in_zeros_are_equal():
    assert version_of("17") == version_of("17.0") == version_of("17.0.0")
    assert judge({"introduced": "17.0"}, version="17").is_available


def test_support_is_inherited_attribute_by_attribute():
    outer = overlay({}, {"iOS": {"introduced": "10.0", "supervised": True, "userenrollment.mode": "forbidden"}})
    inner = overlay(
        outer, {"iOS": {"introduced": "13.0", "sharedipad.mode": "ignored"}, "macOS": {"introduced": "11.0"}}
    )

    assert inner["iOS"] == Support(
        introduced="13.0", needs_supervision=True, user_enrollment="forbidden", shared_ipad="ignored"
    )
    assert inner["macOS"] == Support(introduced="11.0")


def test_what_is_off_stays_off_below_and_nothing_outlives_what_contains_it():
    outer = overlay({}, {"iOS": {"introduced": "n/a"}, "macOS": {"introduced": "11.0", "removed": "15.0"}})
    inner = overlay(outer, {"iOS": {"introduced": "13.0"}, "macOS": {"introduced": "10.9", "removed": "26.0"}})

    assert inner["iOS"].is_absent
    assert (inner["macOS"].introduced, inner["macOS"].removed) == ("11.0", "15.0")


def test_all_is_no_lower_bound():
    key = entry(Kind.PAYLOAD, "login-items-suppression").find("DisableLoginItemsSuppression")

    assert key.stated["macOS"]["introduced"] == "all"
    assert key.availability("macos", "10.7").is_available
    assert judge({"introduced": "all"}, version="1.0").is_available


def test_a_payload_without_support_is_not_stated_and_nothing_rules_it_out():
    answer = entry(Kind.PAYLOAD, "security-wapi-identity").availability("ios", "12.0")

    assert answer.is_available
    assert not answer.is_stated


def test_removed_is_the_exclusive_end_and_deprecated_is_none():
    stated = {"introduced": "7.0", "deprecated": "15.0", "removed": "17.0"}

    assert codes(judge(stated, version="6.1")) == ["too_old"]
    assert judge(stated, version="14.8") == judge(stated, version="14.8", supervised=False)
    assert not judge(stated, version="14.8").is_deprecated
    assert judge(stated, version="16.9").is_available and judge(stated, version="16.9").is_deprecated
    assert codes(judge(stated, version="17.0")) == ["removed"]


def test_removed_in_zero_is_never():
    markup = entry(Kind.OTHER, "manifesturl")
    removed = [key for key in markup.walk() if any(s.get("removed") == "0" for s in key.stated.values())]

    assert removed
    assert all(codes(key.availability("ios", "26.0")) == ["platform"] for key in removed)


def test_a_key_may_be_introduced_and_deprecated_in_one_version():
    answer = entry(Kind.PAYLOAD, "applicationaccess").find("allowSiriAI").availability("ios", "27.0")

    assert answer.is_deprecated
    assert not entry(Kind.PAYLOAD, "applicationaccess").find("allowSiriAI").availability("ios", "26.4").is_available


def test_ipados_is_ios_and_keeps_its_name():
    dock = entry(Kind.PAYLOAD, "dock")

    assert [reason.message for reason in dock.availability("iPadOS").reasons] == ["not available on iPadOS"]
    assert dock.availability("macos", "14.0").is_available
    with pytest.raises(KeyError):
        dock.availability("android")


@pytest.mark.parametrize(
    ("stated", "known", "expected"),
    [
        ({"supervised": True}, {"supervised": False}, ["supervision"]),
        ({"supervised": True}, {"supervised": True}, []),
        ({"supervised": True}, {}, []),  # what is not known rules nothing out
        ({"requiresdep": True}, {"enrollment_kind": "device"}, ["ade"]),
        ({"requiresdep": True}, {"enrollment_kind": "ade"}, []),
        ({"userapprovedmdm": True}, {"user_approved": False}, ["user_approval"]),
        ({"userenrollment.mode": "forbidden"}, {"enrollment_kind": "user"}, ["user_enrollment"]),
        ({"userenrollment.mode": "forbidden"}, {"enrollment_kind": "account_device"}, []),
        ({"userenrollment.mode": "required"}, {"enrollment_kind": "ade"}, ["user_enrollment_only"]),
        ({"allowed-enrollments": ["supervised"]}, {"enrollment_kind": "device", "supervised": False}, ["supervision"]),
        ({"allowed-enrollments": ["supervised"]}, {"enrollment_kind": "device", "supervised": True}, []),
        ({"allowed-enrollments": ["supervised", "device"]}, {"enrollment_kind": "user"}, ["user_enrollment"]),
        ({"allowed-enrollments": ["user", "local"]}, {"enrollment_kind": "ade", "supervised": True}, ["enrollment"]),
        ({"sharedipad.mode": "forbidden"}, {"shared_ipad": True}, ["shared_ipad"]),
        ({"sharedipad.mode": "required"}, {"shared_ipad": False}, ["shared_ipad_only"]),
        ({"sharedipad.allowed-scopes": []}, {"shared_ipad": True}, ["shared_ipad"]),
        ({"allowed-scopes": ["system"]}, {"channel": "user"}, ["channel"]),
        ({"allowed-scopes": ["user"]}, {"channel": "user"}, []),
        (
            {"allowed-scopes": ["system"], "sharedipad.allowed-scopes": ["user"]},
            {"channel": "user", "shared_ipad": True},
            [],
        ),
        ({}, {"channel": "device"}, []),
        ({}, {"channel": "user"}, ["channel"]),
        ({"devicechannel": False, "userchannel": True}, {"channel": "device"}, ["channel"]),
        ({"sharedipad.userchannel": True}, {"channel": "user", "shared_ipad": True}, []),
        ({"sharedipad.userchannel": True}, {"channel": "user", "shared_ipad": False}, ["channel"]),
    ],
)
def test_a_rule_rules_out_exactly_what_it_says(stated, known, expected):
    assert codes(judge({"introduced": "13.0"} | stated, version="18.0", **known)) == expected


def test_a_mac_counts_as_supervised_among_allowed_enrollments():
    stated = {"allowed-enrollments": ["supervised", "local"]}

    assert judge(stated, "macos", enrollment_kind="device", supervised=False).is_available
    assert codes(judge(stated, "ios", enrollment_kind="device", supervised=False)) == ["supervision"]


def test_what_is_ignored_is_available_without_effect():
    in_user_enrollment = judge({"userenrollment.mode": "ignored"}, enrollment_kind="user")
    on_shared_ipad = judge({"sharedipad.mode": "ignored"}, shared_ipad=True)

    for answer in (in_user_enrollment, on_shared_ipad):
        assert answer.is_available and not answer.is_effective
        assert answer.ignored


def test_real_rules_of_real_entries_hold():
    restrictions = entry(Kind.PAYLOAD, "applicationaccess")
    app_lock = entry(Kind.PAYLOAD, "app-lock")
    passcode = entry(Kind.DECLARATION, "com.apple.configuration.passcode.settings")

    assert "supervision" in codes(app_lock.availability("ipados", "18.0", supervised=False))
    assert app_lock.availability("ipados", "18.0", supervised=True).is_available
    assert codes(restrictions.find("allowAppInstallation").availability("ios", "18.0", supervised=False)) == [
        "supervision"
    ]
    assert passcode.availability("ios", "17.0", enrollment_kind="user", supervised=False).is_available
    assert codes(passcode.availability("ios", "14.0")) == ["too_old"]
    assert codes(entry(Kind.COMMAND, "DeviceLock").availability("tvos", "17.0")) == ["platform"]
