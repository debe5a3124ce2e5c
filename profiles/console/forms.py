"""Forms about profiles as a whole: making one, its facts, importing, publishing, removal policies."""

from copy import copy
from decimal import Decimal

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from profiles.models import Profile, RemovalPolicy
from profiles.removal_policies import problems_of

_DAY_S = 86400


class _Facts(forms.Form):
    scope = forms.ChoiceField(
        choices=Profile.Scope.choices,
        label="Applies to",
        help_text="User: for the person who is logged in, on the user channel (Mac and Shared iPad).",
        widget=UnfoldAdminSelectWidget(),
    )
    organization = forms.CharField(required=False, max_length=200, widget=UnfoldAdminTextInputWidget())
    description = forms.CharField(
        required=False,
        help_text="Shown in Settings on the device.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    consent_text = forms.CharField(
        required=False,
        help_text="Shown to whoever installs the profile by hand, who has to agree. MDM installs without asking.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    removal_policy = forms.ModelChoiceField(
        queryset=RemovalPolicy.objects.order_by("name", "id"),
        required=False,
        empty_label="None: as the payloads say",
        help_text="For installing by hand or with Apple Configurator. What MDM delivers, MDM removes.",
        widget=UnfoldAdminSelectWidget(),
    )


class NewProfileForm(_Facts):
    """What a profile needs to begin with."""

    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}))
    identifier = forms.CharField(
        required=False,
        max_length=255,
        help_text="PayloadIdentifier, such as com.example.wifi. It never changes; leave it empty to have one made.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("name", "identifier", "scope", "removal_policy", "organization", "description", "consent_text")


class FactsForm(_Facts):
    """What can change of a profile besides its payloads."""

    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget())
    field_order = ("name", "scope", "removal_policy", "organization", "description", "consent_text")

    def __init__(self, *args, is_scope_fixed: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        if is_scope_fixed:
            self.fields["scope"].disabled = True
            self.fields["scope"].help_text = "Fixed since the first version was published."


class ImportForm(forms.Form):
    """A .mobileconfig."""

    file = forms.FileField(
        label="Profile",
        allow_empty_file=True,
        help_text="A .mobileconfig: signed or not, XML or binary.",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".mobileconfig,.plist,.xml"}),
    )
    keep_identifiers = forms.BooleanField(
        required=False,
        initial=True,
        label="Keep identifiers and UUIDs",
        help_text="On: it replaces the profile of the same identifier on devices. Off: it is a profile of its own.",
        widget=UnfoldBooleanWidget(),
    )


class NoteForm(forms.Form):
    """What is said about a version."""

    note = forms.CharField(
        required=False,
        max_length=2000,
        help_text="What changed and why, for whoever reads the list of versions.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )


class PublishForm(NoteForm):
    """What is said about a version; where lint finds errors, why it is published all the same."""

    reason = forms.CharField(
        max_length=1000,
        label="Publish it all the same, because",
        help_text="The timeline keeps it.",
        widget=UnfoldAdminTextInputWidget(),
    )

    def __init__(self, *args, has_errors: bool, **kwargs):
        super().__init__(*args, **kwargs)
        if not has_errors:
            del self.fields["reason"]


class RemovalPolicyForm(forms.ModelForm):
    """A policy, its time in days."""

    days = forms.DecimalField(
        required=False,
        min_value=Decimal("0.01"),
        max_value=Decimal(20000),
        max_digits=8,
        decimal_places=2,
        label="Days until it removes itself",
        help_text="Counted from the installation.",
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0.01"}),
    )

    class Meta:
        model = RemovalPolicy
        fields = ["name", "kind", "removal_date", "password_length"]
        help_texts = {
            "kind": "Applies where a person or Apple Configurator installs the profile.",
            "removal_date": "In UTC.",
            "password_length": "Of the removal password; it is made and kept here, and shown for a reason.",
        }

    field_order = ("name", "kind", "removal_date", "days", "password_length")
    # The field that a kind is made of; the others are not shown and not read.
    FIELD_OF = {"date": "removal_date", "duration": "days", "password": "password_length"}
    MISSING = {
        "removal_date": "Say at which date it removes itself.",
        "days": "Say after how many days it removes itself.",
        "password_length": "Say how long the removal password is to be.",
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # The form writes into its instance while it is checked.
        self.before = copy(self.instance)
        if self.instance.duration_s:
            self.initial["days"] = round(Decimal(self.instance.duration_s) / _DAY_S, 2)

        self.fields["password_length"].required = False

    def clean(self):
        cleaned = super().clean()
        asked = self.FIELD_OF.get(cleaned.get("kind"))
        for name in {*self.FIELD_OF.values()} - {asked}:
            self.errors.pop(name, None)
            cleaned[name] = self.before.password_length if name == "password_length" else None
        if asked and asked not in self.errors and not cleaned.get(asked):
            self.add_error(asked, self.MISSING[asked])
        if not self.errors:
            for field, problem in problems_of(self.facts, self.before).items():
                self.add_error({"duration_s": "days"}.get(field, field), f"It {problem}.")
        return cleaned

    @property
    def facts(self) -> dict:
        """What was entered, as the services take it; only what was changed of a policy that exists."""
        cleaned = self.cleaned_data
        days = cleaned.get("days")
        facts = {name: cleaned.get(name) for name in ("name", "kind", "removal_date", "password_length")}
        facts["duration_s"] = int(days * _DAY_S) if days else None
        if self.before.pk:
            return {name: value for name, value in facts.items() if value != getattr(self.before, name)}
        return facts
