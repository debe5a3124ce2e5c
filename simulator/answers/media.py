"""Books, redemption codes, invitations and what apps are configured with.

Owns the managed books; apps are in applications. Apple: InstallMediaCommand, ManagedMediaListCommand,
InviteToProgramCommand, ApplyRedemptionCodeCommand, ManagedApplicationConfigurationCommand and others.
"""

from typing import TYPE_CHECKING

from simulator.answers import Malformed, command
from simulator.chains import MDM, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

BOOK_KEYS = ("iTunesStoreID", "PersistentID", "Kind", "Version", "Author", "Title")


@command("InstallMedia")
def install_media(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if "MediaURL" in content:
        if not content["MediaURL"].startswith("https://"):
            raise refuse(MDM, 12034, "The URL of the book is not an https URL.")
        if "PersistentID" not in content:
            raise Malformed("MediaURL needs a PersistentID")
    elif "iTunesStoreID" not in content:
        raise Malformed("neither iTunesStoreID nor MediaURL is there")
    book = {key: content[key] for key in BOOK_KEYS if key in content}
    name = content.get("PersistentID") or str(content["iTunesStoreID"])
    device.state.books[name] = book | {"State": "Managed"}
    told = ("iTunesStoreID", "MediaURL", "PersistentID", "MediaType")
    return {key: content[key] for key in told if key in content} | {"State": "Installing"}


@command("ManagedMediaList")
def managed_media_list(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    return {"Books": list(device.state.books.values())}


@command("RemoveMedia")
def remove_media(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    name = content.get("PersistentID") or content.get("iTunesStoreID")
    if name is None:
        raise Malformed("neither PersistentID nor iTunesStoreID is there")
    if device.state.books.pop(name, None) is None:
        raise refuse(MDM, 12046, f"The book “{name}” is not managed.")
    return {}


@command("InviteToProgram")
def invite_to_program(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if not content["InvitationURL"].startswith("https://"):
        return {"InvitationResult": "InvalidInvitationURL"}
    return {"InvitationResult": "Acknowledged"}


@command("ApplyRedemptionCode")
def apply_redemption_code(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if content["Identifier"] not in device.state.managed_apps:
        raise refuse(MDM, 12028, f"The app “{content['Identifier']}” is not waiting for a redemption code.")
    return {}


def _kept(device: "PretendDevice", content: dict, setting: str) -> dict[str, object]:
    """Return what a setting holds for the managed apps among those asked for."""
    kept = device.state.settings.get(setting, {})
    return {name: kept[name] for name in content["Identifiers"] if name in kept and name in device.state.managed_apps}


@command("ManagedApplicationConfiguration")
def managed_application_configuration(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    kept = _kept(device, content, "ApplicationConfiguration")
    return {"ApplicationConfigurations": [{"Identifier": name, "Configuration": it} for name, it in kept.items()]}


@command("ManagedApplicationAttributes")
def managed_application_attributes(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    kept = _kept(device, content, "ApplicationAttributes")
    return {"ApplicationAttributes": [{"Identifier": name, "Attributes": it} for name, it in kept.items()]}


@command("ManagedApplicationFeedback")
def managed_application_feedback(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    kept = _kept(device, content, "ApplicationFeedback")
    if content.get("DeleteFeedback"):
        for name in kept:
            del device.state.settings["ApplicationFeedback"][name]
    return {"ManagedApplicationFeedback": [{"Identifier": name, "Feedback": it} for name, it in kept.items()]}


@command("ValidateApplications")
def validate_applications(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    for name in content.get("Identifiers", list(device.state.managed_apps)):
        if name in device.state.managed_apps:
            device.state.managed_apps[name]["IsValidated"] = True
    return {}
