"""Commands that act on the device: lock, restart, erase, passcode, settings, declarative management.

Owns their effects. Apple: DeviceLockCommand, EraseDeviceCommand, ClearPasscodeCommand, SettingsCommand and others.
"""

from typing import TYPE_CHECKING

from simulator import declarations
from simulator.answers import ERASE, LOCK, MOBILE, NOT_MAC, SETTINGS, TOUCH, Answer, Malformed, command
from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, PLATFORMS, VISION
from simulator.chains import MDM, Refused, link, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

# Items of the Settings command: where they exist, and where only supervised devices take them.
SETTING_ITEMS = {
    "DeviceName": (PLATFORMS, MOBILE + (APPLE_TV,)),
    "HostName": ((MAC,), ()),
    "OrganizationInfo": (PLATFORMS, ()),
    "MDMOptions": (PLATFORMS, MOBILE),
    "TimeZone": (MOBILE + (APPLE_TV,), MOBILE + (APPLE_TV,)),
    "Bluetooth": ((IPHONE, IPAD, MAC), MOBILE),
    "DataRoaming": (MOBILE, ()),
    "VoiceRoaming": (MOBILE, ()),
    "PersonalHotspot": (MOBILE, ()),
    "Wallpaper": (MOBILE, MOBILE),
    "SoftwareUpdateSettings": (MOBILE, MOBILE),
    "AccessibilitySettings": (MOBILE, MOBILE),
    "DiagnosticSubmission": (MOBILE + (VISION,), ()),
    "AppAnalytics": (MOBILE + (VISION,), ()),
    "ApplicationConfiguration": (NOT_MAC, ()),
    "ApplicationAttributes": (NOT_MAC, ()),
}


@command("DeviceLock", platforms=(IPHONE, IPAD, MAC, VISION), access_right=LOCK, may_defer=False)
def device_lock(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    state = device.state
    if state.hardware.is_mac:
        pin = content.get("PIN")
        if not isinstance(pin, str) or len(pin) != 6:
            raise refuse(MDM, 12021, "The PIN for DeviceLock must be six characters <MDMClientError:96>")
        state.settings["LockPIN"] = pin
        return {}
    if state.lost_mode:
        return {"MessageResult": "DeviceInLostMode"}
    if not state.has_passcode:
        return {"MessageResult": "NoPasscodeSet"}
    return {"MessageResult": "Success"}


@command("ClearPasscode", platforms=TOUCH, access_right=LOCK, required={"UnlockToken": bytes}, may_defer=False)
def clear_passcode(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if content["UnlockToken"] != device.state.unlock_token:
        raise refuse(MDM, 12019, "The unlock token is not valid for this device.")
    device.state.has_passcode = False
    return {}


@command("RestartDevice", platforms=MOBILE + (MAC, APPLE_TV), supervised_on=MOBILE + (APPLE_TV,), access_right=LOCK)
def restart_device(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.events.append("restarted")
    return {}


@command("ShutDownDevice", platforms=MOBILE + (MAC,), supervised_on=MOBILE, access_right=LOCK)
def shut_down_device(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    return Answer(afterwards=device.shut_down)


@command("EraseDevice", access_right=ERASE, may_defer=False)
def erase_device(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    pin = content.get("PIN")
    if pin is not None and (not isinstance(pin, str) or len(pin) != 6):
        raise Malformed

    async def erase() -> None:
        device.erase()

    return Answer(afterwards=erase)


@command("DeviceConfigured", supervised_on=NOT_MAC)
def device_configured(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    return {}


@command("DeclarativeManagement", user_channel=True)
def declarative_management(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    return Answer(afterwards=lambda: declarations.synchronize(device, channel))


@command("Settings", user_channel=True, access_right=SETTINGS, required={"Settings": list})
def settings(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    items = content["Settings"]
    if not all(isinstance(item, dict) and isinstance(item.get("Item"), str) for item in items):
        raise Malformed
    return {"Settings": [_apply(device, item) for item in items]}


def _apply(device: "PretendDevice", item: dict) -> dict:
    result = {"Item": item["Item"]}
    if "Identifier" in item:
        result["Identifier"] = item["Identifier"]
    try:
        _check_setting(device, item["Item"])
        _store_setting(device, item)
    except Refused as refused:
        return result | {"Status": "Error", "ErrorChain": refused.chain}
    return result | {"Status": "Acknowledged"}


def _check_setting(device: "PretendDevice", name: str) -> None:
    platforms, supervised_on = SETTING_ITEMS.get(name, ((), ()))
    platform = device.state.hardware.platform
    if platform not in platforms:
        raise refuse(MDM, 12008, f"The setting “{name}” is not supported.")
    if platform in supervised_on and not device.state.is_supervised:
        raise refuse(MDM, 12080, "The device must be supervised.")


def _store_setting(device: "PretendDevice", item: dict) -> None:
    name = item["Item"]
    if name == "DeviceName":
        if not isinstance(item.get("DeviceName"), str) or not item["DeviceName"]:
            raise Refused(link(MDM, 12008, "The request is malformed."))
        device.state.name = item["DeviceName"]
        return
    values = {key: value for key, value in item.items() if key not in ("Item", "Identifier")}
    device.state.settings[name] = next(iter(values.values())) if len(values) == 1 else values
