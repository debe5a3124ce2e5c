from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import transaction

from devices import inventory
from devices.models import (
    Answer,
    AvailableUpdate,
    Device,
    Event,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
)
from devices.platforms import platform_of, version_parts
from devices.redaction import REDACTED
from tests.factories import make_channel, make_device

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(channel, content, at=NOON, **asked) -> inventory.Reported:
    return inventory.Reported(channel.device_id, channel.pk, channel.user_key, at, content, asked)


def store(request_type, *reports):
    with transaction.atomic():
        inventory.lock_devices(report.device_id for report in reports)
        inventory.STORES[request_type](list(reports))


def information(channel, at=NOON, **values):
    return told(channel, {"QueryResponses": values}, at)


def applications(channel, *apps, at=NOON, **asked):
    return told(channel, {"InstalledApplicationList": list(apps)}, at, **asked)


def app(number: int, **more) -> dict:
    return {"Identifier": f"com.example.app{number}", "Name": f"App {number}", "Version": "1", "BundleSize": 5} | more


def profile(identifier: str, **more) -> dict:
    return {"PayloadIdentifier": identifier, "PayloadUUID": f"uuid-{identifier}", "PayloadVersion": 1} | more


# Platforms and versions


@pytest.mark.parametrize(
    ("names", "platform"),
    [
        (("iPhone17,1",), "ios"),
        (("iPod9,1",), "ios"),
        (("iPad16,3",), "ipados"),
        (("Mac16,1",), "macos"),
        (("iMac21,1",), "macos"),
        (("MacBookPro18,3",), "macos"),
        (("VirtualMac2,1", "Virtual Machine"), "macos"),
        (("AppleTV14,1",), "tvos"),
        (("RealityDevice14,1",), "visionos"),
        (("Watch7,1",), "watchos"),
        (("MN9H2LL", "iPhone"), "ios"),
        (("", "Apple Vision Pro"), "visionos"),
        (("Toaster1,1",), ""),
    ],
)
def test_the_platform_is_told_by_the_first_name_that_knows_it(names, platform):
    assert platform_of(*names) == platform


@pytest.mark.parametrize(
    ("text", "parts"),
    [("17.4.1", [17, 4, 1]), ("26.0 (a)", [26, 0]), ("13", [13]), ("beta", []), ("", []), ("9" * 20, [999999999])],
)
def test_versions_become_numbers_that_compare(text, parts):
    assert version_parts(text) == parts


# DeviceInformation


def test_device_information_fills_the_columns():
    channel = make_channel(make_device(model="", name=""))
    report = information(
        channel,
        DeviceName="Anna's iPad",
        ProductName="iPad14,3",
        Model="MNXW3LL",
        ModelNumber="MNXW3LL/A",
        ModelName="iPad",
        OSVersion="17.4.1",
        BuildVersion="21E236",
        IsSupervised=True,
        BatteryLevel=0.5,
        DeviceCapacity=128.0,
        WiFiMAC="aa:bb:cc:dd:ee:ff",
        ServiceSubscriptions=[
            {"Slot": "CTSubscriptionSlotOne", "IMEI": "35 000000 000001 1"},
            {"Slot": "CTSubscriptionSlotTwo", "IMEI": "35 000000 000002 9", "IsDataPreferred": True},
        ],
    )
    store("DeviceInformation", report)
    device = Device.objects.get(pk=channel.device_id)
    assert (device.name, device.platform, device.model, device.model_number) == (
        "Anna's iPad",
        "ipados",
        "iPad14,3",
        "MNXW3LL/A",
    )
    assert (device.os_version, device.os_version_parts, device.build_version) == ("17.4.1", [17, 4, 1], "21E236")
    assert device.is_supervised is True
    assert (device.battery_level, device.capacity_gb) == (0.5, 128.0)
    assert device.imei == "350000000000029"
    assert device.last_answer_at == NOON
    assert report.problem() is None


def test_keys_that_were_not_answered_stay_as_they_were():
    device = make_device(wifi_mac="aa:aa:aa:aa:aa:aa", is_supervised=True, battery_level=0.9)
    channel = make_channel(device)
    store("DeviceInformation", information(channel, DeviceName="first", Mystery="kept"))
    store("DeviceInformation", information(channel, NOON + timedelta(hours=1), BatteryLevel=0.25))
    device.refresh_from_db()
    assert (device.name, device.wifi_mac, device.is_supervised) == ("first", "aa:aa:aa:aa:aa:aa", True)
    assert device.battery_level == 0.25
    answer = Answer.objects.get(device=device)
    assert answer.content == {"DeviceName": "first", "Mystery": "kept", "BatteryLevel": 0.25}


