"""Forms of the console about devices themselves."""

import re

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from devices.models import Person
from devices.services import MAX_ASSET_TAG

NUMBER = re.compile(r"#(\d{1,18})$")


def person_choice(person: Person) -> str:
    """Return a person as the field of the form names them: `Ada Okafor, Sales #12`."""
    return f"{', '.join(filter(None, [person.name, person.department, person.email]))} #{person.pk}"


class DeviceForm(forms.Form):
    """What staff write about a device; everything else is what the device reports."""

    asset_tag = forms.CharField(
        required=False, max_length=MAX_ASSET_TAG, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )
    person = forms.CharField(
        required=False,
        label="Used by",
        max_length=800,
        help_text="Type a name and choose; leave it empty for nobody. People are kept under Administration.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "list": "people"}),
    )

    def __init__(self, *args, people_url: str, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.people = Person.objects.visible_to(user)
        look_up = {"hx-get": people_url, "hx-trigger": "input changed delay:200ms, focus", "hx-target": "#people"}
        self.fields["person"].widget.attrs |= look_up

    def clean_person(self) -> Person | None:
        text = self.cleaned_data["person"].strip()
        if not text:
            return None
        number = NUMBER.search(text)
        people = self.people.filter(pk=number[1]) if number else self.people.filter(name__iexact=text)
        found = list(people.order_by("id")[:2])
        if len(found) == 1:
            return found[0]
        why = "Several people have this name: choose one." if found else "Nobody of that name is known here."
        raise forms.ValidationError(why)


class ReasonForm(forms.Form):
    """A reason that is kept with what is done."""

    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))
