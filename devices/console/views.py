"""The pages and actions of one device in the console. Each checks, calls one service, answers."""

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html_join
from django.views.decorators.http import require_POST

from commands.schedule import refresh_inventory
from devices.activation_lock import has_bypass_code
from devices.console import page, sending
from devices.console.attention import attention_of
from devices.console.configuration import ConfigurationPages
from devices.console.forms import NUMBER, DeviceForm, person_choice
from devices.console.groups_device import label_fields, save_labels
from devices.console.shown import live_context, page_context
from devices.models import Channel, Device, Enrollment, Person
from devices.services import assign_person, set_asset_tag
from devices.timeline import Actor
from enrollment.services import renew_identity
from mdm_project.console import submitted
from mdm_project.errors import EspalierError


class DevicePages(ConfigurationPages):
    """Mixin of the device admin: the device page, its live part, and what is done from it."""

    def device_urls(self) -> list:
        return [
            *self.configuration_urls(),
            self.view_path("people/", self.people_view, "people"),
            self.view_path("<int:pk>/live/", self.live_view, "live"),
            self.view_path("<int:pk>/refresh/", require_POST(self.refresh_view), "refresh"),
            self.view_path("<int:pk>/renew/", require_POST(self.renew_view), "renew"),
            self.view_path("<int:pk>/edit/", self.edit_view, "edit"),
            self.view_path("<int:pk>/command/", self.picker_view, "picker"),
            self.view_path("<int:pk>/command/<str:name>/", self.command_view, "command"),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show the device page in place of Django's form."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        device = page.find_device(request.user, object_id)
        return self.page(request, "console/device/page.html", page_context(request, device))

    def live_view(self, request, pk):
        """Answer the poll of the device page: 204 while there is nothing new to show."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        device = page.find_device(request.user, pk)
        context = live_context(request.user, device)
        if request.GET.get("version") == context["version"]:
            return HttpResponse(status=204)
        context |= {"is_poll": True, "attention": attention_of(device, context["health"], request.user)}
        return render(request, "console/device/live.html", context)

    def _require_sending(self, request, pk):
        if not request.user.has_perm(sending.MAY_SEND):
            raise PermissionDenied
        device = page.find_device(request.user, pk)
        return device, page.health_of(device)

    def refresh_view(self, request, pk):
        device, health = self._require_sending(request, pk)
        address = self.route("change", device.pk)
        if not health.is_enrolled:
            return self.failed(request, sending.NOT_ENROLLED, address)
        channels = Channel.objects.filter(device=device).reachable()
        try:
            refresh_inventory(channels, actor=Actor.staff(request.user), reason=request.POST.get("reason", ""))
        except EspalierError as error:
            return self.failed(request, error.detail, address)
        return self.done(request, f"Inventory of {device} asked for.", address)

    def renew_view(self, request, pk):
        device, _health = self._require_sending(request, pk)
        address = self.route("change", device.pk)
        enrollment = Enrollment.objects.filter(pk=device.current_enrollment_id).first()
        if enrollment is None:
            return self.failed(request, sending.NOT_ENROLLED, address)
        try:
            renew_identity(enrollment, actor=Actor.staff(request.user), reason=request.POST.get("reason", ""))
        except EspalierError as error:
            return self.failed(request, error.detail, address)
        return self.done(request, f"A new certificate was offered to {device}.", address)

    def picker_view(self, request, pk):
        device, health = self._require_sending(request, pk)
        refusal = sending.reason_not_to(request.user, health)
        context = {"title": f"Run a command on {device}", "device": device, "refusal": refusal}
        context["back"] = self.route("change", device.pk)
        return self.dialog(request, "console/device/picker.html", {**context, "groups": sending.picker(device).items()})

    def command_view(self, request, pk, name):
        """Show the form of a command (GET), or send it (POST)."""
        device, health = self._require_sending(request, pk)
        form_class = sending.form_class(name)
        if form_class is None:
            raise Http404("there is no such command")
        refusal = sending.reason_not_to(request.user, health) or sending.refusal(form_class, device)
        confirmation = device.serial_number or device.udid or str(device.pk)
        arguments = {"device": device, "confirmation": confirmation}
        is_sent = request.method == "POST" and not refusal
        form = form_class(request.POST, request.FILES, **arguments) if is_sent else form_class(**arguments)
        if is_sent and form.is_valid():
            devices = Device.objects.visible_to(request.user).filter(pk=device.pk)
            asked = sending.send(form, sending.channels_of(devices), request.user)
            if asked:
                return self.done(request, sending.words_of(form, asked), self.route("change", device.pk))
        context = {"title": form.title, "form": form, "device": device, "refusal": refusal}
        context |= {"back": self.route("change", device.pk), "has_bypass_code": has_bypass_code(device)}
        if not refusal:
            context["foreseen"] = sending.foreseen(form_class, sending.channels_of_one(device), request.user)
        return self.dialog(request, "console/device/command_form.html", context)

    def edit_view(self, request, pk):
        """Change what staff say of a device: asset tag, person, tags, custom attributes."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        device = page.find_device(request.user, pk)
        person = person_choice(device.person) if device.person else ""
        initial = {"asset_tag": device.asset_tag, "person": person}
        form = DeviceForm(submitted(request)[0], initial=initial, people_url=self.route("people"), user=request.user)
        form.fields |= label_fields(device)
        address = self.route("change", device.pk)
        if request.method == "POST" and form.is_valid():
            actor = Actor.staff(request.user)
            try:
                if save_labels(device, form, actor=actor):
                    set_asset_tag(device, form.cleaned_data["asset_tag"], actor=actor)
                    assign_person(device, form.cleaned_data["person"], actor=actor)
                    return self.done(request, "Saved.", address, reload=True)
            except EspalierError as error:
                form.add_error(None, error.detail)
        context = {"title": f"Edit {device}", "form": form, "device": device, "back": address, "button": "Save"}
        return self.dialog(request, "console/device/edit.html", context)

    def people_view(self, request):
        """Answer the look-up of people while a name is typed."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        text = NUMBER.sub("", request.GET.get("person", "").replace("\x00", "")).strip().split(",")[0]
        people = (
            Person.objects.visible_to(request.user)
            .filter(Q(name__icontains=text) | Q(email__icontains=text))
            .order_by("name", "id")
        )
        choices = [person_choice(person) for person in people[:20]]
        return HttpResponse(format_html_join("", '<option value="{}"></option>', ((choice,) for choice in choices)))
