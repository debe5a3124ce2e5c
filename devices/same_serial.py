"""Devices that report one serial number under different UDIDs: one whose logic board was replaced, or two by mistake.

Which it is, a person decides (enrollment.replacing): the same device, which then carries on with what staff know of it,
or different ones. Until then nothing is mixed, and a serial number that names several is no target.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count

from devices.access import limit_of
from devices.models import Device, SerialVerdict
from devices.querysets import DeviceQuerySet
from devices.timeline import Actor, record_event, record_events
from mdm_project.errors import Conflict

MOST = 100


@dataclass(frozen=True)
class SameSerial:
    """Devices with one serial number that nobody has decided about, the one that enrolled last first."""

    serial_number: str
    devices: tuple[Device, ...]


class NothingToDecide(Conflict):
    code = "nothing_to_decide"


def hardware() -> DeviceQuerySet:
    """Devices that a serial number can stand for: not those that were replaced."""
    return Device.objects.filter(replaced_by=None, udid__isnull=False).exclude(serial_number=None)


def ambiguous(serial_numbers: Collection[str], visible: DeviceQuerySet) -> dict[str, int]:
    """Return how many devices each of these serial numbers stands for, where it is more than one."""
    rows = visible.filter(replaced_by=None, udid__isnull=False, serial_number__in=set(serial_numbers)).order_by()
    counted = rows.values("serial_number").annotate(number=Count("id")).filter(number__gt=1)
    return {row["serial_number"]: row["number"] for row in counted}


def open_cases(user, serial_number: str | None = None) -> list[SameSerial]:
    """Return what somebody may decide about: cases of which they see every device. Three statements."""
    shared = hardware().exclude(serial_number="").order_by("serial_number").values("serial_number")
    if serial_number is not None:
        shared = shared.filter(serial_number=serial_number)
    serials = [row["serial_number"] for row in shared.annotate(number=Count("id")).filter(number__gt=1)]
    if not serials:
        return []
    by_serial = defaultdict(list)
    for device in _enrolled_last_first(hardware().filter(serial_number__in=serials)):
        by_serial[device.serial_number].append(device)
    decided = dict(SerialVerdict.objects.filter(serial_number__in=serials).values_list("serial_number", "device_ids"))
    cases = [
        SameSerial(serial, tuple(devices))
        for serial, devices in by_serial.items()
        if not {device.pk for device in devices} <= set(decided.get(serial, ()))
    ]
    return _visible(cases, user)[:MOST]


def _visible(cases: list[SameSerial], user) -> list[SameSerial]:
    if limit_of(user) is None:
        return cases if user.has_perm("devices.view_device") else []
    ids = {device.pk for case in cases for device in case.devices}
    seen = set(Device.objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    return [case for case in cases if {device.pk for device in case.devices} <= seen]


def _enrolled_last_first(devices: DeviceQuerySet) -> list[Device]:
    rows = devices.with_enrollment().with_last_seen().select_related("person").prefetch_related("tags")
    return sorted(rows, key=lambda device: (-(device.current_enrollment_id or 0), -device.pk))


def are_different(one: Device, other: Device) -> bool:
    """Say whether somebody decided to keep two devices apart."""
    verdicts = SerialVerdict.objects.filter(serial_number=one.serial_number)
    return verdicts.filter(device_ids__contains=[one.pk, other.pk]).exists()


def case_of(user, serial_number: str) -> SameSerial:
    """Return what is to be decided about a serial number; raise NothingToDecide."""
    cases = open_cases(user, serial_number)
    if not cases:
        raise NothingToDecide("nothing is to be decided about this serial number any more")
    return cases[0]


@transaction.atomic
def decide_different(case: SameSerial, *, actor: Actor) -> None:
    """Keep devices apart that share a serial number; a further one with it is asked about anew."""
    ids = sorted(device.pk for device in case.devices)
    SerialVerdict.objects.update_or_create(
        serial_number=case.serial_number, defaults={"device_ids": ids, "actor": actor.name[:200]}
    )
    words = f"kept apart from others with the serial number {case.serial_number}: they are different devices"
    record_events("same_serial_different", words, ids, actor=actor.name)


def tell_of_another(device_id: int) -> None:
    """Write on the timelines that a device enrolls whose serial number another one has: one statement if none has."""
    device = Device.objects.only("serial_number", "udid", "name").get(pk=device_id)
    if not device.serial_number or device.udid is None:
        return
    for other in hardware().filter(serial_number=device.serial_number).exclude(pk=device_id).order_by("pk")[:MOST]:
        words = f"another device reports the serial number {device.serial_number}: UDID {device.udid}"
        record_event("same_serial", words, device=other.pk, actor="device")
        words = f"its serial number {device.serial_number} is known: of the device with UDID {other.udid}"
        record_event("same_serial", words, device=device_id, actor="device")
