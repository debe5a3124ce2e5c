"""Who is at the other end of a connection: the address of a client, and which peers are our own proxies.

One answer for sign-ins, the timeline, refused messages and limits: an address in X-Forwarded-For is believed only as
far as trusted proxies (TRUSTED_PROXIES) wrote it.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings


@lru_cache(maxsize=1024)
def is_trusted_proxy(address: str) -> bool:
    """Tell whether a peer is a proxy of ours (TRUSTED_PROXIES); anything unreadable is not."""
    peer = _parsed(address)
    return peer is not None and any(peer in net for net in settings.TRUSTED_PROXIES if net.version == peer.version)


def client_address(environ: Mapping[str, str]) -> str | None:
    """Return the address of the client of a request (environ, or Django's META), None where nobody tells it.

    Read from the right: each trusted proxy vouches for the address it wrote, and for no more.
    """
    peer = environ.get("REMOTE_ADDR") or ""
    for told in reversed((environ.get("HTTP_X_FORWARDED_FOR") or "").split(",")):
        if not is_trusted_proxy(peer) or _parsed(told.strip()) is None:
            break
        peer = told.strip()
    parsed = _parsed(peer)
    return str(parsed) if parsed is not None else None


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        peer = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return None
    return peer.ipv4_mapped or peer if isinstance(peer, ipaddress.IPv6Address) else peer
