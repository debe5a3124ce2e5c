"""Secrets after the fact: exchanging those that a person was shown, and ending those that never went out."""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from commands.asking import ask
from commands.models import QueuedCommand
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
    return sum(
        _rotate(pk) for pk in list(due.order_by("rotation_wished_at", "id").values_list("pk", flat=True)[:BATCH])
    )


def _rotate(pk) -> bool:
    """Ask for one exchange; the wish and the command go together, so that neither is lost when the worker dies."""
    with transaction.atomic():
        secret = (
            EscrowedSecret.objects.select_for_update(skip_locked=True)
            .filter(pk=pk, is_current=True, rotation_wished_at__lte=timezone.now())
            .first()
        )
        if secret is None:
            return False
        EscrowedSecret.objects.filter(pk=pk).update(rotation_wished_at=None)
        channels = Channel.objects.device_channels().filter(device=secret.device_id)
        reason = f"{secret.get_kind_display()} was revealed"
        try:
            with transaction.atomic():
                ask(COMMANDS[Kind(secret.kind)], {}, channels, actor=SYSTEM, reason=reason)
        except EspalierError as error:
            words = f"{secret.get_kind_display()} was revealed and cannot be exchanged: {error.detail}"
            record_event("rotation_failed", words, device=secret.device_id, actor=SYSTEM.name)
            return False
    return True


def end_unsent() -> int:
    """End what was proposed by commands that were cancelled or expired before the device was given them.

    Where one was delivered and not answered the secret stays pending: the device may have it. Return how many.
    """
    unsent = QueuedCommand.objects.filter(
        command__uuid=OuterRef("command_uuid"), channel__device=OuterRef("device"), finished_at__isnull=False,
        deliveries=0,
    )  # fmt: skip
    pending = EscrowedSecret.objects.filter(Exists(unsent), is_pending=True)
    return pending.update(is_pending=False, ended_at=timezone.now())
