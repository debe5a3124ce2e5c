"""Provisioning profiles: installed, listed, removed.

Apple: InstallProvisioningProfileCommand, ProvisioningProfileListCommand, RemoveProvisioningProfileCommand.
"""

from typing import TYPE_CHECKING

from simulator import cms, plists
from simulator.answers import command
from simulator.chains import MDM, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice


@command("InstallProvisioningProfile")
def install_provisioning_profile(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    """Take a signed property list with Name, UUID and, mostly, ExpirationDate."""
    try:
        found = plists.read_dictionary(cms.open_signed(content["ProvisioningProfile"]).content)
    except (cms.CmsError, plists.PlistError) as error:
        raise refuse("MCProvisioningErrorDomain", 25000, f"The provisioning profile is malformed: {error}") from error
    if not isinstance(found.get("UUID"), str) or not isinstance(found.get("Name"), str):
        raise refuse("MCProvisioningErrorDomain", 25000, "The provisioning profile has no UUID or no Name.")
    entry = {"Name": found["Name"], "UUID": found["UUID"]}
    if "ExpirationDate" in found:
        entry["ExpiryDate"] = found["ExpirationDate"]
    device.state.provisioning_profiles[found["UUID"]] = entry
    return {}


@command("ProvisioningProfileList", may_defer=False)
def provisioning_profile_list(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    return {"ProvisioningProfileList": list(device.state.provisioning_profiles.values())}


@command("RemoveProvisioningProfile")
def remove_provisioning_profile(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if device.state.provisioning_profiles.pop(content["UUID"], None) is None:
        raise refuse(MDM, 12014, f"The provisioning profile “{content['UUID']}” is not managed.")
    return {}
