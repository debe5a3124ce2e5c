"""Where lost devices are: the newest place of each, encrypted, shown only to people with the permission for it."""

import json
from datetime import datetime

from devices.models import Device, LastLocation
from mdm_project.crypto import seal, unseal


def keep_location(device_id: int, place: str, located_at: datetime) -> None:
    """Keep a place (JSON) as the newest of a device, unless a newer one is known."""
    row = LastLocation(device_id=device_id, located_at=located_at)
    row.place_encrypted = seal(place.encode(), row.place_context)
    LastLocation.objects.filter(device_id=device_id, located_at__lt=located_at).delete()
    LastLocation.objects.bulk_create([row], ignore_conflicts=True)


def last_location(device: Device, user) -> dict | None:
    """Return ``{"latitude", "longitude", ..., "located_at"}`` for who may see it, or None."""
    if not user.has_perm("devices.view_location"):
        return None
    row = LastLocation.objects.filter(device=device).first()
    if row is None:
        return None
    return json.loads(unseal(bytes(row.place_encrypted), row.place_context)) | {"located_at": row.located_at}
