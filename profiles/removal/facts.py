"""What the removal explainer asks of a device and of a profile on it, and what it answers. Pure values."""

from dataclasses import dataclass
from enum import StrEnum

from profiles.catalogue import version_of

IPHONE_AND_IPAD = frozenset({"ios", "ipados"})
MAC = "macos"
# Neither removal passwords nor PayloadRemovalDisallowed exist there.
WITHOUT_CONTROLS = frozenset({"visionos", "watchos"})


class Origin(StrEnum):
    """How a profile came to be on the device. UNKNOWN: not from us, and the device does not say how."""

    MDM = "mdm"
    DECLARATION = "declaration"
    CONFIGURATOR = "configurator"
    MANUAL = "manual"
    UNKNOWN = "unknown"


class Exemption(StrEnum):
    """The two exceptions of Apple's rules."""

    PASSCODE = "passcode"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class DeviceFacts:
    """``enrollment_kind`` is one of devices.Enrollment.Kind; ``is_enrolled`` tells whether that membership lasts.

    ``is_enrollment_removable`` is the administrator's choice in Automated Device Enrollment. None: not known.
    """

    platform: str
    os_version: str = ""
    is_supervised: bool | None = None
    is_enrolled: bool = True
    enrollment_kind: str = "device"
    is_enrollment_removable: bool | None = None
    eas_identifier: str = ""
    managed_app_count: int = 0
    managed_profile_count: int = 0

    def is_before(self, version: str) -> bool:
        """Say whether the system is older; an unknown version is taken for the newest."""
        known = version_of(self.os_version)
        return bool(known) and known < version_of(version)


@dataclass(frozen=True)
class ProfileFacts:
    """A profile of a device. ``is_wanted``: Espalier installs it again when it goes.

    ``is_only_network``: no other profile of its channel brings a network (profiles.networks). ``ends`` says in words
    when it removes itself, "" where it does not.
    """

    identifier: str
    name: str = ""
    origin: Origin = Origin.UNKNOWN
    is_enrollment: bool = False
    is_removal_disallowed: bool = False
    has_removal_password: bool = False
    payload_types: tuple[str, ...] = ()
    is_wanted: bool = False
    is_only_network: bool = False
    ends: str = ""


@dataclass(frozen=True)
class Way:
    """One way to remove it: by which of Apple's rules (None: by none of them), who can, and in which steps."""

    rule: int | None
    who: str
    steps: tuple[str, ...]
    exception: Exemption | None = None


@dataclass(frozen=True)
class Explanation:
    """Who can remove a profile, how, and what goes with it. The first way is the one to take, wiping the last.

    ``exchange`` are the steps to wipe an Exchange account alone, from Exchange; empty where there is none.
    """

    ways: tuple[Way, ...]
    goes_with: tuple[str, ...]
    caveats: tuple[str, ...]
    exchange: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        return self.ways[0].who

    @property
    def how(self) -> tuple[str, ...]:
        return self.ways[0].steps

    @property
    def rule(self) -> int | None:
        """The rule by which the first way is given; None where Apple's sequence does not mention it."""
        return self.ways[0].rule

    @property
    def exception(self) -> Exemption | None:
        return next((way.exception for way in self.ways if way.exception), None)
