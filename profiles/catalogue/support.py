"""Where something is supported: one OS's facts, and how they are inherited.

Owns the attributes of Apple's `supportedOS`; what they mean for one device is in availability.

Apple: github.com/apple/device-management, docs/schema.yaml
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

SYSTEMS = ("iOS", "macOS", "tvOS", "visionOS", "watchOS")
NEVER = "n/a"
# One file says "all" where a version belongs: no lower bound.
ALWAYS = "all"

Version = tuple[int, ...]


def version_of(text: str) -> Version:
    """Return "17.4.0" as ``(17, 4)``: comparable, and equal however many zeros end it; () for what is no version."""
    numbers = []
    for part in text.strip().split(" ")[0].split("."):
        if not (part.isascii() and part.isdigit()):
            break
        numbers.append(int(part))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


@dataclass(frozen=True, slots=True)
class Support:
    """What Apple says of one OS. None and "" mean that nothing is said, which is not the same as no.

    Versions are Apple's text; ``introduced`` is "" where there is no lower bound. ``user_enrollment`` and
    ``shared_ipad`` are allowed, required, forbidden or ignored (accepted without effect).
    """

    is_absent: bool = False
    introduced: str = ""
    deprecated: str = ""
    removed: str = ""
    access_rights: str = ""
    allows_multiple: bool | None = None
    device_channel: bool | None = None
    user_channel: bool | None = None
    needs_supervision: bool | None = None
    needs_ade: bool | None = None
    needs_user_approval: bool | None = None
    allows_manual_install: bool | None = None
    user_enrollment: str = ""
    enrollments: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None
    shared_ipad: str = ""
    shared_ipad_device_channel: bool | None = None
    shared_ipad_user_channel: bool | None = None
    shared_ipad_scopes: tuple[str, ...] | None = None
    always_skippable: bool | None = None
    is_beta: bool | None = None

    def facts(self) -> dict:
        """Return what is said, as JSON takes it."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in said.items()
            if value not in (None, "") and not (name == "is_absent" and value is False)
        }


# Apple's attribute -> ours. Nested ones are spelled with a dot.
_ATTRIBUTES = {
    "deprecated": "deprecated",
    "accessrights": "access_rights",
    "multiple": "allows_multiple",
    "devicechannel": "device_channel",
    "userchannel": "user_channel",
    "supervised": "needs_supervision",
    "requiresdep": "needs_ade",
    "userapprovedmdm": "needs_user_approval",
    "allowmanualinstall": "allows_manual_install",
    "userenrollment.mode": "user_enrollment",
    "allowed-enrollments": "enrollments",
    "allowed-scopes": "scopes",
    "sharedipad.mode": "shared_ipad",
    "sharedipad.devicechannel": "shared_ipad_device_channel",
    "sharedipad.userchannel": "shared_ipad_user_channel",
    "sharedipad.allowed-scopes": "shared_ipad_scopes",
    "always-skippable": "always_skippable",
    "beta": "is_beta",
}
KNOWN_ATTRIBUTES = frozenset(_ATTRIBUTES) | {"introduced", "removed"}


def overlay(inherited: Mapping[str, Support], stated: Mapping[str, Mapping]) -> Mapping[str, Support]:
    """Return effective support: what a key states over what it inherits, attribute by attribute within an OS.

    An OS that is off stays off below, and nothing is there before or after what contains it.
    """
    if not stated:
        return inherited
    effective = dict(inherited)
    for system, attributes in stated.items():
        effective[system] = _overlay_system(inherited.get(system, Support()), attributes)
    return MappingProxyType(effective)


def _overlay_system(inherited: Support, stated: Mapping) -> Support:
    values = {field.name: getattr(inherited, field.name) for field in fields(Support)}
    for apple_name, name in _ATTRIBUTES.items():
        if apple_name in stated:
            value = stated[apple_name]
            values[name] = tuple(value) if isinstance(value, list) else value
    introduced, removed = stated.get("introduced", ""), stated.get("removed", "")
    values["is_absent"] = inherited.is_absent or introduced == NEVER or removed == "0"
    if introduced not in ("", NEVER, ALWAYS):
        values["introduced"] = max(inherited.introduced, introduced, key=version_of)
    if removed:
        values["removed"] = min(filter(None, (inherited.removed, removed)), key=version_of)
    return Support(**values)
