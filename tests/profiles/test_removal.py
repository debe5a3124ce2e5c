"""The removal explainer: Apple's six rules and both exceptions on all platforms, as one table; reading the facts."""

import itertools
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Answer, InstalledApplication, InstalledProfile
from mdm_project.crypto import seal_body
from profiles.models import ItemStatus
from profiles.removal import DeviceFacts, Exemption, Origin, ProfileFacts, explain_removal, removability
from tests.factories import make_channel, make_device, make_enrollment
from tests.profiles.test_effective import give, publish_new

ALL = ("ios", "ipados", "macos", "tvos", "visionos", "watchos")
# Where removal passwords and "never" exist, on supervised devices.
CONTROLLED = ("ios", "ipados", "tvos")
PHONES = ("ios", "ipados")
UNCONTROLLED = ("visionos", "watchos")

SERVER, USER = "The MDM server", "The user"
PASSWORD, PASSCODE = "Whoever knows the removal password", "Whoever knows the passcode of the device"
ADMINISTRATOR = "Whoever knows an administrator's name and password"
CONFIGURATOR = "The Apple Configurator that supervises the device"
PERHAPS = f"{CONFIGURATOR}, if it installed it"
WIPER = "Whoever can erase the device"
UNENROLLER = "Whoever unenrolls the device"

SUPERVISED, NOT = {"is_supervised": True}, {"is_supervised": False}
ADE = {"is_supervised": True, "enrollment_kind": "ade"}
NEVER, LOCKED = {"is_removal_disallowed": True}, {"has_removal_password": True, "is_removal_disallowed": True}
BY_HAND, BY_CONFIGURATOR = {"origin": Origin.MANUAL}, {"origin": Origin.CONFIGURATOR}
ENROLLMENT = {"is_enrollment": True, "origin": Origin.MANUAL}
BY_MDM, DECLARED = {"origin": Origin.MDM}, {"origin": Origin.DECLARATION}

