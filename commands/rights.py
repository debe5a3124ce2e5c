"""AccessRights of an enrollment: the bit of the MDM payload that a command or a setting needs, and words for it.

Apple: developer.apple.com/documentation/devicemanagement/mdm
"""

from collections.abc import Mapping

from profiles.catalogue import Target
from profiles.catalogue.support import Support

# By the names that Apple's schema gives to what commands need.
ACCESS_RIGHTS = {
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
_WORDS = {
    1: "inspect profiles", 2: "install and remove profiles", 4: "lock the device and remove its passcode",
    8: "erase the device", 16: "ask for device information", 32: "ask for network information",
    64: "inspect provisioning profiles", 128: "install provisioning profiles", 256: "list apps",
    512: "ask for restrictions", 1024: "ask for security information", 2048: "change settings", 4096: "manage apps",
}  # fmt: skip


def missing_right(supports: Mapping[str, Support], target: Target, access_rights: int) -> str:
    """Say which right something needs on a target that the enrollment did not grant, or nothing."""
    support = supports.get(target.system)
    needed = ACCESS_RIGHTS.get(support.access_rights, 0) if support else 0
    if not needed or access_rights & needed:
        return ""
    return f"its enrollment profile did not grant the right to {_WORDS[needed]}"
