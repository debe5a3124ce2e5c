"""OS updates by command: what is available, scheduling, status.

Owns a pretend update that downloads and installs over a few looks. Apple: AvailableOSUpdatesCommand,
ScheduleOSUpdateCommand, OSUpdateStatusCommand.
"""

from typing import TYPE_CHECKING

from simulator.answers import Malformed, command
from simulator.catalog import RELEASES
from simulator.chains import link
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

PROGRESS = ((0.0, "Idle"), (0.45, "Downloading"), (1.0, "Installing"))
NO_UPDATE = (
    link("DeviceManagement.error", 2213, "No update available."),
    link("com.apple.softwareupdateservices.errors", 3, "The operation couldn’t be completed."),
)
OS_NAMES = {"iPhone": "iOS", "iPad": "iPadOS", "Apple TV": "tvOS", "Mac": "macOS"}


def _is_newer(version: str, than: str) -> bool:
    return tuple(map(int, version.split("."))) > tuple(map(int, than.split(".")))


def newest(device: "PretendDevice") -> tuple[str, str] | None:
    """Return version and build of the update this device would take; None when it is up to date."""
    version, build = RELEASES[device.state.hardware.platform][-1]
    return (version, build) if _is_newer(version, device.state.os_version) else None


def _product_key(device: "PretendDevice", version: str, build: str) -> str:
    return f"_MACOS_{version}_{build}" if device.state.hardware.is_mac else f"iOSUpdate{build}"


@command("AvailableOSUpdates")
def available_os_updates(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    update = newest(device)
    if update is None:
        return {"AvailableOSUpdates": []}
    version, build = update
    name = OS_NAMES[device.state.hardware.platform]
    entry = {
        "ProductKey": _product_key(device, version, build),
        "HumanReadableName": f"{name} {version}",
        "Version": version,
        "Build": build,
        "IsCritical": False,
        "IsSecurityResponse": False,
        "RestartRequired": True,
        "AllowsInstallLater": True,
        "DownloadSize": 3_251_607_570,
        "InstallSize": 8_809_842_176,
        "SupplementalBuildVersion": build,
    }
    if device.state.hardware.is_mac:
        extra = {"IsConfigDataUpdate": False, "IsFirmwareUpdate": False, "IsMajorOSUpdate": _is_major(device, version)}
        entry |= extra | {"AppIdentifiersToClose": [], "HumanReadableNameLocale": "en"}
    else:
        entry |= {"ProductName": name}
    return {"AvailableOSUpdates": [entry]}


def _is_major(device: "PretendDevice", version: str) -> bool:
    return version.split(".")[0] != device.state.os_version.split(".")[0]


@command("ScheduleOSUpdateScan")
def schedule_os_update_scan(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    return {"ScanInitiated": True}


@command("ScheduleOSUpdate")
def schedule_os_update(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if not all(
        isinstance(update, dict) and isinstance(update.get("InstallAction"), str) for update in content["Updates"]
    ):
        raise Malformed
    results = (_schedule(device, update) for update in content["Updates"])
    return {"UpdateResults": [result for result in results if result]}


def _schedule(device: "PretendDevice", update: dict) -> dict:
    """Schedule one update, or say that there is none of that name; nothing is said where none was named."""
    available = newest(device)
    key = _product_key(device, *available) if available else ""
    named = {name: update[name] for name in ("ProductKey", "ProductVersion") if name in update}
    known = {"ProductKey": key, "ProductVersion": available[0]} if available else {}
    if any(known.get(name) != value for name, value in named.items()):
        asked = update.get("ProductKey") or update["ProductVersion"]
        return {"ProductKey": asked, "InstallAction": "Error", "Status": "Idle", "ErrorChain": list(NO_UPDATE)}
    if available is None:
        return {}
    device.state.settings["Update"] = {"ProductKey": key, "Step": 0, "Version": available[0], "Build": available[1]}
    action = "InstallASAP" if update["InstallAction"] == "Default" else update["InstallAction"]
    return {"ProductKey": key, "InstallAction": action, "Status": "Downloading"}


@command("OSUpdateStatus")
def os_update_status(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    update = device.state.settings.get("Update")
    if update is None:
        return {"OSUpdateStatus": []}
    if update["Step"] >= len(PROGRESS):
        device.state.os_version, device.state.build_version = update["Version"], update["Build"]
        del device.state.settings["Update"]
        return {"OSUpdateStatus": []}
    percent, status = PROGRESS[update["Step"]]
    update["Step"] += 1
    entry = {
        "ProductKey": update["ProductKey"],
        "DownloadPercentComplete": percent,
        "IsDownloaded": percent == 1.0,
        "Status": status,
    }
    return {"OSUpdateStatus": [entry]}
