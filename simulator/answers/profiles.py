"""InstallProfile, RemoveProfile, ProfileList and the lists of provisioning profiles.

Owns installing, replacing and refusing. The enrollment profile itself is updated by the device's own rules.
Apple: InstallProfileCommand, RemoveProfileCommand, ProfileListCommand.
"""

from typing import TYPE_CHECKING

from simulator import payloads, profile
from simulator.answers import (
    Answer,
    command,
)
from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, VISION
from simulator.chains import INSTALLATION, MDM, POSIX, Refused, installation_failed, refuse
from simulator.profile import Configuration
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

TARGETS = {IPHONE: 1, IPAD: 1, APPLE_TV: 4, MAC: 5, VISION: 6}
LISTED_KEYS = (
    "PayloadIdentifier",
    "PayloadUUID",
    "PayloadVersion",
    "PayloadDisplayName",
    "PayloadOrganization",
    "PayloadDescription",
    "PayloadScope",
)
LISTED_PAYLOAD_KEYS = ("PayloadType", "PayloadIdentifier", "PayloadUUID", "PayloadVersion", "PayloadDisplayName")


@command("InstallProfile")
async def install_profile(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    configuration = profile.read_configuration(content["Payload"], device.identity)
    try:
        if configuration.of_type(profile.MDM_PAYLOAD):
            await _update_enrollment(device, channel, configuration)
        else:
            _install(device, channel, configuration)
    except Refused as cause:
        if cause.chain[0]["ErrorDomain"] == POSIX:
            raise
        raise installation_failed(configuration.name, cause) from cause
    return {}


async def _update_enrollment(device: "PretendDevice", channel: Channel, configuration: Configuration) -> None:
    if channel.is_user:
        raise refuse(MDM, 12009, "The MDM payload may not be installed in the user channel.")
    await device.update_enrollment(configuration)


def _install(device: "PretendDevice", channel: Channel, configuration: Configuration) -> None:
    _check_target(device, channel, configuration)
    if configuration.identifier == device.enrollment.configuration.identifier:
        raise refuse(INSTALLATION, 4015, "The replacement profile does not contain an MDM payload.")
    for words in payloads.skipped(device, channel, configuration):
        device.events.append(f"skipped of {configuration.name}: {words}")
    channel.profiles.pop(configuration.identifier, None)  # a replacement goes to the end of the list
    channel.profiles[configuration.identifier] = configuration.data


def _check_target(device: "PretendDevice", channel: Channel, configuration: Configuration) -> None:
    target = configuration.content.get("TargetDeviceType", 0)
    if target not in (0, TARGETS[device.state.hardware.platform]):
        raise refuse(INSTALLATION, 4001, "The profile is for another kind of device.")
    if not device.state.hardware.is_mac:
        return
    scope = configuration.content.get("PayloadScope")
    if scope == "User" and not channel.is_user:
        raise refuse(POSIX, 1, "The profile must be a system profile. User profiles are not supported")
    if scope == "System" and channel.is_user:
        raise refuse(POSIX, 1, "The profile must be a user profile. System profiles are not supported")


@command("RemoveProfile")
def remove_profile(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    identifier = content["Identifier"]
    if identifier == device.enrollment.configuration.identifier and not channel.is_user:
        return Answer(afterwards=lambda: device.leave("the server removed the enrollment profile"))
    if identifier not in channel.profiles:
        raise refuse(MDM, 12075, f"The profile “{identifier}” is not installed.")
    del channel.profiles[identifier]
    return Answer()


@command("ProfileList", may_defer=False)
def profile_list(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    installed = [profile.read_configuration(data, device.identity) for data in channel.profiles.values()]
    if not channel.is_user:
        installed.insert(0, device.enrollment.configuration)
    return {"ProfileList": [_entry(device, configuration) for configuration in installed]}


def _entry(device: "PretendDevice", configuration: Configuration) -> dict:
    content = configuration.content
    entry = {key: content[key] for key in LISTED_KEYS if key in content}
    entry |= {
        "PayloadRemovalDisallowed": bool(content.get("PayloadRemovalDisallowed", False)),
        "HasRemovalPasscode": bool(content.get("HasRemovalPasscode", False)),
        "IsEncrypted": bool(content.get("IsEncrypted", False)),
        "SignerCertificates": list(configuration.signer_certificates),
    }
    if not device.state.hardware.is_mac and not device.state.is_supervised:
        entry["IsManaged"] = True
    if not entry["IsEncrypted"]:
        entry["PayloadContent"] = [
            {key: payload[key] for key in LISTED_PAYLOAD_KEYS if key in payload} for payload in configuration.payloads
        ]
    return entry