# Platforms, device, profile -> the rule that decides, who can remove it in this order, the exception.
TABLE = [
    # 1: nothing but wiping is left.
    (CONTROLLED, SUPERVISED | {"is_enrolled": False}, BY_HAND | NEVER, 1, [WIPER], None),
    # 2: the enrollment profile of Automated Device Enrollment.
    (ALL, ADE | {"is_enrollment_removable": False}, ENROLLMENT | NEVER, 2, [SERVER], None),
    (ALL, ADE | {"is_enrollment_removable": True}, ENROLLMENT, 2, [USER, SERVER], None),
    (ALL, ADE, ENROLLMENT, 2,
     [SERVER, "The user, if Automated Device Enrollment was set up to allow it"], None),
    # 3: what MDM installed, whatever the profile says.
    (ALL, SUPERVISED, BY_MDM, 3, [SERVER, UNENROLLER], None),
    (ALL, NOT, BY_MDM | LOCKED, 3, [SERVER, UNENROLLER], None),
    (ALL, NOT | {"enrollment_kind": "user"}, BY_MDM | NEVER, 3, [SERVER, UNENROLLER], None),
    (ALL, ADE | {"is_enrollment_removable": True}, BY_MDM, 3,
     [SERVER, "Whoever unenrolls the device, the user too"], None),
    (ALL, ADE | {"is_enrollment_removable": False}, BY_MDM, 3,
     [SERVER, "The MDM server, by unenrolling the device"], None),
    (ALL, NOT, DECLARED, 3, [SERVER, UNENROLLER], None),
    (("macos",), {"os_version": "10.15"}, BY_MDM, 3, [SERVER, UNENROLLER], None),
    (("macos",), {"os_version": "10.14.6"}, BY_MDM, 3,
     [SERVER, UNENROLLER, "An administrator of the Mac"], None),
    (ALL, NOT | {"is_enrolled": False}, BY_MDM, 3, ["Nobody needs to"], None),
    # 4: what Apple Configurator installed on a supervised device.
    (CONTROLLED, SUPERVISED, BY_CONFIGURATOR | NEVER, 4, [CONFIGURATOR, SERVER], None),
    (CONTROLLED, SUPERVISED, BY_CONFIGURATOR | LOCKED, 4, [CONFIGURATOR, PASSWORD, SERVER], None),
    (CONTROLLED + UNCONTROLLED, SUPERVISED, BY_CONFIGURATOR, 4, [CONFIGURATOR, USER, SERVER], None),
    # 5: by hand, with a removal password, supervised.
    (CONTROLLED, SUPERVISED, BY_HAND | LOCKED, 5, [PASSWORD, SERVER], None),
    (CONTROLLED, SUPERVISED | {"is_enrolled": False}, BY_HAND | LOCKED, 5, [PASSWORD], None),
    (CONTROLLED, SUPERVISED, LOCKED, 5, [PASSWORD, SERVER, PERHAPS], None),
    (("macos",), SUPERVISED, BY_HAND | LOCKED, 5, [PASSWORD, ADMINISTRATOR], Exemption.ADMINISTRATOR),
    # 6: any other, by the user.
    (ALL, NOT, BY_HAND, 6, [USER], None),
    (CONTROLLED + UNCONTROLLED, SUPERVISED, BY_HAND, 6, [USER, SERVER], None),
    (("macos",), SUPERVISED, BY_HAND, 6, [USER], None),
    # None of Apple's: MDM removes what a supervised device has, whoever installed it.
    (CONTROLLED, SUPERVISED, NEVER, None, [SERVER, PERHAPS], None),
    (ALL, NOT, BY_CONFIGURATOR, 6, [USER], None),
    (("tvos", *UNCONTROLLED), NOT, BY_HAND | LOCKED, 6, [USER], None),
    (UNCONTROLLED, SUPERVISED, BY_HAND | LOCKED, 6, [USER, SERVER], None),
    (PHONES, SUPERVISED, {}, 6, [USER, SERVER, PERHAPS], None),
    (ALL, NOT, ENROLLMENT, 6, [USER, SERVER], None),
    (ALL, NOT | {"enrollment_kind": "user"}, ENROLLMENT, 6, [USER, SERVER], None),
    (ALL, NOT | {"enrollment_kind": "account_device"}, ENROLLMENT, 6, [USER, SERVER], None),
    # The exceptions: who knows the passcode, and on Macs an administrator.
    (PHONES, NOT, BY_HAND | NEVER, 6, [PASSCODE], Exemption.PASSCODE),
    (PHONES, NOT, BY_CONFIGURATOR | LOCKED, 6, [PASSCODE], Exemption.PASSCODE),
    (PHONES, {"is_supervised": None}, BY_HAND | NEVER, 6, [PASSCODE], Exemption.PASSCODE),
    (("macos",), NOT, BY_HAND | NEVER, 6, [ADMINISTRATOR], Exemption.ADMINISTRATOR),
    (("macos",), SUPERVISED, BY_HAND | NEVER, 6, [ADMINISTRATOR], Exemption.ADMINISTRATOR),
    (("macos",), NOT, BY_HAND | LOCKED, 6, [PASSWORD, ADMINISTRATOR], Exemption.ADMINISTRATOR),
]  # fmt: skip
ROWS = [(platform, *row) for platforms, *row in TABLE for platform in platforms]


@pytest.mark.parametrize(("platform", "device", "profile", "rule", "who", "exception"), ROWS)
def test_who_removes_a_profile_follows_apples_rules(platform, device, profile, rule, who, exception):
    found = explain_removal(DeviceFacts(platform, **device), ProfileFacts("com.example.one", **profile))

    assert [way.who for way in found.ways] == ([*who, WIPER] if who != [WIPER] else [WIPER])
    assert (found.rule, found.who, found.exception) == (rule, who[0], exception)
    assert all(way.steps for way in found.ways) and found.goes_with
    assert [way.rule for way in found.ways][-1] == 1, "wiping removes everything, always"


def test_the_table_has_all_rules_both_exceptions_and_all_platforms():
    assert {row[3] for row in ROWS} == {1, 2, 3, 4, 5, 6, None}
    assert {row[5] for row in ROWS} == {None, *Exemption}
    by_rule = {rule: {row[0] for row in ROWS if row[3] == rule} for rule in range(1, 7)}
    assert by_rule[2] == by_rule[3] == by_rule[6] == set(ALL)


