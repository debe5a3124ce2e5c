"""Forms about groups, tags and custom attributes."""

import re

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from devices.attributes import MAX_ATTRIBUTE, MAX_LABEL, MAX_TAG
from devices.groups import MAX_DESCRIPTION, MAX_NAME
from devices.models import CustomAttribute, Device, Group
from devices.same_serial import ambiguous
from mdm_project.row_ids import row_ids_of

MAX_NAMED = 20_000


class GroupForm(forms.Form):
    """What every group has; the rule and the members are beside it on the page."""

    name = forms.CharField(max_length=MAX_NAME, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}))
    description = forms.CharField(
        required=False,
        max_length=MAX_DESCRIPTION,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        label="What it is for",
    )


class ChosenDevices(forms.Form):
    """Devices named by ticking them in a search, by pasting serial numbers, or both."""

    serial_numbers = forms.CharField(
        required=False,
        max_length=MAX_NAMED * 20,
        label="Paste serial numbers",
        help_text="One a line, or with commas or spaces between them.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false", "class": "e-mono"}),
    )

    def __init__(self, data=None, *, user, ticked: list[str] | tuple = (), **kwargs):
        super().__init__(data, **kwargs)
        self.visible = Device.objects.visible_to(user)
        self.ticked = row_ids_of(ticked)

    def clean_serial_numbers(self) -> set[int]:
        """Return the ids of the devices; name those serial numbers that nobody has."""
        named = {word.upper() for word in re.split(r"[\s,;]+", self.cleaned_data["serial_numbers"]) if word}
        if len(named) > MAX_NAMED:
            raise forms.ValidationError(f"At most {MAX_NAMED} at once.")
        found = dict(
            self.visible.filter(serial_number__in=named, replaced_by=None).order_by().values_list("serial_number", "pk")
        )
        several = ambiguous(named, self.visible)
        if several:
            shared = ", ".join(sorted(several)[:10])
            raise forms.ValidationError(f"Several devices have these serial numbers, choose by search: {shared}.")
        unknown = sorted(named - found.keys())
        if unknown:
            more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
            raise forms.ValidationError(f"No device has these serial numbers: {', '.join(unknown[:10])}{more}.")
        return set(found.values())

    def device_ids(self) -> set[int]:
        """Return the ids of all devices that were named; of those ticked, the ones that may be seen."""
        ticked = self.visible.filter(pk__in=self.ticked).order_by().values_list("pk", flat=True)
        return self.cleaned_data["serial_numbers"] | set(ticked)


class StaticGroupForm(forms.Form):
    """One of the static groups."""

    group = forms.ModelChoiceField(
        queryset=Group.objects.filter(kind=Group.Kind.STATIC).order_by("name", "id"),
        empty_label="Choose a group",
        help_text="Groups chosen by hand; those by rule gather their devices themselves.",
        widget=UnfoldAdminSelectWidget(),
    )


class TagForm(forms.Form):
    """A tag's word."""

    name = forms.CharField(max_length=MAX_TAG, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}))


def _secret_switch(label: str, more: str) -> forms.BooleanField:
    about = f"They are encrypted and hidden, and no rule can use them. This cannot be taken back. {more}"
    return forms.BooleanField(required=False, label=label, help_text=about, widget=UnfoldBooleanWidget())


class AttributeForm(forms.Form):
    """A custom attribute to define."""

    label = forms.CharField(
        max_length=MAX_LABEL,
        help_text="What people read, such as Cost center.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    name = forms.CharField(
        max_length=MAX_ATTRIBUTE,
        help_text="Letters, digits, _ and -. Rules use it, and profiles in capitals: $COST_CENTER. It never changes.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        choices=CustomAttribute.Kind.choices, help_text="It never changes.", widget=UnfoldAdminSelectWidget()
    )
    is_secret = _secret_switch("Its values are secret", "Choose it for passwords that profiles use.")


class LabelForm(forms.Form):
    """What people read of a custom attribute, and whether it becomes secret."""

    label = forms.CharField(max_length=MAX_LABEL, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}))
    is_secret = _secret_switch(
        "Make its values secret",
        "The timeline keeps what it says of earlier values, so set new ones afterwards.",
    )

    def __init__(self, *args, attribute: CustomAttribute, **kwargs):
        super().__init__(*args, **kwargs)
        if attribute.is_secret:
            del self.fields["is_secret"]
