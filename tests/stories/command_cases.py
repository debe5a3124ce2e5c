"""How each command of the catalogue is asked of a pretend device that can take it: the table of test_every_command.

A case names a device of the cast, what happens to it before, and payloads; what is not in the table takes the
catalogue's least and largest example on the first kind of device that Apple's schema gives the command to.
"""

import plistlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from devices.filevault import filevault_profile
from devices.models import Device
from profiles import catalogue
from profiles.catalogue import Entry
from profiles.catalogue.examples import maximal, minimal
from simulator import cms
from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, RELEASES, VISION
from simulator.facts import on_platform

# Devices by name: platform, and what else is said when they are made (what is
# shared or unsupervised: by its name).
CAST = {
    "iphone": (IPHONE, {}),
    "unsupervised iphone": (IPHONE, {}),
    "ipad": (IPAD, {}),
    "shared ipad": (IPAD, {}),
    "mac": (MAC, {}),
    "intel mac": (MAC, {"is_intel": True}),
    "new mac": (MAC, {}),
    "tv": (APPLE_TV, {}),
    "vision": (VISION, {}),
    "spare iphone": (IPHONE, {}),
    "spare mac": (MAC, {}),
    "spare intel mac": (MAC, {"is_intel": True}),
}
# No pretend device has a version that has these, and no Shared iPad is enrolled automatically. The words are of the
# reason that is told.
NOBODY_TAKES = {
    "TriggerEnhancedLogCollection": ("iphone", {"AppleCareToken": "text"}, "27.0"),
    "CancelEnhancedLogCollection": ("iphone", {}, "27.0"),
    "UserConfigured": ("shared ipad", {}, "Automated Device Enrollment"),
}
PAGES, PAGES_ID = "com.apple.Pages", 361309726
PROVISIONING_UUID = "6f4e8a52-0000-4000-8000-000000000001"
PROFILE = "org.example.every-command"


@dataclass(frozen=True)
class Case:
    """``payloads`` are dictionaries or functions of the pretend device; ``before`` gets the cast and the device."""

    device: str
    payloads: tuple[dict | Callable, ...]
    before: Callable = lambda cast, device: None
    on_user_channel: bool = False


def case_of(entry: Entry) -> list[Case]:
    """Return the cases of a command: written by hand, or the examples of the catalogue."""
    by_hand = BY_HAND.get(entry.type)
    if isinstance(by_hand, Case):
        return [by_hand]
    return by_hand or [Case(_first_kind(entry), (minimal(entry), maximal(entry)))]


def _first_kind(entry: Entry) -> str:
    for name, platform in (("iphone", IPHONE), ("mac", MAC), ("tv", APPLE_TV), ("vision", VISION)):
        if on_platform(entry.type, platform):
            return name
    raise AssertionError(f"{entry.type} is on no platform of the cast")


# What happens before


def manage_pages(cast, device) -> None:
    cast.ask(device, "InstallApplication", {"iTunesStoreID": PAGES_ID, "ManagementFlags": 1})


def lose(cast, device) -> None:
    cast.ask(device, "EnableLostMode", {"Message": "Please call"})


def have_bypass_code(cast, device) -> None:
    device.state.bypass_code = "AAAA-BBBB-CCCC-DDDD-EEEE"


def await_configuration(cast, device) -> None:
    """Put the device into Setup Assistant; that it says so makes its enrollment an automated one (B11)."""
    device.state.is_awaiting_configuration = True
    cast.stage.act(device.update_token(device.channel))


def have_an_administrator(cast, device) -> None:
    await_configuration(cast, device)
    cast.ask(device, "AccountConfiguration", {"AutoSetupAdminAccounts": [{"shortName": "admin"}]})
    cast.ask(device, "DeviceInformation", {"Queries": ["AutoSetupAdminAccounts"]})


def escrow_recovery_key(cast, device) -> None:
    device.state.recovery_key = ""
    row = Device.objects.get(udid=device.state.hardware.udid)
    cast.ask(device, "InstallProfile", {"Payload": filevault_profile(row, bypass_attempts=3)})
    assert device.log_in()
    cast.ask(device, "SecurityInfo", {})


def set_recovery_lock(cast, device) -> None:
    cast.ask(device, "SetRecoveryLock", {})


