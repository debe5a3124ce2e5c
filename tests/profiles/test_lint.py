"""Lint: of a profile by itself, against the devices it reaches, and the fixes of a click."""

import copy
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Answer, Device
from devices.timeline import SYSTEM
from mdm_project import plist
from mdm_project.errors import BadRequest
from mdm_project.pki import make_authority
from profiles.composing import create_profile
from profiles.desired import recompute_desired
from profiles.lint import Level, Operation, apply_fix, lint, scope_of_channels, scope_of_profile
from profiles.lint.findings import Fix
from profiles.models import RemovalPolicy
from profiles.versions import publish
from tests import factories
from tests.profiles.assigned import assign, fill, make_group

pytestmark = pytest.mark.django_db

WIFI = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "Office", "EncryptionType": "WPA2"}
RESTRICTIONS = "com.apple.applicationaccess"


def content(*payloads: dict, **keys) -> dict:
    """A profile whose identifiers and UUIDs are in order, unless a payload says otherwise."""
    complete = [
        {
            "PayloadVersion": 1,
            "PayloadIdentifier": f"com.example.lint.{number}",
            "PayloadUUID": f"00000000-0000-0000-0000-00000000000{number}",
        }
        | payload
        for number, payload in enumerate(payloads)
    ]
    envelope = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.lint",
        "PayloadUUID": "AAAAAAAA-0000-0000-0000-000000000000",
    }
    return envelope | {"PayloadContent": complete} | keys


def codes(findings, level=None) -> set[str]:
    return {finding.code for finding in findings if level in (None, finding.level)}


def one(findings, code: str):
    (found,) = [finding for finding in findings if finding.code == code]
    return found


def scope(*channels):
    ids = [channel.pk for channel in channels]
    return scope_of_channels(type(channels[0]).objects.filter(pk__in=ids))


def channel(platform="ios", version="18.5", kind="device", **facts):
    device = factories.make_device(platform, os_version=version, **facts)
    return factories.make_channel(enrollment=factories.make_enrollment(device, kind=kind))


# By itself


def test_a_plain_profile_has_nothing_to_find():
    assert lint(content(WIFI)) == []


@pytest.mark.parametrize(
    ("key", "value", "code", "level", "becomes"),
    [
        ("HIDDEN_NETWORK", "true", "type", Level.ERROR, True),
        ("HIDDEN_NETWORK", "NO", "type", Level.ERROR, False),
        ("HIDDEN_NETWORK", 1, "number_kind", Level.WARNING, True),
        ("ProxyServerPort", "8080", "type", Level.ERROR, 8080),
        ("EncryptionType", "wpa2", "not_allowed", Level.ERROR, "WPA2"),
        ("PayloadVersion", None, "required", Level.ERROR, 1),
    ],
)
def test_a_wrong_value_that_has_a_right_form_is_mended_by_one_click(key, value, code, level, becomes):
    draft = content(WIFI | {key: value})
    if value is None:
        del draft["PayloadContent"][0][key]

    (found,) = lint(draft)
    assert (found.level, found.code, found.key_path) == (level, code, f"PayloadContent.0.{key}")
    assert found.payload_uuid == "00000000-0000-0000-0000-000000000000"
    before = copy.deepcopy(draft)
    mended = apply_fix(draft, found.fix)

    assert draft == before and mended["PayloadContent"][0][key] == becomes
    assert type(mended["PayloadContent"][0][key]) is type(becomes)
    assert lint(mended) == []


@pytest.mark.parametrize("value", ["perhaps", 2, [True], {"$data": "AA=="}])
def test_a_value_that_says_nothing_of_the_right_type_has_no_fix(value):
    (found,) = lint(content(WIFI | {"HIDDEN_NETWORK": value}))

    assert found.level is Level.ERROR and found.fix is None


def test_a_key_in_the_wrong_case_is_renamed():
    (found,) = lint(content(WIFI | {"hidden_network": True}))

    assert (found.level, found.code, found.fix.operation) == (Level.NOTE, "unknown_key", Operation.RENAME)
    assert apply_fix(content(WIFI | {"hidden_network": True}), found.fix) == content(WIFI | {"HIDDEN_NETWORK": True})


