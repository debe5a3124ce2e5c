"""What staff may change about a device: who uses it, its asset tag, and whether its certificate still counts; and
about the people who use devices.
"""

import re

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devices.access import is_limited
from devices.changes import tell_changed
from devices.models import Device, Identity, Person
from devices.timeline import Actor, record_event, record_events
from mdm_project.errors import BadRequest, Conflict, Refused
from mdm_project.locks import take_text

MAX_ASSET_TAG = 100
_SERIAL = re.compile(r"[A-Z0-9]{8,20}")
# What is known of a person, with the words of the timeline; rules of groups and variables in profiles look at it.
PERSON_COLUMNS = {"name": "name", "email": "e-mail", "department": "department", "site": "site"}


@transaction.atomic
def pre_assign(serial_number: str, *, actor: Actor, asset_tag: str = "", person: Person | None = None) -> Device:
    """Make a device ahead of its enrollment, known by its serial number; raises Conflict where there is one already.

    The first device that enrolls with this serial number is it.
    """
    serial_number = serial_number.strip().upper()
    if not _SERIAL.fullmatch(serial_number):
        raise BadRequest("this is no serial number", fields={"serial_number": "8 to 20 letters and digits"})
    if is_limited(actor.user):
        raise Refused("who is limited to groups cannot add devices: a new one is in none of them")
    take_text("serial", serial_number)
    existing = Device.objects.filter(serial_number=serial_number).order_by("id").first()
    if existing is not None:
        message = f"is that of the device {existing} (id {existing.pk})"
        raise Conflict(f"the serial number {message}", fields={"serial_number": message})
    device = Device.objects.create(serial_number=serial_number)
    record_event("device_added", "added ahead of its enrollment", device=device, actor=actor.name)
    tell_changed([device.pk])
    set_asset_tag(device, asset_tag, actor=actor)
    assign_person(device, person, actor=actor)
    return device


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
def save_person(person: Person, *, actor: Actor) -> None:
    """Write a new person or what was edited of one; tell of it, and have their devices looked at anew."""
    before = Person.objects.select_for_update().filter(pk=person.pk).first() if person.pk else None
    person.save()
    if before is None:
        record_event("person_added", f"{person} added", actor=actor.name)
        return
    edited = [words for column, words in PERSON_COLUMNS.items() if getattr(before, column) != getattr(person, column)]
    if edited:
        _tell_of_person(person, "person_edited", f"{person}: {', '.join(edited)} changed", actor)


@transaction.atomic
def delete_person(person: Person, *, actor: Actor) -> None:
    """Forget a person; their devices are used by nobody then."""
    _tell_of_person(person, "person_deleted", f"{person} deleted", actor)
    person.delete()


def _tell_of_person(person: Person, kind: str, summary: str, actor: Actor) -> None:
    """Write it to the timelines of their devices, or, if they have none, to that of the whole."""
    device_ids = list(person.devices.order_by("id").values_list("id", flat=True))
    record_events(kind, summary, device_ids or [None], actor=actor.name)
    tell_changed(device_ids)


@transaction.atomic
def revoke_identity(identity: Identity, *, actor: Actor, reason: str) -> None:
    """End a client certificate, from the next message on, and with it every other one of its enrollment: an unused
    renewal, or one that is being exchanged, would let the device in again. Raise BadRequest without a reason, Conflict
    twice.
    """
    if not reason.strip():
        raise BadRequest("a reason is needed", fields={"reason": "say why"})
    revoked = {"is_active": False, "ended_at": timezone.now(), "end_reason": f"{Identity.REVOKED}: {reason.strip()}"}
    with transaction.atomic():
        if not Identity.objects.filter(pk=identity.pk, is_active=True).update(**revoked):
            raise Conflict("this certificate has ended already")
        keys = {identity.enrollment_key, identity.bound_key} - {""}
        of_enrollment = Identity.objects.filter(Q(enrollment_key__in=keys) | Q(bound_key__in=keys), is_active=True)
        siblings = of_enrollment.update(**revoked)
        device = Device.objects.filter(enrollments__key=identity.enrollment_key, enrollments__is_current=True).first()
        more = f" and {siblings} more of this enrollment" if siblings else ""
        record_event(
            "identity_revoked", f"client certificate {identity.serial_hex}{more} revoked: {reason.strip()}",
            device=device, actor=actor.name,
        )  # fmt: skip
