"""Keys that name another payload of the same profile, and what they can name.

Apple's schema has them as plain strings; their names tell. Most hold the PayloadUUID of a certificate or identity.
VPNUUID of an account is the VPNUUID of a per-app VPN, which such a payload makes up for itself.
"""

import re
from collections.abc import Callable

from profiles import catalogue
from profiles.catalogue.keys import Key

IDENTITIES = (
    "com.apple.security.pkcs12",
    "com.apple.security.scep",
    "com.apple.security.acme",
    "com.apple.ADCertificate.managed",
)
CERTIFICATES = ("com.apple.security.root", "com.apple.security.pem", "com.apple.security.pkcs1")
PER_APP_VPN = "com.apple.vpn.managed.applayer"
_TO_CERTIFICATE = re.compile(r"(?:Certificate|Cert|Identity|Anchor)\w*UUIDs?$|^certificateUUID$")
# Certificates that are only trusted, or encrypted to: no private key is needed, so plain ones come first.
_TO_PLAIN = re.compile(r"Anchor|CACert|Pinning|Trusted|Issuer|Encrypt")
_OWN = re.compile(r"UUID$")

Choices = list[tuple[str, str]]


def name_of_payload(payload: dict) -> str:
    """Return what a payload is called: its own display name, else ours for its type."""
    own = payload.get("PayloadDisplayName")
    if isinstance(own, str) and own.strip():
        return own.strip()
    return type_label(payload)


def type_label(payload: dict, slug: str = "") -> str:
    """Return our name of a payload's type; the type itself where Apple does not define it."""
    kind = str(payload.get("PayloadType"))
    entries = catalogue.payloads_of_type(kind)
    entry = next((each for each in entries if each.slug == slug), None) or (entries[0] if entries else None)
    return entry.label if entry else kind


def pickers_for(payloads: list[dict], slug: str) -> Callable[[Key, Key | None], Choices | None]:
    """Return what a form asks for the choices of a key; None is for keys that refer to nothing."""

    def choices(key: Key, outer: Key | None) -> Choices | None:
        name = outer.name if outer is not None else key.name
        if name == "VPNUUID" and slug != "vpn-managed-applayer":
            return _per_app_vpns(payloads)
        return _certificates(payloads, name) if _TO_CERTIFICATE.search(name) else None

    return choices


def makes_up_uuid(key: Key) -> bool:
    """Tell whether a key holds a UUID of its own, which a form can make."""
    return bool(_OWN.search(key.name)) and not _TO_CERTIFICATE.search(key.name)


def _certificates(payloads: list[dict], name: str) -> Choices:
    kinds = CERTIFICATES + IDENTITIES if _TO_PLAIN.search(name) else IDENTITIES + CERTIFICATES
    found = [each for each in payloads if each.get("PayloadType") in kinds and each.get("PayloadUUID")]
    found.sort(key=lambda each: kinds.index(each["PayloadType"]))
    return [(str(each["PayloadUUID"]), _named(each)) for each in found]


def _named(payload: dict) -> str:
    name, kind = name_of_payload(payload), type_label(payload)
    return f"{kind}: {name}" if name != kind else f"{kind} …{str(payload['PayloadUUID'])[-6:]}"


def _per_app_vpns(payloads: list[dict]) -> Choices:
    found = [each for each in payloads if each.get("PayloadType") == PER_APP_VPN]
    return [(str(each["VPNUUID"]), _named(each)) for each in found if isinstance(each.get("VPNUUID"), str)]
