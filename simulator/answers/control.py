"""Commands that act on the device: lock, restart, erase, passcode, unlock token, declarative management.

Owns their effects. Apple: DeviceLockCommand, EraseDeviceCommand, ClearPasscodeCommand and others.
"""

from typing import TYPE_CHECKING

from simulator import declarations, facts, profile
from simulator.answers import Answer, Malformed, command
from simulator.catalog import APPLE_TV
from simulator.chains import MDM, MDM_CLIENT, Refused, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

PIN_LENGTH = 6


@command("DeviceLock", may_defer=False)
def device_lock(device: "PretendDevice", channel: Channel, content: dict) -> Answer | dict:
    state = device.state
    if not state.hardware.is_mac:
        if not {"Message", "PhoneNumber"} & content.keys():
            return {}
        if state.lost_mode:
            return {"MessageResult": "DeviceInLostMode"}
        return {"MessageResult": "Success" if state.has_passcode else "NoPasscodeSet"}
    pin = content.get("PIN", "")
    if not _is_pin(pin):
        raise refuse(MDM_CLIENT, 96, "The PIN for DeviceLock must be six digits <MDMClientError:96>")

    async def lock() -> None:
        state.lock_pin = pin
        device.events.append("locked with a PIN")

    return Answer(afterwards=lock)


def _is_pin(pin: str) -> bool:
    return len(pin) == PIN_LENGTH and pin.isascii() and pin.isdigit()


@command("ClearPasscode", may_defer=False)
def clear_passcode(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if content["UnlockToken"] != device.state.unlock_token:
        raise refuse(MDM, 12019, "The unlock token is not valid for this device.")
    device.state.has_passcode = False
    return {}


@command("RequestUnlockToken")
def request_unlock_token(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    return {"UnlockToken": device.state.unlock_token}


@command("ClearRestrictionsPassword")
def clear_restrictions_password(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.state.settings.pop("RestrictionsPassword", None)
    return {}


@command("RestartDevice")
def restart_device(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.events.append("restarted")
    return {}


@command("ShutDownDevice")
def shut_down_device(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    return Answer(afterwards=device.shut_down)


@command("EraseDevice", may_defer=False)
def erase_device(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    if "PIN" in content and not _is_pin(content["PIN"]):
        raise Malformed("the PIN is not of six digits")
    if device.state.hardware.is_mac:
        _check_mac_erase(device, content)
    service = content.get("ReturnToService", {}) if _knows_return(device) else {}
    enrollment = None
    if service.get("Enabled"):
        _check_wifi(service)
        if "MDMProfileData" in service:
            enrollment = profile.read_configuration(service["MDMProfileData"])
            device.accept(enrollment)
    has_network = "WiFiProfileData" in service or _has_other_network(device)

    async def erase() -> None:
        is_locked = device.state.is_activation_locked
        device.erase()
        if not service.get("Enabled"):
            return
        if enrollment is None or is_locked or not has_network:
            # It waits in Setup Assistant, which nobody sees: no profile, Activation Lock, or no network.
            device.events.append("return to service failed: it waits in Setup Assistant")
            return
        try:
            await device.join(enrollment)
        except Refused as refused:
            device.events.append(f"return to service failed: {refused}")

    return Answer(afterwards=erase)


def _knows_return(device: "PretendDevice") -> bool:
    """What a system does not know it ignores: it is erased, and that is all."""
    keys = facts.commands()["EraseDevice"]["keys"]
    key = next(key for key in keys if key["name"] == "ReturnToService")
    system = facts.SYSTEMS[device.state.hardware.platform]
    said = key["os"].get(system)
    return said is not None and facts.exists_in(said, device.state.os_version)


def _has_other_network(device: "PretendDevice") -> bool:
    hardware = device.state.hardware
    return hardware.is_cellular or hardware.platform == APPLE_TV


def _check_wifi(service: dict) -> None:
    if "WiFiProfileData" in service:
        wifi = profile.read_configuration(service["WiFiProfileData"])
        if not wifi.of_type("com.apple.wifi.managed"):
            raise refuse(MDM, 12002, "The Wi-Fi profile has no Wi-Fi payload.")


def _check_mac_erase(device: "PretendDevice", content: dict) -> None:
    hardware = device.state.hardware
    if not hardware.is_apple_silicon and "PIN" not in content:
        raise refuse(MDM_CLIENT, 96, "No PIN in 'EraseDevice' command <MDMClientError:96>")
    preflight = device.state.settings.get("EACSPreflight", "success")
    if preflight != "success" and content.get("ObliterationBehavior") == "DoNotObliterate":
        raise refuse(MDM_CLIENT, 104, f"The Mac cannot erase its content and settings: {preflight}")


@command("DeclarativeManagement")
def declarative_management(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    return Answer(afterwards=lambda: declarations.synchronize(device, channel))
