"""Where lost devices are: the newest place of each, encrypted, shown only to people with the permission for it."""

import json
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from devices.models import Device, LastLocation
from mdm_project.crypto import seal, unseal


def keep_locations(places: Iterable[tuple[int, str, datetime]]) -> None:
    """Keep places (device id, JSON, when) as the newest of their devices, unless a newer one is known.

    Three statements, however many they are.
    """
    newest: dict[int, LastLocation] = {}
    for device_id, place, located_at in places:
        if device_id not in newest or newest[device_id].located_at < located_at:
            row = LastLocation(device_id=device_id, located_at=located_at)
            row.place_encrypted = seal(place.encode(), row.place_context)
            newest[device_id] = row
    with transaction.atomic():
        known = LastLocation.objects.select_for_update().filter(pk__in=newest).order_by("pk")
        for device_id, located_at in known.values_list("pk", "located_at"):
            if located_at >= newest[device_id].located_at:
                del newest[device_id]
        LastLocation.objects.filter(pk__in=newest).delete()
        LastLocation.objects.bulk_create(newest.values(), ignore_conflicts=True)


def last_location(device: Device, user) -> dict | None:
    """Return ``{"latitude", "longitude", ..., "located_at"}`` for who may see it, or None."""
    if not user.has_perm("devices.view_location"):
        return None
    row = LastLocation.objects.filter(device=device).first()
    if row is None:
        return None
    return json.loads(unseal(bytes(row.place_encrypted), row.place_context)) | {"located_at": row.located_at}
