"""The page of the governor: limits and what is left, what is held, the kill switch, what was permitted."""

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group as Role
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from commands.governor import holding, limits, switch
from commands.governor.admission import used_in_all
from commands.governor.comparing import BOUNDS, FIELDS, values_of
from commands.governor.models import GovernorLimit, HeldAction, LimitChange, PermitRow
from commands.meanings import Danger
from commands.workflows.held import Waiting, waiting_by_batch
from devices.console.forms import ReasonForm
from devices.models import Channel
from devices.timeline import Actor
from mdm_project.console import ReadOnlyAdmin, submitted
from mdm_project.errors import EspalierError

RECENT = 50
# Devices of a held action that are named.
NAMED = 6


def _number(name: str, label: str, help_text: str = "") -> forms.IntegerField:
    bound = BOUNDS[name]
    return forms.IntegerField(
        label=label,
        required=not bound.may_be_empty,
        help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget(),
        **bound.arguments(),
    )


class LimitForm(forms.Form):
    per_person = _number("per_person", "Devices an hour, by one person")
    in_all = _number("in_all", "Devices an hour, by everybody together")
    second_person_above = _number(
        "second_person_above", "A second person is needed for more than", "Devices at once; empty: never."
    )
    delay_above = _number("delay_above", "It waits for more than", "Devices at once; empty: it never waits.")
    delay_minutes = _number("delay_minutes", "Minutes it waits")
    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextInputWidget())


class RoleLimitForm(LimitForm):
    """A limit for a role: which danger, which role, and the numbers."""

    danger = forms.ChoiceField(choices=Danger.choices, label="What", widget=UnfoldAdminSelectWidget())
    role = forms.ModelChoiceField(
        queryset=Role.objects.order_by("name"), empty_label="Choose a role", widget=UnfoldAdminSelectWidget(),
        help_text="Somebody who has several such roles has the highest of their limits.",
    )  # fmt: skip

    field_order = ("danger", "role")


