"""Composing any command of Apple's schema in the console: what there is, its form, whom it is for, sending it.

The form is the composer's (profiles.console.keys_form). Keys that a meaning fills in for each device are not asked for.
What was typed is sent and not kept; a form that is shown again asks for secrets again.
"""

from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import escape, format_html
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from commands.applicability import candidates_of, refusal_of
from commands.asking import ask
from commands.console.governor import held_address
from commands.governor import ConfirmationRequired
from commands.governor.foreseeing import foresee, rules
from commands.meanings import meaning_of
from commands.targets import words_of_search
from devices.models import Channel, Device, Group, SavedSearch
from devices.saved_searches import BrokenSearch, devices_of
from devices.timeline import Actor
from mdm_project.errors import EspalierError
from mdm_project.row_ids import row_id_of
from profiles import catalogue, help_texts
from profiles.catalogue import UnknownEntry
from profiles.console.badges import badges_of, systems_of
from profiles.console.entry_pages import panel_of, part_answer, preview_answer, read_form, said, upload_answer
from profiles.console.keys_form import EntryForm

MAY_SEND = "commands.add_command"
REACH_HELP = "The devices that it finds when you send, of those that you may see."
CONFIRM_HELP = "If you do not know it, send without: it is told to you, and nothing goes out yet."
# What commands are for, by how their slugs begin; the first that fits.
PURPOSES = (
    ("Lost devices", "location_searching", ("device-lostmode",)),
    ("Locks and passcodes", "lock", ("device-lock", "passcode", "device-activationlock", "device-restrictions-clear",
                                     "rotate-file-vault", "set-auto-admin", "user-unlock")),
    ("The device", "restart_alt", ("device-erase", "device-restart", "device-shutdown", "device-configured",
                                   "device-esim", "settings", "lom-", "remotedesktop", "mirroring")),
    ("Ask", "info", ("information", "certificate", "device-restrictions", "profile-list", "profile-provisioning-list",
                     "application-installed", "application-managed-list", "user-list", "application-extensions")),
    ("Profiles and declarations", "description", ("profile", "declarativemanagement")),
    ("Apps and books", "apps", ("application", "managed", "media")),
    ("Users", "person", ("user", "account")),
    ("Updates", "system_update", ("system-update",)),
    ("Others", "terminal", ("",)),
)  # fmt: skip


