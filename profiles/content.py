"""The shape of a profile's content: what identifies it and its payloads, and how they refer to each other.

Content is the whole profile, a dictionary with PayloadContent and the other top-level keys, in the JSON form of
mdm_project.plist. Owns walking it and completing what identifies a payload; nothing here reads or writes a row.

Apple: developer.apple.com/documentation/devicemanagement/toplevel
"""

import hashlib
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from mdm_project import plist
from mdm_project.errors import BadRequest
from profiles import catalogue
from profiles.models.profile import new_uuid

CONFIGURATION = "Configuration"
IDENTITY_KEYS = frozenset({"PayloadIdentifier", "PayloadUUID", "PayloadType"})

Path = tuple[str | int, ...]


def payloads_of(content: dict) -> list[dict]:
    """Return the payloads of a profile; an empty list where it has none."""
    return content.get("PayloadContent") or []


def dotted(path: Path) -> str:
    """Return a key path as errors and the API write it."""
    return ".".join(map(str, path))


def strings(value, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every text value with its key path; keys, and what identifies profile and payloads, are left out."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if not is_identity((*path, key)):
                yield from strings(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, (*path, index))


def is_identity(path: Path) -> bool:
    """Tell whether a key path is that of an identifier, UUID or type of the profile or of one of its payloads."""
    return path[-1] in IDENTITY_KEYS and (len(path) == 1 or (len(path) == 3 and path[0] == "PayloadContent"))


def content_hash(content: dict) -> bytes:
    """Return the SHA-256 of the canonical JSON: equal for equal plists, whatever the order of their keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


def new_identifier() -> str:
    """Return an identifier below this server's name, as Apple asks for: reversed, and unique."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    is_name = "." in host and not host.replace(".", "").isdecimal()
    return f"{'.'.join(reversed(host.split('.'))) if is_name else 'espalier'}.profile.{new_uuid()}"


def references(content: dict) -> dict[str, list[Path]]:
    """Return for each PayloadUUID where else in the profile it stands: which payloads use a certificate, say."""
    found: dict[str, list[Path]] = {str(each.get("PayloadUUID")): [] for each in payloads_of(content)}
    for path, text in strings(content):
        if text in found:
            found[text].append(path)
    return found


def complete_payloads(content: dict, identifier: str, known: dict | None = None) -> None:
    """Give payloads the UUID, identifier and version they lack.

    Those of the payload with the same UUID in ``known`` come first, so that what a form leaves out stays as it was.
    Raises BadRequest for what is no list of payloads.
    """
    earlier = {each.get("PayloadUUID"): each for each in payloads_of(known or {})}
    payloads = content.setdefault("PayloadContent", [])
    if not isinstance(payloads, list):
        raise _wrong("PayloadContent", "must be a list of payloads")
    for index, payload in enumerate(payloads):
        path = f"PayloadContent.{index}"
        if not isinstance(payload, dict):
            raise _wrong(path, "must be a dictionary")
        if not payload.get("PayloadType") or not isinstance(payload["PayloadType"], str):
            raise _wrong(f"{path}.PayloadType", "must name the type of the payload")
        _complete(payload, earlier.get(payload.get("PayloadUUID"), {}), identifier, path)


def _complete(payload: dict, earlier: dict, identifier: str, path: str) -> None:
    uuid = payload.setdefault("PayloadUUID", new_uuid())
    if not uuid or not isinstance(uuid, str):
        raise _wrong(f"{path}.PayloadUUID", "must be a text")
    payload.setdefault("PayloadIdentifier", earlier.get("PayloadIdentifier") or f"{identifier}.{uuid}")
    if not payload["PayloadIdentifier"] or not isinstance(payload["PayloadIdentifier"], str):
        raise _wrong(f"{path}.PayloadIdentifier", "must be a text")
    if not earlier:
        payload.setdefault("PayloadVersion", 1)


def refuse_equal_uuids(content: dict) -> None:
    """Raise BadRequest where two payloads have one PayloadUUID: devices would take them for the same."""
    seen: dict[str, int] = {}
    for index, payload in enumerate(payloads_of(content)):
        first = seen.setdefault(payload["PayloadUUID"].upper(), index)
        if first != index:
            raise _wrong(f"PayloadContent.{index}.PayloadUUID", f"is also that of PayloadContent.{first}")


def slugs_of(content: dict, known: dict[str, str]) -> dict[str, str]:
    """Return the catalogue's slug by PayloadUUID: the known one while it is of that type, else the best fit.

    Payloads that Apple does not define have none.
    """
    slugs = {}
    for payload in payloads_of(content):
        kind, uuid = str(payload.get("PayloadType")), str(payload.get("PayloadUUID"))
        candidates = {entry.slug for entry in catalogue.payloads_of_type(kind)}
        if known.get(uuid) in candidates:
            slugs[uuid] = known[uuid]
        elif candidates:
            slugs[uuid] = catalogue.payload_for(kind, plist.from_json(payload)).slug
    return slugs


def _wrong(path: str, message: str) -> BadRequest:
    return BadRequest(f"{path} {message}.", fields={path: message})
