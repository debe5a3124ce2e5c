"""Apple's rules of who can remove a profile, in their sequence:

1. wiping the device removes everything;
2. with Automated Device Enrollment the administrator chooses whether the user may remove the enrollment profile;
3. what an MDM solution installed is removed by it or by unenrolling, on Macs since macOS 10.15;
4. on a supervised device, what Apple Configurator installed can be removed by that supervising instance;
5. on a supervised device, what was installed by hand or by Configurator with a removal password needs the password;
6. any other can be removed by the user.

Two exceptions: who knows the passcode removes what was installed by hand from an unsupervised iPhone or iPad, and who
knows an administrator's name and password from a Mac, even where the profile says never.

Apple: support.apple.com/guide/deployment, "Intro to mobile device management profiles"
"""

from profiles.removal.facts import (
    IPHONE_AND_IPAD,
    MAC,
    WITHOUT_CONTROLS,
    DeviceFacts,
    Exemption,
    Origin,
    ProfileFacts,
    Way,
)

ADE = "ade"
# Enrollments that begin with an account on the device, and end when it is signed out.
ACCOUNT_DRIVEN = frozenset({"user", "account_device"})
_SERVER = "The MDM server"
_USER = "The user"
_UNENROLLING = ("Unenroll the device: everything that MDM installed goes with the enrollment.",)


def ways(device: DeviceFacts, profile: ProfileFacts) -> tuple[Way, ...]:
    """Return all ways to remove a profile, the one to take first, wiping last."""
    if profile.is_enrollment:
        found = _enrollment_ways(device, profile)
    elif profile.origin in (Origin.MDM, Origin.DECLARATION):
        found = _managed_ways(device, profile)
    else:
        found = [*_by_hand(device, profile), *_others_on_supervised(device, profile)]
    return (*found, _wiping(device))


def _wiping(device: DeviceFacts) -> Way:
    steps = ["Erase the device, from Espalier or in its settings: this removes every profile and all data."]
    if device.enrollment_kind == ADE:
        steps.append("With Automated Device Enrollment it enrolls again when it is set up.")
    return Way(1, "Whoever can erase the device", tuple(steps))


# The enrollment profile (rule 2; rules 4 to 6 where nobody assigned the device)


def _enrollment_ways(device: DeviceFacts, profile: ProfileFacts) -> list[Way]:
    if device.enrollment_kind == ADE:
        return _ade_ways(device)
    if device.enrollment_kind in ACCOUNT_DRIVEN:
        where = "System Settings" if device.platform == MAC else "Settings"
        steps = (f"Sign the work account out in {where} > General > {_page(device)}; this unenrolls the device.",)
        return [Way(6, _USER, steps), *_unenrolling_from_here(device)]
    return [*_by_hand(device, profile), *_unenrolling_from_here(device)]


def _ade_ways(device: DeviceFacts) -> list[Way]:
    is_removable = device.is_enrollment_removable
    server = _unenrolling_from_here(device, rule=2)
    if is_removable is False:
        return server
    if is_removable:
        return [Way(2, _USER, _settings_steps(device)), *server]
    who = "The user, if Automated Device Enrollment was set up to allow it"
    return [*server, Way(2, who, _settings_steps(device))]


def _unenrolling_from_here(device: DeviceFacts, rule: int | None = None) -> list[Way]:
    if not device.is_enrolled:
        return []
    return [Way(rule, _SERVER, ("Unenroll the device in Espalier: it is told to remove its enrollment profile.",))]


# What MDM installed (rule 3)


def _managed_ways(device: DeviceFacts, profile: ProfileFacts) -> list[Way]:
    if not device.is_enrolled:
        return [Way(3, "Nobody needs to", ("It went when the device was unenrolled.",))]
    found = [Way(3, _SERVER, _server_steps(profile)), Way(3, _who_unenrolls(device), _UNENROLLING)]
    if device.platform == MAC and device.is_before("10.15"):
        found.append(Way(6, "An administrator of the Mac", _settings_steps(device)))
    return found


def _server_steps(profile: ProfileFacts) -> tuple[str, ...]:
    if profile.origin is Origin.DECLARATION:
        return ("Take the declaration away that brings it. RemoveProfile must not be sent for it.",)
    if profile.is_wanted:
        return ("End its assignment, or take the device out of the group: Espalier then removes it.",)
    return ("Send RemoveProfile with its identifier.",)


