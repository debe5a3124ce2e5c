"""Sending commands from the console, to one device or to many: pickers, forms, and the one call of commands.asking."""

from collections import Counter
from dataclasses import dataclass

from django.urls import reverse

from commands.applicability import candidates_of, refusal_of, split
from commands.asking import Asked, ask
from commands.forms import ASKING, CHANGING, DANGEROUS, FORMS, AnyCommand, CommandForm
from commands.governor.foreseeing import Foreseen, foresee
from commands.meanings import Candidate, meaning_of
from devices.console.page import Health
from devices.models import Channel, Device
from devices.timeline import Actor
from mdm_project.errors import EspalierError

MAY_SEND = "commands.add_command"
NO_PERMISSION = "You may look at devices but not send commands: ask for the permission “Can add command”."
MAX_REASONS = 4
NOT_ENROLLED = "The device is not enrolled, so nothing can be asked of it."


@dataclass(frozen=True)
class Choice:
    """A command in a picker; ``refusal`` says why it is of no use."""

    name: str
    title: str
    icon: str
    tells: str
    is_dangerous: bool
    refusal: str


def reason_not_to(user, health: Health) -> str:
    """Say why somebody may not send a device anything, or nothing."""
    if not user.has_perm(MAY_SEND):
        return NO_PERMISSION
    return "" if health.is_enrolled else NOT_ENROLLED


def candidate_of(device: Device) -> Candidate | None:
    """Return what is known of a device's own channel, None when nothing can be asked of it."""
    found = candidates_of(channels_of_one(device).reachable())
    return found[0] if found else None


def choices(candidate: Candidate | None = None, *, only: tuple[type[CommandForm], ...] | None = None) -> list[Choice]:
    """Return the commands of a picker, those that the device cannot take with the reason."""
    return [
        Choice(form.__name__, form.title, form.icon, form.tells, form.is_dangerous, _refusal(form, candidate))
        for form in only or (*ASKING, *CHANGING, *DANGEROUS)
    ]


def _refusal(form: type[CommandForm], candidate: Candidate | None) -> str:
    return refusal_words(form.request_type, candidate) if candidate and form.request_type else ""


def refusal_words(request_type: str, candidate: Candidate) -> str:
    """Say in a sentence why a channel cannot take a command, or nothing."""
    reason = refusal_of(request_type, candidate)
    return f"{reason[:1].upper()}{reason[1:]}." if reason else ""


def refusal(form: type[CommandForm], device: Device) -> str:
    """Say why a device cannot take a command, or nothing."""
    return _refusal(form, candidate_of(device))


def picker(device: Device | None = None) -> dict[str, list[Choice]]:
    candidate = candidate_of(device) if device else None
    return {
        "Ask": choices(candidate, only=ASKING),
        "Change": choices(candidate, only=CHANGING),
        "Careful": choices(candidate, only=DANGEROUS),
    }


def left_out_words(form: type[CommandForm], channels) -> str:
    """Say how many of some channels cannot take a command and why, before it is sent; nothing if all can."""
    if not form.request_type:
        return ""
    candidates = candidates_of(channels.reachable())
    _, refused = split(form.request_type, candidates)
    if not refused:
        return ""
    reasons = Counter(refusal.reason for refusal in refused).most_common(MAX_REASONS)
    told = ", ".join(f"{reason} ({number})" for reason, number in reasons)
    return f"{len(refused)} of {len(candidates)} cannot take it and are left out: {told}."


def foreseen(form: type[CommandForm], channels, user) -> Foreseen | None:
    """Say what the governor will do about a command for some channels; None where it is not destructive."""
    danger = meaning_of(form.request_type).danger({}) if form.request_type else None
    if danger is None:
        return None
    fit, _refused = split(form.request_type, candidates_of(channels.reachable()))
    return foresee(danger, len(fit), Actor.staff(user)) if fit else None


def form_class(name: str) -> type[CommandForm] | None:
    return FORMS.get(name)


def send(form: CommandForm, channels, user) -> Asked | None:
    """Ask for what a valid form says; on refusal put the reasons into the form and return None."""
    try:
        return ask(
            form.asked_type(),
            form.payload(),
            channels,
            actor=Actor.staff(user),
            reason=form.cleaned_data["reason"],
            confirmed=form.confirmed(),
            allows_unknown=form.cleaned_data.get("allows_unknown", False),
        )
    except EspalierError as error:
        _explain(form, error)
        return None


def words_of(form: CommandForm, asked: Asked) -> str:
    """Say what became of it."""
    left_out = f" {len(asked.refused)} cannot take it." if asked.refused else ""
    if asked.held is not None:
        words = asked.held.words
        return f"{form.title} {words[:1].lower()}{words[1:]}{left_out}"
    number = asked.command.target_count
    return f"{form.title} queued for {'the device' if number == 1 and not left_out else f'{number} devices'}.{left_out}"


def _explain(form: CommandForm, error: EspalierError) -> None:
    form.add_error(None, error.detail)
    keys_field = "keys" if isinstance(form, AnyCommand) else None
    for path, why in (error.fields or {}).items():
        form.add_error(keys_field, f"{path}: {why}")


def address_of(asked: Asked) -> str:
    """Return the page on which it can be followed, if it was queued."""
    return reverse("admin:commands_command_change", args=[asked.command.pk]) if asked.command else ""


def channels_of_one(device: Device) -> "Channel":
    return Channel.objects.device_channels().filter(device=device)


def channels_of(devices) -> "Channel":
    """Return the device channels of a queryset of devices."""
    return Channel.objects.device_channels().filter(device__in=devices.order_by().values("pk"))
