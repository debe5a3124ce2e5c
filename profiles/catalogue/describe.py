"""Entries and keys in terms of JSON, as the API shows them. What is not stated is left out.

``support`` of a key is effective, and there only where it differs from what contains the key.
"""

from collections.abc import Mapping
from functools import lru_cache

from profiles.catalogue.entries import Entry
from profiles.catalogue.keys import Key
from profiles.catalogue.support import Support


@lru_cache(maxsize=1024)
def describe(entry: Entry) -> dict:
    """Return an entry with its tree of keys. The same object is returned each time: do not change it."""
    described = {
        "slug": entry.slug,
        "kind": entry.kind.value,
        "type": entry.type,
        "label": entry.label,
        "group": entry.group,
        "family": entry.family,
        "file": entry.file,
        "apply": entry.apply,
        "support": _support(entry.support),
        "related_status_items": list(entry.related_status_items),
        "reasons": [{"code": reason.code, "details": dict(reason.details)} for reason in entry.reasons],
        "keys": [_key(key, entry.support) for key in entry.keys],
        "response_keys": [_key(key, entry.support) for key in entry.response_keys],
    }
    return described


def _support(support: Mapping[str, Support]) -> dict:
    return {system: facts.facts() for system, facts in support.items()}


def _key(key: Key, outer: Mapping[str, Support]) -> dict:
    described = {
        "name": key.name,
        "path": key.key_path,
        "label": key.label,
        "type": key.type.value,
        "role": key.role.value,
        "is_required": key.is_required,
        "is_always_required": key.is_always_required,
    }
    described |= {name: value for name, value in _optional(key).items() if value}
    if key.has_default:
        described["default"] = key.default
    if key.support is not outer:
        described["support"] = _support(key.support)
    for name, below in (("keys", key.subkeys), ("choices", key.choices)):
        if below:
            described[name] = [_key(child, key.support) for child in below]
    return described


def _optional(key: Key) -> dict:
    return {
        "allowed": list(key.allowed),
        "range": key.range and {"minimum": key.range[0], "maximum": key.range[1]},
        "repetition": key.repetition and {"minimum": key.repetition[0], "maximum": key.repetition[1]},
        "format": key.format,
        "subtype": key.subtype,
        "structure": key.structure,
        "combine": key.combine,
        "asset_types": list(key.asset_types),
        "asset_content_types": list(key.asset_content_types),
        "discriminator": key.discriminator if key.variants else "",
        "recursion": key.recursion.key_path if key.recursion else "",
    }
