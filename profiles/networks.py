"""Which profiles bring a network, and when one brings the last: said once, for the governor and the removal explainer.

Counted is what a device can reach us by: Wi-Fi, mobile data, and Ethernet that is signed in to (802.1X). Networks that
people joined by hand are not known, so a profile that brings the last one here may not be the last of the device.
"""

from collections.abc import Collection, Iterable

ETHERNET = tuple(
    f"com.apple.{name}ethernet.managed"
    for name in ("global", "first", "firstactive", "second", "secondactive", "third", "thirdactive")
)
MOBILE = ("com.apple.cellular", "com.apple.apn.managed")
NETWORKS = frozenset({"com.apple.wifi.managed", *MOBILE, *ETHERNET})


def has_network(payload_types: Collection[str]) -> bool:
    """Tell whether a profile of these payload types brings a network."""
    return not NETWORKS.isdisjoint(payload_types)


def takes_last_network(going: Iterable[Collection[str]], staying: Iterable[Collection[str]]) -> bool:
    """Tell whether a channel loses its last network; profiles are given by their payload types."""
    return any(map(has_network, going)) and not any(map(has_network, staying))
