"""The form of an assignment: which groups, which version, in which stages."""

from django import forms
from django.db.models import F
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget
from unfold.widgets import UnfoldBooleanWidget as Switch

from devices.models import Group
from mdm_project.errors import BadRequest
from profiles.assigning import NUMBERS, checked_stages
from profiles.models import Assignment, Profile


class AssignmentForm(forms.Form):
    """What may be said of an assignment; ``fields()`` is what profiles.plan takes."""

    include = forms.ModelMultipleChoiceField(
        queryset=Group.objects.none(), error_messages={"required": "Choose at least one group that gets it."}
    )
    exclude = forms.ModelMultipleChoiceField(queryset=Group.objects.none(), required=False)
    version = forms.ChoiceField(
        required=False,
        help_text="Pinned: a version that is published later does not go to these groups.",
        widget=UnfoldAdminSelectWidget(),
    )
    stages = forms.CharField(
        required=False,
        label="Stages of a rollout, in percent",
        help_text="Such as 1, 10, 50, 100. Empty: all devices at once.",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "text", "autocomplete": "off"}),
    )
    stage_hours = forms.IntegerField(
        required=False,
        **NUMBERS["stage_hours"].arguments(),
        label="Hours in each stage",
        help_text="Then it goes on by itself. Empty: staff go on by hand.",
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    failure_threshold_percent = forms.IntegerField(
        **NUMBERS["failure_threshold_percent"].arguments(),
        initial=5,
        label="Halts when more than so many percent fail",
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    priority = forms.IntegerField(
        **NUMBERS["priority"].arguments(),
        initial=0,
        help_text="Where two assignments bring the same profile, the higher number decides.",
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    sends_anyway = forms.BooleanField(
        required=False,
        label="Send anyway",
        help_text="Payload types that Apple's schema does not know go to iPhones, iPads and Apple TVs, too. "
        "Macs get them in any case.",
        widget=Switch(),
    )
    is_enabled = forms.BooleanField(
        required=False,
        initial=True,
        label="In force",
        help_text="Off: it is kept and means nothing.",
        widget=Switch(),
    )

    def __init__(self, *args, profile: Profile, user, assignment: Assignment | None = None, **kwargs):
        super().__init__(*args, initial=_initial(assignment), **kwargs)
        self.assignment = assignment
        groups = Group.objects.visible_to(user).order_by("name", "id")
        self.fields["include"].queryset = self.fields["exclude"].queryset = groups
        self.groups = groups.with_member_count(user).annotate(number=F("member_count"))
        self.unseen = _unseen(assignment, groups)
        self.fields["include"].required = not self.unseen["include"]
        numbers = list(profile.versions.order_by("-number").values_list("number", flat=True))
        newest = f"always the newest (now {numbers[0]})" if numbers else "always the newest (none is published yet)"
        self.fields["version"].choices = [("", newest), *((str(each), f"pinned: {each}") for each in numbers)]
        if assignment is None:
            del self.fields["is_enabled"]

    def rows(self) -> list[dict]:
        """Return the groups with what is chosen of each, those first of which something is."""
        chosen = {name: {str(value) for value in self[name].value() or []} for name in ("include", "exclude")}
        rows = [{"group": group} | {name: str(group.pk) in chosen[name] for name in chosen} for group in self.groups]
        return sorted(rows, key=lambda row: not (row["include"] or row["exclude"]))

    def unseen_number(self) -> int:
        """Return how many groups of the assignment the person may not see."""
        return len({*self.unseen["include"], *self.unseen["exclude"]})

    def plain(self) -> list:
        """Return the fields besides the groups."""
        return [self[name] for name in self.fields if name not in ("include", "exclude")]

    def clean_version(self) -> int | None:
        return int(self.cleaned_data["version"]) if self.cleaned_data["version"] else None

    def clean_stages(self) -> list[int]:
        words = self.cleaned_data["stages"].replace("%", " ").replace(",", " ").split()
        if not all(word.isascii() and word.isdecimal() and len(word) < 4 for word in words):
            raise forms.ValidationError("Write whole percentages, such as 1, 10, 50, 100.")
        try:
            return checked_stages([int(word) for word in words])
        except BadRequest as error:
            raise forms.ValidationError(f"{error.detail}.".capitalize()) from error

    def clean(self):
        include, exclude = (self.cleaned_data.get(name) or [] for name in ("include", "exclude"))
        both = sorted(group.name for group in set(include) & set(exclude))
        if both:
            self.add_error("exclude", f"{both[0]} is to get it and not to get it.")
        return self.cleaned_data

    def values(self) -> dict:
        """Return everything as JSON takes it."""
        values = dict(self.cleaned_data)
        for name in ("include", "exclude"):
            values[name] = sorted({*(group.pk for group in values[name]), *self.unseen[name]})
        return values

    def changed_values(self) -> dict:
        """Return what differs from the assignment as it is."""
        before = self.initial | {
            "version": self.assignment.version.number if self.assignment.version else None,
            "stages": list(self.assignment.stages),
        }
        return {name: value for name, value in self.values().items() if value != before[name]}


def _unseen(assignment: Assignment | None, groups) -> dict[str, list[int]]:
    """Return the ids of the groups of an assignment that the person may not see: they are not named, and stay."""
    if assignment is None:
        return {"include": [], "exclude": []}
    seen = set(groups.values_list("pk", flat=True))
    return {
        name: [group.pk for group in getattr(assignment, name).all() if group.pk not in seen]
        for name in ("include", "exclude")
    }


def _initial(assignment: Assignment | None) -> dict:
    if assignment is None:
        return {}
    plain = ("stage_hours", "failure_threshold_percent", "priority", "sends_anyway", "is_enabled")
    return {name: getattr(assignment, name) for name in plain} | {
        "include": sorted(group.pk for group in assignment.include.all()),
        "exclude": sorted(group.pk for group in assignment.exclude.all()),
        "version": str(assignment.version.number) if assignment.version else "",
        "stages": ", ".join(map(str, assignment.stages)),
    }
