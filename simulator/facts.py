"""What Apple's schema says of every command: where it exists, what it needs, which keys it has.

Owns reading command_facts.json (written by make_facts) and judging a command's content by it. What a device does about
a bad one is in simulator.answers. Apple: github.com/apple/device-management, mdm/commands
"""

import json
from datetime import datetime
from functools import cache
from pathlib import Path

from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, VISION

FILE = Path(__file__).with_name("command_facts.json")
SYSTEMS = {IPHONE: "iOS", IPAD: "iOS", MAC: "macOS", APPLE_TV: "tvOS", VISION: "visionOS"}
RIGHTS = {
    "AllowInspection": 1,
    "AllowInstallationRemoval": 2,
    "AllowPasscodeRemovalAndLock": 4,
    "DeviceLockAndRemovePasscode": 4,
    "AllowDeviceErase": 8,
    "AllowQueryDeviceInformation": 16,
    "AllowQueryNetworkInformation": 32,
    "AllowProvisioningInspection": 64,
    "AllowProvisioningInstallationRemoval": 128,
    "AllowQueryApplications": 256,
    "QueryInstalledApps": 256,
    "AllowQueryRestrictions": 512,
    "AllowQuerySecurity": 1024,
    "AllowSettings": 2048,
    "AllowAppInstallation": 4096,
}
PYTHON_TYPES = {
    "string": str,
    "integer": int,
    "real": (int, float),
    "boolean": bool,
    "data": bytes,
    "date": datetime,
    "array": list,
    "dictionary": dict,
    "any": object,
}
ANY = "ANY"
MISSING, UNKNOWN = " is missing", " is unknown"  # how such problems end


@cache
def commands() -> dict[str, dict]:
    """Return the facts of every command by RequestType: {"os": by system, "keys": list, "answer": list of keys}."""
    return json.loads(FILE.read_text())


def on_platform(request_type: str, platform: str) -> dict | None:
    """Return what is said of a command on a platform; None where it does not exist."""
    return commands().get(request_type, {}).get("os", {}).get(SYSTEMS[platform])


def right_of(said: dict) -> int:
    """Return the access right a command needs, 0 for none."""
    return RIGHTS.get(said.get("right"), 0)


def version_of(text: str) -> tuple[int, ...]:
    """Return a version to compare; Apple's "26.0" and "26" are equal."""
    numbers = [int(part) for part in text.split(".") if part.isdigit()]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def exists_in(said: dict, os_version: str) -> bool:
    """Tell whether a version of the system has what is said here."""
    version = version_of(os_version)
    if said.get("introduced") and version < version_of(said["introduced"]):
        return False
    return not (said.get("removed") and version >= version_of(said["removed"]))


def problems(keys: list[dict], content: dict, platform: str, os_version: str, place: str = "") -> list[str]:
    """Return what is wrong with a dictionary by its keys: missing, of a wrong type, not allowed, unknown."""
    found = []
    by_name = {key["name"]: key for key in keys}
    takes_any = any(name.startswith(ANY) for name in by_name)
    for name, key in by_name.items():
        if name in content:
            found += _value_problems(key, content[name], platform, os_version, place + name)
        elif key.get("required") and not name.startswith(ANY) and _exists(key, platform, os_version):
            found.append(f"{place}{name}{MISSING}")
    if not takes_any:
        found += [f"{place}{name}{UNKNOWN}" for name in content if name not in by_name and name != "RequestType"]
    return found


def _exists(key: dict, platform: str, os_version: str) -> bool:
    said = key.get("os", {}).get(SYSTEMS[platform], {})
    return said is not None and exists_in(said, os_version)


def _value_problems(key: dict, value, platform: str, os_version: str, place: str) -> list[str]:
    kind = PYTHON_TYPES[key["type"]]
    if not isinstance(value, kind) or (isinstance(value, bool) and key["type"] in ("integer", "real")):
        return [f"{place} is no {key['type']}"]
    if _is_forbidden(key, value):
        return [f"{place} has a value that is not allowed"]
    if key["type"] == "dictionary" and key.get("keys"):
        return problems(key["keys"], value, platform, os_version, f"{place}.")
    if key["type"] == "array" and len(key.get("keys", ())) == 1:
        (item,) = key["keys"]
        return [
            problem
            for index, one in enumerate(value)
            for problem in _value_problems(item, one, platform, os_version, f"{place}.{index}")
        ]
    return []


def _is_forbidden(key: dict, value) -> bool:
    if "allowed" not in key and "range" not in key:
        return False
    if value in key.get("allowed", ()):
        return False
    low, high = key.get("range", (None, None))
    if "range" not in key:
        return True
    return (low is not None and value < low) or (high is not None and value > high)


@cache
def private_queries() -> frozenset[str]:
    """Return what DeviceInformation does not tell under a user enrollment."""
    queries = next(key for key in commands()["DeviceInformation"]["keys"] if key["name"] == "Queries")
    return frozenset(queries["keys"][0]["private"])


def answer_problems(request_type: str, report: dict, platform: str, os_version: str) -> list[str]:
    """Return what is wrong with an Acknowledged report; keys that every report has are not looked at."""
    found = problems(commands()[request_type]["answer"], report, platform, os_version)
    return [problem for problem in found if not problem.endswith(UNKNOWN)]


def setting(name: str) -> dict | None:
    """Return the key of one item of the Settings command, found by what its Item holds."""
    (settings,) = commands()["Settings"]["keys"]
    for variant in settings["keys"]:
        item = next((key for key in variant["keys"] if key["name"] == "Item"), {})
        if name in item.get("allowed", ()) or name == variant["name"]:
            return variant
    return None