@pytest.mark.parametrize("platform", ALL)
def test_every_combination_has_an_answer(platform):
    flags = itertools.product((True, False, None), (True, False), (True, False), (True, False), (True, False))
    for supervised, enrolled, never, password, enrollment in flags:
        for kind, origin in itertools.product(("device", "ade", "user", "account_device"), Origin):
            device = DeviceFacts(platform, is_supervised=supervised, is_enrolled=enrolled, enrollment_kind=kind)
            profile = ProfileFacts(
                "a", origin=origin, is_enrollment=enrollment,
                is_removal_disallowed=never, has_removal_password=password,
            )  # fmt: skip
            found = explain_removal(device, profile)
            assert found.ways[-1].rule == 1 and found.rule == found.ways[0].rule, "L5: of who is named"
            assert found.rule is None or found.rule in range(1, 7)
            # Passcodes only on iPhones and iPads, administrators only on Macs.
            assert found.exception in {
                "ios": (None, Exemption.PASSCODE),
                "ipados": (None, Exemption.PASSCODE),
                "macos": (None, Exemption.ADMINISTRATOR),
            }.get(platform, (None,))


@pytest.mark.parametrize(
    ("platform", "version", "where"),
    [
        ("ios", "17.0", "Settings > General > VPN & Device Management"),
        ("ipados", "14.8", "Settings > General > Profiles & Device Management"),
        ("macos", "15.1", "System Settings > General > Device Management"),
        ("macos", "14.5", "System Settings > Privacy & Security > Profiles"),
        ("macos", "12.7", "System Preferences > Profiles"),
        ("tvos", "18.0", "Settings > General > Profiles"),
    ],
)
def test_the_steps_say_where_to_look_on_this_system(platform, version, where):
    found = explain_removal(DeviceFacts(platform, version), ProfileFacts("a", origin=Origin.MANUAL))

    assert f"Open {where}, " in found.how[0]


def test_what_goes_with_a_profile_is_named():
    types = ("com.apple.wifi.managed", "com.apple.security.scep", "com.apple.mail.managed")
    wifi = ProfileFacts("a", origin=Origin.MDM, payload_types=types, is_only_network=True, is_wanted=True, ends="soon")
    found = explain_removal(DeviceFacts("ios"), wifi)

    assert [words.split(" ")[1] for words in found.goes_with] == ["mail", "identity", "Wi-Fi"]
    told = " ".join(found.caveats)
    assert "cannot be reached" in told and "installs it again" in told and "removes itself soon" in told


def test_the_enrollment_profile_takes_everything_with_it_and_the_identity_that_reaches_us():
    device = DeviceFacts("ios", enrollment_kind="ade", managed_app_count=3, managed_profile_count=4)
    profile = ProfileFacts("a", is_enrollment=True, payload_types=("com.apple.mdm", "com.apple.security.scep"))
    found = explain_removal(device, profile)

    reach, profiles, apps = found.goes_with
    assert "by which the device reaches us" in reach
    assert "all 4 profiles" in profiles and "(3 of them now)" in apps
    assert any("30 days" in caveat for caveat in found.caveats)


def test_an_exchange_account_can_be_wiped_alone_by_its_identifier():
    profile = ProfileFacts("a", origin=Origin.MDM, payload_types=("com.apple.eas.account",))
    known = explain_removal(DeviceFacts("ios", eas_identifier="ABCDEF"), profile)
    unknown = explain_removal(DeviceFacts("ios"), profile)

    assert "ABCDEF (EASDeviceIdentifier)" in known.exchange[0]
    assert any("-AccountOnly" in step and "DeviceId ABCDEF" in step for step in known.exchange)
    assert any("whole device is erased" in step for step in known.exchange)
    assert "has not told" in unknown.exchange[0]
    assert explain_removal(DeviceFacts("ios"), ProfileFacts("a")).exchange == ()


@pytest.mark.parametrize(
    ("platform", "supervised", "origin", "words"),
    [
        ("ios", True, Origin.MDM, "MDM delivered it"),
        ("ios", False, Origin.MANUAL, "not supervised"),
        ("visionos", True, Origin.MANUAL, "on this system"),
    ],
)
def test_a_rule_of_the_profile_that_does_not_count_is_said_to(platform, supervised, origin, words):
    profile = ProfileFacts("a", origin=origin, is_removal_disallowed=True)
    found = explain_removal(DeviceFacts(platform, is_supervised=supervised), profile)

    assert any(words in caveat for caveat in found.caveats)


