"""Secrets of devices: keeping, proposing, ending and opening them. Each value is encrypted and bound to its row.

A secret that a command sets (a password) is proposed before the command is sent, and becomes the current one when the
device confirms it. Until then both are kept: whichever the device has, we have. Showing one to a person is
devices.reveals.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from devices.models import Device, EscrowedSecret
from mdm_project.crypto import seal, unseal

MAX_SECRET_BYTES = 64 * 1024
MAX_HISTORY = 20

SecretRow = tuple[int, str, bytes]  # device id, kind, value


def keep_secret(device: Device | int, kind: str, value: bytes, *, source: str = "") -> EscrowedSecret:
    """Keep a value as the current one of its kind; the earlier one becomes history. The same value changes nothing."""
    device_id = _id(device)
    with transaction.atomic():
        current = _current(device_id, kind).select_for_update().first()
        if current is not None and open_secret(current) == value:
            return current
        _end(EscrowedSecret.objects.filter(device_id=device_id, kind=kind, is_current=True))
        _forget_oldest(device_id, kind)
        secret = _sealed(device_id, kind, value, is_current=True, source=source)
        secret.save(force_insert=True)
        return secret


def propose_secrets(command_uuid: str, rows: Iterable[SecretRow]) -> None:
    """Keep values that a command is about to set on devices: pending until confirmed. One statement for all."""
    secrets = [
        _sealed(device_id, kind, value, is_current=False, is_pending=True, command_uuid=command_uuid)
        for device_id, kind, value in rows
    ]
    EscrowedSecret.objects.bulk_create(secrets)


def confirm_secrets(command_uuid: str, device_ids: Iterable[int]) -> set[int]:
    """Make what a command proposed the current secrets of devices that confirmed it; return the ids of those devices.

    The number of statements does not depend on how many they are.
    """
    with transaction.atomic():
        pending = list(_pending(command_uuid, device_ids).select_for_update().values_list("pk", "device_id", "kind"))
        ids, devices, kinds = ([row[column] for row in pending] for column in range(3))
        same = EscrowedSecret.objects.filter(pk__in=ids, device_id=OuterRef("device_id"), kind=OuterRef("kind"))
        _end(EscrowedSecret.objects.filter(Exists(same), device__in=devices, is_current=True))
        EscrowedSecret.objects.filter(pk__in=ids).update(is_current=True, is_pending=False)
        history = _history().filter(device__in=devices, kind__in=kinds).order_by().values("device_id", "kind")
        for row in history.annotate(number=Count("pk")).filter(number__gte=MAX_HISTORY):
            _forget_oldest(row["device_id"], row["kind"])
    return set(devices)


def reject_secrets(command_uuid: str, device_ids: Iterable[int]) -> int:
    """End what a command proposed to devices that refused it; it stays in the history. Return how many."""
    return _pending(command_uuid, device_ids).update(is_pending=False, ended_at=timezone.now())


def _pending(command_uuid: str, device_ids: Iterable[int]):
    return EscrowedSecret.objects.filter(command_uuid=command_uuid, is_pending=True, device__in=set(device_ids))


def _sealed(device_id: int, kind: str, value: bytes, **columns) -> EscrowedSecret:
    secret = EscrowedSecret(device_id=device_id, kind=kind, **columns)
    secret.value_encrypted = seal(value, secret.context)
    return secret


def _end(secrets) -> None:
    secrets.update(is_current=False, ended_at=timezone.now())


def _history():
    return EscrowedSecret.objects.filter(is_current=False, is_pending=False)


def _forget_oldest(device_id: int, kind: str) -> None:
    """Keep the history short enough that a device cannot fill the disk with it."""
    history = _history().filter(device_id=device_id, kind=kind)
    kept = history.order_by("-created_at", "id").values_list("id", flat=True)[: MAX_HISTORY - 1]
    history.exclude(id__in=list(kept)).delete()


def end_secrets(device: Device | int, *kinds: str) -> None:
    """Forget the current values of some kinds; they stay in the history."""
    secrets = EscrowedSecret.objects.filter(Q(is_current=True) | Q(is_pending=True), device_id=_id(device))
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
