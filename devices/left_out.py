"""Devices that a piece of work had to leave out because something of theirs broke it: told on their timelines.

The work goes on with the others (devices.isolation). The device's page and the dashboard say which were left out of
what (devices.console.attention, devices.needs).
"""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from devices.models import Event
from mdm_project.errors import EspalierError

KIND = "left_out"
RECENT = timedelta(days=7)


def cause_of(error: Exception) -> str:
    """Return why, in words that anybody may read: those of a library may quote what the device said."""
    if isinstance(error, EspalierError):
        return error.detail
    return f"an error of the server ({type(error).__name__}); its log says where"


def tell_left_out(left_out: Iterable[tuple[int, str]], work: str) -> None:
    """Write on the timelines of devices, given with the cause, that ``work`` was not done for them."""
    Event.objects.bulk_create(
        Event(device_id=device_id, kind=KIND, actor="Espalier", summary=f"{work}: left out, {cause}")
        for device_id, cause in left_out
    )


def recently_left_out(user):
    """Return the events of the last days that say so, of the devices that somebody may see."""
    return Event.objects.visible_to(user).filter(kind=KIND, at__gte=timezone.now() - RECENT, device__isnull=False)
