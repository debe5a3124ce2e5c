"""The Settings command, answered item by item.

Owns which items a device takes and where they go. Apple: SettingsCommand.
"""

from typing import TYPE_CHECKING

from simulator import facts
from simulator.answers import Malformed, command
from simulator.chains import MDM, Refused, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

ON_SHARED_IPADS = ("MaximumResidentUsers", "SharedDeviceConfiguration", "PasscodeLockGracePeriod")


@command("Settings")
def settings(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    items = content["Settings"]
    if not all(isinstance(item, dict) and isinstance(item.get("Item"), str) for item in items):
        raise Malformed("an item of Settings has no Item")
    return {"Settings": [_apply(device, item) for item in items]}


def _apply(device: "PretendDevice", item: dict) -> dict:
    result = {"Item": item["Item"]}
    if isinstance(item.get("Identifier"), str):
        result["Identifier"] = item["Identifier"]
    try:
        _check_setting(device, item)
        _store_setting(device, item)
    except Refused as refused:
        return result | {"Status": "Error", "ErrorChain": refused.chain}
    return result | {"Status": "Acknowledged"}


def _check_setting(device: "PretendDevice", item: dict) -> None:
    name, state = item["Item"], device.state
    platform = state.hardware.platform
    known = facts.setting(name)
    said = known and known.get("os", {}).get(facts.SYSTEMS[platform], {})
    lacks_users = name in ON_SHARED_IPADS and not state.is_shared
    if said is None or not facts.exists_in(said, state.os_version) or lacks_users:
        raise refuse(MDM, 12008, f"The setting “{name}” is not supported.")
    if said.get("supervised") and not state.is_supervised:
        raise refuse(MDM, 12080, "The device must be supervised.")
    wrong = facts.problems(known["keys"], item, platform, state.os_version)
    wrong = [problem for problem in wrong if not problem.endswith(facts.UNKNOWN)]
    if wrong:
        device.note(f"Settings.{name} is malformed: {'; '.join(wrong)}")
        raise refuse(MDM, 12008, f"The request is malformed: {wrong[0]}")


def _store_setting(device: "PretendDevice", item: dict) -> None:
    name = item["Item"]
    if name == "DeviceName":
        if not item["DeviceName"]:
            raise refuse(MDM, 12008, "The request is malformed: the name is empty.")
        device.state.name = item["DeviceName"]
        return
    values = {key: value for key, value in item.items() if key not in ("Item", "Identifier")}
    kept = next(iter(values.values())) if len(values) == 1 else values
    if "Identifier" in item:
        device.state.settings.setdefault(name, {})[item["Identifier"]] = kept
    else:
        device.state.settings[name] = kept