@admin.register(HeldAction)
class GovernorAdmin(ReadOnlyAdmin):
    """The list of held actions gives way to the page of the governor."""

    list_title = "Safety"
    empty_title = "Nothing waits"

    def get_queryset(self, request):
        return HeldAction.objects.visible_to(request.user)

    def get_urls(self):
        return [
            self.view_path("<int:pk>/approve/", require_POST(self.approve_view), "approve"),
            self.view_path("<int:pk>/cancel/", require_POST(self.cancel_view), "cancel"),
            self.view_path("stop/", self.stop_view, "stop"),
            self.view_path("resume/", self.resume_view, "resume"),
            self.view_path("limit/add/", self.limit_add_view, "limit_add"),
            self.view_path("limit/<int:pk>/", self.limit_view, "limit"),
            self.view_path("limit/<int:pk>/remove/", self.limit_remove_view, "limit_remove"),
            self.view_path("limit-change/<int:pk>/withdraw/", require_POST(self.withdraw_view), "withdraw"),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        user = request.user
        held, stopped = self.get_queryset(request), switch.current()
        waiting = waiting_by_batch(user)
        name_devices(waiting, user)
        context = {
            "title": "Safety",
            "stopped": stopped,
            "delivered": switch.delivered_before(stopped) if stopped else 0,
            "rows": _rows(),
            "changes": LimitChange.objects.filter(ended_at=None).select_related("limit", "limit__role"),
            "waiting": waiting,
            "recent_held": held.exclude(finished_at=None)[:10],
            "permits": PermitRow.objects.all()[:RECENT] if user.has_perm("commands.view_permitrow") else (),
            **may_decide(user),
            "may_stop": user.has_perm("commands.stop_destructive"),
            "may_resume": user.has_perm("commands.resume_destructive"),
            "may_change_limits": user.has_perm("commands.change_governorlimit"),
            "may_add_limits": user.has_perm("commands.add_governorlimit"),
            "may_remove_limits": user.has_perm("commands.delete_governorlimit"),
        }
        return self.page(request, "console/governor/page.html", context)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return HttpResponseRedirect(self.route("changelist"))

    def _held(self, request, pk) -> HeldAction:
        return get_object_or_404(self.get_queryset(request), pk=pk)

    def approve_view(self, request, pk):
        if not request.user.has_perm("commands.approve_destructive"):
            raise PermissionDenied
        return self._try(
            request, "Approved.", lambda: holding.approve(self._held(request, pk), actor=Actor.staff(request.user))
        )

    def cancel_view(self, request, pk):
        if not request.user.has_perm("commands.change_command"):
            raise PermissionDenied
        held, actor = self._held(request, pk), Actor.staff(request.user)
        return self._try(request, "Cancelled.", lambda: holding.cancel(held, actor=actor))

    def _try(self, request, words: str, act):
        address = self.route("changelist")
        try:
            act()
        except EspalierError as error:
            return self.failed(request, error.detail, address)
        return self.done(request, words, address)

    def stop_view(self, request):
        """Ask for the reason (GET), and stop everything destructive (POST)."""
        if not request.user.has_perm("commands.stop_destructive"):
            raise PermissionDenied
        context = {"title": "Stop all destructive commands", "button": "Stop them", "is_danger": True}
        context["warning"] = (
            "Nothing that erases, locks, clears a passcode, unenrolls or takes the last network is sent until somebody "
            "lets it. What no device has answered is cancelled and not offered again, and what is held stays held. A "
            "device that has received its command already may carry it out: nothing can call that back."
        )
        return self._with_reason(request, context, switch.stop, "Destructive commands are stopped.")

    def resume_view(self, request):
        if not request.user.has_perm("commands.resume_destructive"):
            raise PermissionDenied
        context = {"title": "Let destructive commands go out again", "button": "Let them"}
        return self._with_reason(request, context, switch.resume, "Destructive commands go out again.")

    def _with_reason(self, request, context: dict, act, words: str):
        form, address = ReasonForm(submitted(request)[0]), self.route("changelist")
        form.fields["reason"].required = True
        if request.method == "POST" and form.is_valid():
            try:
                act(actor=Actor.staff(request.user), reason=form.cleaned_data["reason"])
                return self.done(request, words, address, reload=True)
            except EspalierError as error:
                form.add_error(None, error.detail)
        return self.dialog(request, "console/dialog_form.html", {**context, "form": form, "back": address})

    def limit_view(self, request, pk):
        """Change a limit: what tightens holds at once, what loosens after a while."""
        if not request.user.has_perm("commands.change_governorlimit"):
            raise PermissionDenied
        limit = get_object_or_404(GovernorLimit.objects.select_related("role"), pk=pk)
        initial = values_of(limit)
        form = LimitForm(submitted(request)[0], initial=initial)
        if request.method == "POST" and form.is_valid():
            changed = {name: form.cleaned_data[name] for name in FIELDS if form.cleaned_data[name] != initial[name]}
            pending, reason = None, form.cleaned_data["reason"]
            try:
                if changed:
                    pending = limits.change_limit(limit, changed, actor=Actor.staff(request.user), reason=reason)
            except EspalierError as error:
                form.add_error(None, error.detail)
            else:
                return self._limit_changed(request, pending, "It holds now.")
        return self._limit_dialog(request, f"Limit: {limit}", form, "Change")

    def limit_add_view(self, request):
        """Give a role a limit of its own."""
        if not request.user.has_perm("commands.add_governorlimit"):
            raise PermissionDenied
        everybodys = GovernorLimit.objects.filter(role=None).first()
        form = RoleLimitForm(submitted(request)[0], initial=values_of(everybodys) if everybodys else {})
        if request.method == "POST" and form.is_valid():
            asked = form.cleaned_data
            values = {name: asked[name] for name in FIELDS}
            actor = Actor.staff(request.user)
            try:
                _limit, pending = limits.add_limit(
                    asked["danger"], asked["role"], values, actor=actor, reason=asked["reason"]
                )
            except EspalierError as error:
                form.add_error("role", error.detail)
            else:
                return self._limit_changed(request, pending, "It holds now.")
        return self._limit_dialog(request, "Limit of a role", form, "Add")

    def limit_remove_view(self, request, pk):
        """Take the limit of a role away."""
        if not request.user.has_perm("commands.delete_governorlimit"):
            raise PermissionDenied
        limit = get_object_or_404(GovernorLimit.objects.exclude(role=None).select_related("role"), pk=pk)
        form = ReasonForm(submitted(request)[0])
        if request.method == "POST" and form.is_valid():
            try:
                pending = limits.remove_limit(
                    limit, actor=Actor.staff(request.user), reason=form.cleaned_data["reason"]
                )
            except EspalierError as error:
                return self.failed(request, f"{error.detail[:1].upper()}{error.detail[1:]}.", self.route("changelist"))
            return self._limit_changed(request, pending, "It is gone.")
        return self._limit_dialog(request, f"Remove the limit: {limit}", form, "Remove", is_danger=True)

    def _limit_changed(self, request, pending: LimitChange | None, words: str):
        if pending is not None:
            verb = "It goes" if pending.removes else "What loosens holds"
            words = f"{verb} at {pending.effective_at:%Y-%m-%d %H:%M} UTC, and can be withdrawn until then."
        return self.done(request, words, self.route("changelist"), reload=True)

    def _limit_dialog(self, request, title: str, form, button: str, **context):
        context |= {"title": title, "form": form, "button": button, "back": self.route("changelist")}
        context["warning"] = "What loosens a limit takes effect after a day, so that nobody does it unnoticed."
        return self.dialog(request, "console/dialog_form.html", context)

    def withdraw_view(self, request, pk):
        if not request.user.has_perm("commands.change_governorlimit"):
            raise PermissionDenied
        change, actor = get_object_or_404(LimitChange, pk=pk), Actor.staff(request.user)
        return self._try(request, "Withdrawn.", lambda: limits.withdraw(change, actor=actor))


def held_address(user) -> str:
    """Return where somebody can follow and cancel what is held; nothing if they may not look there."""
    may_look = user.has_perm("commands.view_heldaction")
    return reverse("admin:commands_heldaction_changelist") if may_look else ""


def may_decide(user) -> dict[str, bool]:
    """Return what somebody may do to what is held, as templates ask it."""
    return {
        "may_approve": user.has_perm("commands.approve_destructive"),
        "may_cancel": user.has_perm("commands.change_command"),
    }


def name_devices(waiting: list[Waiting], user) -> None:
    """Give what waits the first devices that it is meant for, one statement: who approves has to know."""
    first = {id(group): _channels_of(group)[:NAMED] for group in waiting}
    channels = (
        Channel.objects.visible_to(user).select_related("device").in_bulk({pk for it in first.values() for pk in it})
    )
    for group in waiting:
        found = [channels[pk].device for pk in first[id(group)] if pk in channels]
        group.named = list(dict.fromkeys(found))
        group.others = group.device_count - len(group.named)


def _channels_of(group: Waiting) -> list[int]:
    return [pk for held in group.rows[:NAMED] for pk in held.channel_ids[:NAMED]]


def _rows() -> list[dict]:
    """Return the limits with what all together used of each in the last hour: two statements."""
    used = used_in_all()
    rows = []
    for limit in GovernorLimit.objects.select_related("role"):
        number = used.get(limit.danger, 0)
        rows.append({"limit": limit, "used": number, "share": min(100, round(100 * number / (limit.in_all or 1)))})
    return rows


def badge(request) -> list[str] | None:
    """Say on every page of the console that the kill switch is on (the setting ENVIRONMENT of the theme)."""
    if request.user.is_authenticated and switch.current():
        return ["Destructive commands are stopped", "danger"]
    return None
