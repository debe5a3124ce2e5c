"""Exchanging secrets that a person was shown, a while later, on devices that can."""

from django.utils import timezone

from commands.asking import ask
from devices.models import Channel, EscrowedSecret
from devices.timeline import SYSTEM, record_event
from mdm_project.errors import EspalierError

Kind = EscrowedSecret.Kind
COMMANDS = {
    Kind.FILEVAULT_RECOVERY_KEY: "RotateFileVaultKey",
    Kind.RECOVERY_LOCK_PASSWORD: "SetRecoveryLock",
    Kind.LOCAL_ADMIN_PASSWORD: "SetAutoAdminPassword",
}
BATCH = 200


def rotate_revealed() -> int:
    """Ask devices to exchange secrets whose time has come; return how many were asked. That it was done is proven by
    the answer, which makes the new one current. A device that cannot be asked is told of on its timeline.
    """
    due = EscrowedSecret.objects.filter(is_current=True, rotation_wished_at__lte=timezone.now())
    number = 0
    for secret in due.order_by("rotation_wished_at", "id")[:BATCH]:
        # Taken before it is asked: a second worker finds it gone.
        if not due.filter(pk=secret.pk).update(rotation_wished_at=None):
            continue
        channels = Channel.objects.device_channels().filter(device=secret.device_id)
        reason = f"{secret.get_kind_display()} was revealed"
        try:
            ask(COMMANDS[Kind(secret.kind)], {}, channels, actor=SYSTEM, reason=reason)
            number += 1
        except EspalierError as error:
            words = f"{secret.get_kind_display()} was revealed and cannot be exchanged: {error.detail}"
            record_event("rotation_failed", words, device=secret.device_id, actor=SYSTEM.name)
    return number
