"""Versions in the console: publishing, comparing, going back; files in and out; archiving."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse

from devices.console.secrets import reveal_dialog
from devices.timeline import Actor
from mdm_project.console import submitted
from mdm_project.errors import EspalierError
from profiles.composing import change_profile
from profiles.console.access import PUBLISH, SECRETS, find_profile, may_download, require
from profiles.console.change_words import words_of_changes
from profiles.console.forms import ImportForm, NoteForm, PublishForm
from profiles.console.lint_panel import shown_findings
from profiles.diff import diff
from profiles.importing import import_profile
from profiles.lint import NO_DEVICES, Level, lint, scope_of_profile
from profiles.models import Profile
from profiles.publishing import errors_of, publish_checked
from profiles.removal_passwords import reveal_removal_password
from profiles.rendering import composed, download
from profiles.unwrapping import MAX_FILE_BYTES
from profiles.versions import latest_version, roll_back, version_of

MOBILECONFIG = "application/x-apple-aspen-config"
DRAFT = "draft"
VIEW_DEVICE = "devices.view_device"


class VersionPages:
    """Mixin of the profile admin: what is done with a profile as a whole."""

    def version_urls(self) -> list:
        return [
            self.view_path("import/", self.import_view, "import"),
            self.view_path("<int:pk>/publish/", self.publish_view, "publish"),
            self.view_path("<int:pk>/versions/", self.versions_view, "versions"),
            self.view_path("<int:pk>/versions/<int:number>/restore/", self.roll_back_view, "roll_back"),
            self.view_path("<int:pk>/download/", self.download_view, "download"),
            self.view_path("<int:pk>/archive/", self.archive_view, "archive"),
            self.view_path("<int:pk>/removal-password/", self.removal_password_view, "removal_password"),
        ]

    def import_view(self, request):
        """Make a profile of a .mobileconfig, and tell what was repaired or may surprise."""
        require(request.user, "profiles.add_profile")
        form = ImportForm(*submitted(request))
        context = {"title": "Import a profile", "form": form, "back": self.route("changelist"), "button": "Import"}
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            keeps = form.cleaned_data["keep_identifiers"]
            try:
                data = file.read(MAX_FILE_BYTES + 1)
                profile, warnings = import_profile(data, keep_identifiers=keeps, actor=Actor.staff(request.user))
            except EspalierError as error:
                form.add_error("file", error.detail)
            else:
                return self._imported(request, profile, warnings)
        return self.page(request, "console/profile/form_page.html", context)

    def _imported(self, request, profile: Profile, warnings: list[str]) -> HttpResponse:
        found = [each for each in lint(profile.draft, profile, NO_DEVICES) if each.level is not Level.NOTE]
        if not warnings and not found:
            return self.done(request, f"{profile.name} imported.", self.route("change", profile.pk))
        context = {"title": f"{profile.name} imported", "profile": profile, "warnings": warnings}
        context |= {"findings": shown_findings(profile, found)}
        return self.page(request, "console/profile/imported.html", context)

    def publish_view(self, request, pk):
        """Show what publishing changes (GET), or publish (POST)."""
        require(request.user, PUBLISH)
        profile = find_profile(request.user, pk)
        problems = shown_findings(profile, errors_of(profile))
        form = PublishForm(submitted(request)[0], has_errors=bool(problems))
        latest = latest_version(profile)
        number = latest.number + 1 if latest else 1
        is_planned = request.user.has_perm(VIEW_DEVICE) and profile.assignments.filter(is_enabled=True).exists()
        changes = diff(latest.content, composed(profile)) if latest else []
        context = {
            "title": f"Publish version {number}",
            "form": form,
            "back": self.route("change", profile.pk),
            "button": "Show the plan" if is_planned else "Publish",
            "reached": scope_of_profile(profile, request.user).device_count if is_planned else None,
            "latest": latest,
            "profile": profile,
            "changes": words_of_changes(changes, latest.content, composed(profile)) if latest else [],
            "problems": problems,
        }
        if request.method == "POST" and form.is_valid():
            said = {name: text.strip() for name, text in form.cleaned_data.items()}
            try:
                if is_planned:
                    return self.show_plan(request, {"kind": "publish", "profile": profile.pk} | said)
                version = publish_checked(profile, Actor.staff(request.user), **said)
                message = f"{profile.name} published as version {version.number}."
                return self.done(request, message, self.route("change", profile.pk), reload=True)
            except EspalierError as error:
                form.add_error(None, error.detail)
        return self.dialog(request, "console/profile/publish.html", context)

    def versions_view(self, request, pk):
        """List the versions, and what differs between any two of them or the draft."""
        require(request.user, "profiles.view_profile")
        profile = find_profile(request.user, pk)
        versions = list(profile.versions.visible_to(request.user).order_by("-number"))
        context = {
            "title": f"Versions of {profile.name}",
            "profile": profile,
            "versions": versions,
            "may_publish": request.user.has_perm(PUBLISH),
            "may_download": may_download(request.user, composed(profile)),
        }
        if versions:
            context |= _comparison(profile, versions, request.GET)
        return self.page(request, "console/profile/versions.html", context)

    def roll_back_view(self, request, pk, number):
        """Ask (GET), and publish an earlier version's content again (POST)."""
        require(request.user, PUBLISH)
        profile = find_profile(request.user, pk)
        try:
            old = version_of(profile, number)
        except EspalierError as error:
            raise Http404(error.detail) from error
        latest = latest_version(profile)
        form, address = NoteForm(submitted(request)[0]), self.route("versions", profile.pk)
        is_planned = request.user.has_perm(VIEW_DEVICE) and profile.assignments.filter(is_enabled=True).exists()
        context = {
            "title": f"Go back to version {number}?",
            "form": form,
            "back": address,
            "button": "Show the plan" if is_planned else "Go back",
            "profile": profile,
            "latest": latest,
            "is_roll_back": True,
            "changes": words_of_changes(diff(latest.content, old.content), latest.content, old.content),
        }
        if request.method == "POST" and form.is_valid():
            try:
                if is_planned:
                    note = form.cleaned_data["note"]
                    change = {"kind": "roll_back", "profile": profile.pk, "number": number, "note": note}
                    return self.show_plan(request, change)
                version = roll_back(profile, number, Actor.staff(request.user), form.cleaned_data["note"])
                message = f"Version {number} is published again, as version {version.number}."
                return self.done(request, message, address, reload=True)
            except EspalierError as error:
                form.add_error(None, error.detail)
        return self.dialog(request, "console/profile/publish.html", context)

    def download_view(self, request, pk):
        """Hand out a .mobileconfig: the draft or a version, signed or not."""
        require(request.user, "profiles.view_profile")
        profile = find_profile(request.user, pk)
        source = _chosen(profile, request.GET.get("version", DRAFT))
        if not may_download(request.user, composed(source) if source is profile else source.content):
            raise PermissionDenied
        body = download(source, is_signed=request.GET.get("signed") == "1")
        name = f"profile-{profile.pk}" + ("" if source is profile else f"-v{source.number}")
        headers = {"Content-Disposition": f'attachment; filename="{name}.mobileconfig"', "Cache-Control": "no-store"}
        return HttpResponse(body, content_type=MOBILECONFIG, headers=headers)

    def removal_password_view(self, request, pk):
        """Reveal the removal password, with a reason."""
        require(request.user, SECRETS)
        profile = find_profile(request.user, pk)
        context = {"title": f"Removal password of {profile.name}", "back": self.route("change", profile.pk)}
        return reveal_dialog(
            self.dialog, request, context, lambda actor, reason: reveal_removal_password(profile, actor, reason)
        )

    def archive_view(self, request, pk):
        """Ask (GET), and put a profile away or take it back (POST); where it is assigned, through a plan."""
        require(request.user, "profiles.change_profile")
        profile = find_profile(request.user, pk)
        address, is_archived = self.route("change", profile.pk), not profile.is_archived
        number = profile.assignments.filter(is_enabled=True).count()
        is_planned = bool(number) and request.user.has_perm(VIEW_DEVICE)
        verb = "Archive" if is_archived else "Take back"
        context = {"title": f"{verb} {profile.name}?", "back": address}
        context |= {"button": "Show the plan" if is_planned else verb, "warning": _warning(is_archived, number)}
        if request.method == "POST":
            actor = Actor.staff(request.user)
            try:
                if is_planned:
                    kind = "remove_profile" if is_archived else "take_back_profile"
                    return self.show_plan(request, {"kind": kind, "profile": profile.pk})
                change_profile(profile, profile.draft_revision, actor, is_archived=is_archived)
                return self.done(request, "Archived." if is_archived else "Taken back.", address, reload=True)
            except EspalierError as error:
                context["warning"] = error.detail
        return self.dialog(request, "console/dialog_form.html", context)


def _warning(is_archived: bool, number: int) -> str:
    """Return what archiving a profile, or taking it back, means with so many assignments in force."""
    times = f"{number} assignment{'s' if number > 1 else ''}"
    if not is_archived:
        return f"It still has {times} in force, so devices get it again." if number else ""
    if number:
        return f"It has {times} in force. Archiving it takes it away from all devices that have it by assignment."
    return "It leaves the list and can be taken back at any time."


def _chosen(profile: Profile, text: str):
    """Return the version that a query names, or the profile for its draft; raises 404."""
    if text in ("", DRAFT):
        return profile
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Http404("no such version")
    try:
        return version_of(profile, int(text))
    except EspalierError as error:
        raise Http404(error.detail) from error


def _comparison(profile: Profile, versions: list, query) -> dict:
    newest = versions[0].number
    before = query.get("from", str(versions[1].number if len(versions) > 1 else newest))
    after = query.get("to", DRAFT if len(versions) == 1 else str(newest))
    old, new = _chosen(profile, before), _chosen(profile, after)
    a, b = (composed(each) if each is profile else each.content for each in (old, new))
    return {"before": before, "after": after, "changes": words_of_changes(diff(a, b), a, b), "is_compared": True}
