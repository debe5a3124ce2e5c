"""InstallProfile: what is sent must be a profile, since the device says no more than "invalid" about anything else.

Apple: developer.apple.com/documentation/devicemanagement/install-profile-command
"""

from commands.meanings import Meaning, meaning
from devices.own_profiles import ENROLLMENT_PREFIX
from mdm_project.errors import BadRequest
from profiles.errors import ProfileEncrypted
from profiles.unwrapping import unwrap


@meaning("InstallProfile")
class InstallProfile(Meaning):
    def check(self, payload):
        problem = _problem(payload["Payload"]) if "Payload" in payload else ""
        return {"Payload": problem} if problem else {}


def _problem(content: bytes) -> str:
    """Say why no device could read this as a profile, or nothing. One encrypted for a device is not ours to read."""
    try:
        values, _ = unwrap(content)
    except ProfileEncrypted:
        return ""
    except BadRequest as error:
        return f"is not a configuration profile: {error.detail}"
    if isinstance(values, dict) and values.get("IsEncrypted") is True:
        return ""
    if not isinstance(values, dict) or values.get("PayloadType") != "Configuration":
        return "is not a configuration profile: its PayloadType is not Configuration"
    if not isinstance(values.get("PayloadIdentifier"), str) or not values["PayloadIdentifier"]:
        return "is a profile without PayloadIdentifier, which no device installs"
    return _problem_of_management(values)


def _problem_of_management(values: dict) -> str:
    """An enrollment profile can cut its access rights for good, or hand the device to somebody else."""
    payloads = values.get("PayloadContent")
    types = (
        [each.get("PayloadType") for each in payloads if isinstance(each, dict)] if isinstance(payloads, list) else []
    )
    if "com.apple.mdm" in types:
        return "is an enrollment profile: only renewing the identity of a device sends one"
    if values["PayloadIdentifier"].casefold().startswith(ENROLLMENT_PREFIX):
        return "goes by the identifier of an enrollment profile, which it would replace"
    return ""