def test_devices_of_one_batch_may_answer_different_keys():
    first, second = make_channel(), make_channel()
    name = second.device.name
    store("DeviceInformation", information(first, DeviceName="new"), information(second, IsSupervised=True))
    first.device.refresh_from_db()
    second.device.refresh_from_db()
    assert (first.device.name, first.device.is_supervised) == ("new", None)
    assert (second.device.name, second.device.is_supervised) == (name, True)


def test_two_answers_of_one_device_in_a_batch_add_up_and_the_newer_wins():
    channel = make_channel()
    newer = information(channel, NOON + timedelta(minutes=1), DeviceName="newer")
    store("DeviceInformation", newer, information(channel, DeviceName="older", BatteryLevel=0.5))
    channel.device.refresh_from_db()
    assert (channel.device.name, channel.device.battery_level) == ("newer", 0.5)


def test_an_older_answer_changes_nothing():
    channel = make_channel()
    store("DeviceInformation", information(channel, NOON, DeviceName="new"))
    store("DeviceInformation", information(channel, NOON - timedelta(hours=1), DeviceName="old"))
    channel.device.refresh_from_db()
    assert channel.device.name == "new"
    assert Answer.objects.get().content == {"DeviceName": "new"}


def test_the_same_answer_twice_makes_no_second_event():
    channel = make_channel(make_device(os_version="17.4", build_version="21E219", platform="ios", name="Anna"))
    report = information(channel, OSVersion="17.4.1", BuildVersion="21E236", DeviceName="Bertha")
    store("DeviceInformation", report)
    store("DeviceInformation", report)
    assert list(Event.objects.order_by("id").values_list("kind", "actor", "summary")) == [
        ("os_changed", "device", "iOS changed from 17.4 (21E219) to 17.4.1 (21E236)"),
        ("device_renamed", "device", "Name changed from Anna to Bertha"),
    ]


def test_a_first_version_is_no_change():
    channel = make_channel(make_device(os_version="", os_version_parts=[], build_version="", name=""))
    store("DeviceInformation", information(channel, OSVersion="17.4.1", DeviceName="Bertha"))
    assert not Event.objects.exists()


def test_a_rapid_security_response_does_not_outlive_its_version():
    channel = make_channel(make_device(os_version="16.5", supplemental_os_version="(a)"))
    store("DeviceInformation", information(channel, BatteryLevel=1.0))
    channel.device.refresh_from_db()
    assert channel.device.supplemental_os_version == "(a)"
    store("DeviceInformation", information(channel, OSVersion="16.6"))
    channel.device.refresh_from_db()
    assert channel.device.supplemental_os_version == ""


def test_values_of_the_wrong_type_are_skipped_and_named():
    channel = make_channel()
    report = information(
        channel, DeviceName=7, BatteryLevel="full", DeviceCapacity=float("nan"), OSVersion="18.6", IsSupervised=1
    )
    store("DeviceInformation", report)
    channel.device.refresh_from_db()
    assert channel.device.os_version == "18.6"
    assert channel.device.is_supervised is None
    for key in ("DeviceName", "BatteryLevel", "DeviceCapacity", "IsSupervised"):
        assert f"{key}: is" in report.problem()


def test_an_answer_without_its_dictionary_is_noted_and_changes_nothing():
    channel = make_channel()
    absent, wrong = told(channel, {}), told(channel, {"QueryResponses": ["DeviceName"]})
    store("DeviceInformation", absent, wrong)
    assert absent.problem() == "left out: the answer has no QueryResponses"
    assert wrong.problem() == "left out: QueryResponses: is an array"
    assert not Answer.objects.exists()


def test_text_that_postgresql_does_not_store_is_cleaned():
    channel = make_channel()
    store("DeviceInformation", information(channel, DeviceName="An\0na", Odd={"k\0ey": ["\0"]}, Number=float("inf")))
    channel.device.refresh_from_db()
    assert channel.device.name == "Anna"
    assert Answer.objects.get().content["Odd"] == {"key": [""]}


def test_a_users_channel_says_nothing_of_the_device_but_its_answer_is_kept():
    channel = make_channel()
    user = make_channel(channel.device, user_key="anna")
    name = channel.device.name
    store("DeviceInformation", information(user, DeviceName="other"))
    channel.device.refresh_from_db()
    assert channel.device.name == name
    assert Answer.objects.get().user_key == "anna"


