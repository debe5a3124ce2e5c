"""The pages of groups: one group, making and editing, trying a rule, members, why a device is in it. Each checks, calls
one service, answers.
"""

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST

from devices import groups
from devices.console.groups_forms import ChosenDevices, GroupForm
from devices.console.groups_rule import builder_offer, read_rule, sentence
from devices.console.groups_users import users_of
from devices.models import Device, Group
from devices.rules import BadRule, Vocabulary, describe, explain
from devices.timeline import Actor
from mdm_project.console import submitted
from mdm_project.errors import BadRequest, EspalierError
from mdm_project.platforms import system_words
from mdm_project.row_ids import is_row_id, row_ids_of

PREVIEWED = 12
FOUND = 20
PAGE_SIZE = 50
VIEW_DEVICE = "devices.view_device"
FIRST_RULE = {"all": [{"fact": "platform", "is": "is", "value": "ios"}]}


class GroupPages:
    """Mixin of the group admin: the group page and what is done from it."""

    def group_urls(self) -> list:
        return [
            self.view_path("preview/", require_POST(self.preview_view), "preview"),
            self.view_path("pick/", self.pick_view, "pick"),
            self.view_path("<int:pk>/edit/", self.edit_view, "edit"),
            self.view_path("<int:pk>/members/add/", self.add_members_view, "members_add"),
            self.view_path("<int:pk>/members/remove/", require_POST(self.remove_members_view), "members_remove"),
            self.view_path("<int:pk>/why/", self.why_view, "why"),
        ]

    def find_group(self, request, pk) -> Group:
        """Return a group that the person may see; raise PermissionDenied or 404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not is_row_id(pk):
            raise Http404("there is no such group")
        return get_object_or_404(Group.objects.visible_to(request.user), pk=pk)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show the group in place of Django's form."""
        group = self.find_group(request, object_id)
        visible = Device.objects.visible_to(request.user)
        members = visible.filter(memberships__group=group)
        text = request.GET.get("q", "").replace("\x00", "").strip()
        if text:
            members = members.matching(text)
        members = members.with_enrollment().with_last_seen().select_related("person").order_by("name", "id")
        shown = Paginator(members, PAGE_SIZE).get_page(request.GET.get("p"))
        may_change = self.has_change_permission(request)
        context = {
            "title": group.name,
            "group": group,
            "sentence": sentence(group, Vocabulary()),
            "total": visible.filter(memberships__group=group).count(),
            "members": shown,
            "rows": with_systems(shown.object_list),
            "text": text,
            "users": users_of(group, request.user),
            "may_see_devices": request.user.has_perm(VIEW_DEVICE),
            "may_send": request.user.has_perm("commands.add_command") and request.user.has_perm(VIEW_DEVICE),
            "may_change": may_change,
            "may_choose": may_change and request.user.has_perm(VIEW_DEVICE) and group.kind == Group.Kind.STATIC,
            "may_delete": self.has_delete_permission(request),
        }
        return self.page(request, "console/group/page.html", context)

    # Making and editing

    def add_view(self, request, form_url="", extra_context=None):
        """Make a group: chosen by hand, or with ``?kind=smart`` by a rule."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        kind = request.GET.get("kind", Group.Kind.STATIC)
        if kind not in Group.Kind.values:
            raise Http404("there is no such kind of group")
        form = GroupForm(submitted(request)[0])
        context = {"form": form, "kind": kind, "back": self.route("changelist"), "button": "Make the group"}
        if kind == Group.Kind.SMART:
            return self._rule_page(request, None, {**context, "title": "New group by rule"})
        chosen = self._chosen(request)
        if request.method == "POST" and form.is_valid() and (chosen is None or chosen.is_valid()):
            actor = Actor.staff(request.user)
            group = _try(form, lambda: groups.create_group(**form.cleaned_data, actor=actor))
            if group is not None:
                if chosen is not None:
                    groups.add_members(group, chosen.device_ids(), actor=actor)
                return self.done(request, f"Group {group.name} made.", self.route("change", group.pk))
        context |= {"title": "New group, chosen by hand", "chosen": chosen, "pick_url": self.route("pick")}
        context["found"] = self._picked(request, "") if chosen else []
        return self.page(request, "console/group/form.html", context)

    def edit_view(self, request, pk):
        """Change a group's name, description and rule."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        group = self.find_group(request, pk)
        initial = {"name": group.name, "description": group.description}
        form = GroupForm(submitted(request)[0], initial=initial)
        back = self.route("change", group.pk)
        context = {"form": form, "kind": group.kind, "back": back, "button": "Save", "title": f"Edit {group.name}"}
        if group.kind == Group.Kind.SMART:
            return self._rule_page(request, group, context)
        if request.method == "POST" and form.is_valid():
            actor = Actor.staff(request.user)
            if _try(form, lambda: groups.change_group(group, actor=actor, **form.cleaned_data)) is not None:
                return self.done(request, "Saved.", back)
        return self.page(request, "console/group/form.html", context)

    def _rule_page(self, request, group: Group | None, context: dict) -> HttpResponse:
        form, problems = context["form"], {}
        rule = group.rule if group else FIRST_RULE
        if request.method == "POST":
            is_valid, rule = form.is_valid(), request.POST.get("rule", "")
            try:
                read = read_rule(rule)
                if is_valid and (saved := self._save_rule(request, group, form, read)):
                    return self.done(request, f"Group {saved.name} saved.", self.route("change", saved.pk))
            except BadRule as error:
                problems = error.fields or {"rule": error.detail}
        context |= {
            "offer": builder_offer(),
            "rule": rule,
            "is_text": isinstance(rule, str),
            "problems": problems,
            "preview_url": self.route("preview"),
            "may_preview": request.user.has_perm(VIEW_DEVICE),
        }
        return self.page(request, "console/group/rule_form.html", context)

    def _save_rule(self, request, group: Group | None, form: GroupForm, rule) -> Group | None:
        actor, facts = Actor.staff(request.user), form.cleaned_data
        if group is None:
            smart = Group.Kind.SMART
            return _try(form, lambda: groups.create_group(kind=smart, rule=rule, actor=actor, **facts))
        return _try(form, lambda: groups.change_group(group, rule=rule, actor=actor, **facts))

    def preview_view(self, request):
        """Answer with what the rule in the form would gather, or with what is wrong with it and where."""
        if not self.has_view_permission(request) or not request.user.has_perm(VIEW_DEVICE):
            raise PermissionDenied
        try:
            rule = read_rule(request.POST.get("rule", ""))
            found = groups.preview(rule, request.user)
        except BadRule as error:
            return render(request, "console/group/preview.html", {"problems": error.fields or {"rule": error.detail}})
        text = describe(rule)
        context = {"sentence": text[:1].upper() + text[1:], "number": found.count(), "problems": {}}
        context["devices"] = with_systems(found.order_by("name", "id")[:PREVIEWED])
        return render(request, "console/group/preview.html", context)

    def delete_view(self, request, object_id, extra_context=None):
        """Ask, then delete a group that nothing uses."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        group = self.find_group(request, object_id)
        back = self.route("change", group.pk)
        users = users_of(group, request.user)
        context = {"title": f"Delete {group.name}", "group": group, "users": users, "back": back}
        if request.method == "POST":
            try:
                groups.delete_group(group, actor=Actor.staff(request.user))
            except EspalierError as error:
                context["problem"] = error.detail
            else:
                return self.done(request, f"Group {group.name} deleted.", self.route("changelist"), reload=True)
        return self.dialog(request, "console/group/delete.html", context)

    # Members

    def _chosen(self, request) -> ChosenDevices | None:
        """Return the form that names devices, for whoever may see any."""
        if not request.user.has_perm(VIEW_DEVICE):
            return None
        ticked = request.POST.getlist("device")
        return ChosenDevices(submitted(request)[0], user=request.user, ticked=ticked)

    def _picked(self, request, text: str, *, outside: Group | None = None) -> list:
        """Return the devices of a search, those that are ticked already first, as (device, is ticked)."""
        visible = Device.objects.visible_to(request.user)
        named = (request.POST if request.method == "POST" else request.GET).getlist("device")
        ids = row_ids_of(named)
        ticked = list(visible.filter(pk__in=ids).order_by("name", "id")) if ids else []
        if not text:
            return [(device, True) for device in ticked]
        found = visible.matching(text).exclude(pk__in=ids).order_by("name", "id")
        if outside is not None:
            found = found.exclude(memberships__group=outside)
        return [*((device, True) for device in ticked), *((device, False) for device in found[:FOUND])]

    def pick_view(self, request):
        """Answer a search for devices while it is typed: those ticked stay."""
        if not self.has_view_permission(request) or not request.user.has_perm(VIEW_DEVICE):
            raise PermissionDenied
        text = request.GET.get("find", "").replace("\x00", "").strip()
        pk = request.GET.get("group", "")
        outside = self.find_group(request, pk) if pk else None
        context = {"found": self._picked(request, text, outside=outside), "find": text}
        return render(request, "console/group/picked.html", context)

    def _changing_members(self, request, pk) -> Group:
        if not self.has_change_permission(request) or not request.user.has_perm(VIEW_DEVICE):
            raise PermissionDenied
        return self.find_group(request, pk)

    def add_members_view(self, request, pk):
        """Put devices into a static group, found by a search or by their serial numbers."""
        group = self._changing_members(request, pk)
        address, chosen = self.route("change", group.pk), self._chosen(request)
        if request.method == "POST" and chosen.is_valid():
            try:
                shift = groups.add_members(group, chosen.device_ids(), actor=Actor.staff(request.user))
            except EspalierError as error:
                chosen.add_error(None, error.detail)
            else:
                return self.done(request, f"{_devices(len(shift.joined))} added.", address, reload=True)
        context = {"title": f"Add devices to {group.name}", "form": chosen, "back": address, "button": "Add them"}
        context |= {
            "group": group,
            "chosen": chosen,
            "found": self._picked(request, ""),
            "pick_url": self.route("pick"),
        }
        return self.dialog(request, "console/group/members_add.html", context)

    def remove_members_view(self, request, pk):
        group = self._changing_members(request, pk)
        address = self.route("change", group.pk)
        chosen = ChosenDevices({"serial_numbers": ""}, user=request.user, ticked=request.POST.getlist("device"))
        chosen.is_valid()
        try:
            shift = groups.remove_members(group, chosen.device_ids(), actor=Actor.staff(request.user))
        except EspalierError as error:
            return self.failed(request, error.detail, address)
        return self.done(request, f"{_devices(len(shift.left))} taken out.", address)

    def why_view(self, request, pk):
        """Say why a device is in a smart group or not; with ``?find=`` look for the device first."""
        group = self.find_group(request, pk)
        if not request.user.has_perm(VIEW_DEVICE):
            raise PermissionDenied
        if group.rule is None:
            return HttpResponseRedirect(self.route("change", group.pk))
        devices = self._asked_devices(request)
        context = {"title": f"Why in {group.name}?", "group": group, "back": self.route("change", group.pk)}
        context |= {"find": request.GET.get("find", ""), "found": devices}
        if len(devices) == 1:
            context |= _explained(group, devices[0])
        return self.dialog(request, "console/group/why.html", context)

    def _asked_devices(self, request) -> list[Device]:
        visible = Device.objects.visible_to(request.user)
        pk, text = request.GET.get("device", ""), request.GET.get("find", "").replace("\x00", "").strip()
        if pk:
            if not is_row_id(pk):
                raise Http404("there is no such device")
            return [get_object_or_404(visible, pk=pk)]
        return list(visible.matching(text).order_by("name", "id")[:FOUND]) if text else []


def _explained(group: Group, device: Device) -> dict:
    context = {"device": device, "is_member": group.memberships.filter(device=device).exists()}
    try:
        return context | {"explanation": explain(group.rule, device)}
    except BadRequest as error:
        return context | {"problem": error.detail}


def with_systems(devices) -> list[Device]:
    """Return devices with their system in words as ``system``."""
    rows = list(devices)
    for device in rows:
        device.system = system_words(device.platform, device.os_version)
    return rows


def _devices(number: int) -> str:
    return "1 device" if number == 1 else f"{number} devices"


def _try(form: GroupForm, save) -> Group | None:
    """Save a group; put the reasons of a refusal into the form. What is wrong with a rule goes on."""
    try:
        return save()
    except BadRule:
        raise
    except EspalierError as error:
        fields = {name: why for name, why in (error.fields or {}).items() if name in form.fields}
        for name, why in fields.items():
            form.add_error(name, f"{form.fields[name].label or name.capitalize()} {why}.")
        if not fields:
            form.add_error(None, error.detail)
        return None
