"""DeviceInformation: the values of a device's own row, and the events that a new system or name makes.

Only the keys that were answered count: what was not asked or not allowed stays as it was.

Apple: developer.apple.com/documentation/devicemanagement/device-information-command
"""

import re

from devices import outbox
from devices.inventory.answers import keep_newest
from devices.inventory.device_columns import write_columns
from devices.inventory.reported import KEY_LENGTH, Columns, Reported, flag, key_text, read_columns, real, share, text
from devices.models import Device, Event
from devices.platforms import is_hardware_model, platform_of, version_parts
from mdm_project.platforms import SYSTEMS

KEY = "QueryResponses"
COLUMNS: Columns = (
    ("SerialNumber", "serial_number", key_text),
    ("DeviceName", "name", text),
    ("ModelName", "model_name", text),
    ("OSVersion", "os_version", text),
    ("SupplementalOSVersionExtra", "supplemental_os_version", text),
    ("BuildVersion", "build_version", text),
    ("IsSupervised", "is_supervised", flag),
    ("WiFiMAC", "wifi_mac", text),
    ("BluetoothMAC", "bluetooth_mac", text),
    ("EthernetMAC", "ethernet_mac", text),
    ("BatteryLevel", "battery_level", share),
    ("DeviceCapacity", "capacity_gb", real),
    ("AvailableDeviceCapacity", "available_gb", real),
    ("IsActivationLockEnabled", "is_activation_lock_enabled", flag),
    ("IsMDMLostModeEnabled", "is_lost_mode_enabled", flag),
    ("SystemIntegrityProtectionEnabled", "is_sip_enabled", flag),
    ("AwaitingConfiguration", "is_awaiting_configuration", flag),
)
HARDWARE: Columns = (
    ("ProductName", "product", key_text),
    ("Model", "model", key_text),
    ("ModelNumber", "number", key_text),
)
CELLULAR: Columns = (("IMEI", "imei", key_text), ("MEID", "meid", key_text), ("PhoneNumber", "phone_number", key_text))
# Of each line of ServiceSubscriptions, and of the keys that were there before it.
SIM_KEYS = ("ICCID", "IMEI", "MEID", "EID", "PhoneNumber")


def store_device_information(reports: list[Reported]) -> None:
    """Write a batch of DeviceInformation answers; those of users' channels are kept but say nothing of the device."""
    readable = [report for report in reports if report.part(KEY, dict) is not None]
    kept = keep_newest("DeviceInformation", _joined(readable), is_merged=True)
    told = {report.device_id: _columns(report) for report in kept if not report.user_key}
    known = _known(told)
    _forget_supplements(told, known)
    write_columns(told)
    Event.objects.bulk_create(_events(told, known))
    _tell_upgrades(told, known)


def _joined(reports: list[Reported]) -> list[tuple[Reported, dict]]:
    """Several answers of one channel may be to different queries: the newest gets what only earlier ones told."""
    joined: dict = {}
    for report in sorted(reports, key=lambda report: report.answered_at):
        earlier = joined.get((report.device_id, report.user_key))
        if earlier:
            report.content[KEY] = earlier.content[KEY] | report.content[KEY]
        joined[report.device_id, report.user_key] = report
    return [(report, report.content[KEY]) for report in joined.values()]


def _columns(report: Reported) -> dict:
    values, problems = report.content[KEY], report.problems
    columns = read_columns(values, COLUMNS, problems)
    columns |= _hardware(read_columns(values, HARDWARE, problems), columns)
    columns |= _cellular(values, problems)
    if not columns.get("serial_number", "-"):
        del columns["serial_number"]
    if "os_version" in columns:
        columns["os_version_parts"] = version_parts(columns["os_version"])
    return columns


