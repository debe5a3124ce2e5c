"""The console's pages of groups, tags and custom attributes."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from unfold.decorators import display

from devices import attributes
from devices.access import within
from devices.console.groups import GroupPages
from devices.console.groups_forms import AttributeForm, LabelForm, TagForm
from devices.console.groups_rule import sentence
from devices.models import CustomAttribute, Group, Tag
from devices.rules import Vocabulary
from devices.timeline import Actor
from mdm_project import status
from mdm_project.console import ConsoleAdmin, submitted
from mdm_project.errors import EspalierError
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age
from mdm_project.templatetags.console import status as show_status

MAX_SENTENCE = 160
_NOTHING = mark_safe('<span class="e-faint">–</span>')


class _ByServices(ConsoleAdmin):
    """Rows that only services delete: Django's action would go past them."""

    def get_actions(self, request):
        return {name: each for name, each in super().get_actions(request).items() if name != "delete_selected"}


@admin.register(Group)
class GroupAdmin(GroupPages, _ByServices):
    list_display = ("name_column", "kind_column", "members_column", "rule_column", "state_column")
    list_display_links = None
    list_filter = ("kind",)
    search_fields = ("name", "description")
    search_help_text = "Name, description"
    ordering = ("name", "id")
    change_list_template = "console/group/list.html"
    empty_title = "No groups yet"
    empty_text = "Gather devices by hand, or write a rule that gathers them and keeps up with what they report."
    csv_columns = (
        ("id", "pk"), ("name", "name"), ("kind", "kind"), ("members", "member_count"), ("description", "description"),
        ("problem", "problem"),
    )  # fmt: skip

    def get_urls(self):
        return [*self.group_urls(), *super().get_urls()]

    def get_queryset(self, request):
        return Group.objects.visible_to(request.user).with_member_count(request.user)

    def get_changelist_instance(self, request):
        changelist = super().get_changelist_instance(request)
        vocabulary = Vocabulary()
        for group in changelist.result_list:
            group.sentence = sentence(group, vocabulary)
        return changelist

    @display(description="Group", ordering="name")
    def name_column(self, group):
        return format_html(
            '<a href="{}" class="e-name"><span><span class="e-strong">{}</span><br>'
            '<span class="e-faint e-small">{}</span></span></a>',
            self.route("change", group.pk), group.name, group.description,
        )  # fmt: skip

    @display(description="Kind", ordering="kind")
    def kind_column(self, group):
        return format_html('<span class="e-nowrap">{}</span>', group.get_kind_display())

    @display(description="Devices", ordering="member_count")
    def members_column(self, group):
        return group.member_count

    @display(description="Rule")
    def rule_column(self, group):
        text = group.sentence
        if not text:
            return _NOTHING
        return f"{text[:MAX_SENTENCE]}…" if len(text) > MAX_SENTENCE else text

    @display(description="State")
    def state_column(self, group):
        if group.problem:
            return show_status(status.ATTENTION.because(group.problem))
        if group.kind == Group.Kind.STATIC:
            return _NOTHING
        return format_html('<span class="e-nowrap">worked out {}</span>', age(group.evaluated_at))