# SecurityInfo


def test_security_info_fills_the_columns():
    mac, phone = make_channel(make_device("macos")), make_channel()
    answer = {
        "FDE_Enabled": True,
        "SystemIntegrityProtectionEnabled": True,
        "FirewallSettings": {"FirewallEnabled": False},
        "ManagementStatus": {"EnrolledViaDEP": True, "UserApprovedEnrollment": True, "IsUserEnrollment": False},
    }
    locked = {"HardwareEncryptionCaps": 3, "PasscodePresent": True, "PasscodeCompliant": False}
    store("SecurityInfo", told(mac, {"SecurityInfo": answer}), told(phone, {"SecurityInfo": locked}))
    device = Device.objects.get(pk=mac.device_id)
    assert (device.is_encrypted, device.is_firewall_enabled, device.is_sip_enabled) == (True, False, True)
    assert device.is_ade_enrolled is device.is_user_approved_enrollment is True
    assert device.is_user_enrollment is False
    device = Device.objects.get(pk=phone.device_id)
    assert (device.is_encrypted, device.is_passcode_present, device.is_passcode_compliant) == (True, True, False)


def test_no_secret_lands_in_an_answer():
    channel = make_channel(make_device("macos"))
    secrets = {
        "FDE_PersonalRecoveryKeyCMS": b"sealed for us",
        "FDE_PersonalRecoveryKeyDeviceKey": "C02",
        "UnlockToken": b"token",
        "Nested": [{"AdminPassword": "hunter2", "PIN": "1234", "BypassCode": "abc"}],
        "PasscodePresent": True,
    }
    store("SecurityInfo", told(channel, {"SecurityInfo": secrets}))
    assert Answer.objects.get().content == {
        "FDE_PersonalRecoveryKeyCMS": REDACTED,
        "FDE_PersonalRecoveryKeyDeviceKey": "C02",
        "UnlockToken": REDACTED,
        "Nested": [{"AdminPassword": REDACTED, "PIN": REDACTED, "BypassCode": REDACTED}],
        "PasscodePresent": True,
    }


def test_characters_that_postgresql_does_not_store_are_left_out_of_an_answer():
    store("SecurityInfo", told(make_channel(), {"SecurityInfo": {"a\0b": "c\0d", "e": ["\ud800f"]}}))
    assert Answer.objects.get().content == {"ab": "cd", "e": ["f"]}


# InstalledApplicationList


def test_a_list_of_apps_replaces_the_one_before():
    channel, other = make_channel(), make_channel()
    store("InstalledApplicationList", applications(channel, app(1), app(2)), applications(other, app(9)))
    store("InstalledApplicationList", applications(channel, app(2), app(3, Source="App Store"), at=NOON))
    names = channel.device.applications.order_by("name").values_list("name", flat=True)
    assert list(names) == ["App 2", "App 3"]
    assert InstalledApplication.objects.get(name="App 3").extra == {"Source": "App Store"}
    assert other.device.applications.count() == 1


def test_an_unchanged_app_is_not_rewritten():
    channel = make_channel()
    store("InstalledApplicationList", applications(channel, app(1), app(2)))
    before = row_versions()
    store("InstalledApplicationList", applications(channel, app(1), app(2, ShortVersion="1.0")))
    after = row_versions()
    assert after["App 1"] == before["App 1"]
    assert after["App 2"] != before["App 2"]


def row_versions() -> dict:
    """The physical place of each row, which changes when PostgreSQL writes the row anew."""
    rows = InstalledApplication.objects.extra(select={"place": "ctid::text"})
    return dict(rows.values_list("name", "place"))


def test_an_empty_list_empties_and_an_absent_one_does_not():
    channel = make_channel()
    store("InstalledApplicationList", applications(channel, app(1)))
    absent = told(channel, {"Status": "Acknowledged"}, NOON + timedelta(minutes=1))
    store("InstalledApplicationList", absent)
    assert InstalledApplication.objects.count() == 1
    assert absent.problem() == "left out: the answer has no InstalledApplicationList"
    store("InstalledApplicationList", applications(channel, at=NOON + timedelta(minutes=2)))
    assert InstalledApplication.objects.count() == 0


