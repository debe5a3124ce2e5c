"""Small commands, most of them of Macs: screen sharing, mirroring, extensions, caching, lights-out management, logs.

Apple: EnableRemoteDesktopCommand, RequestMirroringCommand, NSExtensionMappingsCommand,
ContentCachingInformationCommand, LOMSetupRequestCommand, RefreshCellularPlansCommand and others.
"""

import time
from typing import TYPE_CHECKING

from simulator.answers import Malformed, command
from simulator.chains import MDM, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

# A device gives the code that it made up for 15 days after its supervision began.
BYPASS_CODE_LIFETIME_S = 15 * 24 * 3600
EXTENSION = {
    "Identifier": "com.example.share.extension",
    "ExtensionPoint": "com.apple.share-services",
    "DisplayName": "Example Share",
}


@command("EnableRemoteDesktop")
def enable_remote_desktop(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.state.settings["RemoteDesktop"] = True
    return {}


@command("DisableRemoteDesktop")
def disable_remote_desktop(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.state.settings["RemoteDesktop"] = False
    return {}


@command("RequestMirroring")
def request_mirroring(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if not {"DestinationName", "DestinationDeviceID"} & content.keys():
        raise Malformed("neither DestinationName nor DestinationDeviceID is there")
    device.state.settings["Mirroring"] = True
    return {"MirroringResult": "Prompting"}


@command("StopMirroring")
def stop_mirroring(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.state.settings["Mirroring"] = False
    return {}


@command("NSExtensionMappings")
def ns_extension_mappings(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    return {"Extensions": [dict(EXTENSION)]}


@command("ActiveNSExtensions")
def active_ns_extensions(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    wanted = content.get("FilterExtensionPoints")
    if wanted and EXTENSION["ExtensionPoint"] not in wanted:
        return {"Extensions": []}
    more = {
        "Path": "/Applications/Example.app/Contents/PlugIns/Share.appex",
        "Version": "1.0",
        "UserElection": "Default",
    }
    return {"Extensions": [EXTENSION | more]}


@command("ContentCachingInformation")
def content_caching_information(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    return {"StatusResponse": {"Activated": False, "Active": False, "ActualCacheUsed": 0}}


@command("LOMSetupRequest")
def lom_setup_request(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    addresses = {"PrimaryIPv6AddressList": ["fe80::1"], "SecondaryIPv6AddressList": ["fe80::2"]}
    return addresses | {"LOMProtocolVersion": 1}


@command("LOMDeviceRequest")
def lom_device_request(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    answers = [
        {"DeviceRequestUUID": one["DeviceRequestUUID"], "DeviceRequestSuccess": True} for one in content["RequestList"]
    ]
    return {"ResponseList": answers}


@command("RefreshCellularPlans")
def refresh_cellular_plans(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if not device.state.hardware.is_cellular:
        raise refuse(MDM, 12083, "The device has no eSIM.")
    if not content["eSIMServerURL"].startswith("https://"):
        raise refuse(MDM, 12030, "The URL of the eSIM server is not valid.")
    return {}


@command("TriggerEnhancedLogCollection")
def trigger_enhanced_log_collection(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.state.settings["LogCollection"] = True
    return {}


@command("CancelEnhancedLogCollection")
def cancel_enhanced_log_collection(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.state.settings["LogCollection"] = False
    return {}


@command("ActivationLockBypassCode")
def activation_lock_bypass_code(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    is_over = time.time() - device.state.supervised_at > BYPASS_CODE_LIFETIME_S
    if not device.state.bypass_code or is_over:
        raise refuse(MDM, 12058, "The device has no Activation Lock bypass code.")
    return {"ActivationLockBypassCode": device.state.bypass_code}


@command("ClearActivationLockBypassCode")
def clear_activation_lock_bypass_code(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.state.bypass_code = ""
    return {}
