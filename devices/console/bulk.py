"""What the device list does to many devices at once: refresh their inventory, send them a command, put them in
a group.

The selection arrives as a queryset (chosen rows, or everything that matches the filters). Sending shows the number and
asks for confirmation; what loses data wants that number typed.
"""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect

from commands.console.governor import held_address
from commands.console.workflow_batches import BulkWorkflows
from commands.console.workflows import MAY_START
from commands.schedule import refresh_inventory
from devices.console import sending
from devices.console.groups_forms import StaticGroupForm
from devices.groups import add_members
from devices.models import Channel, Device
from devices.timeline import Actor
from mdm_project.errors import EspalierError

CHANGE_GROUP = "devices.change_group"


class BulkActions(BulkWorkflows):
    """Mixin of the device admin: the actions of its list."""

    def get_actions(self, request):
        actions, refused = super().get_actions(request), set()
        if not request.user.has_perm(sending.MAY_SEND):
            refused |= {"refresh_inventory", "send_command", "set_names", "start_workflow"}
        if not request.user.has_perm(MAY_START):
            refused.add("start_workflow")
        if not request.user.has_perm(CHANGE_GROUP):
            refused.add("add_to_group")
        return {name: action for name, action in actions.items() if name not in refused}

    @admin.action(description="Refresh inventory")
    def refresh_inventory(self, request, queryset):
        if not request.user.has_perm(sending.MAY_SEND):
            raise PermissionDenied
        devices = _plain(queryset, request.user)
        try:
            refresh_inventory(Channel.objects.filter(device__in=devices).reachable(), actor=Actor.staff(request.user))
        except EspalierError as error:
            messages.error(request, error.detail)
        else:
            messages.success(request, f"Inventory of {_counted(devices.count())} asked for.")

    @admin.action(description="Send a command…")
    def send_command(self, request, queryset):
        """Let staff pick a command, fill in its form, and confirm it for all chosen devices."""
        if not request.user.has_perm(sending.MAY_SEND):
            raise PermissionDenied
        devices = _plain(queryset, request.user)
        number = devices.count()
        enrolled = devices.enrolled().count()
        name = request.POST.get("command", "")
        form_class = sending.form_class(name)
        context = {
            "title": "Send a command",
            "number": number,
            "enrolled": enrolled,
            "some": list(devices.order_by("name", "id")[:12]),
            "ids": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "groups": sending.picker().items(),
            "back": f"{request.path}?{request.GET.urlencode()}",
        }
        if form_class is None:
            return self.page(request, "console/device/bulk_picker.html", context)
        is_confirmed = "confirmed" in request.POST
        arguments = {"confirmation": str(enrolled)}
        form = form_class(request.POST, request.FILES, **arguments) if is_confirmed else form_class(**arguments)
        if is_confirmed and form.is_valid():
            asked = sending.send(form, sending.channels_of(devices), request.user)
            if asked:
                messages.success(request, sending.words_of(form, asked))
                held = held_address(request.user) if asked.held else ""
                return HttpResponseRedirect(held or sending.address_of(asked) or context["back"])
        context |= {"form": form, "name": name, "title": form.title}
        context["foreseen"] = sending.foreseen(form_class, sending.channels_of(devices), request.user)
        context["left_out"] = sending.left_out_words(form_class, sending.channels_of(devices))
        return self.page(request, "console/device/bulk_form.html", context)

    @admin.action(description="Add to a group…")
    def add_to_group(self, request, queryset):
        """Let staff choose a static group, and put the chosen devices into it."""
        if not request.user.has_perm(CHANGE_GROUP):
            raise PermissionDenied
        devices = _plain(queryset, request.user)
        form = StaticGroupForm(request.POST if "confirmed" in request.POST else None)
        back = f"{request.path}?{request.GET.urlencode()}"
        if form.is_bound and form.is_valid():
            group = form.cleaned_data["group"]
            try:
                shift = add_members(group, devices.values_list("pk", flat=True), actor=Actor.staff(request.user))
            except EspalierError as error:
                form.add_error(None, error.detail)
            else:
                messages.success(request, f"{_counted(len(shift.joined))} added to {group}.")
                return HttpResponseRedirect(back)
        number = devices.count()
        context = {
            "title": "Add to a group",
            "form": form,
            "number": number,
            "enrolled": number,
            "some": list(devices.order_by("name", "id")[:12]),
            "ids": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "back": back,
        }
        return self.page(request, "console/group/bulk_form.html", context)


def _counted(number: int) -> str:
    return "1 device" if number == 1 else f"{number:,} devices"


def _plain(queryset, user):
    """Return the chosen devices without the annotations of the list."""
    return Device.objects.visible_to(user).filter(pk__in=queryset.order_by().values("pk"))