def test_an_older_list_changes_nothing():
    channel = make_channel()
    store("InstalledApplicationList", applications(channel, app(1)))
    store("InstalledApplicationList", applications(channel, app(2), at=NOON - timedelta(seconds=1)))
    assert InstalledApplication.objects.get().name == "App 1"


def test_odd_apps_do_not_spoil_the_list():
    channel = make_channel()
    report = applications(
        channel,
        app(1, BundleSize=23_048_830_844),
        {"Name": "nameless"},
        {"Name": "nameless"},
        app(2, BundleSize=2**64 - 1, Version=3),
        app(3, DynamicSize=12e9),
        app(4, Name="\N{DECIDUOUS TREE}" * 5000, Identifier="i" * 5000),
        "not an app",
    )
    store("InstalledApplicationList", report)
    assert InstalledApplication.objects.count() == 5
    assert InstalledApplication.objects.get(name="App 1").bundle_size_bytes == 23_048_830_844
    assert InstalledApplication.objects.get(name="App 2").bundle_size_bytes is None
    assert InstalledApplication.objects.get(name="App 3").dynamic_size_bytes == 12_000_000_000
    assert InstalledApplication.objects.get(name="nameless").identifier == ""
    for path in ("[3].BundleSize: a size", "[3].Version: is an integer", "[6]: is text"):
        assert f"InstalledApplicationList{path}" in report.problem()


def test_an_answer_about_some_apps_deletes_no_others():
    channel = make_channel()
    store("InstalledApplicationList", applications(channel, app(1), app(2)))
    later = NOON + timedelta(minutes=1)
    managed = applications(channel, app(2), app(3), at=later, ManagedAppsOnly=True)
    store("InstalledApplicationList", managed)
    rows = channel.device.applications.order_by("name").values_list("name", "is_managed")
    assert list(rows) == [("App 1", None), ("App 2", True), ("App 3", True)]
    store("InstalledApplicationList", applications(channel, app(2), at=later))
    assert list(channel.device.applications.values_list("name", "is_managed")) == [("App 2", True)]


def test_the_number_of_statements_does_not_grow_with_devices_and_apps(django_assert_max_num_queries):
    mac = make_channel(make_device("macos"))
    channels = [make_channel() for _ in range(10)]
    store("InstalledApplicationList", *(applications(channel, app(1)) for channel in channels))
    reports = [applications(mac, *(app(number) for number in range(400)))]
    reports += [applications(channel, *(app(number) for number in range(20))) for channel in channels]
    with django_assert_max_num_queries(6):  # savepoint, release, lock, answers, rows
        store("InstalledApplicationList", *reports)
    assert mac.device.applications.count() == 400
    assert InstalledApplication.objects.count() == 600


# ProfileList


def test_profiles_are_kept_for_each_channel():
    channel = make_channel(make_device("macos"))
    user = make_channel(channel.device, user_key="anna")
    payload = {"PayloadType": "com.apple.wifi.managed", "PayloadIdentifier": "w", "Password": "hunter2"}
    listed = profile("wifi", PayloadDisplayName="Wi-Fi", IsManaged=True, PayloadContent=[payload], Source="MDM")
    store("ProfileList", told(channel, {"ProfileList": [listed]}), told(user, {"ProfileList": [profile("mail")]}))
    row = InstalledProfile.objects.get(channel=channel)
    assert (row.identifier, row.uuid, row.display_name, row.is_managed) == ("wifi", "uuid-wifi", "Wi-Fi", True)
    assert row.payloads == [{"PayloadType": "com.apple.wifi.managed", "PayloadIdentifier": "w"}]
    assert InstalledProfile.objects.get(channel=user).identifier == "mail"
    later = NOON + timedelta(minutes=1)
    store("ProfileList", told(channel, {"ProfileList": []}, later))
    assert [row.channel_id for row in InstalledProfile.objects.all()] == [user.pk]
    assert Answer.objects.get(user_key="anna").answered_at == NOON
    assert Answer.objects.get(user_key="").content == {"count": 0, "ProfileList": []}


def test_a_profile_with_an_impossible_version_counts_without_it():
    channel = make_channel()
    report = told(channel, {"ProfileList": [profile("wifi", PayloadVersion=2**40)]})
    store("ProfileList", report)
    assert InstalledProfile.objects.get().version is None
    assert "ProfileList[0].PayloadVersion" in report.problem()


