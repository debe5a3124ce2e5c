"""Secrets after the fact: exchanging those that a person was shown, and ending those that never went out.

The device is asked for another; its answer makes that one current and proves the exchange. Until then the command
waits in the queue, and the page of the device says so. What the device refuses is asked again a day later, a few times.
"""

from datetime import timedelta

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
MAX_TRIES = 5
TRY_AGAIN_AFTER = timedelta(days=1)
# An answer is interpreted soon; one that still has not brought a new value an hour later has none.
INTERPRETED_WITHIN = timedelta(hours=1)
NO_NEW_VALUE = "the device answered without a new one"


def rotate_revealed() -> int:
    """Ask devices to exchange secrets whose time has come; return how many were asked. A device that cannot be asked
    is told of on its timeline.
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
        channels = Channel.objects.device_channels().filter(device=secret.device_id)
        reason = f"{secret.get_kind_display()} was revealed"
        try:
            with transaction.atomic():
                asked = ask(COMMANDS[Kind(secret.kind)], {}, channels, actor=SYSTEM, reason=reason)
        except EspalierError as error:
            _note_failure(secret, error.detail)
            return False
        uuid = asked.command.uuid if asked.command else ""
        EscrowedSecret.objects.filter(pk=pk).update(
            rotation_wished_at=None, rotation_asked_at=timezone.now(), rotation_uuid=uuid, rotation_problem=""
        )
    return True


def note_unexchanged() -> int:
    """Note the exchanges whose command is over though the secret is as it was; return how many."""
    over = QueuedCommand.objects.filter(
        command__uuid=OuterRef("rotation_uuid"), channel__device=OuterRef("device"), finished_at__isnull=False
    )
    unanswered = over.exclude(state=QueuedCommand.State.ACKNOWLEDGED)
    in_vain = over.filter(state=QueuedCommand.State.ACKNOWLEDGED, finished_at__lte=timezone.now() - INTERPRETED_WITHIN)
    asked = EscrowedSecret.objects.filter(is_current=True).exclude(rotation_uuid="").order_by("rotation_asked_at", "id")
    number = 0
    for found, is_refused in ((unanswered, True), (in_vain, False)):
        for pk in list(asked.filter(Exists(found)).values_list("pk", flat=True)[:BATCH]):
            number += _note_over(pk, is_refused)
    return number


def _note_over(pk, is_refused: bool) -> bool:
    with transaction.atomic():
        rows = EscrowedSecret.objects.select_for_update(skip_locked=True)
        secret = rows.filter(pk=pk, is_current=True).exclude(rotation_uuid="").first()
        if secret is None:
            return False
        target = QueuedCommand.objects.filter(command__uuid=secret.rotation_uuid, channel__device=secret.device_id)
        note = target.values_list("note", flat=True).first() if is_refused else NO_NEW_VALUE
        _note_failure(secret, note or "the command ended without an answer")
    return True


def _note_failure(secret: EscrowedSecret, problem: str) -> None:
    """Keep why a secret was not exchanged, and ask again a day later unless that was tried often enough."""
    tries = secret.rotation_tries + 1
    again = timezone.now() + TRY_AGAIN_AFTER if tries < MAX_TRIES else None
    EscrowedSecret.objects.filter(pk=secret.pk).update(
        rotation_wished_at=again, rotation_uuid="", rotation_tries=tries, rotation_problem=problem
    )
    words = f"{secret.get_kind_display()} was revealed and cannot be exchanged: {problem}"
    record_event("rotation_failed", words, device=secret.device_id, actor=SYSTEM.name)


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