def set_firmware_password(cast, device) -> None:
    cast.ask(device, "SetFirmwarePassword", {})


def have_books(cast, device) -> None:
    device.state.books = {"361309726": {"iTunesStoreID": PAGES_ID}, "handbook": {"PersistentID": "handbook"}}


def have_users(cast, device) -> None:
    device.state.other_users = ["kim", "tove"]


def install_profile(cast, device) -> None:
    cast.ask(device, "InstallProfile", {"Payload": small_profile(device)})


def install_provisioning(cast, device) -> None:
    cast.ask(device, "InstallProvisioningProfile", provisioning(device))


# Payloads


def small_profile(device) -> bytes:
    content = {"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": PROFILE}
    return plistlib.dumps(content | {"PayloadUUID": str(uuid.uuid4()), "PayloadContent": []})


def provisioning(device) -> dict:
    content = plistlib.dumps({"Name": "Example", "UUID": PROVISIONING_UUID})
    return {"ProvisioningProfile": cms.sign_attached(content, device.identity, cms.IPHONE_STYLE)}


def fall_behind(cast, device) -> None:
    """Give the device an update that it can install."""
    device.state.os_version = RELEASES[device.state.hardware.platform][-2][0]


def newest_update(device) -> dict:
    newest, _build = RELEASES[device.state.hardware.platform][-1]
    return {"ProductVersion": newest, "InstallAction": "InstallLater", "MaxUserDeferrals": 2, "Priority": "High"}


MANIFEST = {
    "items": [
        {
            "assets": [{"kind": "software-package", "url": "https://example.com/tool.pkg"}],
            "metadata": {"bundle-identifier": "com.example.tool", "bundle-version": "1.0", "kind": "software"},
        }
    ]
}
BOOK = {"MediaType": "Book", "MediaURL": "https://example.com/handbook.pdf", "PersistentID": "handbook", "Kind": "pdf"}
ADMINISTRATOR = {"shortName": "admin", "fullName": "Administrator", "hidden": True}
FULL_APP = {
    "iTunesStoreID": PAGES_ID, "Options": {"PurchaseMethod": 1}, "ManagementFlags": 5,
    "Configuration": {"server": "https://example.com"}, "Attributes": {"Removable": True},
    "ChangeManagementState": "Managed",
}  # fmt: skip
NAMED = (
    {"Item": "DeviceName", "DeviceName": "Reception"},
    {"Item": "OrganizationInfo", "OrganizationInfo": {"OrganizationName": "ACME"}},
    {"Item": "Bluetooth", "Enabled": True},
)
ASKED_APPS = ({"Identifiers": []}, {"Identifiers": [PAGES]})

