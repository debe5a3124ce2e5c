"""What staff may change about a device: who uses it, its asset tag, and whether its certificate still counts."""

from django.db import transaction
from django.utils import timezone

from devices.changes import tell_changed
from devices.models import Device, Identity, Person
from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest, Conflict

MAX_ASSET_TAG = 100


@transaction.atomic
def set_asset_tag(device: Device, asset_tag: str, *, actor: Actor) -> None:
    """Change the asset tag; raise BadRequest when it is too long."""
    asset_tag = asset_tag.strip()
    if len(asset_tag) > MAX_ASSET_TAG:
        raise BadRequest("the asset tag is too long", fields={"asset_tag": f"at most {MAX_ASSET_TAG} characters"})
    if asset_tag == device.asset_tag:
        return
    Device.objects.filter(pk=device.pk).update(asset_tag=asset_tag)
    tell_changed([device.pk])
    record_event("asset_tag_changed", f"asset tag is now {asset_tag or 'empty'}", device=device, actor=actor.name)


@transaction.atomic
def assign_person(device: Device, person: Person | None, *, actor: Actor) -> None:
    """Hand a device to a person, or to nobody."""
    if person == device.person:
        return
    Device.objects.filter(pk=device.pk).update(person=person)
    tell_changed([device.pk])
    record_event("person_changed", f"now used by {person or 'nobody'}", device=device, actor=actor.name)


@transaction.atomic
def revoke_identity(identity: Identity, *, actor: Actor, reason: str) -> None:
    """End a client certificate, from the next message on. Raise BadRequest without a reason, Conflict twice."""
    if not reason.strip():
        raise BadRequest("a reason is needed", fields={"reason": "say why"})
    ended = Identity.objects.filter(pk=identity.pk, is_active=True).update(
        is_active=False, ended_at=timezone.now(), end_reason=f"revoked: {reason.strip()}"
    )
    if not ended:
        raise Conflict("this certificate has ended already")
    device = Device.objects.filter(enrollments__key=identity.enrollment_key, enrollments__is_current=True).first()
    record_event(
        "identity_revoked", f"client certificate {identity.serial_hex} revoked: {reason.strip()}",
        device=device, actor=actor.name,
    )  # fmt: skip
