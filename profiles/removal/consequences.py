"""What goes with a profile when it is removed, and what one should know before.

Apple: support.apple.com/guide/deployment; learn.microsoft.com/powershell/module/exchange/clear-mobiledevice
"""

from collections.abc import Collection

from profiles.networks import ETHERNET, MOBILE
from profiles.removal.facts import MAC, WITHOUT_CONTROLS, DeviceFacts, Origin, ProfileFacts
from profiles.removal.ways import ADE

EXCHANGE = "com.apple.eas.account"
MDM = "com.apple.mdm"
# Where the payload is of any use; others ignore it.
WITH_EXCHANGE = frozenset({"ios", "ipados", "visionos"})
IDENTITIES = frozenset(
    {
        "com.apple.security.acme",
        "com.apple.security.pkcs12",
        "com.apple.security.scep",
        "com.apple.ADCertificate.managed",
    }
)
# In the order in which people should read it.
_WORDS = {
    EXCHANGE: "the Exchange account, with its mail, contacts, calendars and reminders on the device",
    "com.apple.ews.account": "the Exchange account, with its mail, contacts and calendars on the Mac",
    "com.apple.mail.managed": "the mail account and its mail on the device",
    "com.apple.google-oauth": "the Google account, with its mail, contacts and calendars on the device",
    "com.apple.caldav.account": "the calendar account and its calendars on the device",
    "com.apple.subscribedcalendar.account": "the subscribed calendar",
    "com.apple.carddav.account": "the contacts account and its contacts on the device",
    "com.apple.ldap.account": "the directory account",
    "com.apple.jabber.account": "the messages account",
    "com.apple.osxserver.account": "the macOS Server account",
    **dict.fromkeys(
        sorted(IDENTITIES), "the identity it brought: what signs in with it (Wi-Fi, VPN, mail) stops working"
    ),
    **dict.fromkeys(
        ("com.apple.security.pem", "com.apple.security.pkcs1", "com.apple.security.root"),
        "the certificates it brought: what they vouch for is no longer trusted",
    ),
    "com.apple.wifi.managed": "the Wi-Fi network it set up",
    **dict.fromkeys(ETHERNET, "the Ethernet settings (802.1X)"),
    **dict.fromkeys(MOBILE, "the mobile data settings"),
    **dict.fromkeys(
        ("com.apple.vpn.managed", "com.apple.vpn.managed.applayer", "com.apple.relay.managed"),
        "the VPN or relay, and connections through it",
    ),
    "com.apple.mobiledevice.passwordpolicy": "the passcode rules: passcodes need no longer follow them",
    "com.apple.applicationaccess": "the restrictions: what they forbade is allowed again",
    "com.apple.webcontent-filter": "the web content filter",
    "com.apple.app.lock": "Single App Mode: the device can be used freely",
    "com.apple.webClip.managed": "the web clips on the Home Screen",
    "com.apple.font": "the fonts",
    "com.apple.MCX.FileVault2": "the rules about FileVault; disks that are encrypted stay so",
    "com.apple.TCC.configuration-profile-policy": "the privacy permissions it gave to apps",
    "com.apple.system-extension-policy": "the permission for system extensions, which may stop",
}


def words_of_types(payload_types: Collection[str]) -> list[str]:
    """Return what goes with payloads of these types, most important first, where more than settings go."""
    return list(dict.fromkeys(words for kind, words in _WORDS.items() if kind in payload_types))


def consequences(device: DeviceFacts, profile: ProfileFacts) -> tuple[str, ...]:
    """Return what goes with it, most important first."""
    found = list(_with_enrollment(device)) if profile.is_enrollment else []
    for kind, words in _WORDS.items():
        is_reaching_us = profile.is_enrollment and kind in IDENTITIES
        if kind in profile.payload_types and words not in found and not is_reaching_us:
            found.append(words)
    if not found:
        found.append("the settings it made")
    return tuple(found)


