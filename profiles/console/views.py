"""The composer's page: a profile's facts or the form of one of its payloads, and what the form asks for in use.

Each view checks, calls one service, answers. Payloads are named in the query, since their UUIDs may be any text.
"""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from devices.timeline import Actor
from mdm_project import plist
from mdm_project.console import submitted
from mdm_project.errors import EspalierError, TooLarge
from profiles.composing import change_profile, create_profile
from profiles.console import raw_text
from profiles.console.access import PUBLISH, SECRETS, find_profile, require
from profiles.console.change_words import words_of_changes
from profiles.console.composer import PayloadForm, form_of, listed
from profiles.console.data_words import line_of
from profiles.console.entry_pages import part_answer, upload_answer
from profiles.console.forms import FactsForm, NewProfileForm
from profiles.console.lint_panel import fixed_draft, lint_context
from profiles.diff import diff
from profiles.errors import IdentifierTaken, StaleRevision
from profiles.masking import has_secrets, mask
from profiles.models import Profile
from profiles.rendering import composed
from profiles.versions import has_unpublished_changes


class ComposerPages:
    """Mixin of the profile admin: the composer."""

    def composer_urls(self) -> list:
        return [
            self.view_path("<int:pk>/preview/", require_POST(self.preview_view), "preview"),
            self.view_path("<int:pk>/part/", self.part_view, "part"),
            self.view_path("<int:pk>/upload/", require_POST(self.upload_view), "upload"),
        ]

    def add_view(self, request, form_url="", extra_context=None):
        """Make a profile."""
        require(request.user, "profiles.add_profile")
        form = NewProfileForm(submitted(request)[0])
        if request.method == "POST" and form.is_valid():
            try:
                profile = create_profile(actor=Actor.staff(request.user), **form.cleaned_data)
            except IdentifierTaken as error:
                form.add_error("identifier", error.detail)
            except EspalierError as error:
                form.add_error(None, error.detail)
            else:
                return HttpResponseRedirect(self.route("change", profile.pk))
        context = {"title": "New profile", "form": form, "back": self.route("changelist"), "button": "Make it"}
        return self.page(request, "console/profile/form_page.html", context)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show the composer in place of Django's form, and save what it sends."""
        require(request.user, "profiles.view_profile")
        profile = find_profile(request.user, object_id)
        if request.method == "POST" and not self.has_change_permission(request):
            raise PermissionDenied
        uuid = request.GET.get("payload", "")
        if request.method == "POST" and not uuid and "fix" in request.GET:
            return self._fix(request, profile)
        return self._payload_page(request, profile, uuid) if uuid else self._facts_page(request, profile)

    def composer_address(self, profile: Profile, uuid: str = "") -> str:
        query = f"?{urlencode({'payload': uuid})}" if uuid else ""
        return self.route("change", profile.pk) + query

    def composer_page(self, request, profile: Profile, context: dict, *, uuid: str = "") -> HttpResponse:
        """Render the page around a form: header, list of payloads, panel."""
        draft = profile.draft
        frame = {
            "title": profile.name,
            "profile": profile,
            "payloads": listed(profile, draft, uuid),
            "is_changed": has_unpublished_changes(profile),
            "may_change": self.has_change_permission(request),
            "may_publish": request.user.has_perm(PUBLISH),
            "may_download": request.user.has_perm(SECRETS) or not has_secrets(composed(profile)),
            "assignment_count": profile.assignments.visible_to(request.user).count(),
            "revision": profile.draft_revision,
            "address": self.composer_address(profile, uuid),
        }
        return self.page(request, "console/profile/page.html", {**frame, **context})

    # The profile itself

    def _facts_page(self, request, profile: Profile) -> HttpResponse:
        initial = {name: getattr(profile, name) for name in FactsForm.base_fields}
        form = FactsForm(submitted(request)[0], initial=initial, is_scope_fixed=profile.latest_number is not None)
        context: dict = {"form": form}
        if request.method == "POST" and form.is_valid():
            try:
                facts = dict(form.cleaned_data)
                change_profile(profile, _revision(request), Actor.staff(request.user), **facts)
                return self.done(request, "Saved.", self.composer_address(profile))
            except StaleRevision as error:
                context["conflict"] = {"detail": error.detail}
                context["revision"] = Profile.objects.get(pk=profile.pk).draft_revision
            except EspalierError as error:
                form.add_error(None, error.detail)
        content = plist.from_json(mask(composed(profile)))
        context |= lint_context(profile, profile.draft, request.user)
        return self.composer_page(request, profile, {"preview": raw_text.preview(content, line_of), **context})

    def _fix(self, request, profile: Profile) -> HttpResponse:
        """Apply a fix of lint to the draft as it is stored."""
        address = self.composer_address(profile)
        try:
            draft = fixed_draft(profile, profile.draft, request.user, request.GET["fix"])
            change_profile(profile, _revision(request), Actor.staff(request.user), draft=draft)
        except EspalierError as error:
            return self.failed(request, error.detail, address)
        return self.done(request, "Fixed.", address)

    # A payload

    def _payload_page(self, request, profile: Profile, uuid: str) -> HttpResponse:
        form = form_of(profile, uuid, request.user)
        if form is None:
            return self.failed(request, "The profile no longer has this payload.", self.composer_address(profile))
        context: dict = {}
        if request.method == "POST":
            answer = self._save(request, profile, form, context)
            if answer is not None:
                return answer
        context |= {"payload": form, "sections": form.sections(), **_panel(form)}
        return self.composer_page(request, profile, context, uuid=uuid)

    def _save(self, request, profile: Profile, form: PayloadForm, context: dict) -> HttpResponse | None:
        """Save what was submitted; fills the context with what keeps it from being saved."""
        try:
            form.read(request)
        except TooLarge as error:
            context["errors"] = [error.detail]
            return None
        context["errors"] = form.errors()
        if context["errors"]:
            return None
        draft = form.new_draft()
        try:
            if "fix" in request.GET:
                draft = fixed_draft(profile, draft, request.user, request.GET["fix"])
            change_profile(profile, _revision(request), Actor.staff(request.user), draft=draft)
        except StaleRevision as error:
            stored = profile.draft
            changes = words_of_changes(diff(stored, draft), stored, draft)
            context["conflict"] = {"detail": error.detail, "changes": changes}
            return None
        except EspalierError as error:
            context["errors"] = [error.detail]
            return None
        message = "Fixed, and the draft is saved." if "fix" in request.GET else "Draft saved."
        return self.done(request, message, self.composer_address(profile, form.uuid))

    def _open_form(self, request, pk) -> PayloadForm:
        require(request.user, "profiles.view_profile")
        form = form_of(find_profile(request.user, pk), request.GET.get("payload", ""), request.user)
        if form is None:
            raise Http404("the profile has no such payload")
        return form

    def preview_view(self, request, pk):
        """Answer with the property list and the problems of what is in the form now."""
        form = self._open_form(request, pk)
        try:
            form.read(request)
        except TooLarge as error:
            return HttpResponse(error.detail, status=400, content_type="text/plain")
        context = {"profile": form.profile, "payload": form, "is_fresh": True, **_panel(form)}
        return render(request, "console/profile/panel.html", context)

    def part_view(self, request, pk):
        """Answer with a new item of an array, a new key of a dictionary, or an inner dictionary to fill."""
        form = self._open_form(request, pk)
        return part_answer(request, form, _addresses(form))

    def upload_view(self, request, pk):
        """Keep a file that was chosen, and answer with what it is."""
        require(request.user, "profiles.change_profile")
        return upload_answer(request, _addresses(self._open_form(request, pk)))


def _addresses(form: PayloadForm) -> dict:
    """Return the addresses that a form's fields ask."""
    query = urlencode({"payload": form.uuid})
    pages = {name: reverse(f"admin:profiles_profile_{name}", args=[form.profile.pk]) for name in ("part", "upload")}
    return {f"{name}_url": f"{address}?{query}" for name, address in pages.items()}


def _panel(form: PayloadForm) -> dict:
    preview_url = reverse("admin:profiles_profile_preview", args=[form.profile.pk])
    return {
        **lint_context(form.profile, form.new_draft(), form.user, form),
        "preview": form.preview(),
        "preview_url": f"{preview_url}?{urlencode({'payload': form.uuid})}",
        **_addresses(form),
    }


def _revision(request) -> int:
    """Return the revision that a form was made from; 0, which is stale, where it names none."""
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
