"""Whether a command can be sent at all: its structure. What Apple's schema says of it is the catalogue's, later."""

import re

from mdm_project.errors import BadRequest
from mdm_project.plist import dumps

REQUEST_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9]{1,99}\Z")
COMMAND_UUID = re.compile(r"[\x21-\x7e]{1,127}\Z")
RESERVED_KEYS = ("RequestType", "CommandUUID", "Command")
# Keys without which Apple defines no such command.
REQUIRED_KEYS = {
    "InstallProfile": {"Payload": bytes},
    "RemoveProfile": {"Identifier": str},
    "DeviceInformation": {"Queries": list},
    "ClearPasscode": {"UnlockToken": bytes},
    "Settings": {"Settings": list},
    "RemoveApplication": {"Identifier": str},
    "RemoveProvisioningProfile": {"UUID": str},
    "InstallProvisioningProfile": {"ProvisioningProfile": bytes},
    "ScheduleOSUpdate": {"Updates": list},
}
TYPE_WORDS = {bytes: "data", str: "a string", list: "an array"}


class InvalidCommand(BadRequest):
    code = "invalid_command"


def check_command(request_type: str, payload: dict) -> None:
    """Raise InvalidCommand, with the key paths in ``fields``, unless this is a command a device could read."""
    fields = {}
    if not isinstance(request_type, str) or not REQUEST_TYPE.match(request_type):
        fields["request_type"] = "must be one of Apple's command names, letters and digits"
    if not isinstance(payload, dict):
        raise InvalidCommand("the payload must be a dictionary", fields={**fields, "payload": "must be a dictionary"})
    for key in RESERVED_KEYS:
        if key in payload:
            fields[f"payload.{key}"] = "is set by the server"
    for key, kind in REQUIRED_KEYS.get(request_type, {}).items():
        if key not in payload:
            fields[f"payload.{key}"] = f"{request_type} needs it"
        elif not isinstance(payload[key], kind):
            fields[f"payload.{key}"] = f"must be {TYPE_WORDS[kind]}"
    if fields:
        raise InvalidCommand(f"this {request_type} command cannot be sent", fields=fields)


def check_command_uuid(command_uuid: str) -> None:
    if not COMMAND_UUID.match(command_uuid):
        raise InvalidCommand(
            "the CommandUUID cannot be used", fields={"command_uuid": "1 to 127 visible characters, no spaces"}
        )


def render_command(command_uuid: str, request_type: str, payload: dict) -> bytes:
    """Return the plist that is sent to the device."""
    return dumps({"CommandUUID": command_uuid, "Command": {"RequestType": request_type, **payload}})
