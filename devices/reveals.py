"""Showing a secret to a person: with a reason, on the timeline, and exchanged afterwards where the device can.

The exchange waits for a while, because the person needs the secret now; commands.rotation does it.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from devices.escrow import open_secret
from devices.models import EscrowedSecret
from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest, Conflict

ROTATE_AFTER = timedelta(hours=1)


class NotForPeople(Conflict):
    code = "not_revealable"


def reveal_secret(secret: EscrowedSecret, *, actor: Actor, reason: str) -> str:
    """Return the value to a person who may have it (the caller's queryset and permission say so), and record it.

    Raises BadRequest without a reason, NotForPeople for tokens that only commands use, CannotDecrypt.
    """
    if secret.kind in EscrowedSecret.UNREVEALABLE:
        raise NotForPeople(f"the {secret.get_kind_display().lower()} is for commands: a person has no use for it")
    if not reason.strip():
        raise BadRequest("Say why the secret is needed.", fields={"reason": "must not be empty"})
    value = open_secret(secret).decode()
    now = timezone.now()
    with transaction.atomic():
        EscrowedSecret.objects.filter(pk=secret.pk).update(revealed_at=now)
        # While a device is asked for another, that answer is waited for instead.
        known = EscrowedSecret.objects.filter(pk=secret.pk, kind__in=EscrowedSecret.ROTATABLE, is_current=True)
        wish = {"rotation_wished_at": now + ROTATE_AFTER, "rotation_tries": 0, "rotation_problem": ""}
        known.filter(rotation_uuid="").update(**wish)
        which = "current" if secret.is_current else "pending" if secret.is_pending else "earlier"
        record_event(
            "secret_revealed", f"{secret.get_kind_display()} ({which}) revealed: {reason.strip()}",
            device=secret.device_id, actor=actor.name, secret_id=str(secret.pk), secret_kind=secret.kind,
        )  # fmt: skip
    return value
