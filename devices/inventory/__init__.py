"""What answers to inventory questions mean: columns of Device and rows that can be searched, written in sets.

One module for each kind of answer (kept: for those without columns or rows of their own); each takes a batch
(``Reported``) and writes it with a number of statements that does not depend on its size. Values have the type that
Apple's schema declares when they come here (commands.results); one that cannot be used all the same is left out and
named in ``problems``; the rest counts. An answer that is older than what is known changes nothing. Asking the questions
belongs to commands.schedule, reading reports to commands.results.

The caller runs a batch in a transaction in which it has locked the devices, in the order of their ids
(``lock_devices``).

Apple: developer.apple.com/documentation/devicemanagement/commands-and-queries
"""

from devices.inventory.applications import store_applications
from devices.inventory.certificates import store_certificates
from devices.inventory.device_columns import lock_devices
from devices.inventory.information import store_device_information
from devices.inventory.installed_profiles import store_profiles
from devices.inventory.kept import KEPT, MANAGED, NOT_KEPT, store_managed_applications, store_of
from devices.inventory.reported import Reported
from devices.inventory.security import store_security_info
from devices.inventory.updates import store_available_updates, store_update_status

__all__ = ["FILTERS", "KEPT", "NOT_KEPT", "STORES", "Reported", "lock_devices"]

STORES = {
    "DeviceInformation": store_device_information,
    "SecurityInfo": store_security_info,
    "InstalledApplicationList": store_applications,
    "ProfileList": store_profiles,
    "CertificateList": store_certificates,
    "AvailableOSUpdates": store_available_updates,
    "OSUpdateStatus": store_update_status,
    MANAGED: store_managed_applications,
}

# Keys of a question after which the answer is a part of the list only: nothing may be concluded from what is absent.
FILTERS = {
    "InstalledApplicationList": ("Identifiers", "ManagedAppsOnly"),
    "ProfileList": ("ManagedOnly",),
    "CertificateList": ("ManagedOnly",),
    MANAGED: ("Identifiers",),
    "ProvisioningProfileList": ("ManagedOnly",),
}
STORES |= {name: store_of(name, *FILTERS.get(name, ())) for name in KEPT if name not in STORES}