# Reading the facts


def install(channel, identifier: str, *types: str, **facts) -> InstalledProfile:
    payloads = [{"PayloadType": kind} for kind in types]
    plausible = {"display_name": identifier, "payloads": payloads, "reported_at": timezone.now()}
    return InstalledProfile.objects.create(
        channel=channel, device=channel.device, identifier=identifier, **plausible | facts
    )


def explained(channel) -> dict:
    return {each.facts.identifier: (each.facts, found) for each, found in removability(channel.device)}


@pytest.mark.django_db
def test_how_a_profile_came_is_told_by_the_list_or_by_our_own_record():
    phone = make_channel(make_device(is_supervised=False))
    install(phone, "managed", is_managed=True)
    install(phone, "by-hand", is_managed=False, is_removal_disallowed=True)
    install(phone, "declared")
    answer = {"ProfileList": [{"PayloadIdentifier": "declared", "Source": "Declarative Device Management"}]}
    Answer.objects.create(device=phone.device, request_type="ProfileList", content=answer, answered_at=timezone.now())
    ours = publish_new("Ours", {"PayloadType": "com.apple.wifi.managed"}, identifier="ours")
    give(phone, ours)
    install(phone, "ours")
    ItemStatus.objects.create(
        channel=phone, identifier="ours", profile=ours, version=ours.versions.get(), uuid="u", state=3
    )

    found = explained(phone)
    assert {name: facts.origin for name, (facts, _found) in found.items()} == {
        "managed": Origin.MDM,
        "by-hand": Origin.UNKNOWN,
        "declared": Origin.DECLARATION,
        "ours": Origin.MDM,
    }
    assert found["by-hand"][1].exception is Exemption.PASSCODE
    facts, words = found["ours"]
    # The device names no payloads: those of the version we sent.
    assert facts.payload_types == ("com.apple.wifi.managed",) and facts.is_wanted and facts.is_only_network
    assert "End its assignment" in words.how[0]


@pytest.mark.django_db
@pytest.mark.parametrize(("disallowed", "who"), [(True, SERVER), (False, USER)])
def test_what_was_chosen_in_ade_is_read_from_the_enrollment_profile(disallowed, who):
    device = make_device(is_supervised=True, is_ade_enrolled=True)
    phone = make_channel(device)
    install(phone, "enrollment", "com.apple.mdm", "com.apple.security.scep", is_removal_disallowed=disallowed)
    InstalledApplication.objects.create(device=device, identifier="a", is_managed=True)

    (_facts, found) = explained(phone)["enrollment"]
    assert (found.rule, found.who) == (2, who)
    assert "(1 of them now)" in found.goes_with[2]


@pytest.mark.django_db
def test_a_device_that_left_says_so_and_what_ends_by_itself_too():
    device = make_device(is_supervised=True)
    phone = make_channel(enrollment=make_enrollment(device, state="unenrolled"))
    ours = publish_new("Ours", {"PayloadType": "com.apple.webClip.managed"}, identifier="ours")
    version = ours.versions.get()
    version.content_encrypted = _with(version, DurationUntilRemoval=3600.0)
    version.save()
    ItemStatus.objects.create(channel=phone, identifier="ours", profile=ours, version=version, uuid="u", state=3)
    install(phone, "ours")

    (facts, found) = explained(phone)["ours"]
    assert facts.ends == "3,600 seconds after it was installed"
    assert found.who == "Nobody needs to" and "not enrolled any more" in found.caveats[0]


def _with(version, **keys) -> bytes:
    return seal_body(json.dumps(version.content | keys).encode(), version.content_context)


@pytest.mark.django_db
def test_the_number_of_statements_does_not_depend_on_how_many_profiles_there_are():
    phone, counts = make_channel(), []
    for start in (0, 1):
        for number in range(5):
            install(phone, f"{start}-{number}", "com.apple.wifi.managed", is_managed=True)
        with CaptureQueriesContext(connection) as statements:
            assert len(removability(phone.device)) == 5 * (start + 1)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 6
