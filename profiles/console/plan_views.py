"""Plans in the console: which devices gain, lose or change what and why; applied as shown, or refused as stale."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst

from commands.losses import consequences_of
from devices.timeline import Actor
from mdm_project.errors import EspalierError
from mdm_project.status import Status
from profiles.assignment_api import NEEDED
from profiles.console.access import require
from profiles.models import Plan, Profile
from profiles.plan import StalePlan, apply_plan, plan
from profiles.plan_findings import findings_of

VIEW_DEVICE = "devices.view_device"
# What fixes a change to the moment it was planned at; a new plan has its own.
OF_THE_MOMENT = ("id", "revision")
TITLES = {
    "publish": "Publish “{profile}”",
    "roll_back": "Go back to an earlier version of “{profile}”",
    "create_assignment": "Assign “{profile}”",
    "change_assignment": "Change an assignment of “{profile}”",
    "delete_assignment": "End an assignment of “{profile}”",
    "group_rule": "Change the rule of a group",
    "group_members": "Change the members of a group",
    "remove_profile": "Take “{profile}” away from all devices",
    "take_back_profile": "Take back “{profile}”",
}
STEPS = {
    "advance": "Go on with the rollout of “{profile}”",
    "resume": "Resume the rollout of “{profile}”",
    "roll_back": "Roll back “{profile}”",
}
_BACK = {"publish": "change", "roll_back": "versions"}
KINDS = {
    "gains": Status("Gains", "ok", "add_circle"),
    "changes": Status("Changes", "info", "change_circle"),
    "loses": Status("Loses", "bad", "do_not_disturb_on"),
}


class PlanPages:
    """Mixin of the profile admin: showing a plan, and applying it."""

    def plan_urls(self) -> list:
        return [self.view_path("plans/<uuid:token>/", self.plan_view, "plan")]

    def show_plan(self, request, change: dict) -> HttpResponse:
        """Plan a change and go to its page; raises what profiles.plan refuses."""
        row = plan(change, actor=Actor.staff(request.user))
        address = self.route("plan", row.token)
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": address})
        return HttpResponseRedirect(address)

    def plan_and_show(self, request, change: dict, profile: Profile) -> HttpResponse:
        """Plan a change and go to its page; what is refused is told on the page of assignments."""
        try:
            return self.show_plan(request, change)
        except EspalierError as error:
            return self.failed(
                request, error.detail[:1].upper() + error.detail[1:], self.route("assignments", profile.pk)
            )

    def plan_view(self, request, token):
        """Show a plan (GET); apply it, or make it anew where it is stale (POST)."""
        require(request.user, VIEW_DEVICE)
        row = Plan.objects.visible_to(request.user).filter(token=token).first()
        if row is None:
            raise Http404("there is no such plan")
        may_apply = request.user.has_perm(NEEDED[row.change["kind"]])
        context: dict = {}
        if request.method == "POST":
            if not may_apply:
                raise PermissionDenied
            answer = self._again(request, row) if "again" in request.POST else self._apply(request, row, context)
            if answer is not None:
                return answer
        context |= {"plan": row, "summary": row.summary, "may_apply": may_apply, "needed": NEEDED[row.change["kind"]]}
        return self.page(request, "console/plan/page.html", {**context, **self._words(row, request.user)})

    def _apply(self, request, row: Plan, context: dict) -> HttpResponse | None:
        back = self._back(row)  # while what it is about is still there
        try:
            changed = apply_plan(row.token, actor=Actor.staff(request.user))
        except StalePlan as error:
            context["stale"] = error.detail
            return None
        except EspalierError as error:
            context["refused"] = error.detail
            return None
        message = f"Applied: {changed.gains} gained, {changed.changes} changed, {changed.loses} lost."
        return self.done(request, message, back, reload=True)

    def _again(self, request, row: Plan) -> HttpResponse:
        change = {name: value for name, value in row.change.items() if name not in OF_THE_MOMENT}
        try:
            return self.show_plan(request, change)
        except EspalierError as error:
            return self.failed(request, capfirst(error.detail), self._back(row))

    def _words(self, row: Plan, user) -> dict:
        change, profile = row.change, _profile_of(row)
        words = STEPS[change["step"]] if change["kind"] == "rollout" else TITLES[change["kind"]]
        items = [each | {"status": KINDS[each["kind"]]} for each in row.summary["items"]]
        return {
            "title": words.format(profile=profile.name if profile else "a deleted profile"),
            "profile": profile,
            "items": items,
            "profiles": [each | {"status": KINDS[each["kind"]]} for each in row.summary["profiles"]],
            "back": self._back(row),
            "findings": [] if row.applied_at else findings_of(change, profile),
            "consequences": [] if row.applied_at else consequences_of(row, user),
            "is_losing": row.summary["counts"]["loses"] > 0,
        }

    def _back(self, row: Plan) -> str:
        profile = _profile_of(row)
        if profile is not None:
            return self.route(_BACK.get(row.change["kind"], "assignments"), profile.pk)
        try:
            return reverse("admin:devices_group_change", args=[row.change["group"]])
        except (NoReverseMatch, KeyError):
            return self.route("changelist")


def _profile_of(row: Plan) -> Profile | None:
    """Return the profile that a plan is about; None for plans of groups."""
    if "profile" in row.change:
        return Profile.objects.filter(pk=row.change["profile"]).first()
    if "assignment" not in row.change:
        return None
    found = Profile.objects.filter(assignments=row.change["assignment"]).first()
    if found is None and row.summary["profiles"]:
        # The plan ended the assignment; what it was about is in its summary.
        found = Profile.objects.filter(pk=row.summary["profiles"][0]["profile"]).first()
    return found