BY_HAND: dict[str, Case | list[Case]] = {
    "AccountConfiguration": Case(
        "new mac",
        ({}, {"AutoSetupAdminAccounts": [ADMINISTRATOR], "SkipPrimarySetupAccountCreation": True}),
        await_configuration,
    ),
    "ActivationLockBypassCode": Case("iphone", ({},), have_bypass_code),
    "ActiveNSExtensions": Case(
        "mac", ({}, {"FilterExtensionPoints": ["com.apple.share-services"]}), on_user_channel=True
    ),
    "ApplyRedemptionCode": Case("iphone", ({"Identifier": PAGES, "RedemptionCode": "X1Y2"},), manage_pages),
    "ClearPasscode": [Case("iphone", ({},)), Case("vision", ({},))],
    "DeleteUser": [
        Case("mac", ({"UserName": "kim"},), have_users),
        Case("shared ipad", ({"UserName": "kim", "ForceDeletion": True}, {"DeleteAllUsers": True}), have_users),
    ],
    "DeviceConfigured": Case("new mac", ({},), await_configuration),
    "DeviceLocation": Case("ipad", ({},), lose),
    "DeviceLock": [
        Case("iphone", ({}, {"Message": "Please call", "PhoneNumber": "+1 202 555 0100"})),
        Case("mac", ({}, {"PIN": "123456", "Message": "Please call"})),
    ],
    "DisableLostMode": Case("ipad", ({},), lose),
    "EnableLostMode": Case(
        "ipad", ({"Message": "Please call"}, {"Message": "Lost", "PhoneNumber": "1", "Footnote": "Thanks"})
    ),
    "EraseDevice": [
        Case("spare iphone", ({"PreserveDataPlan": True, "DisallowProximitySetup": True},)),
        Case("spare mac", ({"ObliterationBehavior": "DoNotObliterate"},)),
        Case("spare intel mac", ({},)),
    ],
    "InstallApplication": Case("iphone", ({"iTunesStoreID": PAGES_ID}, FULL_APP)),
    "InstallEnterpriseApplication": Case(
        "mac",
        (
            {"ManifestURL": "https://example.com/tool.plist"},
            {"Manifest": MANIFEST, "InstallAsManaged": True, "ManagementFlags": 1, "iOSApp": False},
        ),
    ),
    "InstallMedia": Case("ipad", ({"MediaType": "Book", "iTunesStoreID": 1}, BOOK | {"Title": "Handbook"})),
    "InstallProfile": Case("iphone", (lambda device: {"Payload": small_profile(device)},)),
    "InstallProvisioningProfile": Case("iphone", (provisioning,)),
    "InviteToProgram": Case(
        "iphone", ({"ProgramID": "com.apple.cloudvpp", "InvitationURL": "https://example.com/invitation"},)
    ),
    "LOMDeviceRequest": Case("mac", (maximal(catalogue.command("LOMDeviceRequest")),)),
    "LogOutUser": Case("shared ipad", ({},), have_users),
    "ManagedApplicationAttributes": Case("iphone", ASKED_APPS, manage_pages),
    "ManagedApplicationConfiguration": Case("iphone", ASKED_APPS, manage_pages),
    "ManagedApplicationFeedback": Case("iphone", (*ASKED_APPS, ASKED_APPS[1] | {"DeleteFeedback": True}), manage_pages),
    "NSExtensionMappings": Case("mac", ({},), on_user_channel=True),
    "PlayLostModeSound": Case("ipad", ({},), lose),
    "RefreshCellularPlans": Case("iphone", ({"eSIMServerURL": "https://example.com/esim"},)),
    "RemoveApplication": Case("iphone", ({"Identifier": PAGES},), manage_pages),
    "RemoveMedia": Case(
        "ipad",
        ({"MediaType": "Book", "iTunesStoreID": "361309726"}, {"MediaType": "Book", "PersistentID": "handbook"}),
        have_books,
    ),
    "RemoveProfile": Case("iphone", ({"Identifier": PROFILE},), install_profile),
    "RemoveProvisioningProfile": Case("iphone", ({"UUID": PROVISIONING_UUID},), install_provisioning),
    "RequestMirroring": Case("mac", ({"DestinationName": "Boardroom"}, {"DestinationDeviceID": "x", "ScanTime": 10})),
    "RestartDevice": [Case("iphone", ({},)), Case("mac", ({}, {"NotifyUser": True})), Case("tv", ({},))],
    "RotateFileVaultKey": Case("mac", ({}, {}), escrow_recovery_key),
    "ScheduleOSUpdate": Case("mac", (lambda device: {"Updates": [newest_update(device)]},), fall_behind),
    "Settings": [
        Case("iphone", ({"Settings": [*NAMED, {"Item": "TimeZone", "TimeZone": "Europe/Paris"}]},)),
        Case("mac", ({"Settings": [*NAMED, {"Item": "HostName", "HostName": "mac.example.com"}]},)),
        Case("shared ipad", ({"Settings": [{"Item": "SharedDeviceConfiguration", "QuotaSize": 1024}]},)),
    ],
    "SetAutoAdminPassword": Case("new mac", ({},), have_an_administrator),
    "SetFirmwarePassword": Case("intel mac", ({}, {"AllowOroms": True})),
    "SetRecoveryLock": Case("mac", ({}, {})),
    "UnlockUserAccount": Case("mac", (lambda device: {"UserName": device.state.owner_short_name},)),
    "UserList": [Case("mac", ({},)), Case("shared ipad", ({},), have_users)],
    "VerifyFirmwarePassword": Case("intel mac", ({},), set_firmware_password),
    "VerifyRecoveryLock": Case("mac", ({},), set_recovery_lock),
}  # fmt: skip
