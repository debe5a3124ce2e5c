"""What inventory asks of which device: facts of Apple's schema, by platform.

What a platform has is taken from the catalogue. A device ignores queries it does not know, so versions matter only
where a whole command went away.

Apple: developer.apple.com/documentation/devicemanagement/commands-and-queries; access rights: .../mdm (payload).
"""

from dataclasses import dataclass

from django.db.models import F, Q

from devices.models import Device, Enrollment
from profiles import catalogue

Platform = Device.Platform


def _names(text: str) -> list[str]:
    return text.split()


# Wears a device down; hash of a person's store account; a secret. None is asked of anything.
_NEVER = frozenset({"DevicePropertiesAttestation", "iTunesStoreAccountHash", "PushToken"})
# Apple's schema offers these to every iOS, but only an iPad can be shared.
_SHARED_IPAD = _names("""
IsMultiUser MaximumResidentUsers EstimatedResidentUsers QuotaSize ResidentUsers UserSessionTimeout
TemporarySessionTimeout TemporarySessionOnly ManagedAppleIDDefaultDomains OnlineAuthenticationGracePeriod
SkipLanguageAndLocaleSetupForNewUsers""")
# Answered by systems that have them, though Apple's schema never names them as queries of theirs.
_UNNAMED = {
    Platform.IOS: _names("SIMMCC SIMMNC"),
    Platform.IPADOS: _names("SIMMCC SIMMNC"),
    Platform.MACOS: _names("TimeZone CurrentConsoleManagedUser"),
}


def _queries(platform: str) -> list[str]:
    """Return what a platform is asked: all that Apple's schema says some version of it has, in the schema's order."""
    queries = catalogue.command("DeviceInformation").find("Queries")
    system = catalogue.Target(platform).system
    has = [choice.name for item in queries.subkeys for choice in item.choices if not choice.support[system].is_absent]
    left_out = _NEVER | (frozenset() if platform == Platform.IPADOS else frozenset(_SHARED_IPAD))
    return [name for name in (*has, *_UNNAMED.get(platform, ())) if name not in left_out]


# Not told yet: asked for what every platform has, which tells it, and for the storage.
_EVERYWHERE = _names("""
UDID SerialNumber DeviceName OSVersion BuildVersion ModelName Model ModelNumber ProductName WiFiMAC
BluetoothMAC IsSupervised OrganizationInfo MDMOptions AwaitingConfiguration SupplementalOSVersionExtra
SupplementalBuildVersion TimeZone DeviceCapacity AvailableDeviceCapacity BatteryLevel""")

QUERIES = {platform: _queries(platform) for platform in Platform.values if platform} | {Platform.UNKNOWN: _EVERYWHERE}

INSPECT_PROFILES = 1
DEVICE_INFORMATION = 16
NETWORK_INFORMATION = 32
INSPECT_APPLICATIONS = 256
SECURITY_QUERIES = 1024
MANAGE_APPLICATIONS = 4096
UPDATES_LAST_VERSION = 26


@dataclass(frozen=True)
class Question:
    """A command of the inventory and the channels it may be asked of (conditions on Channel)."""

    request_type: str
    payload: dict
    of: Q
    rights: int = 0

    def channels(self, channels):
        """Return those of the channels that it may be asked of."""
        asked = channels.filter(self.of)
        if not self.rights:
            return asked
        return asked.alias(_rights=F("enrollment__access_rights").bitand(self.rights)).filter(_rights__gt=0)


def _on(*platforms: str) -> Q:
    return Q(device__platform__in=platforms)


_DEVICE_CHANNEL = Q(user_key="")
_USER_ENROLLMENT = Q(enrollment__kind=Enrollment.Kind.USER)
_HAS_UPDATES = Q(device__os_version_parts__0__lte=UPDATES_LAST_VERSION) | Q(device__os_version_parts=[])

QUESTIONS = (
    *(
        Question(
            "DeviceInformation",
            {"Queries": queries},
            _DEVICE_CHANNEL & _on(platform),
            DEVICE_INFORMATION | NETWORK_INFORMATION,
        )
        for platform, queries in QUERIES.items()
    ),
    Question("SecurityInfo", {}, _DEVICE_CHANNEL, SECURITY_QUERIES),
    Question("ProfileList", {}, Q(), INSPECT_PROFILES),
    Question("CertificateList", {}, _DEVICE_CHANNEL, INSPECT_PROFILES),
    Question(
        "InstalledApplicationList",
        {},
        _DEVICE_CHANNEL & ~(_USER_ENROLLMENT & _on(Platform.MACOS)),
        INSPECT_APPLICATIONS,
    ),
    Question("AvailableOSUpdates", {}, _DEVICE_CHANNEL & ~_USER_ENROLLMENT & _HAS_UPDATES & _on(Platform.MACOS)),
    Question(
        "AvailableOSUpdates",
        {},
        _DEVICE_CHANNEL
        & ~_USER_ENROLLMENT
        & _HAS_UPDATES
        & _on(Platform.IOS, Platform.IPADOS, Platform.TVOS)
        & Q(device__is_supervised=True),
        MANAGE_APPLICATIONS,
    ),
)
