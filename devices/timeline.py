"""The one way facts get on the timeline. Facts only: never a body, never a secret."""

from collections.abc import Iterable
from dataclasses import dataclass

from devices.models import Device, Event


@dataclass(frozen=True)
class Actor:
    """Who acts, for records: the text is kept, the user only while the account exists."""

    name: str
    origin: str = "system"
    user: object = None

    @classmethod
    def staff(cls, user) -> "Actor":
        return cls(name=user.get_username(), origin="staff", user=user)

    @classmethod
    def token(cls, user, token_name: str) -> "Actor":
        return cls(name=f"{user.get_username()} (token {token_name})", origin="api", user=user)


SYSTEM = Actor("Espalier")
SCHEDULE = Actor("schedule", origin="schedule")


def record_event(kind: str, summary: str, *, device: Device | int | None = None, actor: str = "", **data) -> Event:
    """Write one fact; call it in the transaction of what it tells of."""
    device_id = device.pk if isinstance(device, Device) else device
    return Event.objects.create(kind=kind, summary=summary, device_id=device_id, actor=actor[:200], data=data)


def record_events(kind: str, summary: str, device_ids: Iterable[int], *, actor: str = "", **data) -> None:
    """Write the same fact of many devices, by one statement."""
    Event.objects.bulk_create(
        Event(kind=kind, summary=summary, device_id=device_id, actor=actor[:200], data=data) for device_id in device_ids
    )