def test_an_answer_about_managed_profiles_deletes_no_others():
    channel = make_channel()
    store("ProfileList", told(channel, {"ProfileList": [profile("a"), profile("b")]}))
    store("ProfileList", told(channel, {"ProfileList": [profile("b", IsManaged=True)]}, NOON, ManagedOnly=True))
    assert list(InstalledProfile.objects.order_by("identifier").values_list("identifier", "is_managed")) == [
        ("a", None),
        ("b", True),
    ]


# CertificateList


def certificate(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(0xABC).not_valid_before(NOON).not_valid_after(NOON + timedelta(days=30))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_certificates_are_read_and_what_is_none_keeps_its_name():
    channel = make_channel()
    report = told(
        channel,
        {
            "CertificateList": [
                {"CommonName": "wifi", "IsIdentity": True, "Data": certificate("wifi")},
                {"CommonName": "junk", "IsIdentity": False, "Data": b"\0\0\0"},
                {"CommonName": "junk", "Data": b"\0\0\0"},
                {"CommonName": "empty", "Data": "text"},
            ]
        },
    )
    store("CertificateList", report)
    store("CertificateList", report)
    assert InstalledCertificate.objects.count() == 3
    row = InstalledCertificate.objects.get(common_name="wifi")
    assert (row.is_identity, row.is_readable, row.issuer, row.serial_hex) == (True, True, "CN=wifi", "abc")
    assert (row.not_before, row.not_after) == (NOON, NOON + timedelta(days=30))
    assert InstalledCertificate.objects.get(common_name="junk").is_readable is False
    assert "CertificateList[3].Data: is not data" in report.problem()


# Updates


def test_updates_and_their_progress_meet_in_one_row():
    channel = make_channel()
    offered = [
        {"ProductKey": "iOSUpdate22F1", "HumanReadableName": "iOS", "Version": "18.6", "DownloadSize": 12e9},
        {"ProductKey": "other", "Version": "1"},
        {"Version": "no key"},
    ]
    report = told(channel, {"AvailableOSUpdates": offered})
    store("AvailableOSUpdates", report)
    assert report.problem() == "left out: AvailableOSUpdates[2]: has no ProductKey"
    progress = {"ProductKey": "iOSUpdate22F1", "Status": "Downloading", "DownloadPercentComplete": 0.5}
    store("OSUpdateStatus", told(channel, {"OSUpdateStatus": [progress]}))
    row = AvailableUpdate.objects.get(product_key="iOSUpdate22F1")
    assert (row.version, row.download_size_bytes, row.status, row.download_percent) == (
        "18.6",
        12_000_000_000,
        "Downloading",
        0.5,
    )
    later = NOON + timedelta(minutes=1)
    store("AvailableOSUpdates", told(channel, {"AvailableOSUpdates": offered[:1]}, later))
    row = AvailableUpdate.objects.get()
    assert row.status == "Downloading"
    store("OSUpdateStatus", told(channel, {"OSUpdateStatus": []}, later))
    row.refresh_from_db()
    assert (row.status, row.download_percent, row.version) == ("", None, "18.6")


def test_progress_of_an_update_that_was_not_offered_is_kept_too():
    channel = make_channel()
    under_way = {"ProductKey": "x", "Status": "Downloading"}
    store("OSUpdateStatus", told(channel, {"OSUpdateStatus": [under_way]}))
    assert AvailableUpdate.objects.get(product_key="x").status == "Downloading"


@pytest.mark.parametrize("afterwards", [[{"ProductKey": "x", "Status": "Idle"}], []], ids=["idle", "not told of"])
def test_an_update_that_is_done_leaves_no_row_without_a_name(afterwards):
    """Issue 9, part 11: the list no longer offers it, and its progress is all that is known of it."""
    channel = make_channel()
    later = NOON + timedelta(hours=1)
    offered = {"ProductKey": "y", "HumanReadableName": "iOS 26", "Version": "26"}
    store("AvailableOSUpdates", told(channel, {"AvailableOSUpdates": [offered]}))
    store("OSUpdateStatus", told(channel, {"OSUpdateStatus": [{"ProductKey": "x", "Status": "Installing"}]}))
    store("OSUpdateStatus", told(channel, {"OSUpdateStatus": afterwards}, later))
    assert [row.name for row in AvailableUpdate.objects.all()] == ["iOS 26"]
    store("AvailableOSUpdates", told(channel, {"AvailableOSUpdates": []}, later))
    store("OSUpdateStatus", told(channel, {"OSUpdateStatus": [{"ProductKey": "y", "Status": "Idle"}]}, later))
    assert not AvailableUpdate.objects.exists()
