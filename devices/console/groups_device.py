"""What the device page shows and changes of groups, tags and custom attributes."""

from django import forms
from django.db import transaction
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from devices.attributes import set_attributes, set_tags
from devices.console.groups_rule import sentence
from devices.console.secret_field import SecretField
from devices.models import AttributeValue, CustomAttribute, Device, Membership
from devices.rules import Vocabulary
from devices.timeline import Actor
from mdm_project.errors import BadRequest

_PREFIX = "attribute_"
_REMOVE = "remove_"
_KINDS = CustomAttribute.Kind
_HOW = {
    _KINDS.NUMBER: "A number. ",
    _KINDS.DATE: "A date, such as 2026-01-31. ",
    _KINDS.BOOLEAN: "Yes or no. ",
    _KINDS.VERSION: "A version, such as 17.4.1. ",
}


def groups_context(device: Device, text: str) -> dict:
    """Return the groups of a device, each with its rule in words, its tags and its attributes."""
    memberships = list(
        Membership.objects.filter(device=device).select_related("group").order_by("group__name", "group_id")
    )
    vocabulary = Vocabulary()
    for membership in memberships:
        membership.sentence = sentence(membership.group, vocabulary)
    values = AttributeValue.objects.filter(device=device).select_related("attribute").defer("value_encrypted")
    return {
        "memberships": memberships,
        "tags": list(device.tags.order_by("name", "id")),
        "values": list(values.order_by("attribute__label", "id")),
    }


def label_fields(device: Device) -> dict[str, forms.Field]:
    """Return the fields of the edit dialog for a device's tags and attributes, with what they hold now."""
    names = device.tags.order_by("name", "id").values_list("name", flat=True)
    tags = forms.CharField(
        required=False,
        max_length=5000,
        initial=", ".join(names),
        help_text="With commas between them.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    values = dict(device.attribute_values.order_by("id").values_list("attribute_id", "value"))
    fields = {"tags": tags}
    for attribute in CustomAttribute.objects.order_by("label", "id"):
        if attribute.is_secret:
            fields |= _secret_fields(attribute, is_set=attribute.pk in values)
        else:
            fields[_PREFIX + attribute.name] = _field(attribute, values.get(attribute.pk, ""))
    return fields


def _secret_fields(attribute: CustomAttribute, *, is_set: bool) -> dict[str, forms.Field]:
    """Return the fields that set a secret value, and remove it where there is one; neither shows it."""
    stands = "A value is stored; empty leaves it as it is." if is_set else "No value is stored."
    text = f"Secret. {_HOW.get(attribute.kind, '')}{stands}"
    fields = {_PREFIX + attribute.name: SecretField(label=str(attribute), max_length=1000, help_text=text)}
    if is_set:
        label = f"Remove the stored value of {attribute}"
        fields[_REMOVE + attribute.name] = forms.BooleanField(required=False, label=label, widget=UnfoldBooleanWidget())
    return fields


def _field(attribute: CustomAttribute, value: str) -> forms.Field:
    common = {"required": False, "label": str(attribute), "initial": value}
    if attribute.kind == _KINDS.BOOLEAN:
        choices = [("", "not set"), ("true", "yes"), ("false", "no")]
        return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget(), **common)
    attrs = {"autocomplete": "off"}
    if attribute.kind == _KINDS.DATE and len(value) <= len("2026-01-31"):
        return forms.CharField(widget=UnfoldAdminDateWidget(attrs={"type": "date"}), max_length=40, **common)
    if attribute.kind == _KINDS.VERSION:
        attrs["placeholder"] = "17.4.1"
    return forms.CharField(widget=UnfoldAdminTextInputWidget(attrs=attrs), max_length=1000, **common)


def save_labels(device: Device, form: forms.Form, *, actor: Actor) -> bool:
    """Save the tags and attributes of a form, all or none; put what is wrong at its field and return False."""
    cleaned = form.cleaned_data
    named = {
        name.removeprefix(_PREFIX): cleaned[name]
        for name, field in form.fields.items()
        if name.startswith(_PREFIX) and not _stays(name.removeprefix(_PREFIX), field, cleaned)
    }
    try:
        with transaction.atomic():
            set_attributes({device.pk: named}, actor=actor)
            set_tags(device, filter(str.strip, cleaned["tags"].split(",")), actor=actor)
    except BadRequest as error:
        for path, problem in (error.fields or {}).items():
            name = path.partition(".")[2]
            words = problem.removeprefix(f"{name} ").capitalize() if name else error.detail.capitalize()
            form.add_error(_PREFIX + name if name else "tags", f"{words}.")
        return False
    return True


def _stays(name: str, field: forms.Field, cleaned: dict) -> bool:
    """Say whether the form leaves a secret value as it is."""
    return isinstance(field, SecretField) and not cleaned[_PREFIX + name] and not cleaned.get(_REMOVE + name)