class _SmallAdmin(_ByServices):
    """Rows with a short form that services save."""

    def find(self, request, pk):
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not is_row_id(pk):
            raise Http404("there is no such row")
        return get_object_or_404(self.model, pk=pk)

    def save_form(self, request, form, save, title: str, button: str = "Save", *, note: str = "", row=None):
        """Show a form; when it was sent, save it and go to the list, or say why it was refused."""
        if request.method == "POST" and form.is_valid():
            try:
                save(**form.cleaned_data)
            except EspalierError as error:
                named = {name: why for name, why in (error.fields or {}).items() if name in form.fields}
                for name, why in (named or {None: error.detail}).items():
                    form.add_error(name, why)
            else:
                return self.done(request, "Saved.", self.route("changelist"))
        context = {"title": title, "form": form, "button": button, "back": self.route("changelist"), "note": note}
        if row is not None and self.has_delete_permission(request):
            context["delete_url"] = self.route("delete", row.pk)
        return self.page(request, "console/group/small_form.html", context)

    def delete_row(self, request, row, delete, warning: str):
        """Ask, then delete through a service; what it refuses is told."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        address = self.route("changelist")
        context = {"title": f"Delete {row}", "back": address, "warning": warning}
        if request.method == "POST":
            try:
                delete(row, actor=Actor.staff(request.user))
            except EspalierError as error:
                context["problem"] = error.detail
            else:
                return self.done(request, f"{row} deleted.", address, reload=True)
        return self.dialog(request, "console/group/delete.html", context)


@admin.register(Tag)
class TagAdmin(_SmallAdmin):
    list_display = ("name_column", "devices_column")
    list_display_links = None
    search_fields = ("name",)
    ordering = ("name", "id")
    empty_title = "No tags yet"
    empty_text = "Tags are put on devices: open a device, Edit, and type them."
    csv_columns = (("name", "name"), ("devices", "number"))

    def has_add_permission(self, request):
        return False

    def get_queryset(self, request):
        return Tag.objects.annotate(number=Count("devices", filter=within(request.user, "devices")))

    @display(description="Tag", ordering="name")
    def name_column(self, tag):
        return format_html('<a class="e-link" href="{}">{}</a>', self.route("change", tag.pk), tag.name)

    @display(description="Devices", ordering="number")
    def devices_column(self, tag):
        address = reverse("admin:devices_device_changelist")
        return format_html('<a class="e-link" href="{}?tag={}">{}</a>', address, tag.pk, tag.number)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Rename a tag."""
        tag = self.find(request, object_id)
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = TagForm(submitted(request)[0], initial={"name": tag.name})
        actor = Actor.staff(request.user)
        return self.save_form(
            request, form, lambda name: attributes.rename_tag(tag, name, actor=actor), f"Rename {tag.name}",
            note="The devices keep it under its new name.", row=tag,
        )  # fmt: skip

    def delete_view(self, request, object_id, extra_context=None):
        tag = self.find(request, object_id)
        return self.delete_row(request, tag, attributes.delete_tag, "It is taken off all devices that have it.")


@admin.register(CustomAttribute)
class CustomAttributeAdmin(_SmallAdmin):
    list_title = "Custom attributes"
    list_display = ("label_column", "name_column", "kind_column", "devices_column")
    list_display_links = None
    list_filter = ("kind", "is_secret")
    search_fields = ("name", "label")
    ordering = ("name", "id")
    empty_title = "No custom attributes yet"
    empty_text = "Define facts that Apple does not know of, such as a cost center; use them in rules and profiles."
    csv_columns = (
        ("name", "name"), ("label", "label"), ("kind", "kind"), ("secret", "is_secret"), ("devices", "number"),
    )  # fmt: skip

    def get_queryset(self, request):
        seen = within(request.user, "values__device")
        return CustomAttribute.objects.annotate(number=Count("values", filter=seen))

    @display(description="Attribute", ordering="label")
    def label_column(self, attribute):
        return format_html('<a class="e-link" href="{}">{}</a>', self.route("change", attribute.pk), attribute)

    @display(description="Name in rules and profiles", ordering="name")
    def name_column(self, attribute):
        return format_html('<span class="e-mono">{}</span> <span class="e-faint e-mono">{}</span>',
                           attribute.name, attribute.variable)  # fmt: skip

    @display(description="Kind", ordering="kind")
    def kind_column(self, attribute):
        kind = attribute.get_kind_display()
        return format_html('{}<span class="e-faint">, secret</span>', kind) if attribute.is_secret else kind

    @display(description="Devices that have it", ordering="number")
    def devices_column(self, attribute):
        return attribute.number

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        form, actor = AttributeForm(submitted(request)[0]), Actor.staff(request.user)
        return self.save_form(
            request, form, lambda **facts: attributes.define_attribute(**facts, actor=actor), "New custom attribute",
            "Define it",
        )  # fmt: skip

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Change what people read, and make it secret; name and kind are fixed, since rules and profiles use them."""
        attribute = self.find(request, object_id)
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = LabelForm(submitted(request)[0], initial={"label": attribute.label}, attribute=attribute)
        actor = Actor.staff(request.user)
        kind = attribute.get_kind_display().lower()
        note = f"Its name is {attribute.name} and it is of kind {kind}; both stay."
        if attribute.is_secret:
            note += " Its values are secret, and stay so."
        return self.save_form(
            request, form, lambda **facts: attributes.change_attribute(attribute, **facts, actor=actor),
            f"Edit {attribute}", note=note, row=attribute,
        )  # fmt: skip

    def delete_view(self, request, object_id, extra_context=None):
        attribute = self.find(request, object_id)
        warning = "Its values on all devices are deleted too."
        return self.delete_row(request, attribute, attributes.delete_attribute, warning)
