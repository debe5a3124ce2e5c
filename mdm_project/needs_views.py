"""The console's page of what needs a person: all of it, what is put aside, and putting aside."""

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from devices.snoozing import MAX_REASON, snooze, wake
from devices.timeline import Actor
from mdm_project.console import submitted
from mdm_project.dashboard import split_needs

MAY_SNOOZE = "devices.add_snooze"
DAYS = ((1, "1 day"), (3, "3 days"), (7, "1 week"), (30, "30 days"), (90, "90 days"))


class SnoozeForm(forms.Form):
    days = forms.TypedChoiceField(
        choices=DAYS, coerce=int, initial=7, label="Put aside for", widget=UnfoldAdminSelectWidget()
    )
    reason = forms.CharField(
        max_length=MAX_REASON, help_text="Everybody reads it beside the entry.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )  # fmt: skip


def needs_view(site, request):
    """List all that needs somebody, and what is put aside with the reason."""
    told, aside = split_needs(request.user)
    context = {**site.each_context(request), "title": "Needs you", "needs": told, "snoozed": aside}
    context["may_snooze"] = request.user.has_perm(MAY_SNOOZE)
    return render(request, "console/needs.html", context)


def snooze_view(site, request):
    """Ask for how long and why (GET), and put an entry aside (POST)."""
    need, form = _need(request), SnoozeForm(submitted(request)[0])
    if request.method == "POST" and form.is_valid():
        snooze(need.key, need.title, **form.cleaned_data, actor=Actor.staff(request.user))
        return _done(request)
    context = {
        "title": "Put aside?", "form": form, "button": "Put aside", "back": reverse("admin:index"),
        "warning": format_html("{}. It is told again when the time is over; nothing about it changes.", need.title),
    }  # fmt: skip
    if request.headers.get("HX-Request"):
        return render(request, "console/dialog_form.html", context)
    context |= site.each_context(request) | {"dialog_template": "console/dialog_form.html"}
    return render(request, "console/dialog_page.html", context)


def wake_view(site, request):
    """Tell of an entry again (POST)."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not request.user.has_perm(MAY_SNOOZE):
        raise PermissionDenied
    wake(request.POST.get("key", "").replace("\x00", ""), actor=Actor.staff(request.user))
    return _done(request)


def _need(request):
    if not request.user.has_perm(MAY_SNOOZE):
        raise PermissionDenied
    told, _aside = split_needs(request.user)
    found = next((need for need in told if need.key == request.GET.get("key")), None)
    if found is None:
        raise Http404("there is no such entry any more")
    return found


def _done(request):
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": reverse("admin:needs")})
    return HttpResponseRedirect(reverse("admin:needs"))
