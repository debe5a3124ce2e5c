"""Whether something of the catalogue can be used on a device, and if not, why.

Owns the rules by which Apple's support attributes are read. What is not known of a device (None) rules nothing out.

Apple: github.com/apple/device-management, docs/schema.yaml
"""

from collections.abc import Mapping
from dataclasses import dataclass

from profiles.catalogue.support import Support, version_of

# Platform names of devices.Device and of people, in Apple's spelling. iPadOS is iOS throughout Apple's schema.
_SYSTEM_OF = {
    "ios": "iOS",
    "ipados": "iOS",
    "macos": "macOS",
    "tvos": "tvOS",
    "visionos": "visionOS",
    "watchos": "watchOS",
}
_SYSTEM_WORDS = {"ios": "iOS", "ipados": "iPadOS"} | {k: v for k, v in _SYSTEM_OF.items() if k not in ("ios", "ipados")}
USER_ENROLLMENT = "user"
ADE = "ade"
_SCOPE_OF_CHANNEL = {"device": "system", "user": "user"}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something cannot be used, or has no effect: a code for programs, a phrase for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Availability:
    """The answer: not available if there is any reason; what is ignored is accepted without effect."""

    reasons: tuple[Reason, ...] = ()
    ignored: tuple[Reason, ...] = ()
    is_deprecated: bool = False
    deprecated_since: str = ""
    is_stated: bool = True

    @property
    def is_available(self) -> bool:
        return not self.reasons

    @property
    def is_effective(self) -> bool:
        """Available, and not ignored."""
        return not (self.reasons or self.ignored)


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of a device. ``enrollment_kind`` is one of devices.Enrollment.Kind, ``channel`` device or user."""

    os: str
    version: str = ""
    supervised: bool | None = None
    enrollment_kind: str | None = None
    channel: str | None = None
    shared_ipad: bool | None = None
    user_approved: bool | None = None

    @property
    def system(self) -> str:
        return system_of(self.os)

    @property
    def words(self) -> str:
        return _SYSTEM_WORDS[self.os.lower()]


def system_of(os: str) -> str:
    """Return Apple's name of a platform: "ipados", "iPadOS" and "ios" are "iOS". Raises KeyError for others."""
    return _SYSTEM_OF[os.lower()]


def evaluate(supports: Mapping[str, Support], target: Target) -> Availability:
    """Say whether something with this support can be used on the target."""
    support = supports.get(target.system)
    if support is None:
        return Availability(is_stated=False)
    if support.is_absent:
        return Availability(reasons=(Reason("platform", f"not available on {target.words}"),))
    reasons, ignored = [], []
    for rule in _RULES:
        for reason in rule(support, target):
            (ignored if reason.code.startswith("ignored") else reasons).append(reason)
    return Availability(
        reasons=tuple(reasons),
        ignored=tuple(ignored),
        is_deprecated=bool(support.deprecated) and _reaches(target.version, support.deprecated),
        deprecated_since=support.deprecated,
    )


def _reaches(version: str, bound: str) -> bool:
    """Say whether a device's version is the bound or later; an unknown version is taken for the newest."""
    return not version_of(version) or version_of(version) >= version_of(bound)


def _by_version(support: Support, target: Target):
    if support.introduced and not _reaches(target.version, support.introduced):
        yield Reason("too_old", f"needs {target.words} {support.introduced} or later")
    if support.removed and _reaches(target.version, support.removed):
        yield Reason("removed", f"removed in {target.words} {support.removed}")


def _by_supervision(support: Support, target: Target):
    if support.needs_supervision and target.supervised is False:
        yield Reason("supervision", "needs a supervised device")
    if support.needs_ade and target.enrollment_kind not in (None, ADE):
        yield Reason("ade", "needs Automated Device Enrollment")
    if support.needs_user_approval and target.user_approved is False:
        yield Reason("user_approval", "needs an enrollment that the user approved")


def _by_enrollment(support: Support, target: Target):
    kind = target.enrollment_kind
    if kind is None:
        return
    if kind == USER_ENROLLMENT and support.user_enrollment == "forbidden":
        yield Reason("user_enrollment", "not allowed in User Enrollment")
    if kind == USER_ENROLLMENT and support.user_enrollment == "ignored":
        yield Reason("ignored_in_user_enrollment", "has no effect in User Enrollment")
    if kind != USER_ENROLLMENT and support.user_enrollment == "required":
        yield Reason("user_enrollment_only", "only in User Enrollment")
    if support.enrollments is not None:
        yield from _by_allowed_enrollments(support.enrollments, target)


def _by_allowed_enrollments(allowed: tuple[str, ...], target: Target):
    if target.enrollment_kind == USER_ENROLLMENT:
        if "user" not in allowed:
            yield Reason("user_enrollment", "not allowed in User Enrollment")
        return
    # A Mac counts as supervised in this list, whatever it says of itself: macOS never names "device".
    if target.supervised or target.system == "macOS":
        if "supervised" not in allowed:
            yield Reason("enrollment", "not for devices enrolled this way")
    elif "device" not in allowed and target.supervised is False:
        code = "supervision" if "supervised" in allowed else "enrollment"
        words = "needs a supervised device" if "supervised" in allowed else "only in User Enrollment"
        yield Reason(code, words)


def _by_channel(support: Support, target: Target):
    if target.channel is None:
        return
    on_device = target.channel == "device"
    if not _carries(support, target, on_device):
        yield Reason("channel", f"not on the {target.channel} channel")


def _carries(support: Support, target: Target, on_device: bool) -> bool:
    is_shared = bool(target.shared_ipad)
    scopes = support.shared_ipad_scopes if is_shared and support.shared_ipad_scopes is not None else support.scopes
    if scopes is not None:
        return _SCOPE_OF_CHANNEL[target.channel] in scopes
    stated = support.device_channel if on_device else support.user_channel
    if is_shared:
        on_shared = support.shared_ipad_device_channel if on_device else support.shared_ipad_user_channel
        stated = stated if on_shared is None else on_shared
    # Where nothing is said there is the device channel, and no other.
    return on_device if stated is None else stated


def _by_shared_ipad(support: Support, target: Target):
    if target.system != "iOS" or target.shared_ipad is None:
        return
    mode = support.shared_ipad
    if target.shared_ipad and (mode == "forbidden" or support.shared_ipad_scopes == ()):
        yield Reason("shared_ipad", "not on Shared iPad")
    if target.shared_ipad and mode == "ignored":
        yield Reason("ignored_on_shared_ipad", "has no effect on Shared iPad")
    if not target.shared_ipad and mode == "required":
        yield Reason("shared_ipad_only", "only on Shared iPad")


_RULES = (_by_version, _by_supervision, _by_enrollment, _by_channel, _by_shared_ipad)
