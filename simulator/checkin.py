"""The check-in messages of a device, one function each.

Owns which keys a message carries on which platform. Sending them, and in which order, is the device's.
Apple: Check-in requests.
"""

from simulator.catalog import APPLE_TV
from simulator.state import Channel, DeviceState


def identifiers(state: DeviceState, channel: Channel) -> dict:
    """Name the channel as every message does."""
    # Under a user enrollment a device is known by an id made for it, and never says which device it is.
    keys = {"EnrollmentID": state.enrollment_id} if state.enrollment_id else {"UDID": state.hardware.udid}
    if channel.is_user:
        keys |= {
            "UserID": channel.user_id,
            "UserShortName": channel.user_short_name,
            "UserLongName": channel.user_long_name,
        }
    return keys


def authenticate(state: DeviceState, channel: Channel, topic: str) -> dict:
    hardware = state.hardware
    message = identifiers(state, channel) | {
        "MessageType": "Authenticate",
        "Topic": topic,
        "OSVersion": state.os_version,
        "BuildVersion": state.build_version,
        "ProductName": hardware.product_name,
    }
    if state.enrollment_id:
        return message
    message["SerialNumber"] = hardware.serial_number
    if hardware.is_mac or hardware.platform == APPLE_TV:
        message |= {
            "DeviceName": state.name,
            "Model": hardware.product_name if hardware.is_mac else hardware.model_number,
            "ModelName": hardware.model_name,
        }
    if hardware.is_cellular:
        message |= {"IMEI": hardware.imei, "MEID": hardware.meid}
    return message


def token_update(state: DeviceState, channel: Channel, topic: str) -> dict:
    message = identifiers(state, channel) | {
        "MessageType": "TokenUpdate",
        "Topic": topic,
        "Token": channel.token,
        "PushMagic": channel.push_magic,
        "AwaitingConfiguration": state.is_awaiting_configuration,
    }
    if state.hardware.is_mac:
        message["NotOnConsole"] = False
    elif state.unlock_token and not channel.is_user:
        message["UnlockToken"] = state.unlock_token
    return message


def check_out(state: DeviceState, channel: Channel, topic: str) -> dict:
    return identifiers(state, channel) | {"MessageType": "CheckOut", "Topic": topic}


def set_bootstrap_token(state: DeviceState, channel: Channel, token: bytes) -> dict:
    message = identifiers(state, channel) | {"MessageType": "SetBootstrapToken"}
    message["AwaitingConfiguration"] = state.is_awaiting_configuration
    return message | ({"BootstrapToken": token} if token else {})


def get_bootstrap_token(state: DeviceState, channel: Channel) -> dict:
    return identifiers(state, channel) | {"MessageType": "GetBootstrapToken"}


def user_authenticate(state: DeviceState, channel: Channel, digest_response: str = "") -> dict:
    message = identifiers(state, channel) | {"MessageType": "UserAuthenticate"}
    return message | ({"DigestResponse": digest_response} if digest_response else {})


def declarative_management(state: DeviceState, channel: Channel, endpoint: str, data: bytes = b"") -> dict:
    message = identifiers(state, channel) | {"MessageType": "DeclarativeManagement", "Endpoint": endpoint}
    return message | ({"Data": data} if data else {})
