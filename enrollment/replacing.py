"""A device whose logic board was replaced comes back with its serial number and another UDID: what was known goes on.

What staff know (person, tags, groups, attributes, notes) is carried to the device that enrolled last; secrets become
its past ones, since the new board holds none of them. The membership of the earlier one ends.
"""

from django.db import transaction
from django.utils import timezone

from commands.queue import clear_queue
from devices.attributes import add_tags, set_attributes
from devices.changes import tell_changed
from devices.escrow import open_secret
from devices.groups import add_members
from devices.models import AttributeValue, Channel, Device, Enrollment, EscrowedSecret, Group, Note
from devices.same_serial import SameSerial
from devices.secret_attributes import text_of
from devices.timeline import Actor, record_event
from mdm_project.crypto import CannotDecrypt, seal

WHY = "replaced: the same device with another logic board"


@transaction.atomic
def decide_same(case: SameSerial, *, actor: Actor) -> Device:
    """Let the device that enrolled last carry on for the others of a case; return it."""
    kept, *earlier = case.devices
    list(Device.objects.filter(pk__in=[it.pk for it in case.devices]).order_by("pk").select_for_update(no_key=True))
    for device in earlier:
        _carry(device, kept, actor)
        _end(device, kept, actor)
        words = f"the same device as {device.udid}, which it replaces: what was known of it goes on"
        record_event("device_replaced", words, device=kept, actor=actor.name, device_id=device.pk)
        words = f"replaced by {kept.udid}: the same device with another logic board"
        record_event("device_replaced", words, device=device, actor=actor.name, device_id=kept.pk)
    tell_changed([device.pk for device in case.devices])
    return kept


def _carry(earlier: Device, kept: Device, actor: Actor) -> None:
    kept.person_id = kept.person_id or earlier.person_id
    kept.asset_tag = kept.asset_tag or earlier.asset_tag
    Device.objects.filter(pk=kept.pk).update(person=kept.person_id, asset_tag=kept.asset_tag)
    tags = list(earlier.tags.order_by("name").values_list("name", flat=True))
    if tags:
        add_tags([kept.pk], tags, actor=actor)
    for group in Group.objects.filter(kind=Group.Kind.STATIC, memberships__device=earlier).order_by("pk"):
        add_members(group, [kept.pk], actor=actor)
    _carry_attributes(earlier, kept, actor)
    _carry_notes(earlier, kept)
    _carry_secrets(earlier, kept)


def _carry_attributes(earlier: Device, kept: Device, actor: Actor) -> None:
    has = AttributeValue.objects.filter(device=kept).values("attribute")
    missing = AttributeValue.objects.filter(device=earlier).exclude(attribute__in=has).select_related("attribute")
    values = {value.attribute.name: text_of(value) for value in missing.order_by("pk")}
    if values:
        set_attributes({kept.pk: {name: text for name, text in values.items() if text}}, actor=actor)


def _carry_notes(earlier: Device, kept: Device) -> None:
    columns = ("text", "ticket", "author", "user_id", "created_at", "withdrawn_at", "withdrawn_by")
    notes = Note.objects.filter(device=earlier).order_by("pk").values(*columns)
    Note.objects.bulk_create(Note(device=kept, **columns) for columns in notes)


def _carry_secrets(earlier: Device, kept: Device) -> None:
    """Keep what people may still need (a recovery key of a disk that was taken out) as past secrets."""
    now, past = timezone.now(), []
    for secret in EscrowedSecret.objects.filter(device=earlier).exclude(kind__in=EscrowedSecret.UNREVEALABLE):
        try:
            value = open_secret(secret)
        except CannotDecrypt:
            continue
        copy = EscrowedSecret(
            device=kept, kind=secret.kind, is_current=False, created_at=secret.created_at,
            ended_at=secret.ended_at or now, source=f"of {earlier.udid}",
        )  # fmt: skip
        copy.value_encrypted = seal(value, copy.context)
        past.append(copy)
    EscrowedSecret.objects.bulk_create(past)


def _end(earlier: Device, kept: Device, actor: Actor) -> None:
    """End the membership of what is no more; whoever comes with its certificate has to enroll anew."""
    now = timezone.now()
    Device.objects.filter(pk=earlier.pk).update(replaced_by=kept)
    current = Enrollment.objects.filter(device=earlier, is_current=True)
    current.exclude(state=Enrollment.State.UNENROLLED).update(
        state=Enrollment.State.UNENROLLED, unenrolled_at=now, end_reason=WHY, end_asked_by=actor.name[:200]
    )
    channels = list(Channel.objects.filter(device=earlier).order_by("pk").values_list("pk", flat=True))
    Channel.objects.filter(pk__in=channels).update(state=Channel.State.DISABLED, token=None, push_magic="")
    clear_queue(channels, WHY)