def test_payloads_without_identity_or_with_that_of_another_are_given_one():
    twin = {"PayloadUUID": "00000000-0000-0000-0000-000000000000", "PayloadIdentifier": "com.example.lint.0"}
    draft = content(WIFI, WIFI | {"SSID_STR": "Guests"} | twin, WIFI | {"PayloadUUID": ""})
    del draft["PayloadContent"][2]["PayloadIdentifier"]

    findings = lint(draft)
    assert [(found.code, found.key_path) for found in findings] == [
        ("duplicate", "PayloadContent.1.PayloadIdentifier"),
        ("duplicate", "PayloadContent.1.PayloadUUID"),
        ("required", "PayloadContent.2.PayloadIdentifier"),
        ("required", "PayloadContent.2.PayloadUUID"),
    ]
    for found in findings:
        draft = apply_fix(draft, found.fix)
    assert lint(draft) == []
    assert draft["PayloadContent"][0] == content(WIFI)["PayloadContent"][0]


def test_a_payload_with_the_uuid_of_its_profile_is_a_duplicate():
    draft = content(WIFI | {"PayloadUUID": "aaaaaaaa-0000-0000-0000-000000000000"})

    assert "the profile itself" in one(lint(draft), "duplicate").message


def test_a_fix_that_no_longer_fits_is_refused_with_the_key_path():
    fix = Fix(Operation.CONVERT, ("PayloadContent", 0, "HIDDEN_NETWORK"), "Make it true or false", "boolean")

    for draft in (content(), content(WIFI), content(WIFI | {"HIDDEN_NETWORK": "perhaps"})):
        with pytest.raises(BadRequest) as refused:
            apply_fix(draft, fix)
        assert refused.value.fields.keys() == {"PayloadContent.0.HIDDEN_NETWORK"}


@pytest.mark.parametrize("payloads", ["text", {"a": 1}, [1], [[]]])
def test_what_is_no_payload_is_found_and_stops_nothing(payloads):
    draft = content() | {"PayloadContent": payloads}

    assert "form" in codes(lint(draft), Level.ERROR)


def test_a_profile_of_nothing_but_its_keys_is_found():
    assert {(found.code, found.key_path) for found in lint({})} >= {
        ("required", "PayloadIdentifier"),
        ("required", "PayloadUUID"),
        ("empty", "PayloadContent"),
    }


def test_references_lead_to_a_certificate_in_the_profile():
    certificate = make_authority("Office root")[0].public_bytes(Encoding.DER)
    root = {"PayloadType": "com.apple.security.root", "PayloadContent": plist.to_json(certificate)}
    eap = {"AcceptEAPTypes": [25], "TLSTrustedServerNames": ["radius.example.com"]}
    anchor = {"PayloadCertificateAnchorUUID": ["00000000-0000-0000-0000-000000000001"]}
    wifi = WIFI | {"EAPClientConfiguration": eap | anchor}
    assert lint(content(wifi, root)) == []

    missing = one(lint(content(wifi)), "reference")
    assert (missing.level, missing.key_path) == (
        Level.ERROR,
        "PayloadContent.0.EAPClientConfiguration.PayloadCertificateAnchorUUID.0",
    )
    assert "no certificate" in one(lint(content(wifi, WIFI)), "reference_kind").message


def test_an_enrollment_is_never_a_payload_of_a_profile():
    assert "mdm_payload" in codes(lint(content({"PayloadType": "com.apple.mdm"})), Level.ERROR)


def test_the_scope_fits_the_channels_that_take_a_payload():
    filevault = {"PayloadType": "com.apple.MCX.FileVault2", "Enable": "On", "Defer": True}

    assert "scope" not in codes(lint(content(filevault, PayloadScope="System")))
    assert "scope" in codes(lint(content(filevault, PayloadScope="User")), Level.ERROR)


