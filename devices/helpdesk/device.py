"""A device's page at the helpdesk: how it stands, what needs a person, and the frequent tasks, for a phone as well."""

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from unfold.widgets import UnfoldAdminSelectWidget

from commands.retrying import retry_failed
from devices.console.attention import attention_of
from devices.console.forms import ReasonForm
from devices.console.notes import notes_context
from devices.console.page import find_device
from devices.console.secrets import MAY_REVEAL, MAY_REVEAL_OF_PROFILES, locked_profiles, reveal_dialog, secret_values
from devices.console.sending import MAY_SEND, NOT_ENROLLED
from devices.console.shown import live_context, page_context
from devices.helpdesk.frame import dialog, framed, told
from devices.helpdesk.standing import standing_of
from devices.helpdesk.tasks import Known, Task, tasks_of
from devices.models import AttributeValue, Device, Enrollment, EscrowedSecret
from devices.reveals import reveal_secret
from devices.secret_attributes import reveal_attribute
from devices.timeline import Actor
from mdm_project.console import submitted
from profiles.models import Profile
from profiles.removal_passwords import reveal_removal_password

Kind = EscrowedSecret.Kind
# Beside the frequent tasks, which have buttons.
MORE = ("DeviceLock", "ShutDownDevice")
# What is most often read out on the telephone comes first.
OFTEN = (
    Kind.FILEVAULT_RECOVERY_KEY, Kind.LOCAL_ADMIN_PASSWORD, Kind.ACTIVATION_LOCK_BYPASS_CODE,
    Kind.ACTIVATION_LOCK_SERVER_CODE, Kind.LOCK_PIN,
)  # fmt: skip


def _device(request: HttpRequest, pk: int) -> Device:
    if not request.user.has_perm("devices.view_device"):
        raise PermissionDenied
    return find_device(request.user, pk)


@require_GET
def device_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a device with the tab that the address names."""
    device = _device(request, pk)
    context = page_context(request, device)
    if context["tab"] != "notes":
        context |= notes_context(device, request.user)
    return framed(request, "helpdesk/device.html", {**context, **_helpdesk_context(request, device, context)})


@require_GET
def live_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the poll of the page: 204 while there is nothing new to show."""
    device = _device(request, pk)
    context = live_context(request.user, device)
    if request.GET.get("version") == context["version"]:
        return HttpResponse(status=204)
    context |= {"is_poll": True, "attention": attention_of(device, context["health"], request.user)}
    return render(request, "helpdesk/live.html", {**context, **_helpdesk_context(request, device, context)})


def _helpdesk_context(request: HttpRequest, device: Device, context: dict) -> dict:
    health = context["health"]
    tasks = tasks_of(device, Known.of([device], request.user), request.user)
    tasks.append(_retry_task(device, context))
    return {
        "standing": standing_of(device, health),
        "tasks": tasks,
        "live_url": reverse("helpdesk_live", args=[device.pk]),
        "more": MORE,
        "console_url": reverse("admin:devices_device_change", args=[device.pk]),
        "parent_title": "Helpdesk",
        "parent_url": reverse("helpdesk"),
    }


def _retry_task(device: Device, context: dict) -> Task:
    has_failed = context["health"].failed or any(item.is_of_profile for item in context["attention"])
    refusal = context["refusal"] or ("" if has_failed else "Nothing failed within the last week.")
    return Task("retry", "Retry failed", "replay", reverse("helpdesk_retry", args=[device.pk]), refusal, is_post=True)


@require_POST
def retry_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Try again what failed on the device within the last week."""
    device = _device(request, pk)
    if not request.user.has_perm(MAY_SEND):
        raise PermissionDenied
    address = reverse("helpdesk_device", args=[device.pk])
    if device.state != Enrollment.State.ENROLLED:
        return told(request, NOT_ENROLLED, address)
    return told(request, retry_failed(device, actor=Actor.staff(request.user)).words, address)


class RevealForm(ReasonForm):
    """Which secret, and why it is needed."""

    secret = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    field_order = ("secret", "reason")

    def __init__(self, *args, choices: list[tuple[str, str]], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["secret"].choices = choices


def _words_of(secret: EscrowedSecret) -> str:
    if secret.is_current:
        return f"{secret.get_kind_display()}, kept since {secret.created_at:%Y-%m-%d}"
    if secret.is_pending:
        return f"{secret.get_kind_display()}, sent and not confirmed yet"
    until = f" until {secret.ended_at:%Y-%m-%d}" if secret.ended_at else ""
    return f"{secret.get_kind_display()}, an earlier one{until}"


def _secrets_of(device: Device, user) -> dict[str, tuple[str, EscrowedSecret | AttributeValue | Profile]]:
    """Return what may be shown to somebody by what the form calls it, the likeliest wish first, each with its words."""
    rows = EscrowedSecret.objects.filter(device=device).exclude(kind__in=EscrowedSecret.UNREVEALABLE)
    place = {kind: number for number, kind in enumerate(OFTEN)}
    rows = rows.defer("value_encrypted").order_by("-is_current", "-is_pending", "-created_at", "id")
    ordered = sorted(rows, key=lambda row: (not row.is_current, place.get(row.kind, len(OFTEN))))
    found = {f"secret-{row.pk}": (_words_of(row), row) for row in ordered}
    found |= {f"attribute-{row.pk}": (f"{row.attribute} (custom attribute)", row) for row in secret_values(device)}
    if user.has_perms(MAY_REVEAL_OF_PROFILES):
        profiles = locked_profiles(device).visible_to(user)
        found |= {f"profile-{each.pk}": (f"Removal password of {each}", each) for each in profiles}
    return found


def reveal_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask which secret and why (GET); show it once, and take it away after a minute (POST)."""
    device = _device(request, pk)
    if not request.user.has_perm(MAY_REVEAL):
        raise PermissionDenied
    secrets = _secrets_of(device, request.user)
    form = RevealForm(submitted(request)[0], choices=[(name, words) for name, (words, _secret) in secrets.items()])
    context = {"title": "Reveal a secret", "device": device, "back": reverse("helpdesk_device", args=[device.pk])}

    def reveal(actor: Actor, reason: str) -> str:
        words, secret = secrets[form.cleaned_data["secret"]]
        if isinstance(secret, Profile):
            context["title"] = words
            return reveal_removal_password(secret, actor, reason, device)
        if isinstance(secret, AttributeValue):
            context["title"] = words
            return reveal_attribute(secret, actor=actor, reason=reason)
        context.update(title=secret.get_kind_display(), secret=secret)
        return reveal_secret(secret, actor=actor, reason=reason)

    return reveal_dialog(dialog, request, context, reveal, form)