def _who_unenrolls(device: DeviceFacts) -> str:
    if device.enrollment_kind != ADE:
        return "Whoever unenrolls the device"
    if device.is_enrollment_removable:
        return "Whoever unenrolls the device, the user too"
    if device.is_enrollment_removable is False:
        return "The MDM server, by unenrolling the device"
    return "Whoever may unenroll the device"


# What a person or Apple Configurator installed (rules 4 to 6)


def _by_hand(device: DeviceFacts, profile: ProfileFacts) -> list[Way]:
    if device.platform == MAC:
        return _by_hand_on_mac(device, profile)
    if device.is_supervised:
        return _by_hand_on_supervised(device, profile)
    is_barred = profile.is_removal_disallowed or profile.has_removal_password
    if is_barred and device.platform in IPHONE_AND_IPAD:
        return [Way(6, "Whoever knows the passcode of the device", _settings_steps(device), Exemption.PASSCODE)]
    return [Way(6, _USER, _settings_steps(device))]


def _by_hand_on_supervised(device: DeviceFacts, profile: ProfileFacts) -> list[Way]:
    found = []
    if profile.origin is Origin.CONFIGURATOR:
        found.append(_configurator())
    has_controls = device.platform not in WITHOUT_CONTROLS
    if profile.has_removal_password and has_controls:
        found.append(Way(5, "Whoever knows the removal password", _password_steps(device)))
    elif not (profile.is_removal_disallowed and has_controls):
        found.append(Way(6, _USER, _settings_steps(device)))
    return found


def _by_hand_on_mac(device: DeviceFacts, profile: ProfileFacts) -> list[Way]:
    tool = f"Or, as an administrator, in Terminal: sudo profiles remove -identifier {profile.identifier}"
    steps = (*_settings_steps(device), tool)
    administrator = Way(6, "Whoever knows an administrator's name and password", steps, Exemption.ADMINISTRATOR)
    if profile.has_removal_password:
        # The rule speaks of supervised devices; Macs ask for the password in any case.
        rule = 5 if device.is_supervised else 6
        return [Way(rule, "Whoever knows the removal password", _password_steps(device)), administrator]
    if profile.is_removal_disallowed:
        return [administrator]
    return [Way(6, _USER, steps)]


def _configurator() -> Way:
    steps = ("Connect the device to the Mac whose Apple Configurator supervises it, and remove the profile there.",)
    return Way(4, "The Apple Configurator that supervises the device", steps)


def _others_on_supervised(device: DeviceFacts, profile: ProfileFacts) -> list[Way]:
    """On a supervised device MDM may remove every profile; and where nobody said how one came, Configurator perhaps.

    Not on a Mac: Apple says of supervised iPhones, iPads and Apple TVs that MDM may remove what is there by hand.
    """
    found = []
    if device.is_supervised and device.is_enrolled and device.platform != MAC:
        found.append(Way(None, _SERVER, ("Send RemoveProfile: on a supervised device MDM may remove any profile.",)))
    if device.is_supervised and profile.origin is Origin.UNKNOWN and device.platform != MAC:
        configurator = _configurator()
        found.append(
            Way(4, "The Apple Configurator that supervises the device, if it installed it", configurator.steps)
        )
    return found


# Where to tap


def _password_steps(device: DeviceFacts) -> tuple[str, ...]:
    return (*_settings_steps(device), "Enter the removal password when asked; Espalier reveals those it made.")


def _settings_steps(device: DeviceFacts) -> tuple[str, ...]:
    match device.platform:
        case "macos" if device.is_before("13"):
            where = "System Preferences > Profiles"
        case "macos" if device.is_before("15"):
            where = "System Settings > Privacy & Security > Profiles"
        case "macos":
            where = f"System Settings > General > {_page(device)}"
        case "watchos":
            where = "the Watch app on the paired iPhone, under General"
        case "tvos":
            where = "Settings > General > Profiles"
        case _:
            where = f"Settings > General > {_page(device)}"
    return (f"Open {where}, choose the profile and remove it.",)


def _page(device: DeviceFacts) -> str:
    if device.platform == MAC:
        return "Device Management"
    is_old = device.platform in IPHONE_AND_IPAD and device.is_before("15")
    return "Profiles & Device Management" if is_old else "VPN & Device Management"