def test_payloads_that_exclude_each_other_and_keys_set_twice_are_found():
    dock = {"PayloadType": "com.apple.dock", "orientation": "left"}
    allows, forbids = ({"PayloadType": RESTRICTIONS, "allowCamera": value} for value in (True, False))

    assert one(lint(content(dock, dock)), "only_one").path == ("PayloadContent", 1)
    assert one(lint(content(allows, forbids)), "set_twice").key_path == "PayloadContent.1.allowCamera"
    assert lint(content(WIFI, WIFI | {"SSID_STR": "Guests"})) == []


def test_what_apple_does_not_define_is_a_note():
    unknown = lint(content({"PayloadType": "com.example.app", "anything": 1}, WIFI | {"Colour": "red"}))

    assert [(found.level, found.code) for found in unknown] == [
        (Level.NOTE, "unknown_type"),
        (Level.NOTE, "unknown_key"),
    ]


def test_old_keys_are_named_with_the_version():
    blocked = one(lint(content({"PayloadType": RESTRICTIONS, "blacklistedAppBundleIDs": ["a.b"]})), "deprecated")

    assert blocked.level is Level.NOTE and "deprecated since" in blocked.message


def test_variables_are_known_and_what_they_stand_for_is_not_checked():
    findings = lint(content(WIFI | {"EncryptionType": "$ASSET_TAG", "SSID_STR": "$NOTHING"}))

    assert one(findings, "variable").level is Level.NOTE
    assert one(findings, "unknown_variable").level is Level.WARNING
    assert codes(findings) == {"variable", "unknown_variable"}


# Removal


def with_policy(**facts):
    policy = RemovalPolicy.objects.create(name="policy", **facts)
    return factories.make_profile(removal_policy=policy, payloads=[WIFI])


@pytest.mark.parametrize("kind", ["mdm_only", "password"])
def test_a_policy_that_mdm_makes_inert_is_named_with_its_preconditions(kind):
    profile = with_policy(kind=kind)
    channels = [
        channel(is_supervised=True),
        channel(is_supervised=False),
        channel("ipados", kind="user"),
        channel("watchos"),
        channel("macos", "15.5", is_supervised=False),
    ]
    findings = lint(profile.draft, profile, scope(*channels))

    inert = one(findings, "removal_inert")
    assert inert.level is Level.NOTE and "removed by MDM alone" in inert.message and inert.devices.count == 5
    assert one(findings, "removal_supervision").devices.count == 1
    assert one(findings, "removal_user_enrollment").devices.count == 1
    assert one(findings, "removal_platform").devices.count == 1


def test_a_profile_that_ends_by_itself_comes_back_while_it_is_assigned():
    past = with_policy(kind="date", removal_date=datetime(2020, 1, 1, tzinfo=UTC))

    assert codes(lint(past.draft, past, scope(channel()))) == {"removal_past", "removal_comes_back"}
    assert codes(lint(past.draft, past)) == {"removal_past"}
    assert codes(lint(content(WIFI, DurationUntilRemoval=3600.0), scope=scope(channel()))) == {"removal_comes_back"}


def test_a_policy_without_its_fact_does_nothing():
    profile = with_policy(kind="duration")

    assert codes(lint(profile.draft, profile), Level.ERROR) == {"removal_incomplete"}


def test_a_removal_password_and_the_key_that_tells_of_it_go_together():
    password = {"PayloadType": "com.apple.profileRemovalPassword", "RemovalPassword": "secret"}
    without = one(lint(content(WIFI, password)), "removal_password")
    assert without.fix.operation is Operation.SET
    assert "removal_password" not in codes(lint(apply_fix(content(WIFI, password), without.fix)))
    assert one(lint(content(WIFI, HasRemovalPasscode=True)), "removal_password").fix.operation is Operation.REMOVE
    profile = with_policy(kind="user")
    draft = content(WIFI, password, HasRemovalPasscode=True)
    assert {found.key_path for found in lint(draft, profile) if found.code == "removal_overridden"} == {
        "HasRemovalPasscode",
        "PayloadContent.1",
    }


