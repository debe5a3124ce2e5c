"""Secrets of devices: keeping, ending and opening them. Each value is encrypted and bound to its row."""

from django.db import transaction
from django.utils import timezone

from devices.models import Device, EscrowedSecret
from mdm_project.crypto import seal, unseal

MAX_SECRET_BYTES = 64 * 1024
MAX_HISTORY = 20


def keep_secret(device: Device | int, kind: str, value: bytes) -> EscrowedSecret:
    """Keep a value as the current one of its kind; the earlier one becomes history. The same value changes nothing."""
    device_id = device.pk if isinstance(device, Device) else device
    with transaction.atomic():
        current = _current(device_id, kind).select_for_update().first()
        if current is not None and open_secret(current) == value:
            return current
        _current(device_id, kind).update(is_current=False, ended_at=timezone.now())
        _forget_oldest(device_id, kind)
        secret = EscrowedSecret(device_id=device_id, kind=kind)
        secret.value_encrypted = seal(value, secret.context)
        secret.save(force_insert=True)
        return secret


def _forget_oldest(device_id: int, kind: str) -> None:
    """Keep the history short enough that a device cannot fill the disk with it."""
    history = EscrowedSecret.objects.filter(device_id=device_id, kind=kind).order_by("-created_at", "id")
    kept = history.values_list("id", flat=True)[: MAX_HISTORY - 1]
    EscrowedSecret.objects.filter(device_id=device_id, kind=kind).exclude(id__in=list(kept)).delete()


def end_secrets(device: Device | int, *kinds: str) -> None:
    """Forget the current values of some kinds; they stay in the history."""
    device_id = device.pk if isinstance(device, Device) else device
    EscrowedSecret.objects.filter(device_id=device_id, kind__in=kinds, is_current=True).update(
        is_current=False, ended_at=timezone.now()
    )


def current_value(device: Device | int, kind: str) -> bytes | None:
    """Return the current value of a kind, decrypted, or None."""
    device_id = device.pk if isinstance(device, Device) else device
    secret = _current(device_id, kind).first()
    return open_secret(secret) if secret else None


def open_secret(secret: EscrowedSecret) -> bytes:
    return unseal(secret.value_encrypted, secret.context)


def _current(device_id: int, kind: str):
    return EscrowedSecret.objects.filter(device_id=device_id, kind=kind, is_current=True)
