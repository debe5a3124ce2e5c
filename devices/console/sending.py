"""Sending commands from the console, to one device or to many: pickers, forms, and the one call of queue_command."""

from dataclasses import dataclass

from commands.forms import ASKING, CHANGING, DANGEROUS, FORMS, AnyCommand, CommandForm
from commands.models import Command
from commands.queue import queue_command
from devices.console.page import Health
from devices.models import Channel, Device
from devices.timeline import Actor
from mdm_project.errors import EspalierError

MAY_SEND = "commands.add_command"
NO_PERMISSION = "You may look at devices but not send commands: ask for the permission “Can add command”."
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


def choices(device: Device | None = None, *, only: tuple[type[CommandForm], ...] | None = None) -> list[Choice]:
    """Return the commands of a picker, those that the device cannot take with the reason."""
    return [
        Choice(
            form.__name__, form.title, form.icon, form.tells, form.is_dangerous, form.refusal(device) if device else ""
        )
        for form in only or (*ASKING, *CHANGING, *DANGEROUS)
    ]


def picker(device: Device | None = None) -> dict[str, list[Choice]]:
    return {
        "Ask": choices(device, only=ASKING),
        "Change": choices(device, only=CHANGING),
        "Careful": choices(device, only=DANGEROUS),
    }


def form_class(name: str) -> type[CommandForm] | None:
    return FORMS.get(name)


def send(form: CommandForm, channels, user) -> Command | None:
    """Queue what a valid form asks for; on refusal put the reasons into the form and return None."""
    try:
        return queue_command(
            form.asked_type(),
            form.payload(),
            channels,
            actor=Actor.staff(user),
            reason=form.cleaned_data["reason"],
        )
    except EspalierError as error:
        _explain(form, error)
        return None


def _explain(form: CommandForm, error: EspalierError) -> None:
    form.add_error(None, error.detail)
    keys_field = "keys" if isinstance(form, AnyCommand) else None
    for path, why in (error.fields or {}).items():
        form.add_error(keys_field, f"{path}: {why}")


def channels_of(devices) -> "Channel":
    """Return the device channels of a queryset of devices."""
    return Channel.objects.device_channels().filter(device__in=devices.order_by().values("pk"))
