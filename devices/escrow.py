"""Secrets of devices: keeping, proposing, ending and opening them. Each value is encrypted and bound to its row.

A secret that a command sets (a password) is proposed before the command is sent, and becomes the current one when the
device confirms it. Until then both are kept: whichever the device has, we have. Showing one to a person is
devices.reveals.
"""

from collections import Counter
from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from devices.models import Device, EscrowedSecret
from mdm_project.crypto import seal, unseal

MAX_SECRET_BYTES = 64 * 1024
MAX_HISTORY = 20

SecretRow = tuple[int, str, bytes]  # device id, kind, value
Answered = tuple[str, int]  # UUID of a command, device id


def keep_secret(device: Device | int, kind: str, value: bytes, *, source: str = "") -> EscrowedSecret:
    """Keep a value as the current one of its kind; the earlier one becomes history. The same value changes nothing."""
    with transaction.atomic():
        keep_secrets([(_id(device), kind, value)], source=source)
        return _current(_id(device), kind).get()


def keep_secrets(rows: Iterable[SecretRow], *, source: str = "") -> None:
    """Keep the values of many devices; where one device has several of a kind, the last is current in the end.

    The number of statements does not depend on how many devices they are of.
    """
    for several in _rounds(rows):
        with transaction.atomic():
            _keep_one_each(several, source)


def _rounds(rows: Iterable[SecretRow]) -> list[dict[tuple[int, str], bytes]]:
    """Split values so that each part has one of a device and kind, and the parts are in order."""
    rounds: list[dict[tuple[int, str], bytes]] = []
    seen: Counter = Counter()
    for device_id, kind, value in rows:
        number = seen[device_id, kind]
        seen[device_id, kind] += 1
        if number == len(rounds):
            rounds.append({})
        rounds[number][device_id, kind] = value
    return rounds


def _keep_one_each(values: dict[tuple[int, str], bytes], source: str) -> None:
    devices, kinds = {device_id for device_id, _ in values}, {kind for _, kind in values}
    current = EscrowedSecret.objects.filter(device__in=devices, kind__in=kinds, is_current=True)
    before = {(row.device_id, row.kind): row for row in current.select_for_update().order_by("id")}
    new = {key: value for key, value in values.items() if key not in before or open_secret(before[key]) != value}
    if not new:
        return
    _replace(EscrowedSecret.objects.filter(pk__in=[before[key].pk for key in new if key in before]))
    EscrowedSecret.objects.bulk_create(
        _sealed(device_id, kind, value, is_current=True, source=source) for (device_id, kind), value in new.items()
    )
    _forget_oldest(devices, kinds)


def propose_secrets(command_uuid: str, rows: Iterable[SecretRow]) -> None:
    """Keep values that a command is about to set on devices: pending until confirmed. One statement for all."""
    secrets = [
        _sealed(device_id, kind, value, is_current=False, is_pending=True, command_uuid=command_uuid)
        for device_id, kind, value in rows
    ]
    EscrowedSecret.objects.bulk_create(secrets)


def confirm_secrets(answered: Iterable[Answered]) -> set[int]:
    """Make what commands proposed the current secrets of devices that confirmed it; return the ids of those devices.

    ``answered`` is in the order of the answers: what a device confirmed last is current. The number of statements does
    not depend on how many they are.
    """
    with transaction.atomic():
        pending = _pending(answered)
        last = {(row.device_id, row.kind): row.pk for row in pending}
        overtaken = [row.pk for row in pending if last[row.device_id, row.kind] != row.pk]
        devices, kinds = {device_id for device_id, _ in last}, {kind for _, kind in last}
        confirmed = EscrowedSecret.objects.filter(pk__in=list(last.values()))
        same = confirmed.filter(device_id=OuterRef("device_id"), kind=OuterRef("kind"))
        _replace(EscrowedSecret.objects.filter(Exists(same), device__in=devices, is_current=True))
        _replace(EscrowedSecret.objects.filter(pk__in=overtaken))
        confirmed.update(is_current=True, is_pending=False)
        _forget_oldest(devices, kinds)
    return devices


def reject_secrets(answered: Iterable[Answered]) -> int:
    """End what commands proposed to devices that refused it; it stays in the history. Return how many."""
    with transaction.atomic():
        refused = EscrowedSecret.objects.filter(pk__in=[row.pk for row in _pending(answered)])
        return refused.update(is_pending=False, ended_at=timezone.now())


def _pending(answered: Iterable[Answered]) -> list[EscrowedSecret]:
    """Return and lock what these commands proposed to these devices, in the order of the answers."""
    place = {pair: number for number, pair in enumerate(answered)}
    uuids, devices = {uuid for uuid, _ in place}, {device_id for _, device_id in place}
    rows = EscrowedSecret.objects.filter(is_pending=True, command_uuid__in=uuids, device__in=devices)
    found = list(rows.select_for_update().defer("value_encrypted").order_by("id"))
    ours = [row for row in found if (row.command_uuid, row.device_id) in place]
    return sorted(ours, key=lambda row: place[row.command_uuid, row.device_id])


def _sealed(device_id: int, kind: str, value: bytes, **columns) -> EscrowedSecret:
    secret = EscrowedSecret(device_id=device_id, kind=kind, **columns)
    secret.value_encrypted = seal(value, secret.context)
    return secret


def _replace(secrets) -> None:
    """End secrets because the device has proven that it has a newer one."""
    secrets.update(is_current=False, is_pending=False, is_replaced=True, ended_at=timezone.now())


def _forget_oldest(devices: Collection[int], kinds: Collection[str]) -> None:
    """Keep the histories short enough that a device cannot fill the disk with them."""
    history = EscrowedSecret.objects.filter(device__in=devices, kind__in=kinds, is_current=False, is_pending=False)
    newest_first = [F("created_at").desc(), F("id").asc()]
    number = Window(RowNumber(), partition_by=[F("device_id"), F("kind")], order_by=newest_first)
    too_old = history.order_by().annotate(number=number).filter(number__gt=MAX_HISTORY).values_list("pk", flat=True)
    EscrowedSecret.objects.filter(pk__in=list(too_old)).delete()


def end_secrets(devices: Device | int | Iterable[int], *kinds: str) -> None:
    """Forget the current values of some kinds; they stay in the history."""
    ids = [_id(devices)] if isinstance(devices, Device | int) else list(devices)
    secrets = EscrowedSecret.objects.filter(Q(is_current=True) | Q(is_pending=True), device__in=ids)
    secrets.filter(kind__in=kinds).update(is_current=False, is_pending=False, ended_at=timezone.now())


def current_value(device: Device | int, kind: str) -> bytes | None:
    """Return the current value of a kind, decrypted, or None."""
    secret = _current(_id(device), kind).first()
    return open_secret(secret) if secret else None


def current_values(device_ids: Iterable[int], kind: str) -> dict[int, bytes]:
    """Return the current values of a kind by device id, decrypted, for those that have one."""
    secrets = EscrowedSecret.objects.filter(device__in=set(device_ids), kind=kind, is_current=True)
    return {secret.device_id: open_secret(secret) for secret in secrets}


def open_secret(secret: EscrowedSecret) -> bytes:
    return unseal(secret.value_encrypted, secret.context)


def _id(device: Device | int) -> int:
    return device.pk if isinstance(device, Device) else device


def _current(device_id: int, kind: str):
    return EscrowedSecret.objects.filter(device_id=device_id, kind=kind, is_current=True)
