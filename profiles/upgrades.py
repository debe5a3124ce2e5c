"""Sending profiles again when an upgrade makes more of them take effect: an OS drops keys that it is too old for.

Asks the catalogue; what Apple's schema does not know counts for nothing.
"""

from collections.abc import Iterator
from functools import lru_cache

from devices.models import Device
from devices.outbox import handles
from mdm_project import plist
from profiles import catalogue
from profiles.catalogue.validation import key_at
from profiles.content import payloads_of
from profiles.desired import resend
from profiles.models import ItemStatus, ProfileVersion


@handles("os_changed")
def resend_after_upgrades(payloads: list[dict]) -> None:
    """Have versions installed again whose keys came into effect.

    A row is {"devices": [{device_id, from_version, to_version}]}, the versions being those of the OS.
    """
    changes = {device["device_id"]: device for payload in payloads for device in payload["devices"]}
    platforms = dict(Device.objects.filter(id__in=changes).order_by("id").values_list("id", "platform"))
    pairs = ItemStatus.objects.filter(channel__device__in=platforms, version__isnull=False)
    rows = []
    for device_id, version_id in sorted(set(pairs.order_by().values_list("channel__device", "version"))):
        change = changes[device_id]
        keys = newly_effective(version_id, platforms[device_id], change["from_version"], change["to_version"])
        if keys:
            why = f"the upgrade to {change['to_version']} brings {', '.join(keys[:3])}" + (", ..." if keys[3:] else "")
            rows.append({"device_id": device_id, "version_id": version_id, "why": why})
    resend(rows)


@lru_cache(maxsize=1000)
def newly_effective(version_id: int, platform: str, old: str, new: str) -> tuple[str, ...]:
    """Return the keys (or payload types) of a version that a device of the new OS uses and one of the old did not.

    A fleet upgrades to few versions from few versions, so the answers are kept; versions of profiles never change.
    """
    content = plist.from_json(ProfileVersion.objects.select_related("profile").get(pk=version_id).content)
    found = []
    for payload in payloads_of(content):
        entry = catalogue.payload_for(str(payload.get("PayloadType", "")), payload)
        if entry is None or not platform:
            continue
        if _came(entry, platform, old, new):
            found.append(entry.type)
            continue
        for path in _paths(payload):
            key = key_at(entry, payload, path)
            if key is not None and isinstance(path[-1], str) and _came(key, platform, old, new):
                found.append(key.key_path)
    return tuple(dict.fromkeys(found))


def _came(thing, platform: str, old: str, new: str) -> bool:
    return thing.availability(platform, new).is_effective and not thing.availability(platform, old).is_effective


def _paths(value, path: tuple = ()) -> Iterator[tuple]:
    """Yield the place of everything in a value, outer before inner."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index))
