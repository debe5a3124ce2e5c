"""Apps: what is installed, what is managed, installing and removing.

Owns the pretend App Store behaviour: ids the store knows install at once, others fail as on a device.
Apple: InstalledApplicationListCommand, InstallApplicationCommand, ManagedApplicationListCommand.
"""

from typing import TYPE_CHECKING

from simulator import apps
from simulator.answers import Malformed, command
from simulator.chains import MDM, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

REMOVED_WITH_ENROLLMENT = 1


@command("InstalledApplicationList", may_defer=False)
def installed_application_list(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    wanted, items = content.get("Identifiers"), content.get("Items")
    entries = []
    for identifier, app in device.state.apps.items():
        if content.get("ManagedAppsOnly") and identifier not in device.state.managed_apps:
            continue
        if wanted and identifier not in wanted:
            continue
        entry = _entry(device, identifier, app)
        entries.append({key: value for key, value in entry.items() if not items or key in items or key == "Identifier"})
    return {"InstalledApplicationList": entries}


def _entry(device: "PretendDevice", identifier: str, app: dict) -> dict:
    entry = {
        "Identifier": identifier,
        "Name": app["name"],
        "ShortVersion": app["version"],
        "Version": app["version"],
        "BundleSize": app["size_bytes"],
        "Installing": False,
    }
    if app["store_id"]:
        entry |= {"HasUpdateAvailable": False, "ExternalVersionIdentifier": 800_000_000 + app["store_id"] % 1_000_000}
    if device.state.hardware.is_mac:
        return entry
    return entry | {
        "DynamicSize": app["size_bytes"] // 50,
        "AppStoreVendable": bool(app["store_id"]),
        "AdHocCodeSigned": False,
        "BetaApp": False,
        "DeviceBasedVPP": identifier in device.state.managed_apps,
        "IsValidated": True,
    }


@command("ManagedApplicationList")
def managed_application_list(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    wanted = content.get("Identifiers")
    managed = device.state.managed_apps
    return {
        "ManagedApplicationList": {name: dict(app) for name, app in managed.items() if not wanted or name in wanted}
    }


@command("InstallApplication")
def install_application(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    store_id, manifest_url = content.get("iTunesStoreID"), content.get("ManifestURL")
    if isinstance(store_id, int):
        found = apps.find_in_store(store_id)
        if found is None:
            raise refuse(MDM, 12023, f"The iTunes Store ID “{store_id}” could not be validated.")
        identifier, app = found
    elif isinstance(content.get("Identifier"), str):
        identifier = content["Identifier"]
        app = device.state.apps.get(identifier)
        if app is None:
            raise refuse(MDM, 12023, f"The app “{identifier}” could not be found.")
    elif isinstance(manifest_url, str):
        raise refuse(MDM, 12024, "The app manifest could not be validated.")
    else:
        raise Malformed
    return _install(device, identifier, app, content)


def _install(device: "PretendDevice", identifier: str, app: dict, content: dict) -> dict:
    was_managed = identifier in device.state.managed_apps
    device.state.apps[identifier] = app
    for name in ("Configuration", "Attributes"):
        if name in content:
            device.state.settings.setdefault(f"Application{name}", {})[identifier] = content[name]
    device.state.managed_apps[identifier] = {
        "Status": "Managed",
        "ManagementFlags": content.get("ManagementFlags", 0),
        "HasConfiguration": bool(content.get("Configuration")),
        "HasFeedback": False,
        "IsValidated": True,
    }
    return {"Identifier": identifier, "State": "Managed" if was_managed else "Installing"}


@command("InstallEnterpriseApplication")
def install_enterprise_application(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    """Install a package from a manifest given with the command; manifests are not fetched."""
    if "Manifest" not in content:
        if "ManifestURL" not in content:
            raise Malformed("neither Manifest nor ManifestURL is there")
        if not content["ManifestURL"].startswith("https://"):
            raise refuse(MDM, 12034, "The URL of the manifest is not an https URL.")
        return {}
    try:
        item = content["Manifest"]["items"][0]
        metadata, assets = item["metadata"], item["assets"]
        identifier, version = metadata["bundle-identifier"], metadata["bundle-version"]
        title, has_package = metadata.get("title", identifier), any(one["kind"] == "software-package" for one in assets)
    except (KeyError, IndexError, TypeError) as error:
        raise refuse(MDM, 12033, "The app manifest is not valid.") from error
    if not has_package:
        raise refuse(MDM, 12033, "The app manifest names no package.")
    app = apps.make_app(title, version, 1, 0)
    if content.get("InstallAsManaged"):
        _install(device, identifier, app, content)
    device.state.apps[identifier] = app
    return {}


@command("RemoveApplication")
def remove_application(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    identifier = content["Identifier"]
    if identifier not in device.state.managed_apps:
        raise refuse(MDM, 12038, f"The app “{identifier}” is not managed.")
    del device.state.managed_apps[identifier]
    device.state.apps.pop(identifier, None)
    return {}
