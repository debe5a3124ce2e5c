"""Adding payloads to a draft and taking them out."""

from django.http import Http404

from devices.timeline import Actor
from mdm_project.errors import EspalierError
from profiles import catalogue
from profiles.catalogue import labels
from profiles.composing import add_payload, change_profile, remove_payload, save_draft
from profiles.console.access import find_profile, require
from profiles.console.badges import systems_of
from profiles.console.composer import icon_of
from profiles.console.references import name_of_payload
from profiles.content import payloads_of
from profiles.errors import PayloadReferenced

# MDM's own: enrollment profiles carry it, and removal passwords come from the removal policy.
NOT_OFFERED = frozenset({"mdm", "profileremovalpassword"})


class PayloadPages:
    """Mixin of the profile admin: the list of payload types, adding, removing."""

    def payload_urls(self) -> list:
        return [
            self.view_path("<int:pk>/payload/add/", self.payload_add_view, "payload_add"),
            self.view_path("<int:pk>/payload/remove/", self.payload_remove_view, "payload_remove"),
        ]

    def payload_add_view(self, request, pk):
        """Show what can be added (GET), or add one (POST)."""
        require(request.user, "profiles.change_profile")
        profile = find_profile(request.user, pk)
        address = self.route("change", profile.pk)
        kind = request.POST.get("kind", "").strip()
        if request.method == "POST" and kind:
            draft = profile.draft
            payload = add_payload(draft, kind, _beginning(kind))
            try:
                # Several entries can have one type; the slug says which was meant.
                slugs = {payload["PayloadUUID"]: kind}
                actor = Actor.staff(request.user)
                change_profile(profile, profile.draft_revision, actor, draft=draft, payload_slugs=slugs)
            except EspalierError as error:
                return self.failed(request, error.detail, address)
            name = name_of_payload(payload)
            where = self.composer_address(profile, payload["PayloadUUID"])
            return self.done(request, f"{name} added.", where, reload=True)
        context = {"title": "Add a payload", "profile": profile, "groups": _groups(), "back": address}
        return self.dialog(request, "console/profile/payload_add.html", context)

    def payload_remove_view(self, request, pk):
        """Ask (GET), and take a payload out of the draft (POST)."""
        require(request.user, "profiles.change_profile")
        profile = find_profile(request.user, pk)
        uuid, draft = request.GET.get("payload", ""), profile.draft
        payload = next((each for each in payloads_of(draft) if each.get("PayloadUUID") == uuid), None)
        if payload is None:
            raise Http404("the profile has no such payload")
        name, address = name_of_payload(payload), self.route("change", profile.pk)
        context = {"title": f"Remove {name}?", "back": self.composer_address(profile, uuid), "button": "Remove"}
        context |= {"is_danger": True, "warning": "It goes from the draft; published versions keep it."}
        if request.method == "POST":
            try:
                remove_payload(draft, uuid)
                save_draft(profile, draft, profile.draft_revision, Actor.staff(request.user))
                return self.done(request, f"{name} removed from the draft.", address, reload=True)
            except PayloadReferenced as error:
                context["warning"] = f"{error.detail} Take the reference out first: {', '.join(error.fields)}."
            except EspalierError as error:
                context["warning"] = error.detail
        return self.dialog(request, "console/dialog_form.html", context)


def _beginning(kind: str) -> dict:
    """Return what a new payload begins with: required keys that can have one value only."""
    try:
        entry = catalogue.payload(kind)
    except catalogue.UnknownEntry:
        return {}
    return {key.name: key.allowed[0] for key in entry.keys if key.is_always_required and len(key.allowed) == 1}


def _groups() -> list[tuple[str, str, list]]:
    """Return (purpose, icon, entries) in the order of the catalogue's purposes."""
    found: dict[str, list] = {group: [] for group in labels.GROUPS}
    for entry in catalogue.payload_types():
        if entry.slug not in NOT_OFFERED:
            found.setdefault(entry.group, []).append((entry, ", ".join(systems_of(entry.support))))
    return [
        (group, icon_of(group), sorted(entries, key=lambda pair: (not pair[1], pair[0].label.lower())))
        for group, entries in found.items()
        if entries
    ]
