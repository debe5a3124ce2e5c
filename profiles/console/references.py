"""Keys that name another payload of the same profile, and what they can name.

Apple's schema has them as plain strings; their names tell. Most hold the PayloadUUID of a certificate or identity.
VPNUUID of an account is the VPNUUID of a per-app VPN, which such a payload makes up for itself.
"""

import re
from collections.abc import Callable

from mdm_project import plist
from profiles import catalogue
from profiles.catalogue.keys import Key
from profiles.certificates import certificates_in, identity_in, name_of
from profiles.lint.semantics.kinds import TYPES, Kind, kind_of

PER_APP_VPN = "com.apple.vpn.managed.applayer"
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
        kind = kind_of(name, slug)
        return _of_kind(payloads, kind) if kind is not None else None

    return choices


def makes_up_uuid(key: Key) -> bool:
    """Tell whether a key holds a UUID of its own, which a form can make."""
    return bool(_OWN.search(key.name)) and kind_of(key.name) is None


def _of_kind(payloads: list[dict], kind: Kind) -> Choices:
    """Return the payloads that a key may name: identities, or certificates, never the others."""
    kinds = TYPES[kind]
    found = [each for each in payloads if each.get("PayloadType") in kinds and each.get("PayloadUUID")]
    found.sort(key=lambda each: kinds.index(each["PayloadType"]))
    return [(str(each["PayloadUUID"]), _named(each)) for each in found]


def _named(payload: dict) -> str:
    """Return the own name of a payload and the common name in it, or its kind and the end of its UUID."""
    own, kind = name_of_payload(payload), type_label(payload)
    common = _common_name(payload)
    if common and own not in (kind, common):
        return f"{own} ({common})"
    if common:
        return f"{common} ({kind})"
    return f"{kind}: {own}" if own != kind else f"{kind} …{str(payload['PayloadUUID'])[-6:]}"


def _common_name(payload: dict) -> str:
    """Return what the certificate in a payload is called; for those that are requested, the name asked for."""
    values = plist.from_json(payload)
    held, kind = values.get("PayloadContent"), payload.get("PayloadType")
    if isinstance(held, bytes) and kind in TYPES[Kind.CERTIFICATE]:
        found = certificates_in(held)
        return name_of(found[0].subject) if found else ""
    if isinstance(held, bytes):
        password = values.get("Password")
        identity = identity_in(held, password if isinstance(password, str) else None)
        return name_of(identity.certificate.subject) if identity and identity.certificate else ""
    subject = held.get("Subject") if isinstance(held, dict) else values.get("Subject")
    return _asked_name(subject)


def _asked_name(subject) -> str:
    """Return the CN of a subject as SCEP and ACME payloads write it: lists of lists of pairs."""
    if not isinstance(subject, list):
        return ""
    pairs = [pair for part in subject if isinstance(part, list) for pair in part if isinstance(pair, list)]
    return next((str(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] == "CN"), "")


def _per_app_vpns(payloads: list[dict]) -> Choices:
    found = [each for each in payloads if each.get("PayloadType") == PER_APP_VPN]
    return [(str(each["VPNUUID"]), _named(each)) for each in found if isinstance(each.get("VPNUUID"), str)]
