"""The console's pages of declarations: the list, choosing a type, the form of one."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from devices.timeline import Actor
from mdm_project import plist
from mdm_project.console import ConsoleAdmin
from mdm_project.errors import EspalierError
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age
from profiles import catalogue, help_texts
from profiles.catalogue import UnknownEntry
from profiles.console.badges import systems_of
from profiles.console.entry_pages import (
    by_purpose,
    panel_of,
    part_answer,
    preview_answer,
    read_form,
    said,
    upload_answer,
)
from profiles.console.keys_form import EntryForm
from profiles.declarations import change_declaration, create_declaration, delete_declaration, payload_of
from profiles.models import Declaration

NOT_SENT = (
    "Declarations are composed, checked and kept here. Sending them to devices comes with declarative management, "
    "which this version does not have yet."
)


class DeclarationFacts(forms.Form):
    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget())
    identifier = forms.CharField(
        required=False, max_length=255, help_text="It never changes; leave it empty to have one made.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    description = forms.CharField(required=False, max_length=5000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


@admin.register(Declaration)
class DeclarationAdmin(ConsoleAdmin):
    list_display = ("name_column", "type_column", "identifier", "updated_column")
    list_display_links = None
    list_filter = ("type",)
    search_fields = ("name", "identifier", "type", "description")
    search_help_text = "Name, identifier, type"
    ordering = ("name", "id")
    empty_title = "No declarations yet"
    empty_text = "Add one: the form comes from Apple's schema. " + NOT_SENT
    csv_columns = (("name", "name"), ("identifier", "identifier"), ("type", "type"), ("changed", "updated_at"))

    def get_queryset(self, request):
        return Declaration.objects.visible_to(request.user).defer("payload_encrypted")

    def get_urls(self):
        return [
            self.view_path("compose/preview/", require_POST(self.preview_view), "preview"),
            self.view_path("compose/part/", self.part_view, "part"),
            self.view_path("compose/upload/", require_POST(self.upload_view), "upload"),
            *super().get_urls(),
        ]

    @display(description="Name", ordering="name")
    def name_column(self, declaration):
        return format_html('<a class="e-link" href="{}">{}</a>', self.route("change", declaration.pk), declaration.name)

    @display(description="Type", ordering="type")
    def type_column(self, declaration):
        return declaration.type

    @display(description="Changed", ordering="updated_at")
    def updated_column(self, declaration):
        return age(declaration.updated_at)

    def add_view(self, request, form_url="", extra_context=None):
        """Let staff choose a type, and then fill in its form."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if not request.GET.get("type"):
            entries = [
                (entry, ", ".join(systems_of(entry.support)), "", False, help_texts.about(entry.slug, entry.kind))
                for entry in catalogue.declarations()
            ]
            context = {"title": "New declaration", "groups": by_purpose(entries, lambda each: each[0].label.lower())}
            context |= {"about": "every declaration of Apple's schema", "compose_url": self.route("add")}
            context["placeholder"] = "passcode, software update, com.apple…"
            return self.page(request, "console/compose/choose.html", context)
        form = _form(request.GET["type"])
        facts = DeclarationFacts(request.POST if request.method == "POST" else None)
        errors: list[str] = []

        def save():
            return create_declaration(
                type=form.entry.type, payload=plist.to_json(form.result()), actor=Actor.staff(request.user),
                **facts.cleaned_data,
            )  # fmt: skip

        answer = self._save(request, form, facts, errors, save) if request.method == "POST" else None
        return answer or self._form_page(request, form, facts, errors, self.route("add"))

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show a declaration's form, and save what it sends."""
        declaration = self._declaration(request, object_id)
        if not self.has_view_permission(request) or (
            request.method == "POST" and not self.has_change_permission(request)
        ):
            raise PermissionDenied
        form = _form(declaration.type, plist.from_json(payload_of(declaration)))
        initial = {name: getattr(declaration, name) for name in DeclarationFacts.base_fields}
        facts = DeclarationFacts(request.POST if request.method == "POST" else None, initial=initial)
        facts.fields["identifier"].disabled = True
        errors: list[str] = []

        def save():
            text = request.POST.get("revision", "")
            revision = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
            kept = {name: facts.cleaned_data[name] for name in ("name", "description")}
            payload = plist.to_json(form.result())
            return change_declaration(declaration, revision, payload=payload, actor=Actor.staff(request.user), **kept)

        answer = self._save(request, form, facts, errors, save) if request.method == "POST" else None
        more = {"revision": declaration.revision}
        if self.has_delete_permission(request):
            more["delete_url"] = self.route("delete", declaration.pk)
        return answer or self._form_page(request, form, facts, errors, self.route("changelist"), **more)

    def delete_view(self, request, object_id, extra_context=None):
        """Ask (GET), and delete (POST)."""
        declaration = self._declaration(request, object_id)
        if not self.has_delete_permission(request):
            raise PermissionDenied
        address = self.route("change", declaration.pk)
        context = {"title": f"Delete {declaration.name}?", "button": "Delete", "is_danger": True, "back": address}
        if request.method == "POST":
            try:
                delete_declaration(declaration, actor=Actor.staff(request.user))
                return self.done(request, f"{declaration.name} deleted.", self.route("changelist"), reload=True)
            except EspalierError as error:
                context["warning"] = error.detail
        return self.dialog(request, "console/dialog_form.html", context)

    @staticmethod
    def _declaration(request, pk) -> Declaration:
        if not is_row_id(pk):
            raise Http404("there is no such declaration")
        return get_object_or_404(Declaration.objects.visible_to(request.user), pk=pk)

    def _save(self, request, form: EntryForm, facts: DeclarationFacts, errors: list[str], save):
        """Read what was submitted and save it; fills ``errors`` with what keeps it from being saved."""
        if not (read_form(request, form, errors) and facts.is_valid()):
            return None
        try:
            declaration = save()
        except EspalierError as error:
            errors += said(error)
            return None
        self.message_user(request, "Saved.")
        return HttpResponseRedirect(self.route("change", declaration.pk))

    def _form_page(self, request, form: EntryForm, facts: DeclarationFacts, errors: list[str], back: str, **more):
        slug = form.entry.slug
        context = {
            "title": form.entry.label, "form": form, "about": facts, "about_title": "About it", "errors": errors,
            "sections": form.sections(), "note": NOT_SENT, "nothing": "This declaration has no keys.",
            "lost": "Nothing was saved.", "button": "Save", "button_icon": "save", "back": back, "back_title": "Back",
            **panel_of(form, f"{self.route('preview')}?type={slug}"), **self._addresses(slug), **more,
        }  # fmt: skip
        return self.page(request, "console/compose/form.html", context)

    def _addresses(self, slug: str) -> dict:
        return {f"{name}_url": f"{self.route(name)}?type={slug}" for name in ("part", "upload")}

    def _form_of(self, request) -> EntryForm:
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        return _form(request.GET.get("type", ""))

    def preview_view(self, request):
        form = self._form_of(request)
        return preview_answer(request, form, f"{self.route('preview')}?type={form.entry.slug}")

    def part_view(self, request):
        form = self._form_of(request)
        return part_answer(request, form, self._addresses(form.entry.slug))

    def upload_view(self, request):
        return upload_answer(request, self._addresses(self._form_of(request).entry.slug))


def _form(name: str, content: dict | None = None) -> EntryForm:
    try:
        return EntryForm(catalogue.declaration(name), content or {})
    except UnknownEntry as error:
        raise Http404("there is no such declaration") from error