def _hardware(told: dict, columns: dict) -> dict:
    """Sort out model, order number and platform: Model is a Mac's hardware model, but an iPhone's order number."""
    model, found = told.get("model", ""), {}
    product = told.get("product") or (model if is_hardware_model(model) else "")
    number = told.get("number") or (model if model != product and not is_hardware_model(model) else "")
    if product:
        found["model"] = product
    if number:
        found["model_number"] = number
    platform = platform_of(product, model, columns.get("model_name", ""))
    return found | ({"platform": platform} if platform else {})


def _cellular(values: dict, problems: list[str]) -> dict:
    """The line that carries data, from ServiceSubscriptions (iOS 12); the older keys where that is missing."""
    told = read_columns(values, CELLULAR, problems)
    lines = values.get("ServiceSubscriptions")
    lines = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    lines.sort(key=lambda line: line.get("IsDataPreferred") is not True)
    for line in lines:
        for column, value in read_columns(line, CELLULAR, problems, "ServiceSubscriptions").items():
            told[column] = told.get(column) or value
    found = {column: _without_blanks(value, column) for column, value in told.items()}
    numbers = _sim_numbers([values, *lines])
    return found | ({"sim_numbers": "\n".join(["", *numbers, ""])} if numbers else {})


def _sim_numbers(lines: list[dict]) -> list[str]:
    """Return what the SIMs can be found by, without blanks; telephone numbers by their digits."""
    told = [(key, line.get(key)) for line in lines for key in SIM_KEYS]
    texts = [(key, value) for key, value in told if isinstance(value, str)]
    numbers = [re.sub(r"\D" if key == "PhoneNumber" else r"\s", "", value)[:KEY_LENGTH] for key, value in texts]
    return list(dict.fromkeys(number.lower().replace("\0", "") for number in numbers if number))


def _without_blanks(value: str, column: str) -> str:
    return value if column == "phone_number" else value.replace(" ", "")


def _known(told: dict[int, dict]) -> dict[int, dict]:
    columns = ("id", "name", "platform", "os_version", "supplemental_os_version", "build_version")
    return {row["id"]: row for row in Device.objects.filter(id__in=told).order_by("id").values(*columns)}


def _forget_supplements(told: dict[int, dict], known: dict[int, dict]) -> None:
    """A rapid security response belongs to its version: after an update the key is absent, not empty."""
    for device_id, columns in told.items():
        is_updated = "os_version" in columns and columns["os_version"] != known[device_id]["os_version"]
        if is_updated:
            columns.setdefault("supplemental_os_version", "")


def _events(told: dict[int, dict], known: dict[int, dict]) -> list[Event]:
    events = []
    for device_id, columns in told.items():
        before, after = known[device_id], known[device_id] | columns
        if before["os_version"] and _system(before) != _system(after):
            events.append(_event(device_id, "os_changed", _system(before), _system(after), _os_name(after)))
        if before["name"] and before["name"] != after["name"]:
            events.append(_event(device_id, "device_renamed", before["name"], after["name"], "Name"))
    return events


def _tell_upgrades(told: dict[int, dict], known: dict[int, dict]) -> None:
    """Tell other apps, in one row, which devices changed to another version of their OS."""
    upgrades = [
        {"device_id": device_id, "from_version": known[device_id]["os_version"], "to_version": columns["os_version"]}
        for device_id, columns in told.items()
        if columns.get("os_version") and known[device_id]["os_version"] not in ("", columns["os_version"])
    ]
    if upgrades:
        outbox.post("os_changed", {"devices": upgrades})


def _system(row: dict) -> str:
    parts = (row["os_version"], row["supplemental_os_version"], row["build_version"] and f"({row['build_version']})")
    return " ".join(part for part in parts if part)


def _os_name(row: dict) -> str:
    return SYSTEMS.get(row["platform"], "System")


def _event(device_id: int, kind: str, before: str, after: str, what: str) -> Event:
    summary = f"{what} changed from {before} to {after}"
    return Event(device_id=device_id, kind=kind, actor="device", summary=summary, data={"from": before, "to": after})
