"""DeviceInformation: every fact a device of each platform knows about itself.

Owns the facts and who may read them; honours Queries and records the ones it does not know, since a real device
leaves those out in silence. Apple: DeviceInformationCommand.
"""

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

from simulator.answers import Malformed, command
from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, VISION
from simulator.facts import private_queries
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

DEVICE_INFORMATION, NETWORK_INFORMATION = 16, 32  # bits of AccessRights
LAST_SCAN = datetime(2025, 11, 3, 7, 30)
# fmt: off
NETWORK_FACTS = frozenset({
    "BluetoothMAC", "WiFiMAC", "EthernetMAC", "ICCID", "PhoneNumber", "CurrentCarrierNetwork",
    "SIMCarrierNetwork", "DataRoamingEnabled", "SubscriberCarrierNetwork", "CarrierSettingsVersion",
    "VoiceRoamingEnabled", "PersonalHotspotEnabled", "IsNetworkTethered", "IsRoaming", "SIMMCC", "SIMMNC",
    "SubscriberMCC", "SubscriberMNC", "CurrentMCC", "CurrentMNC", "ServiceSubscriptions",
})
# fmt: on
ALWAYS_ALLOWED = frozenset({"UDID"})


@command("DeviceInformation", may_defer=False)
def device_information(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    queries = content["Queries"]
    if not all(isinstance(query, str) for query in queries):
        raise Malformed
    known = user_facts(device, channel) if channel.is_user else device_facts(device)
    if device.enrollment.is_user_enrollment:
        allowed = {name: value for name, value in known.items() if name not in private_queries()}
    else:
        rights = device.enrollment.access_rights
        allowed = {name: value for name, value in known.items() if _may_read(name, rights)}
    for query in queries:
        if query not in allowed:
            device.events.append(f"DeviceInformation: {query} left out")
    return {"QueryResponses": {query: allowed[query] for query in queries if query in allowed}}


def _may_read(name: str, rights: int) -> bool:
    if name in ALWAYS_ALLOWED:
        return True
    return bool(rights & (NETWORK_INFORMATION if name in NETWORK_FACTS else DEVICE_INFORMATION))


def user_facts(device: "PretendDevice", channel: Channel) -> dict:
    """Gather what the user channel may ask."""
    state = device.state
    return {
        "UDID": state.hardware.udid,
        "DeviceName": state.name,
        "OSVersion": state.os_version,
        "BuildVersion": state.build_version,
        "ModelName": state.hardware.model_name,
        "Model": state.hardware.product_name,
        "ProductName": state.hardware.product_name,
        "SerialNumber": state.hardware.serial_number,
        "iTunesStoreAccountIsActive": False,
        "PushToken": channel.token,
    }


def device_facts(device: "PretendDevice") -> dict:
    """Gather everything this device knows, under Apple's names."""
    platform = device.state.hardware.platform
    facts = _common_facts(device) | _network_facts(device)
    if platform == MAC:
        return facts | _mac_facts(device)
    if platform == APPLE_TV:
        return facts | {"DeviceID": device.state.hardware.udid, "TimeZone": _time_zone(device)}
    facts |= _personal_facts(device)
    if platform in (IPHONE, IPAD):
        facts |= _mobile_facts(device)
    if platform == VISION:
        del facts["Model"]
    return facts


def _common_facts(device: "PretendDevice") -> dict:
    state, hardware = device.state, device.state.hardware
    facts = {
        "UDID": hardware.udid,
        "DeviceName": state.name,
        "OSVersion": state.os_version,
        "BuildVersion": state.build_version,
        "SupplementalBuildVersion": state.build_version,
        "ModelName": hardware.model_name,
        "Model": hardware.product_name if hardware.is_mac else hardware.model_number,
        "ModelNumber": hardware.model_number,
        "ProductName": hardware.product_name,
        "SerialNumber": hardware.serial_number,
        "IsSupervised": state.is_supervised,
        "AwaitingConfiguration": state.is_awaiting_configuration,
        "MDMOptions": state.settings.get("MDMOptions", {}),
        "iTunesStoreAccountIsActive": bool(state.settings.get("iTunesStoreAccountIsActive", False)),
    }
    if "OrganizationInfo" in state.settings:
        facts["OrganizationInfo"] = state.settings["OrganizationInfo"]
    if hardware.platform != APPLE_TV:
        facts["DeviceCapacity"] = float(hardware.capacity_gb)
        facts["AvailableDeviceCapacity"] = state.available_gb
        facts["PushToken"] = device.channel.token
    if hardware.has_battery:
        facts["BatteryLevel"] = state.battery_level
    return facts


def _network_facts(device: "PretendDevice") -> dict:
    hardware = device.state.hardware
    facts = {"WiFiMAC": hardware.wifi_mac, "BluetoothMAC": hardware.bluetooth_mac}
    if hardware.ethernet_mac:
        facts["EthernetMAC"] = hardware.ethernet_mac
    return facts


def _mac_facts(device: "PretendDevice") -> dict:
    state, hardware = device.state, device.state.hardware
    host = state.name.replace("’", "").replace(" ", "-").encode("ascii", "ignore").decode()
    users = [channel.user_id for channel in device.user_channels]
    updates = {
        "AutoCheckEnabled": True,
        "AutomaticAppInstallationEnabled": False,
        "AutomaticOSInstallationEnabled": False,
        "AutomaticSecurityUpdatesEnabled": True,
        "BackgroundDownloadEnabled": True,
        "IsDefaultCatalog": True,
        "PreviousScanDate": LAST_SCAN,
        "PreviousScanResult": 2,
    }
    return {
        "ProvisioningUDID": hardware.provisioning_udid,
        "HostName": f"{host}.local",
        "LocalHostName": host,
        "ActiveManagedUsers": users,
        "CurrentConsoleManagedUser": users[0] if users else "",
        "AutoSetupAdminAccounts": [
            {"GUID": one["GUID"], "shortName": one["shortName"]} for one in state.admin_accounts
        ],
        "IsAppleSilicon": hardware.is_apple_silicon,
        "HasBattery": hardware.has_battery,
        "IsActivationLockEnabled": state.is_activation_locked,
        "IsActivationLockSupported": True,
        "SupportsLOMDevice": False,
        "SupportsiOSAppInstalls": hardware.is_apple_silicon,
        "OSUpdateSettings": updates,
        "SystemIntegrityProtectionEnabled": True,
        "PINRequiredForEraseDevice": not hardware.is_apple_silicon,
        "PINRequiredForDeviceLock": True,
        "SoftwareUpdateDeviceID": "J413AP",
        "EACSPreflight": state.settings.get("EACSPreflight", "success"),
    }


def _personal_facts(device: "PretendDevice") -> dict:
    """Gather facts of devices that are carried: iPhone, iPad, Vision Pro."""
    state, hardware = device.state, device.state.hardware
    return {
        "IsActivationLockEnabled": state.is_activation_locked,
        "IsDeviceLocatorServiceEnabled": state.is_activation_locked,
        "IsDoNotDisturbInEffect": False,
        "IsCloudBackupEnabled": False,
        "EASDeviceIdentifier": hashlib.sha256(hardware.udid.encode()).hexdigest()[:32].upper(),
        "DiagnosticSubmissionEnabled": False,
        "AppAnalyticsEnabled": False,
        "SoftwareUpdateDeviceID": f"{hardware.product_name.split(',')[0]}AP",
    }


def _mobile_facts(device: "PretendDevice") -> dict:
    state, hardware = device.state, device.state.hardware
    facts = {
        "IsMDMLostModeEnabled": bool(state.lost_mode),
        "TimeZone": _time_zone(device),
        "CellularTechnology": 3 if hardware.is_cellular else 0,
        "SoftwareUpdateSettings": {"RecommendationsCadence": 0},
        "IsNetworkTethered": False,
    }
    if hardware.platform == IPAD:
        facts |= {"IsMultiUser": state.is_shared}
    return facts | (_cellular_facts(device) if hardware.is_cellular else {})


def _time_zone(device: "PretendDevice") -> str:
    return device.state.settings.get("TimeZone", "Europe/Berlin")


def _cellular_facts(device: "PretendDevice") -> dict:
    hardware = device.state.hardware
    subscription = {
        "Slot": "CTSubscriptionSlotOne",
        "IMEI": hardware.imei,
        "MEID": hardware.meid,
        "ICCID": hardware.iccid,
        "PhoneNumber": hardware.phone_number,
        "CarrierSettingsVersion": "64.0.1",
        "CurrentCarrierNetwork": "Example Mobile",
        "SubscriberCarrierNetwork": "Example Mobile",
        "CurrentMCC": "001",
        "CurrentMNC": "01",
        "IsDataPreferred": True,
        "IsVoicePreferred": True,
        "IsRoaming": False,
        "Label": "Primary",
        "LabelID": "00000000-0000-0000-0000-000000000001",
    }
    return {
        "IMEI": hardware.imei,
        "MEID": hardware.meid,
        "ICCID": hardware.iccid,
        "PhoneNumber": hardware.phone_number,
        "ModemFirmwareVersion": "2.40.01",
        "CurrentCarrierNetwork": "Example Mobile",
        "SIMCarrierNetwork": "Example Mobile",
        "SubscriberCarrierNetwork": "Example Mobile",
        "CarrierSettingsVersion": "64.0.1",
        "DataRoamingEnabled": device.state.settings.get("DataRoaming", False),
        "VoiceRoamingEnabled": device.state.settings.get("VoiceRoaming", False),
        "PersonalHotspotEnabled": device.state.settings.get("PersonalHotspot", False),
        "IsRoaming": False,
        "CurrentMCC": "001",
        "CurrentMNC": "01",
        "SIMMCC": "001",
        "SIMMNC": "01",
        "SubscriberMCC": "001",
        "SubscriberMNC": "01",
        "ServiceSubscriptions": [subscription],
    }
