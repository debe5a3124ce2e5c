"""Lost Mode on supervised iPhones and iPads: on, off, where, and make a noise.

Owns the rules between the four commands. Apple: EnableLostModeCommand, DisableLostModeCommand, DeviceLocationCommand,
PlayLostModeSoundCommand.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulator.answers import Malformed, command
from simulator.chains import MDM, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

NOT_LOST = 12067


@command("EnableLostMode")
def enable_lost_mode(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    shown = {key: content[key] for key in ("Message", "PhoneNumber", "Footnote") if isinstance(content.get(key), str)}
    if not {"Message", "PhoneNumber"} & shown.keys():
        raise Malformed
    device.state.lost_mode = shown
    return {}


@command("DisableLostMode")
def disable_lost_mode(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    _require_lost_mode(device)
    device.state.lost_mode = {}
    return {}


@command("DeviceLocation")
def device_location(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    _require_lost_mode(device)
    return {
        "Latitude": 52.5163,
        "Longitude": 13.3777,
        "HorizontalAccuracy": 35.0,
        "VerticalAccuracy": 10.0,
        "Altitude": 34.0,
        "Speed": -1.0,
        "Course": -1.0,
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@command("PlayLostModeSound")
def play_lost_mode_sound(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    _require_lost_mode(device)
    return {}


def _require_lost_mode(device: "PretendDevice") -> None:
    if not device.state.lost_mode:
        raise refuse(MDM, NOT_LOST, "The device is not in Lost Mode.")
