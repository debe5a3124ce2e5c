"""Which platform a hardware model belongs to, and versions as numbers that can be compared.

Apple names hardware by ProductName ("iPhone17,1", "Mac16,1", "AppleTV14,1"); Macs before 2023 by family
("MacBookPro18,3", "iMac21,1"), virtual ones by "VirtualMac2,1".
"""

import re

from devices.models.device import Platform

_BY_PREFIX = (
    ("iphone", Platform.IOS),
    ("ipod", Platform.IOS),
    ("ipad", Platform.IPADOS),
    ("mac", Platform.MACOS),
    ("imac", Platform.MACOS),
    ("virtualmac", Platform.MACOS),
    ("xserve", Platform.MACOS),
    ("appletv", Platform.TVOS),
    ("audioaccessory", Platform.TVOS),  # HomePod runs tvOS
    ("realitydevice", Platform.VISIONOS),
    ("applevision", Platform.VISIONOS),
    ("watch", Platform.WATCHOS),
    ("applewatch", Platform.WATCHOS),
)
_HARDWARE = re.compile(r"[A-Za-z]+\d+,\d+")
_VERSION = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})*)")


def platform_of(*names) -> str:
    """Return the platform of the first of these hardware or model names that tells it, "" when none does.

    Names come as a device sent them: absent ones and those that are no text tell nothing.
    """
    for name in names:
        if not isinstance(name, str):
            continue
        squeezed = name.replace(" ", "").lower()
        for prefix, platform in _BY_PREFIX:
            if squeezed.startswith(prefix):
                return platform.value
    return Platform.UNKNOWN.value


def is_hardware_model(name: str) -> bool:
    """Tell "MacBookPro11,3" from an order number such as "MN9H2LL": the key Model holds either, by platform."""
    return bool(_HARDWARE.fullmatch(name))


def version_parts(version: str) -> list[int]:
    """Return ``[17, 4, 1]`` for "17.4.1"; what follows the numbers, as in "16.1 (a)", is left out."""
    match = _VERSION.match(version)
    return [int(part) for part in match.group(1).split(".")] if match else []
