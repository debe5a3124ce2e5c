"""How somebody who uses a device can be told something, and what each way really does.

Apple's protocol has no plain message: a text comes with a lock or with Lost Mode, and on some systems not at all.

Apple: developer.apple.com/documentation/devicemanagement/device-lock-command
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.urls import reverse

from commands.forms import DeviceLock
from commands.meanings import Candidate
from commands.workflows.definitions.lost_device import LOST_DEVICE
from devices.console import sending
from devices.console.page import find_device
from devices.models import Device, Person

MAY_START = "commands.add_workflow"
LOCK = "DeviceLock"
PHONES = (Device.Platform.IOS, Device.Platform.IPADOS)
MAC_LOCK = "It restarts the Mac, which then wants a PIN: a lock, and not a way to send a message."
_NUMBER = re.compile(r"\+?[0-9]{3,15}\Z")


@dataclass(frozen=True)
class MessageChoice:
    """A way to tell somebody something: what happens, where it is done, or why it cannot be used."""

    name: str
    title: str
    icon: str
    tells: str
    address: str = ""
    refusal: str = ""
    is_dialog: bool = False


def message_choices(device: Device, candidate: Candidate | None, user) -> list[MessageChoice]:
    """Return every way with what it does, those that are of no use with the reason. One statement."""
    return [
        _lock_screen(device, candidate, user),
        _lost_mode(device, candidate, user),
        _mail(device, user),
        _call(device),
    ]


def _lock_screen(device: Device, candidate: Candidate | None, user) -> MessageChoice:
    if device.platform == Device.Platform.MACOS:
        return MessageChoice("lock", "Lock the Mac", "lock", "", refusal=MAC_LOCK)
    return MessageChoice(
        "lock", "Show it on the lock screen", "lock",
        "Locks the screen now and shows your words there. The passcode opens it; nothing is lost.",
        reverse("admin:devices_device_command", args=[device.pk, LOCK]),
        _lock_refusal(device, candidate, user), is_dialog=True,
    )  # fmt: skip


def _lock_refusal(device: Device, candidate: Candidate | None, user) -> str:
    """Say why no message would be seen: the reasons that Apple gives for its absence come after our own."""
    if device.platform not in PHONES:
        return "Only iPhones and iPads show a message when they are locked."
    if candidate is None:
        return sending.NOT_ENROLLED
    if not user.has_perm(sending.MAY_SEND):
        return "You may not send commands."
    if reason := sending.refusal_words(LOCK, candidate):
        return reason
    if candidate.target.shared_ipad:
        return "A Shared iPad shows no message when it is locked."
    if device.is_lost_mode_enabled:
        return "It is in Lost Mode, and shows the message of that."
    return "It has no passcode, and shows a message only with one." if device.is_passcode_present is False else ""


def _lost_mode(device: Device, candidate: Candidate | None, user) -> MessageChoice:
    return MessageChoice(
        "lost", "Lost Mode with a message", LOST_DEVICE.icon,
        "For a device that is gone: nobody can use it, it shows your words, and it is located until you end it.",
        reverse("admin:commands_workflow_start", args=[device.pk, LOST_DEVICE.kind]),
        _lost_refusal(device, candidate, user), is_dialog=True,
    )  # fmt: skip


def _lost_refusal(device: Device, candidate: Candidate | None, user) -> str:
    if device.platform not in PHONES:
        return "Only iPhones and iPads have a Lost Mode."
    if candidate is None:
        return sending.NOT_ENROLLED
    if not user.has_perm(MAY_START):
        return "You may not start workflows."
    return LOST_DEVICE.refusal(device) or sending.refusal_words("EnableLostMode", candidate)


def _mail(device: Device, user) -> MessageChoice:
    title, icon, tells = "Write an e-mail", "mail", "Opens a new e-mail in your own mail program."
    person = device.person
    if person is None:
        return MessageChoice("mail", title, icon, tells, refusal="Nobody in particular uses the device.")
    if not Person.objects.visible_to(user).filter(pk=person.pk).exists():
        return MessageChoice("mail", title, icon, tells, refusal="You may not see people.")
    if not _is_mail_address(person.email):
        why = "is not an e-mail address" if person.email else "is not known"
        return MessageChoice("mail", title, icon, tells, refusal=f"The address of {person} {why}.")
    return MessageChoice("mail", title, icon, f"To {person.email}, in your own mail program.", mail_to(device, person))


def mail_to(device: Device, person: Person) -> str:
    """Return the address of an e-mail to a person about a device; neither name adds a recipient or a header."""
    subject = " ".join(f"Your {device}".split())
    return f"mailto:{quote(person.email, safe='@')}?subject={quote(subject, safe='')}"


def _is_mail_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _call(device: Device) -> MessageChoice:
    number = re.sub(r"[\s()./-]", "", device.phone_number)
    if not device.phone_number:
        return MessageChoice("call", "Call", "call", "", refusal="The device has told no phone number.")
    if not _NUMBER.match(number):
        return MessageChoice("call", "Call", "call", "", refusal="What the device told is not a phone number.")
    tells = f"{device.phone_number}, the number of the device itself."
    return MessageChoice("call", "Call", "call", tells, f"tel:{number}")


def _written_here(choices: list[MessageChoice], device: Device) -> dict:
    """Return what the dialog shows: the message is written there at once where the lock screen can show it."""
    lock = next((choice for choice in choices if choice.name == "lock" and not choice.refusal), None)
    if lock is None:
        return {"choices": choices}
    form = DeviceLock(device=device)
    form.fields["message"].required = True
    return {"choices": [choice for choice in choices if choice is not lock], "form": form, "lock": lock}


class MessagePages:
    """Mixin of the device admin."""

    def message_urls(self) -> list:
        return [self.view_path("<int:pk>/message/", self.message_view, "message")]

    def message_view(self, request, pk):
        """Show the ways to tell the person who uses a device something."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        device = find_device(request.user, pk)
        choices = message_choices(device, sending.candidate_of(device), request.user)
        context = {"title": "Send a message", "device": device}
        context |= _written_here(choices, device)
        if "lock" in context:
            context["foreseen"] = sending.foreseen(DeviceLock, sending.channels_of_one(device), request.user)
        context["back"] = self.route("change", device.pk)
        return self.dialog(request, "console/device/message.html", context)
