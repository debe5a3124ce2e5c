"""Whether a command can be sent: its structure, and its payload against Apple's schema.

Structure is what every command needs to be read by a device at all and is checked by the queue. The schema is checked
where people and programs ask (commands.asking), and so are the rules that Apple states in prose (Meaning.check: one of
several keys is needed). What the schema does not have, a RequestType or a key, is let through only where it is wished.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from commands.meanings import meaning_of
from devices.redaction import REDACTED
from mdm_project.errors import BadRequest
from mdm_project.plist import dumps
from profiles import catalogue
from profiles.catalogue import UnknownEntry

REQUEST_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9]{1,99}\Z")
COMMAND_UUID = re.compile(r"[\x21-\x7e]{1,127}\Z")
RESERVED_KEYS = ("RequestType", "CommandUUID", "Command")
UNKNOWN_KEY = "unknown_key"
# How much of a misspelt name must be right for Apple's name to be proposed.
SIMILAR = 0.75
_NOT_IN_SCHEMA = "is not a key of this command in Apple's schema; allow unknown keys to send it all the same"


class InvalidCommand(BadRequest):
    code = "invalid_command"


def check_structure(request_type: str, payload: dict) -> None:
    """Raise InvalidCommand, with the key paths in ``fields``, unless this is a command a device could read."""
    fields = {}
    if not isinstance(request_type, str) or not REQUEST_TYPE.match(request_type):
        fields["request_type"] = "must be one of Apple's command names, letters and digits"
    if not isinstance(payload, dict):
        raise InvalidCommand("the payload must be a dictionary", fields={**fields, "payload": "must be a dictionary"})
    for key in RESERVED_KEYS:
        if key in payload:
            fields[f"payload.{key}"] = "is set by the server"
    if fields:
        raise InvalidCommand(f"this {request_type} command cannot be sent", fields=fields)


def check_command(request_type: str, payload: dict, *, allows_unknown: bool = False) -> None:
    """Raise InvalidCommand with every key path that is wrong, by Apple's schema and by what the command means.

    Keys that are filled in for each device (meanings) need not be there. ``allows_unknown`` lets keys through that the
    schema does not have, and a RequestType that it does not have: Apple adds some every year.
    """
    check_structure(request_type, payload)
    meaning = meaning_of(request_type)
    fields = _schema_errors(request_type, payload, meaning.filled_keys, meaning.own_paths, allows_unknown)
    if not fields:
        fields = {f"payload.{path}": why for path, why in meaning.check(payload).items()}
    if not fields:
        fields = {f"payload.{path}": "stands for something hidden: type it again" for path in _placeholders(payload)}
    if fields:
        raise InvalidCommand(f"this {request_type} command cannot be sent", fields=fields)


def _placeholders(value, path: str = "") -> Iterator[str]:
    """Yield the key paths of what our own pages show in the place of secrets: it must never reach a device."""
    if value == REDACTED:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _placeholders(item, f"{path}.{key}" if path else str(key))


def _schema_errors(
    request_type: str, payload: dict, filled: tuple[str, ...], own_paths: tuple[str, ...], allows_unknown: bool
) -> dict[str, str]:
    try:
        entry = catalogue.command(request_type)
    except UnknownEntry:
        return _unknown(request_type, allows_unknown)
    if entry.type != request_type:
        return {"request_type": f"the RequestType is {entry.type}"}
    fields = {}
    for problem in catalogue.validate(entry, payload):
        is_unknown = problem.code == UNKNOWN_KEY
        if not (problem.is_error or (is_unknown and not allows_unknown)):
            continue
        if is_unknown and problem.key_path in own_paths:
            continue
        if problem.code == "required" and problem.path[0] in filled:
            continue
        fields[f"payload.{problem.key_path}"] = _NOT_IN_SCHEMA if is_unknown else problem.message
    return fields


def _unknown(request_type: str, allows_unknown: bool) -> dict[str, str]:
    """Say why a RequestType that Apple's schema does not have is not sent.

    One that differs from one of Apple's in its case only is never sent: nothing destructive goes by another name.
    """
    known = {entry.type.lower(): entry.type for entry in catalogue.commands()}
    meant = known.get(request_type.lower())
    if meant:
        return {"request_type": f"the RequestType is {meant}"}
    if allows_unknown:
        return {}
    near = get_close_matches(request_type.lower(), known, n=1, cutoff=SIMILAR)
    hint = f" (did you mean {known[near[0]]}?)" if near else ""
    return {"request_type": f"is not a command of Apple's schema{hint}; allow unknown ones to send it all the same"}


def check_command_uuid(command_uuid: str) -> None:
    if not COMMAND_UUID.match(command_uuid):
        raise InvalidCommand(
            "the CommandUUID cannot be used", fields={"command_uuid": "1 to 127 visible characters, no spaces"}
        )


def render_command(command_uuid: str, request_type: str, payload: dict) -> bytes:
    """Return the plist that is sent to the device."""
    return dumps({"CommandUUID": command_uuid, "Command": {"RequestType": request_type, **payload}})