def _with_enrollment(device: DeviceFacts):
    yield "the identity by which the device reaches us: it can no longer be asked or told anything"
    profiles = f"{device.managed_profile_count} " if device.managed_profile_count else ""
    yield f"all {profiles}profiles that MDM installed, with their accounts, certificates and networks"
    apps = f" ({device.managed_app_count} of them now)" if device.managed_app_count else ""
    yield f"managed apps that are to go with the enrollment, and their data{apps}"


def caveats(device: DeviceFacts, profile: ProfileFacts) -> tuple[str, ...]:
    """Return what one should know before removing it."""
    return tuple(filter(None, (rule(device, profile) for rule in _CAVEATS)))


def _last_network(_device: DeviceFacts, profile: ProfileFacts) -> str:
    if not profile.is_only_network:
        return ""
    return (
        "No other profile of the device brings a network. Without another network it cannot be reached any more, and "
        "what is asked of it waits."
    )


def _put_back(device: DeviceFacts, profile: ProfileFacts) -> str:
    is_ours = profile.is_wanted and device.is_enrolled
    return "It is assigned to this device: Espalier installs it again as long as it is." if is_ours else ""


def _ends(_device: DeviceFacts, profile: ProfileFacts) -> str:
    return f"It removes itself {profile.ends}." if profile.ends else ""


def _without_effect(device: DeviceFacts, profile: ProfileFacts) -> str:
    """Say why the profile's own rules about its removal do not count."""
    if not (profile.is_removal_disallowed or profile.has_removal_password) or profile.is_enrollment:
        return ""
    what = "Its removal password" if profile.has_removal_password else "That it says it may not be removed"
    if profile.origin in (Origin.MDM, Origin.DECLARATION):
        return f"{what} makes no difference: MDM delivered it."
    if device.platform in WITHOUT_CONTROLS:
        return f"{what} makes no difference on this system."
    if device.platform != MAC and not device.is_supervised:
        return f"{what} makes no difference: the device is not supervised."
    return ""


def _unknown_origin(_device: DeviceFacts, profile: ProfileFacts) -> str:
    if profile.is_enrollment or profile.origin is not Origin.UNKNOWN:
        return ""
    return "Espalier did not install it, and the device does not say whether a person or Apple Configurator did."


def _unknown_supervision(device: DeviceFacts, profile: ProfileFacts) -> str:
    is_asked = profile.origin not in (Origin.MDM, Origin.DECLARATION) and device.platform != MAC
    return "Whether the device is supervised is not known yet." if is_asked and device.is_supervised is None else ""


def _provisional(device: DeviceFacts, profile: ProfileFacts) -> str:
    if not profile.is_enrollment or device.enrollment_kind != ADE:
        return ""
    return (
        "A device that Apple Configurator added to Apple School or Business Manager can be released by its user for "
        "30 days, whatever was chosen."
    )


def _not_enrolled(device: DeviceFacts, _profile: ProfileFacts) -> str:
    return "" if device.is_enrolled else "The device is not enrolled any more: this is what it had last."


_CAVEATS = (
    _not_enrolled,
    _last_network,
    _put_back,
    _ends,
    _without_effect,
    _unknown_origin,
    _unknown_supervision,
    _provisional,
)


def exchange_steps(device: DeviceFacts, profile: ProfileFacts) -> tuple[str, ...]:
    """Return how to wipe the Exchange account alone, from Exchange and without MDM; () where it has none."""
    if EXCHANGE not in profile.payload_types or device.platform not in WITH_EXCHANGE:
        return ()
    identifier = device.eas_identifier
    found = (
        f"Exchange knows this device as {identifier} (EASDeviceIdentifier)."
        if identifier
        else "The device has not told its EASDeviceIdentifier: ask it with DeviceInformation."
    )
    name = identifier or "EASDeviceIdentifier"
    return (
        found,
        f"In Exchange PowerShell, find it with Get-MobileDevice and DeviceId {name}, and wipe the account alone: "
        "Clear-MobileDevice -AccountOnly -Identity with the identity that was found.",
        "Leave -AccountOnly in: without it the whole device is erased.",
        "It works with the Mail app of iOS 10 and later, which speaks Exchange ActiveSync 16.1. The profile stays; "
        "remove it too, or the account is asked for again.",
    )
