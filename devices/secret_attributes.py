"""Custom attributes whose values are secret: encrypted, looked at by no rule, shown to a person for a reason only.

An attribute is made secret when it is defined or later, and stays so. What makes use of the values is profiles, as
variables; everybody else sees that there is one.
"""

from django.db import transaction

from devices.models import AttributeValue, CustomAttribute, Group
from devices.rules import mentions
from devices.timeline import Actor, record_event
from mdm_project.crypto import CannotDecrypt, seal, unseal
from mdm_project.errors import BadRequest, Conflict

BATCH = 1000


def seal_text(value: AttributeValue, text: str) -> None:
    """Put a text into a row, encrypted; the caller writes the row."""
    value.value, value.value_encrypted = "", seal(text.encode(), value.context)


def text_of(value: AttributeValue) -> str | None:
    """Return the text of a row of any attribute, decrypted; None where its key is gone. For devices, not for people."""
    if value.value_encrypted is None:
        return value.value
    try:
        return _opened(value)
    except CannotDecrypt:
        return None


def refuse_in_rules(attribute: CustomAttribute, because: str = "") -> None:
    """Raise Conflict, naming the groups, when rules look at an attribute."""
    smart = Group.objects.filter(kind=Group.Kind.SMART).order_by("id")
    users = [group.name for group in smart if mentions(group.rule, "attribute", of=attribute.name)]
    if users:
        raise Conflict(f"{attribute.name} is used by the rule of group {', '.join(users)}{because}")


@transaction.atomic
def make_secret(attribute: CustomAttribute, *, actor: Actor) -> CustomAttribute:
    """Encrypt the values of an attribute and hide them from now on; raise Conflict when rules look at it.

    What the timeline said of earlier values stays there: it cannot be changed.
    """
    # Those who set values hold a lock that this one waits for, so nobody writes in clear afterwards.
    attribute = CustomAttribute.objects.select_for_update().get(pk=attribute.pk)
    if attribute.is_secret:
        return attribute
    refuse_in_rules(attribute, "; rules cannot look at secrets")
    attribute.is_secret = True
    attribute.save(update_fields=["is_secret"])
    number = _encrypt_values(attribute)
    words = f"attribute {attribute.name} is secret now; {number} value{'' if number == 1 else 's'} encrypted"
    record_event("attribute_changed", words, actor=actor.name)
    return attribute


def _encrypt_values(attribute: CustomAttribute) -> int:
    rows = AttributeValue.objects.filter(attribute=attribute, value_encrypted=None).order_by("id")
    number = last = 0
    while batch := list(rows.filter(id__gt=last)[:BATCH]):
        for value in batch:
            seal_text(value, value.value)
        AttributeValue.objects.bulk_update(batch, ["value", "value_encrypted"])
        number, last = number + len(batch), batch[-1].pk
    return number


@transaction.atomic
def reveal_attribute(value: AttributeValue, *, actor: Actor, reason: str) -> str:
    """Return a secret value to a person who may have it (the caller's queryset and permission say so), and record it.

    Raises BadRequest without a reason or where the attribute is not secret, CannotDecrypt.
    """
    if not reason.strip():
        raise BadRequest("Say why the secret is needed.", fields={"reason": "must not be empty"})
    if value.value_encrypted is None:
        raise BadRequest(f"{value.attribute.name} is not secret: it is shown with the device")
    text = _opened(value)
    record_event(
        "secret_revealed", f"{value.attribute} (custom attribute) revealed: {reason.strip()}",
        device=value.device_id, actor=actor.name, attribute=value.attribute.name,
    )  # fmt: skip
    return text


def _opened(value: AttributeValue) -> str:
    return unseal(value.value_encrypted, value.context).decode()
