"""What platforms are called, and which icon stands for each."""

SYSTEMS = {
    "ios": "iOS",
    "ipados": "iPadOS",
    "macos": "macOS",
    "tvos": "tvOS",
    "visionos": "visionOS",
    "watchos": "watchOS",
}
ICONS = {
    "ios": "smartphone",
    "ipados": "tablet_mac",
    "macos": "laptop_mac",
    "tvos": "tv",
    "visionos": "eyeglasses",
    "watchos": "watch",
}


def icon_of(platform: str) -> str:
    return ICONS.get(platform, "devices")


def system_words(platform: str, version: str) -> str:
    """Return system and version: `iOS 26.1`."""
    return f"{SYSTEMS.get(platform, '')} {version}".strip()