# Against devices


def test_devices_that_are_too_old_are_counted_and_named_by_version():
    private = WIFI | {"DisableAssociationMACRandomization": True}
    old = [channel(version="13.7"), channel(version="13.7", name="Ada's iPhone")]
    found = one(lint(content(private), scope=scope(*old, channel(), channel("ipados"))), "too_old")

    assert found.message == (
        "2 of 4 devices run iOS 13.7 and will ignore DisableAssociationMACRandomization, which needs iOS 14.0 or later."
    )
    assert found.level is Level.WARNING
    assert (found.devices.count, found.devices.of) == (2, 4)
    assert found.devices.first[1] == (old[1].device_id, "Ada's iPhone")


def test_supervision_is_asked_of_the_payload_and_of_each_key():
    lock = {"PayloadType": "com.apple.app.lock", "App": {"Identifier": "com.example.kiosk"}}
    keys = {"PayloadType": RESTRICTIONS, "allowAppInstallation": False, "allowCamera": False}
    devices = scope(channel(is_supervised=False), channel(is_supervised=True), channel(is_supervised=None))

    payload = one(lint(content(lock), scope=devices), "supervision")
    assert (payload.level, payload.path, payload.devices.count) == (Level.ERROR, ("PayloadContent", 0), 1)
    assert payload.message.endswith("needs supervision: 1 of 3 devices is not supervised.")
    named = {found.key_path for found in lint(content(keys), scope=devices) if found.code == "supervision"}
    assert "PayloadContent.0.allowAppInstallation" in named


def test_user_enrollment_platform_and_approval_are_told_apart():
    filevault = {"PayloadType": "com.apple.MCX.FileVault2", "Enable": "On", "Defer": True}
    devices = scope(
        channel("macos", "15.5", is_user_approved_enrollment=True),
        channel("macos", "15.5", is_user_approved_enrollment=False),
        channel("macos", "15.5", kind="user", is_user_approved_enrollment=True),
        channel("tvos"),
    )
    findings = lint(content(filevault), scope=devices)

    assert one(findings, "user_approval").devices.count == 1
    assert one(findings, "user_enrollment").devices.count == 1
    assert one(findings, "platform").message == ("FileVault is not available on tvOS: 1 of 4 devices is concerned.")
    assert one(findings, "platform").level is Level.WARNING
    assert one(lint(content(filevault), scope=scope(channel("tvos"))), "platform").level is Level.ERROR


def test_a_shared_ipad_is_known_by_what_it_answered():
    shared = channel("ipados", is_supervised=True)
    Answer.objects.create(
        device=shared.device,
        request_type="DeviceInformation",
        content={"IsMultiUser": True},
        answered_at="2026-01-01 00:00Z",
    )
    passcode = {"PayloadType": "com.apple.mobiledevice.passwordpolicy", "forcePIN": True}

    found = one(lint(content(passcode), scope=scope(shared, channel("ipados", is_supervised=True))), "shared_ipad")
    assert (found.devices.count, found.devices.first[0][0]) == (1, shared.device_id)


def test_a_device_that_never_told_its_system_is_a_note():
    findings = lint(content(WIFI), scope=scope(channel("", ""), channel()))

    assert codes(findings) == {"unknown_system"} and findings[0].devices.count == 1


def test_the_devices_are_those_that_assignments_reach_before_anything_is_published():
    inside, outside = channel(version="13.7"), channel(version="13.7")
    profile = factories.make_profile(payloads=[WIFI | {"DisableAssociationMACRandomization": True}])
    assert lint(profile.draft, profile) == []
    assignment = assign(profile, make_group(inside, outside), exclude=[make_group(outside)])

    assert scope_of_profile(profile).channel_ids == [inside.pk]
    found = one(lint(profile.draft, profile), "too_old")
    assert found.devices.first == ((inside.device_id, inside.device.name),)
    type(assignment).objects.update(is_enabled=False)
    assert lint(profile.draft, profile) == []


