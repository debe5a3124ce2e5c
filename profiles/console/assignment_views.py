"""Who gets a profile, in the console: its assignments and their rollouts, changed through plans; conflicts.

Halting is done at once, since nobody reads a plan while devices break; everything else is shown before it is done.
"""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_POST

from commands.standing_rows import counts_by
from devices.timeline import Actor
from mdm_project.console import submitted
from mdm_project.errors import EspalierError
from profiles import rollout
from profiles.conflicts import conflicts
from profiles.console.access import SECRETS, find_profile, require
from profiles.console.assignment_forms import AssignmentForm
from profiles.console.assignment_rows import Counts, rows_of
from profiles.console.forms import NoteForm
from profiles.models import Assignment, Profile

VIEW, CHANGE = "profiles.view_assignment", "profiles.change_assignment"
ADD, DELETE = "profiles.add_assignment", "profiles.delete_assignment"
VIEW_DEVICE = "devices.view_device"
PLANNED_STEPS = ("advance", "resume", "roll_back")


class AssignmentPages:
    """Mixin of the profile admin: its assignments. Plans are made by PlanPages."""

    def assignment_urls(self) -> list:
        one = "<int:pk>/assignments/<int:assignment_pk>/"
        return [
            self.view_path("conflicts/", self.conflicts_view, "conflicts"),
            self.view_path("<int:pk>/assignments/", self.assignments_view, "assignments"),
            self.view_path("<int:pk>/assignments/add/", self.assign_view, "assign"),
            self.view_path("<int:pk>/assignments/withdraw/", require_POST(self.withdraw_view), "withdraw"),
            self.view_path(one, self.assignment_view, "assignment"),
            self.view_path(f"{one}delete/", require_POST(self.unassign_view), "unassign"),
            self.view_path(f"{one}halt/", self.halt_view, "halt"),
            self.view_path(f"{one}step/<str:step>/", require_POST(self.step_view), "step"),
        ]

    def assignments_view(self, request, pk):
        """List the assignments of a profile with how far they are."""
        require(request.user, VIEW)
        profile = find_profile(request.user, pk)
        may_plan = request.user.has_perm(VIEW_DEVICE)
        context = {
            "title": f"Assignments of {profile.name}",
            "profile": profile,
            "rows": rows_of(profile, request.user),
            "counts": Counts(counts_by("profile", [profile.pk], request.user).get(profile.pk, {})),
            "may_add": may_plan and request.user.has_perm(ADD),
            "may_change": may_plan and request.user.has_perm(CHANGE),
            "may_delete": may_plan and request.user.has_perm(DELETE),
            "may_withdraw": may_plan and request.user.has_perm("profiles.change_profile"),
        }
        return self.page(request, "console/assignment/list.html", context)

    def assign_view(self, request, pk):
        """Ask to whom a profile goes (GET), and plan it (POST)."""
        profile = self._plannable(request, pk, ADD)
        form = AssignmentForm(submitted(request)[0], profile=profile, user=request.user)
        if request.method == "POST" and form.is_valid():
            values = {name: value for name, value in form.values().items() if value not in ([], None)}
            answer = self._planned(request, form, {"kind": "create_assignment", "profile": profile.pk, **values})
            if answer is not None:
                return answer
        return self._form_page(request, profile, form, f"Assign {profile.name}")

    def assignment_view(self, request, pk, assignment_pk):
        """Show an assignment as a form (GET), and plan what was changed (POST)."""
        profile = self._plannable(request, pk, CHANGE)
        assignment = self._assignment(request, profile, assignment_pk)
        form = AssignmentForm(submitted(request)[0], profile=profile, user=request.user, assignment=assignment)
        if request.method == "POST" and form.is_valid():
            fields = form.changed_values()
            if not fields:
                return self.done(request, "Nothing was changed.", self.route("assignments", profile.pk))
            change = {"kind": "change_assignment", "assignment": assignment.pk, "fields": fields}
            answer = self._planned(request, form, change)
            if answer is not None:
                return answer
        return self._form_page(request, profile, form, f"Assignment of {profile.name}")

    def unassign_view(self, request, pk, assignment_pk):
        """Plan to end an assignment."""
        profile = self._plannable(request, pk, DELETE)
        assignment = self._assignment(request, profile, assignment_pk)
        return self.plan_and_show(request, {"kind": "delete_assignment", "assignment": assignment.pk}, profile)

    def withdraw_view(self, request, pk):
        """Plan to take the profile away from all devices: every assignment ends."""
        profile = self._plannable(request, pk, "profiles.change_profile")
        return self.plan_and_show(request, {"kind": "remove_profile", "profile": profile.pk}, profile)

    def step_view(self, request, pk, assignment_pk, step):
        """Plan a step of a rollout."""
        profile = self._plannable(request, pk, CHANGE)
        assignment = self._assignment(request, profile, assignment_pk)
        if step not in PLANNED_STEPS:
            raise Http404("there is no such step")
        return self.plan_and_show(request, {"kind": "rollout", "assignment": assignment.pk, "step": step}, profile)

    def halt_view(self, request, pk, assignment_pk):
        """Ask why (GET), and halt a rollout (POST)."""
        profile = self._plannable(request, pk, CHANGE)
        assignment = self._assignment(request, profile, assignment_pk)
        form, address = NoteForm(submitted(request)[0]), self.route("assignments", profile.pk)
        form.fields["note"].label = "Reason"
        form.fields["note"].help_text = "Shown with the halted rollout and kept in the timeline."
        if request.method == "POST" and form.is_valid():
            try:
                rollout.halt(assignment, form.cleaned_data["note"], actor=Actor.staff(request.user))
                return self.done(request, "The rollout is halted.", address, reload=True)
            except EspalierError as error:
                form.add_error(None, error.detail)
        context = {"title": "Halt the rollout?", "form": form, "back": address, "button": "Halt"}
        context["warning"] = "Devices that have the version keep it; nobody else gets it until the rollout goes on."
        return self.dialog(request, "console/dialog_form.html", context)

    def conflicts_view(self, request):
        """List where profiles that share devices disagree."""
        require(request.user, "profiles.view_profile")
        if not request.user.has_perm(VIEW_DEVICE):
            raise PermissionDenied
        found = conflicts(show_secrets=request.user.has_perm(SECRETS), user=request.user)
        return self.page(request, "console/assignment/conflicts.html", {"title": "Conflicts", "conflicts": found})

    def _plannable(self, request, pk, permission: str) -> Profile:
        require(request.user, permission)
        if not (request.user.has_perm(VIEW) and request.user.has_perm(VIEW_DEVICE)):
            raise PermissionDenied
        return find_profile(request.user, pk)

    @staticmethod
    def _assignment(request, profile: Profile, pk) -> Assignment:
        visible = profile.assignments.visible_to(request.user).select_related("version")
        assignment = visible.prefetch_related("include", "exclude").filter(pk=pk).first()
        if assignment is None:
            raise Http404("the profile has no such assignment")
        return assignment

    def _planned(self, request, form: AssignmentForm, change: dict) -> HttpResponse | None:
        """Plan a change that a form describes; puts what is refused into the form."""
        try:
            return self.show_plan(request, change)
        except EspalierError as error:
            named = {name: words for name, words in error.fields.items() if name in form.fields}
            for name, words in named.items():
                form.add_error(name, words)
            if not named:
                form.add_error(None, error.detail)
        return None

    def _form_page(self, request, profile: Profile, form: AssignmentForm, title: str) -> HttpResponse:
        context = {"title": title, "profile": profile, "form": form, "back": self.route("assignments", profile.pk)}
        return self.page(request, "console/assignment/form.html", context)
