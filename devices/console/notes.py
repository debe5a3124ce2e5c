"""Notes about a device in the console and at the helpdesk: the list, writing one, withdrawing one."""

from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from devices.console.page import find_device
from devices.models import Device, Note
from devices.notes import MAX_TEXT, MAX_TICKET, add_note, link_of, withdraw_note
from devices.timeline import Actor
from mdm_project.console import submitted
from mdm_project.errors import EspalierError

MAY_SEE, MAY_ADD, MAY_CHANGE = "devices.view_note", "devices.add_note", "devices.change_note"
SHOWN = 20
AT_MOST = 500
# Where the pages are that a note is written from.
OWN_PAGES = ("/console/", "/helpdesk/")


class NoteForm(forms.Form):
    """What is noted; what a note may hold is for devices.notes to say."""

    text = forms.CharField(
        label="Note",
        help_text="Plain text for your colleagues. It cannot be edited later, only withdrawn. No passwords, please.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "maxlength": MAX_TEXT}),
    )
    ticket = forms.CharField(
        label="Ticket",
        required=False,
        max_length=MAX_TICKET,
        help_text="A number such as INC-4711, or the https address of the ticket.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def explain(self, error: EspalierError) -> None:
        """Put each reason at its field, as a sentence."""
        for name, why in error.fields.items():
            self.add_error(name, f"The {self.fields[name].label.lower()} {why}.")


def notes_context(device: Device, user, *, is_all: bool = False) -> dict:
    """Return what console/device/notes.html needs, the newest 20 unless all are wanted: two statements."""
    limit = AT_MOST if is_all else SHOWN
    rows = list(Note.objects.visible_to(user).filter(device=device).order_by("-id")[: limit + 1])
    ids = [note.pk for note in rows]
    own = set(Note.objects.withdrawable_by(user).filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    for note in rows:
        note.link, note.may_withdraw = link_of(note.ticket), note.pk in own
    return {
        "device": device,
        "notes": rows[:limit],
        "has_more_notes": len(rows) > limit,
        "are_all_notes": is_all,
        "may_see_notes": user.has_perm(MAY_SEE),
        "may_add_note": user.has_perm(MAY_SEE) and user.has_perm(MAY_ADD),
    }


class NotePages:
    """Mixin of the device admin."""

    def note_urls(self) -> list:
        return [
            self.view_path("<int:pk>/note/", self.note_view, "note"),
            self.view_path("<int:pk>/note/<int:note>/withdraw/", self.withdraw_note_view, "withdraw_note"),
        ]

    def _back(self, request, device: Device) -> str:
        """Return the page that was left for the dialog, if it is one of ours, else the device's notes."""
        return own_page(request.GET.get("next", "")) or f"{self.route('change', device.pk)}?tab=notes"

    def _noted(self, request, message: str, back: str) -> HttpResponse:
        """Answer what was done: a page that is still open is loaded anew where it is, without scrolling up."""
        open_page = request.headers.get("HX-Current-URL", "").partition("#")[0].partition("?")[0]
        if not open_page.endswith(urlsplit(back).path):
            return self.done(request, message, back, reload=True)
        messages.success(request, message)
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})

    def note_view(self, request, pk):
        """Show the form of a note (GET), or keep it (POST)."""
        if not (request.user.has_perm(MAY_SEE) and request.user.has_perm(MAY_ADD)):
            raise PermissionDenied
        device = find_device(request.user, pk)
        back, form = self._back(request, device), NoteForm(submitted(request)[0])
        if request.method == "POST" and form.is_valid():
            try:
                add_note(device, **form.cleaned_data, actor=Actor.staff(request.user))
                return self._noted(request, "The note is kept.", back)
            except EspalierError as error:
                form.explain(error)
        context = {"title": "Add a note", "form": form, "device": device, "back": back, "button": "Add note"}
        return self.dialog(request, "console/dialog_form.html", context)

    def withdraw_note_view(self, request, pk, note):
        """Ask whether a note is meant (GET), and withdraw it (POST)."""
        if not request.user.has_perm(MAY_SEE):
            raise PermissionDenied
        device = find_device(request.user, pk)
        found = get_object_or_404(Note.objects.visible_to(request.user), pk=note, device=device)
        may = Note.objects.withdrawable_by(request.user).filter(pk=found.pk).exists()
        if not may and not (found.is_withdrawn and _writes(request.user)):
            raise PermissionDenied
        back = self._back(request, device)
        if request.method == "POST":
            try:
                withdraw_note(found, actor=Actor.staff(request.user))
            except EspalierError as error:
                return self.failed(request, f"{error.detail.capitalize()}.", back)
            return self._noted(request, "The note is withdrawn.", back)
        context = {"title": "Withdraw a note", "note": found, "device": device, "back": back}
        return self.dialog(request, "console/device/note_withdraw.html", context)


def _writes(user) -> bool:
    return user.has_perm(MAY_ADD) or user.has_perm(MAY_CHANGE)


def own_page(address: str) -> str:
    """Return the address of a page of the console or the helpdesk, without its fragment, or nothing.

    Without the fragment, because a browser does not load a page anew for another fragment alone.
    """
    if not address.isascii() or not address.isprintable() or not address.startswith(OWN_PAGES):
        return ""
    return urlsplit(address)._replace(fragment="").geturl() if url_has_allowed_host_and_scheme(address, None) else ""