def test_one_payload_per_device_is_asked_across_profiles():
    mac = channel("macos", "15.5")
    group = make_group(mac)
    dock = {"PayloadType": "com.apple.dock", "orientation": "left"}
    other = create_profile("Theirs", actor=SYSTEM, payloads=[dock])
    publish(other, SYSTEM)
    assign(other, group)
    ours = create_profile("Ours", actor=SYSTEM, payloads=[dock])
    assign(ours, group)
    recompute_desired()
    found = one(lint(ours.draft, ours), "also_set_by")
    assert found.level is Level.ERROR and "Theirs on 1 of 1 device." in found.message
    assert found.devices.first == ((mac.device_id, mac.device.name),)
    assert "also_set_by" not in codes(lint(other.draft, other)), "ours is not published"


def test_restrictions_of_two_profiles_are_compared_key_by_key():
    phone = channel()
    group = make_group(phone)
    keys = {
        "PayloadType": RESTRICTIONS,
        "allowCamera": False,
        "allowSafari": True,
        "safariAcceptCookies": 1.0,
    }
    other = create_profile("Theirs", actor=SYSTEM, payloads=[keys])
    publish(other, SYSTEM)
    assign(other, group)
    changed = {"allowCamera": True, "safariAcceptCookies": 2.0}
    ours = create_profile("Ours", actor=SYSTEM, payloads=[keys | changed])
    assign(ours, group)
    recompute_desired()
    findings = lint(ours.draft, ours)
    assert one(findings, "combined").key_path == "PayloadContent.0.allowCamera"
    assert one(findings, "conflict").key_path == "PayloadContent.0.safariAcceptCookies"


def test_devices_without_the_value_of_a_variable_are_counted():
    tagged, bare = channel(asset_tag="A-1"), channel(asset_tag="")
    found = one(lint(content(WIFI | {"SSID_STR": "$ASSET_TAG"}), scope=scope(tagged, bare)), "no_value")

    assert (found.devices.count, found.devices.first) == (1, ((bare.device_id, bare.device.name),))


def test_a_secret_variable_in_a_text_that_devices_show_is_an_error():
    factories.make_secret_value(factories.make_device(), "wifi-key")
    texts = {"PayloadDescription": "$WIFI_KEY for $SERIAL_NUMBER", "Password": "$WIFI_KEY"}
    findings = lint(content(WIFI | texts))

    found = one(findings, "secret_shown")
    assert (found.level, found.key_path) == ("error", "PayloadContent.0.PayloadDescription")
    assert "$WIFI_KEY is secret" in found.message


def test_the_number_of_statements_is_the_same_for_any_number_of_devices():
    draft = content(WIFI | {"SSID_STR": "$ASSET_TAG"}, {"PayloadType": RESTRICTIONS, "allowCamera": False})
    profile = factories.make_profile()
    group = make_group(channel())
    assign(profile, group)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as statements:
            lint(draft, profile)
        counts.append(len(statements))
        make_members(group)

    assert counts[0] == counts[1] <= 8


def make_members(group):
    channels = [channel(version=f"1{number}.1") for number in range(12)]
    fill(group, *channels, *Device.objects.order_by("id")[:1])


def test_devices_without_a_user_who_could_get_a_profile_for_users_are_named():
    with_user, without = channel("macos", "15.5"), channel("macos", "15.5", name="Lonely")
    factories.make_channel(enrollment=with_user.enrollment, user_key="ada")
    profile = factories.make_profile(payloads=[WIFI])
    assign(profile, make_group(with_user, without))
    assert "no_user_channel" not in codes(lint(profile.draft, profile))
    profile.scope = profile.Scope.USER
    profile.save()

    found = one(lint(profile.draft, profile), "no_user_channel")
    assert found.level is Level.WARNING and found.devices.first == ((without.device_id, "Lonely"),)
    factories.make_channel(enrollment=without.enrollment, user_key="grace")
    assert "no_user_channel" not in codes(lint(profile.draft, profile))
