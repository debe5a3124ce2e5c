"""Naming many devices at once: a template with variables, a preview for the chosen devices, and the one command.

What a template may hold is decided in commands.command_variables; the names themselves are set by Settings.
"""

from collections import Counter
from dataclasses import dataclass

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from unfold.widgets import UnfoldAdminTextInputWidget

from commands import command_variables
from commands.applicability import candidates_of, split
from commands.asking import ask
from devices.console import sending
from devices.console.forms import ReasonForm
from devices.models import Device
from devices.timeline import Actor
from mdm_project.errors import EspalierError
from profiles.variables import BUILT_IN

MAX_NAME = 255
SHOWN = 50
NO_DEVICE = "None of these devices can be given a name."


def settings_of(template: str) -> dict:
    return {"Settings": [{"Item": "DeviceName", "DeviceName": template}]}


class NamesForm(ReasonForm):
    """The template, and why."""

    template = forms.CharField(
        max_length=MAX_NAME,
        label="Name",
        help_text=f"Variables are filled in for each device: {', '.join(f'${name}' for name in BUILT_IN)}.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": "ACME-$SERIAL_NUMBER"}),
    )
    field_order = ("template", "reason")

    def clean_template(self) -> str:
        template = self.cleaned_data["template"].strip()
        wrong = command_variables.errors("Settings", settings_of(template))
        if wrong:
            raise forms.ValidationError(list(wrong.values()))
        return template


@dataclass(frozen=True)
class NewName:
    """What becomes of one device: its name, or why it gets none; ``is_taken``: another device has or gets it, too."""

    device: Device
    name: str
    refusal: str
    is_taken: bool = False


def preview(template: str, devices) -> list[NewName]:
    """Return the new name of each device, those without one last; a fixed number of statements."""
    payload = settings_of(template)
    candidates = candidates_of(sending.channels_of(devices).reachable())
    fit, refused = split("Settings", candidates, payload)
    filled, fit, lacking = command_variables.fill_in("Settings", payload, {}, fit)
    names = {it.device_id: filled.get(it.channel_id, payload)["Settings"][0]["DeviceName"] for it in fit}
    why = {it.device_id: it.reason for it in (*refused, *lacking)}
    times = Counter(names.values())
    others = Device.objects.filter(name__in=list(times)).exclude(pk__in=list(names)).order_by()
    taken = set(others.values_list("name", flat=True)) | {name for name, number in times.items() if number > 1}
    rows = []
    for device in devices.order_by("name", "id"):
        refusal = "" if device.pk in names else why.get(device.pk, sending.NOT_ENROLLED)
        rows.append(NewName(device, names.get(device.pk, ""), refusal, names.get(device.pk) in taken))
    return sorted(rows, key=lambda row: (not row.is_taken, bool(row.refusal)))


class BulkNames:
    """Mixin of the device admin: the action that names the chosen devices."""

    @admin.action(description="Set names…")
    def set_names(self, request, queryset):
        """Ask for a template, show what it makes of the chosen devices, and send it when that was seen."""
        if not request.user.has_perm(sending.MAY_SEND):
            raise PermissionDenied
        devices = Device.objects.visible_to(request.user).filter(pk__in=queryset.order_by().values("pk"))
        step = request.POST.get("step", "")
        form = NamesForm(request.POST if step else None)
        back = f"{request.path}?{request.GET.urlencode()}"
        rows = preview(form.cleaned_data["template"], devices) if step and form.is_valid() else []
        is_seen = step == "send" and request.POST.get("seen") == request.POST.get("template")
        if is_seen and any(not row.refusal for row in rows):
            try:
                asked = self._set(form, devices, request.user)
            except EspalierError as error:
                form.add_error(None, error.detail)
            else:
                messages.success(request, f"New names asked for: {asked.command.target_count} devices.")
                return HttpResponseRedirect(sending.address_of(asked) or back)
        number = devices.count()
        context = {
            "title": "Set names", "form": form, "number": number, "enrolled": number, "back": back,
            "some": list(devices.order_by("name", "id")[:12]), "rows": rows[:SHOWN], "rest": len(rows) - SHOWN,
            "named": sum(not row.refusal for row in rows), "taken": sum(row.is_taken for row in rows),
            "ids": request.POST.getlist(ACTION_CHECKBOX_NAME), "checkbox_name": ACTION_CHECKBOX_NAME,
            "select_across": request.POST.get("select_across", "0"), "nobody": NO_DEVICE,
        }  # fmt: skip
        return self.page(request, "console/device/bulk_names.html", context)

    @staticmethod
    def _set(form: NamesForm, devices, user):
        payload, reason = settings_of(form.cleaned_data["template"]), form.cleaned_data["reason"]
        return ask("Settings", payload, sending.channels_of(devices), actor=Actor.staff(user), reason=reason)
