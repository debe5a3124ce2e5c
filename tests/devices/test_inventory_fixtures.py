"""Answers captured from real devices, stored as the inventory they are."""

import plistlib

import pytest
from django.utils import timezone

from devices.inventory import STORES, Reported, lock_devices
from devices.models import Answer, AvailableUpdate, Device, InstalledApplication, InstalledCertificate, InstalledProfile
from mdm_project import plist
from tests.factories import make_channel, make_device
from tests.fixtures import capture, captures

pytestmark = pytest.mark.django_db
ALL = [parameter for request_type in STORES for parameter in captures(f"responses/{request_type}", "*.plist")]


def store(name: str) -> tuple[Device, Reported]:
    request_type = name.split("/")[1]
    channel = make_channel(make_device(name="before", os_version="1.0", model="before", model_name="before"))
    content, _was_repaired = plist.loads_report(capture(name))
    report = Reported(channel.device_id, channel.pk, "", timezone.now(), content)
    lock_devices([channel.device_id])
    STORES[request_type]([report])
    return Device.objects.get(pk=channel.device_id), report


@pytest.mark.parametrize("name", ALL)
def test_every_captured_answer_is_stored(name):
    _device, report = store(name)
    answer = Answer.objects.get()
    assert answer.answered_at == report.answered_at
    assert not [problem for problem in report.problems if "Data: is not a certificate" not in problem]


@pytest.mark.parametrize("name", captures("responses/DeviceInformation", "*.plist"))
def test_a_captured_device_information_is_found_in_the_columns(name):
    told = plistlib.loads(capture(name))["QueryResponses"]
    device, _report = store(name)
    assert device.name == told.get("DeviceName", "before")
    assert device.os_version == told.get("OSVersion", "1.0")
    assert device.model == told.get("ProductName", "before")
    assert device.model_name == told.get("ModelName", "before")
    assert Answer.objects.get().content.keys() == told.keys()


def test_an_iphone_names_its_order_number_model():
    device, _report = store("responses/DeviceInformation/iOS-15.7-min.plist")
    assert (device.platform, device.model_number, device.serial_number) == ("ios", "MN9H2LL", "BNPTFLNZHG7K")


def test_a_mac_names_its_hardware_model():
    device, _report = store("responses/DeviceInformation/macOS-13-AppleSilicon.plist")
    assert (device.platform, device.model, device.os_version_parts) == ("macos", "VirtualMac2,1", [13, 0])
    assert (device.is_supervised, device.capacity_gb, device.is_sip_enabled) == (True, 29.0, False)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("iOS-13-apple-example", {"is_encrypted": False, "is_passcode_present": False, "is_user_enrollment": False}),
        ("macOS-10.11.x", {"is_encrypted": False, "is_sip_enabled": None}),
        ("macOS-13-AppleSilicon", {"is_encrypted": True, "is_sip_enabled": True, "is_firewall_enabled": False}),
        ("macOS-Intel-11", {"is_encrypted": False, "is_user_approved_enrollment": True, "is_ade_enrolled": False}),
    ],
)
def test_a_captured_security_info_is_found_in_the_columns(name, columns):
    device, _report = store(f"responses/SecurityInfo/{name}.plist")
    assert {column: getattr(device, column) for column in columns} == columns


def test_an_escrowed_recovery_key_does_not_land_in_the_answer():
    sent = plistlib.loads(capture("responses/SecurityInfo/macOS-13-with-escrowed-PRK.plist"))["SecurityInfo"]
    store("responses/SecurityInfo/macOS-13-with-escrowed-PRK.plist")
    content = Answer.objects.get().content
    assert sent["FDE_PersonalRecoveryKeyCMS"]
    assert content["FDE_PersonalRecoveryKeyCMS"] == "[redacted]"


@pytest.mark.parametrize(
    ("name", "number"),
    [("empty-list", 0), ("iOS-11.3.1", 5), ("iOS-17.4-basic", 2), ("macOS-10.11.x", 3), ("macOS-13-Xcode", 3)],
)
def test_captured_apps_become_rows(name, number):
    store(f"responses/InstalledApplicationList/{name}.plist")
    assert InstalledApplication.objects.count() == number


def test_the_size_of_xcode_is_kept():
    store("responses/InstalledApplicationList/macOS-13-Xcode.plist")
    assert InstalledApplication.objects.get(identifier="com.apple.dt.Xcode").bundle_size_bytes == 23048830844


@pytest.mark.parametrize(
    ("name", "profiles"),
    [
        ("macOS-10.11.x", {"com.github.micromdm.micromdm.mdm": 4}),
        ("macOS-13", {"com.example.zentral.santa_configuration": 1, "com.example.zentral.mdm": 3}),
        (
            "micromdm-2016",
            {"com.github.micromdm.micromdm.mdm": 3, "mdm.1xfx6791bb0dedebd40127c1dbadd1df68c752d9": 1},
        ),
    ],
)
def test_captured_profiles_become_rows_with_their_payloads(name, profiles):
    store(f"responses/ProfileList/{name}.plist")
    assert {row.identifier: len(row.payloads) for row in InstalledProfile.objects.all()} == profiles


@pytest.mark.parametrize(
    ("name", "certificates"),
    [
        (
            "macOS-10.11.x",
            {
                "com.apple.systemdefault": (True, True),
                "Apple Worldwide Developer Relations Certification Authority": (False, True),
            },
        ),
        (
            "micromdm-2016-dummy-data",
            {"client.local": (False, False), "MicroMDM CA": (False, False), "MicroMDM Identity": (True, False)},
        ),
    ],
)
def test_captured_certificates_become_rows(name, certificates):
    store(f"responses/CertificateList/{name}.plist")
    rows = InstalledCertificate.objects.all()
    assert {row.common_name: (row.is_identity, row.is_readable) for row in rows} == certificates


def test_captured_updates_become_rows():
    store("responses/AvailableOSUpdates/macOS-10.12.6-major-update.plist")
    row = AvailableUpdate.objects.get(product_key="_OSX_18A391")
    assert (row.name, row.is_major, row.download_size_bytes) == ("macOS Mojave", True, 12_000_000_000)
    assert AvailableUpdate.objects.count() == 2


def test_captured_progress_becomes_a_row():
    store("responses/OSUpdateStatus/iOS-13-downloading.plist")
    row = AvailableUpdate.objects.get(product_key="iOSUpdate17A576")
    assert (row.status, round(row.download_percent, 3)) == ("Downloading", 0.503)