class TargetForm(forms.Form):
    """Whom a command is for, why, and what has to be typed first."""

    group = forms.ModelChoiceField(
        queryset=Group.objects.none(), required=False, label="Group", empty_label="Choose a group",
        widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    saved_search = forms.ModelChoiceField(
        queryset=SavedSearch.objects.none(), required=False, label="Saved search", empty_label="Choose a saved search",
        widget=UnfoldAdminSelectWidget(attrs={"hx-trigger": "change, load", "hx-target": "#reach"}),
    )  # fmt: skip
    is_all = forms.BooleanField(required=False, label="Every enrolled device", widget=UnfoldBooleanWidget())
    on_users = forms.BooleanField(
        required=False, label="Send it to users instead of devices",
        help_text="Only Macs and Shared iPads have users that can be asked.",
        widget=UnfoldBooleanWidget(),
    )  # fmt: skip
    reason = forms.CharField(
        required=False, max_length=500, help_text="Kept in the timeline.", widget=UnfoldAdminTextInputWidget()
    )
    confirm = forms.CharField(
        required=False, label="Confirm", widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )
    allows_unknown = forms.BooleanField(
        required=False, label="Send keys that Apple's schema does not have", widget=UnfoldBooleanWidget()
    )

    def __init__(self, *args, device: Device | None, is_dangerous: bool, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.device, self.is_dangerous = device, is_dangerous
        self.fields["group"].queryset = Group.objects.visible_to(user).order_by("name")
        searches = self.fields["saved_search"]
        searches.queryset = SavedSearch.objects.visible_to(user)
        searches.widget.attrs["hx-get"] = reverse("admin:commands_command_reach")
        searches.help_text = format_html('<span id="reach" aria-live="polite">{}</span>', REACH_HELP)
        self.user, self.found = user, None
        # One of them is needed: "(optional)" beside each would mislead.
        for name in ("group", "saved_search", "confirm"):
            self.fields[name].is_needed = True
        if device is not None:
            del self.fields["group"], self.fields["is_all"], self.fields["saved_search"]
        if not is_dangerous:
            del self.fields["confirm"]
            return
        self.fields["reason"].required = True
        what = f"Type {self.expected}" if device else "Type the number of devices"
        self.fields["confirm"].label = f"{what} to confirm"
        if device is None:
            self.fields["confirm"].help_text = CONFIRM_HELP

    @property
    def expected(self) -> str:
        return self.device.serial_number or self.device.udid or str(self.device.pk)

    def clean(self):
        cleaned = super().clean()
        targets = [cleaned.get(name) for name in ("group", "saved_search", "is_all")]
        if self.device is None and sum(bool(target) for target in targets) != 1:
            self.add_error("group", "Choose a group, a saved search, or every enrolled device: one of them.")
        if cleaned.get("saved_search"):
            try:
                self.found = devices_of(cleaned["saved_search"], self.user)
            except BrokenSearch as error:
                self.add_error("saved_search", error.detail)
        if self.is_dangerous and self.device and cleaned.get("confirm", "").strip().upper() != self.expected.upper():
            self.add_error("confirm", f"This must be {self.expected}, exactly.")
        return cleaned

    def channels(self, user):
        """Return the channels that are meant. The form is valid."""
        channels = Channel.objects.visible_to(user)
        on_users = self.cleaned_data["on_users"]
        channels = channels.user_channels() if on_users else channels.device_channels()
        if self.device is not None:
            return channels.filter(device=self.device)
        if self.cleaned_data["is_all"]:
            return channels
        if self.found is not None:
            return channels.filter(device__in=self.found.order_by().values("pk"))
        return channels.filter(device__memberships__group=self.cleaned_data["group"])

    def meant_for(self) -> str:
        saved = self.cleaned_data.get("saved_search")
        return words_of_search(saved) if saved else ""

    def confirmed(self) -> int | None:
        text = self.cleaned_data.get("confirm", "").strip()
        return int(text) if self.device is None and text.isascii() and text.isdecimal() and len(text) < 10 else None


class ComposePages:
    """Mixin of the command admin: the list of commands that can be composed, and the form of one."""

    def compose_urls(self) -> list:
        return [
            self.view_path("compose/", self.choose_view, "choose"),
            self.view_path("reach/", self.reach_view, "reach"),
            self.view_path("compose/<slug:slug>/", self.compose_view, "compose"),
            self.view_path("compose/<slug:slug>/preview/", require_POST(self.compose_preview_view), "compose_preview"),
            self.view_path("compose/<slug:slug>/part/", self.compose_part_view, "compose_part"),
            self.view_path("compose/<slug:slug>/upload/", require_POST(self.compose_upload_view), "compose_upload"),
        ]

    def has_add_permission(self, request):
        return request.user.has_perm(MAY_SEND)

    def add_view(self, request, form_url="", extra_context=None):
        _require(request.user)
        return HttpResponseRedirect(self.route("choose"))

    def choose_view(self, request):
        """Show every command of Apple's schema by purpose; for a device, those it cannot take with the reason."""
        _require(request.user)
        device = _device(request)
        context = {"title": f"Send a command to {device}" if device else "Send a command", "device": device}
        context |= {"groups": _choices(device), "query": request.GET.urlencode()}
        return self.page(request, "console/compose/choose.html", context)

    def compose_view(self, request, slug):
        """Show the form of a command (GET), or send it (POST)."""
        _require(request.user)
        form, device = _form(slug), _device(request)
        is_dangerous = _is_dangerous(form.entry.type)
        data = request.POST if request.method == "POST" else None
        initial = {name: request.GET.get(name, "") for name in ("group", "saved_search")}
        target = TargetForm(data, device=device, is_dangerous=is_dangerous, user=request.user, initial=initial)
        errors: list[str] = []
        if request.method == "POST":
            answer = self._send(request, form, target, errors)
            if answer is not None:
                return answer
        context = {
            "title": form.entry.label, "form": form, "about": target, "errors": errors, "sections": form.sections(),
            "about_title": str(device) if device else "Devices", "about_id": device.serial_number if device else "",
            "is_dangerous": is_dangerous, "foreseen": _foreseen(form.entry.type, device, request.user),
            "refusal": _refusal(form.entry.type, device), "filled": form.filled,
            "nothing": "This command has no keys: it says everything by its name.", "button": "Send",
            "button_icon": "send", "lost": "Nothing was sent.", "back_title": "Other commands",
            "back": f"{self.route('choose')}?{request.GET.urlencode()}",
            **panel_of(form, _preview_url(slug)), **_addresses(slug),
        }  # fmt: skip
        return self.page(request, "console/compose/form.html", context)

    def _send(self, request, form: EntryForm, target: TargetForm, errors: list[str]) -> HttpResponse | None:
        """Ask; fills ``errors`` with what keeps it from being asked."""
        if not (read_form(request, form, errors) and target.is_valid()):
            return None
        try:
            asked = ask(
                form.entry.type, form.result(), target.channels(request.user), actor=Actor.staff(request.user),
                reason=target.cleaned_data["reason"], confirmed=target.confirmed(),
                allows_unknown=target.cleaned_data["allows_unknown"], meant_for=target.meant_for(),
            )  # fmt: skip
        except ConfirmationRequired as error:
            target.add_error("confirm", error.detail)
            return None
        except EspalierError as error:
            errors += said(error)
            return None
        if asked.held is not None:
            words, address = f"{form.entry.label}: {asked.held.words}", held_address(request.user)
            return self.done(request, words, address or self.route("changelist"))
        left_out = f" {len(asked.refused)} cannot take it." if asked.refused else ""
        left_out = " ".join((left_out, *asked.warnings))
        number = asked.command.target_count
        words = f"{form.entry.label} queued for {'1 device' if number == 1 else f'{number:,} devices'}.{left_out}"
        return self.done(request, words, self.route("change", asked.command.pk))

    def reach_view(self, request):
        """Say how many devices a saved search finds for the person now."""
        _require(request.user)
        text = request.GET.get("saved_search", "")
        saved = SavedSearch.objects.visible_to(request.user).filter(pk=row_id_of(text)).first()
        if saved is None:
            return HttpResponse(REACH_HELP)
        return HttpResponse(escape(_reach_words(saved, request.user)))

    def compose_preview_view(self, request, slug):
        _require(request.user)
        return preview_answer(request, _form(slug), _preview_url(slug))

    def compose_part_view(self, request, slug):
        _require(request.user)
        return part_answer(request, _form(slug), _addresses(slug))

    def compose_upload_view(self, request, slug):
        _require(request.user)
        return upload_answer(request, _addresses(slug))


def _require(user) -> None:
    if not user.has_perm(MAY_SEND) or not user.has_perm("devices.view_device"):
        raise PermissionDenied


def _device(request) -> Device | None:
    """Return the device that the address names, or None; raises Http404 for one that may not be seen."""
    text = request.GET.get("device", "")
    if not text:
        return None
    devices = Device.objects.visible_to(request.user)
    found = devices.filter(pk=row_id_of(text)).first()
    if found is None:
        raise Http404("there is no such device")
    return found


def _reach_words(saved: SavedSearch, user) -> str:
    try:
        found = devices_of(saved, user)
    except BrokenSearch as error:
        return f"{error.detail}."
    number, enrolled = found.count(), found.enrolled().count()
    words = "1 device now" if number == 1 else f"{number} devices now"
    left = number - enrolled
    return f"{words}, {left} of them not enrolled." if left else f"{words}. It is counted anew when you send."


def _form(slug: str) -> EntryForm:
    try:
        entry = catalogue.command(slug)
    except UnknownEntry as error:
        raise Http404("there is no such command") from error
    meaning = meaning_of(entry.type)
    return EntryForm(entry, filled=meaning.filled_keys, check=meaning.check)


def _is_dangerous(request_type: str) -> bool:
    return meaning_of(request_type).danger({}) is not None


def _foreseen(request_type: str, device: Device | None, user) -> str:
    """Say what the governor will do about a destructive command, or what holds while its devices are not chosen."""
    danger = meaning_of(request_type).danger({})
    if danger is None:
        return ""
    actor = Actor.staff(user)
    return rules(danger, actor) if device is None else foresee(danger, 1, actor).words


def _refusal(request_type: str, device: Device | None) -> str:
    if device is None:
        return ""
    found = candidates_of(Channel.objects.filter(device=device).reachable())
    if not found:
        return "The device is not enrolled, so nothing can be asked of it."
    reasons = [refusal_of(request_type, candidate) for candidate in found]
    return "" if not all(reasons) else f"{reasons[0][:1].upper()}{reasons[0][1:]}."


def _choices(device: Device | None) -> list[tuple[str, str, list]]:
    """Return (purpose, icon, [(entry, systems, refusal, is deprecated, what for)]); refused ones last."""
    candidates = candidates_of(Channel.objects.filter(device=device).reachable()) if device else []
    entries = []
    for entry in catalogue.commands():
        reasons = [refusal_of(entry.type, candidate) for candidate in candidates]
        refusal = reasons[0] if reasons and all(reasons) else ""
        is_old = any(badge.is_deprecation for badge in badges_of(entry.support))
        about = help_texts.about(entry.slug, entry.kind)
        entries.append((entry, ", ".join(systems_of(entry.support)), refusal, is_old, about))
    found: dict[str, list] = {title: [] for title, _icon, _beginnings in PURPOSES}
    for each in sorted(entries, key=lambda each: (bool(each[2]), each[0].label.lower())):
        found[_purpose(each[0].slug)].append(each)
    return [(title, icon, found[title]) for title, icon, _beginnings in PURPOSES if found[title]]


def _purpose(slug: str) -> str:
    return next(title for title, _icon, beginnings in PURPOSES if slug.startswith(beginnings))


def _preview_url(slug: str) -> str:
    return reverse("admin:commands_command_compose_preview", args=[slug])


def _addresses(slug: str) -> dict:
    pages = {name: reverse(f"admin:commands_command_compose_{name}", args=[slug]) for name in ("part", "upload")}
    return {f"{name}_url": f"{address}?{urlencode({'of': slug})}" for name, address in pages.items()}
