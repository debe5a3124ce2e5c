"""Where a device's identity comes from: one function per identity payload type.

Owns the choice. ACME registers itself here when the simulator learns it.
"""

from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.serialization import pkcs12

from simulator import scep
from simulator.chains import INSTALLATION, SCEP, Refused, link, refuse
from simulator.cms import Identity
from simulator.http import Client, TransportError

Source = Callable[[dict, Client, scep.MAKE_KEY], Awaitable[Identity]]
SOURCES: dict[str, Source] = {}


def source(payload_type: str):
    """Register a function as the source of identities of this payload type."""

    def register(function: Source) -> Source:
        SOURCES[payload_type] = function
        return function

    return register


async def obtain(payload: dict, client: Client, make_key: scep.MAKE_KEY) -> Identity:
    """Obtain the identity of an enrollment profile; raise Refused when there is none."""
    if payload["PayloadType"] not in SOURCES:
        raise refuse(INSTALLATION, 4014, f"No identity can be made from {payload['PayloadType']}.")
    return await SOURCES[payload["PayloadType"]](payload, client, make_key)


@source("com.apple.security.scep")
async def from_scep(payload: dict, client: Client, make_key: scep.MAKE_KEY) -> Identity:
    settings = payload.get("PayloadContent")
    if not isinstance(settings, dict):
        raise refuse(SCEP, 22011, "The SCEP payload has no settings.")
    try:
        return await scep.enroll(client, settings, make_key)
    except scep.ScepError as error:
        raise Refused(
            link(INSTALLATION, 4001, "The identity certificate could not be obtained."),
            link(SCEP, error.code, str(error)),
        ) from error
    except TransportError as error:
        raise refuse(SCEP, 22005, f"A network error has occurred: {error}") from error


@source("com.apple.security.pkcs12")
async def from_pkcs12(payload: dict, client: Client, make_key: scep.MAKE_KEY) -> Identity:
    password = payload.get("Password")
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(
            payload.get("PayloadContent") or b"", password.encode() if password else None
        )
    except ValueError as error:
        raise refuse(INSTALLATION, 4014, f"The PKCS #12 container cannot be opened: {error}") from error
    if key is None or certificate is None:
        raise refuse(INSTALLATION, 4014, "The PKCS #12 container holds no identity.")
    return Identity(key, certificate)
