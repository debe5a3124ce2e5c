"""What inventory asks of which device: facts of Apple's schema, by platform.

A device ignores queries it does not know, so versions matter only where a whole command went away. Left out: what
wears a device down (attestation), what is a secret (push token), and what says more about a person than about the
device (hash of the store account).

Apple: developer.apple.com/documentation/devicemanagement/commands-and-queries; access rights: .../mdm (payload).
"""

from dataclasses import dataclass

from django.db.models import F, Q

from devices.models import Device, Enrollment

Platform = Device.Platform


def _names(text: str) -> list[str]:
    return text.split()


_EVERYWHERE = _names("""
UDID SerialNumber DeviceName OSVersion BuildVersion ModelName Model ModelNumber ProductName WiFiMAC
BluetoothMAC IsSupervised OrganizationInfo MDMOptions AwaitingConfiguration SupplementalOSVersionExtra
SupplementalBuildVersion TimeZone""")
_STORAGE = ["DeviceCapacity", "AvailableDeviceCapacity", "BatteryLevel"]
_HANDHELD = _names("""
IMEI MEID ICCID PhoneNumber ServiceSubscriptions ModemFirmwareVersion CellularTechnology
CurrentCarrierNetwork SubscriberCarrierNetwork CarrierSettingsVersion CurrentMCC CurrentMNC SubscriberMCC SubscriberMNC
DataRoamingEnabled VoiceRoamingEnabled PersonalHotspotEnabled IsRoaming IsNetworkTethered IsActivationLockEnabled
IsDeviceLocatorServiceEnabled IsDoNotDisturbInEffect IsMDMLostModeEnabled IsCloudBackupEnabled LastCloudBackupDate
EASDeviceIdentifier DiagnosticSubmissionEnabled AppAnalyticsEnabled SoftwareUpdateDeviceID SoftwareUpdateSettings
iTunesStoreAccountIsActive AccessibilitySettings""")
_SHARED_IPAD = _names("""
IsMultiUser MaximumResidentUsers EstimatedResidentUsers QuotaSize ResidentUsers UserSessionTimeout
TemporarySessionTimeout TemporarySessionOnly ManagedAppleIDDefaultDomains OnlineAuthenticationGracePeriod
SkipLanguageAndLocaleSetupForNewUsers""")
_MAC = _names("""
ProvisioningUDID IsAppleSilicon HasBattery EthernetMAC HostName LocalHostName IsActivationLockEnabled
IsActivationLockSupported SystemIntegrityProtectionEnabled SupportsLOMDevice SupportsiOSAppInstalls
PINRequiredForEraseDevice PINRequiredForDeviceLock ActiveManagedUsers AutoSetupAdminAccounts OSUpdateSettings
SoftwareUpdateDeviceID EACSPreflight iTunesStoreAccountIsActive""")

QUERIES = {
    Platform.IOS: [*_EVERYWHERE, *_STORAGE, *_HANDHELD],
    Platform.IPADOS: [*_EVERYWHERE, *_STORAGE, *_HANDHELD, *_SHARED_IPAD],
    Platform.MACOS: [*_EVERYWHERE, *_STORAGE, *_MAC],
    Platform.TVOS: [*_EVERYWHERE, "DeviceID", "iTunesStoreAccountIsActive"],
    Platform.VISIONOS: [*_EVERYWHERE, *_STORAGE, "EASDeviceIdentifier", "IsMDMLostModeEnabled"],
    Platform.WATCHOS: [*_EVERYWHERE, *_STORAGE, "IsActivationLockEnabled"],
    # Not told yet: asked for what tells it.
    Platform.UNKNOWN: [*_EVERYWHERE, *_STORAGE],
}

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
