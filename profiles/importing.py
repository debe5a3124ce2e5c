"""Importing .mobileconfig files: signed or not, XML or binary, in whatever encoding they come.

Owns reading the file (profiles.unwrapping), judging whether it is a profile, and what is repaired with a warning.
Nothing that was set is lost: with its identifiers kept, an imported profile is downloaded as an equal plist. Without,
it gets identifiers and UUIDs of its own, and references between its payloads follow.

Apple: developer.apple.com/documentation/devicemanagement/toplevel
"""

from devices.timeline import Actor
from mdm_project import plist
from profiles import catalogue, variables
from profiles.composing import store_new
from profiles.content import CONFIGURATION, dotted, new_identifier, payloads_of
from profiles.errors import NotAProfile, ProfileEncrypted
from profiles.models import Profile
from profiles.models.profile import new_uuid
from profiles.unwrapping import unwrap


def import_profile(data: bytes, *, keep_identifiers: bool, actor: Actor) -> tuple[Profile, list[str]]:
    """Make a profile of a file and return it with warnings: what was repaired, and what may surprise.

    Raises NotAProfile, UnreadablePlist, SignatureInvalid, ProfileEncrypted, and IdentifierTaken with kept identifiers.
    """
    values, warnings = read_profile(data)
    content = plist.to_json(values if keep_identifiers else _with_new_identity(values))
    warnings += _about_variables(content)
    profile = store_new(content, actor=actor, kind="profile_imported", said="imported")
    return profile, warnings


def read_profile(data: bytes) -> tuple[dict, list[str]]:
    """Return the profile in a file as plist values, complete, and the warnings; nothing is stored."""
    values, warnings = unwrap(data)
    _refuse_others(values)
    warnings += _complete_envelope(values)
    for index, payload in enumerate(payloads_of(values)):
        warnings += _complete_payload(payload, f"PayloadContent.{index}", values["PayloadIdentifier"])
    return values, warnings + _equal_uuids(values)


# Judging


def _refuse_others(values) -> None:
    """Raise for what is no configuration profile."""
    if not isinstance(values, dict):
        raise NotAProfile("The property list is no dictionary, as a profile would be.")
    if "EncryptedPayloadContent" in values or values.get("IsEncrypted") is True:
        raise ProfileEncrypted("The profile is encrypted for one device; import the original it was made from.")
    kind = values.get("PayloadType")
    if kind is not None and kind != CONFIGURATION:
        raise _not("PayloadType", f"is {_shown(kind)} where a profile has {CONFIGURATION}")
    if kind is None and "PayloadContent" not in values:
        raise _not("PayloadType", "is missing, and there is no PayloadContent either")
    payloads = values.get("PayloadContent", [])
    if not isinstance(payloads, list):
        raise _not("PayloadContent", "must be an array of payloads")
    for index, payload in enumerate(payloads):
        _refuse_other_payload(payload, f"PayloadContent.{index}")
    for key in ("PayloadIdentifier", "PayloadUUID"):
        if not isinstance(values.get(key, ""), str):
            raise _not(key, "must be a string")


def _refuse_other_payload(payload, path: str) -> None:
    if not isinstance(payload, dict):
        raise _not(path, "must be a dictionary")
    if not isinstance(payload.get("PayloadType"), str) or not payload["PayloadType"]:
        raise _not(f"{path}.PayloadType", "is missing or no string")
    for key in ("PayloadIdentifier", "PayloadUUID"):
        if not isinstance(payload.get(key, ""), str):
            raise _not(f"{path}.{key}", "must be a string")


def _not(path: str, message: str) -> NotAProfile:
    return NotAProfile(f"This is no configuration profile: {path} {message}.", fields={path: message})


def _shown(value) -> str:
    return value[:100] if isinstance(value, str) else f"a {type(value).__name__}"


# Repairing


