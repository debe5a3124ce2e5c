"""Write simulator/command_facts.json and payload_facts.json from a checkout of Apple's device management schema.

`python -m simulator.make_facts SCHEMA_FOLDER`: facts only (names, types, versions), none of Apple's texts. The
simulator reads Apple's schema by itself, so that it does not share the mistakes of the product's catalogue.

Apple: github.com/apple/device-management, mdm/commands and mdm/profiles
"""

import json
import sys
from pathlib import Path

import yaml

from simulator import payloads
from simulator.facts import FILE

SYSTEMS = ("iOS", "macOS", "tvOS", "visionOS")
PLAIN = {
    "introduced": "introduced",
    "removed": "removed",
    "accessrights": "right",
    "supervised": "supervised",
    "devicechannel": "device",
    "userchannel": "user",
    "requiresdep": "ade",
}
# Apple lists what may be asked for as keys below the array's item; which of them exist is answered item by item.
ENVELOPES = ("Configuration", "TopLevel", "CommonPayloadKeys")
OPEN_ARRAYS = {("DeviceInformation", "Queries")}


def main(folder: Path) -> None:
    """Write the facts of every command and every payload in a schema folder."""
    _write_commands(folder)
    _write_payloads(folder)


def _write_payloads(folder: Path) -> None:
    """Write where each payload type exists and what it needs; a type that several files define has one row each."""
    found: dict[str, list] = {}
    for path in sorted((folder / "mdm" / "profiles").glob("*.yaml")):
        content = yaml.safe_load(path.read_text())
        kind = content["payload"]["payloadtype"]
        if kind in ENVELOPES:
            continue
        stated = content["payload"].get("supportedOS")
        row = {"os": None if stated is None else _payload_systems(stated)}
        found.setdefault(kind, []).append(row | {"keys": [key["key"] for key in content.get("payloadkeys", ())]})
    for rows in found.values():
        if len(rows) == 1:
            del rows[0]["keys"]
    lines = (f"{json.dumps(kind)}: {json.dumps(rows, sort_keys=True)}" for kind, rows in sorted(found.items()))
    payloads.FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _payload_systems(stated: dict) -> dict:
    found = _systems(stated)
    for system, facts in found.items():
        if facts is not None and stated[system].get("userapprovedmdm"):
            facts["approved"] = True
        if facts is not None and stated[system].get("userchannel") is False:
            facts["user"] = False
    return found


def _write_commands(folder: Path) -> None:
    commands = {}
    for path in sorted((folder / "mdm" / "commands").glob("*.yaml")):
        content = yaml.safe_load(path.read_text())
        request_type = content["payload"]["requesttype"]
        commands[request_type] = {
            "os": _systems(content["payload"]["supportedOS"]),
            "keys": [_key(key, request_type) for key in content.get("payloadkeys", ())],
            "answer": [_key(key, request_type) for key in content.get("responsekeys", ())],
        }
    lines = (f"{json.dumps(name)}: {json.dumps(facts, sort_keys=True)}" for name, facts in sorted(commands.items()))
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _systems(stated: dict) -> dict:
    found = {}
    for system in SYSTEMS:
        facts = stated.get(system)
        if facts is None:
            continue
        if facts.get("introduced") == "n/a":
            found[system] = None
            continue
        found[system] = {ours: facts[apple] for apple, ours in PLAIN.items() if facts.get(apple) not in (None, False)}
        if facts.get("devicechannel") is False:
            found[system]["device"] = False
        if facts.get("userenrollment", {}).get("mode") == "forbidden":
            found[system]["no_user_enrollment"] = True
        found[system] |= _on_shared_ipad(facts.get("sharedipad", {}))
    return found


def _on_shared_ipad(stated: dict) -> dict:
    """Say what differs on a Shared iPad: required or forbidden there, its channels where Apple tells of them."""
    found = {"shared": stated["mode"]} if stated.get("mode") in ("required", "forbidden") else {}
    channels = {"devicechannel": "shared_device", "userchannel": "shared_user"}
    return found | {ours: stated[apple] for apple, ours in channels.items() if apple in stated}


def _key(key: dict, request_type: str) -> dict:
    facts = {"name": key["key"], "type": key["type"].strip("<>")}
    if key.get("presence") == "required":
        facts["required"] = True
    if "rangelist" in key:
        facts["allowed"] = key["rangelist"]
    if "range" in key:
        facts["range"] = [key["range"].get("min"), key["range"].get("max")]
    if "supportedOS" in key:
        facts["os"] = _systems(key["supportedOS"])
    is_open = (request_type, key["key"]) in OPEN_ARRAYS
    if key.get("subkeys"):
        facts["keys"] = [_item(one) if is_open else _key(one, request_type) for one in key["subkeys"]]
    return facts


def _item(key: dict) -> dict:
    asked = key.get("subkeys", ())
    said = {one["key"]: _systems(one.get("supportedOS", {})).get("iOS") for one in asked}
    private = [name for name, facts in said.items() if facts and facts.get("no_user_enrollment")]
    return {"name": key["key"], "type": key["type"].strip("<>"), "private": private}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