def _complete_envelope(values: dict) -> list[str]:
    warnings = []
    if "PayloadType" not in values:
        values["PayloadType"] = CONFIGURATION
        warnings.append(f"PayloadType was missing; it is {CONFIGURATION} now.")
    if not values.get("PayloadIdentifier"):
        values["PayloadIdentifier"] = new_identifier()
        warnings.append("PayloadIdentifier was missing; the profile has a new one.")
    if not values.get("PayloadUUID"):
        values["PayloadUUID"] = new_uuid()
        warnings.append("PayloadUUID was missing; the profile has a new one.")
    warnings += _version(values, "PayloadVersion")
    if not values.get("PayloadContent"):
        warnings.append("The profile has no payloads.")
    return warnings


def _complete_payload(payload: dict, path: str, identifier: str) -> list[str]:
    warnings = []
    if not payload.get("PayloadUUID"):
        payload["PayloadUUID"] = new_uuid()
        warnings.append(f"{path}.PayloadUUID was missing in {_label(payload)}; the payload has a new one.")
    if not payload.get("PayloadIdentifier"):
        payload["PayloadIdentifier"] = f"{identifier}.{payload['PayloadUUID']}"
        warnings.append(f"{path}.PayloadIdentifier was missing in {_label(payload)}; the payload has a new one.")
    return warnings + _version(payload, f"{path}.PayloadVersion")


def _label(payload: dict) -> str:
    """Return what people call a payload: its kind, and its own name where it has one that says more."""
    entry = catalogue.payload_for(payload["PayloadType"], payload)
    kind, name = entry.label if entry else payload["PayloadType"], payload.get("PayloadDisplayName")
    return f"{kind} “{name}”" if isinstance(name, str) and name and name != kind else kind


def _version(values: dict, path: str) -> list[str]:
    """Tell of an odd version, and leave it: devices install such profiles all the same."""
    if "PayloadVersion" not in values:
        return [f"{path} is missing; Apple asks for 1."]
    version = values["PayloadVersion"]
    return [] if version == 1 else [f"{path} is {version}; Apple knows 1 only."]


def _equal_uuids(values: dict) -> list[str]:
    first: dict[str, int] = {}
    warnings = []
    for index, payload in enumerate(payloads_of(values)):
        earlier = first.setdefault(payload["PayloadUUID"].upper(), index)
        if earlier != index:
            first_of_two = payloads_of(values)[earlier]
            same = f"PayloadContent.{index}.PayloadUUID ({_label(payload)}) is that of PayloadContent.{earlier}"
            said = f"{same} ({_label(first_of_two)}) too; devices may take the two payloads for one."
            warnings.append(said)
    return warnings


def _about_variables(content: dict) -> list[str]:
    """Tell which texts will not be sent as they stand, and which only look so."""
    known = variables.known_names()
    found = variables.uses(content)
    warnings = [f"{use.key_path} uses the variable ${use.name}." for use in found if use.name in known]
    unknown = [use for use in found if use.name not in known]
    warnings += [f"{use.key_path}: ${use.name} is no variable and is sent as it is." for use in unknown]
    return warnings + [f"{dotted(path)}: two dollars are sent as one." for path in variables.escapes(content)]


# A new identity


def _with_new_identity(values: dict) -> dict:
    """Return the profile under identifiers and UUIDs of its own; texts that are an old PayloadUUID follow."""
    identifier = new_identifier()
    renamed = {payload["PayloadUUID"].upper(): new_uuid() for payload in payloads_of(values)}
    taken: set[str] = set()
    payloads = []
    for payload in payloads_of(values):
        uuid = renamed[payload["PayloadUUID"].upper()]
        # Of two payloads with one UUID, references mean the first.
        uuid = new_uuid() if uuid in taken else uuid
        taken.add(uuid)
        identity = {"PayloadUUID": uuid, "PayloadIdentifier": f"{identifier}.{uuid}"}
        payloads.append(_following(payload, renamed) | identity)
    identity = {"PayloadIdentifier": identifier, "PayloadUUID": new_uuid()}
    top = {key: value for key, value in values.items() if key != "PayloadContent"}
    content = _following(top, renamed) | identity
    return content | {"PayloadContent": payloads} if "PayloadContent" in values else content


def _following(value, renamed: dict[str, str]):
    if isinstance(value, str):
        return renamed.get(value.upper(), value)
    if isinstance(value, dict):
        return {key: _following(item, renamed) for key, item in value.items()}
    if isinstance(value, list):
        return [_following(item, renamed) for item in value]
    return value
