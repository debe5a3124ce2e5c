"""The frequent tasks of the helpdesk, as buttons: beside each result of the search and on a device's page.

What cannot be done says why. Each is one click to its dialog, and a second one to do it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from commands.applicability import candidates_of
from commands.forms import ClearPasscode, DeviceLock, RestartDevice
from commands.meanings import Candidate
from commands.workflows.definitions.lost_device import LOST_DEVICE
from commands.workflows.models import Workflow
from devices.console.secrets import MAY_REVEAL, MAY_REVEAL_OF_PROFILES, with_locked_profiles
from devices.console.sending import MAY_SEND, NOT_ENROLLED, refusal_words
from devices.models import AttributeValue, Channel, Device, EscrowedSecret
from profiles.catalogue import command

MAY_START = "commands.add_workflow"
MAY_END = "commands.change_workflow"
NO_PERMISSION = "You may not send commands."
NO_SECRET = "No secret of it is kept."
UNLOCK_ACCOUNT = "UnlockUserAccount"


@dataclass(frozen=True)
class Task:
    """A button: a POST, or a link that opens a dialog unless it is a page; ``refusal`` says why it is off."""

    name: str
    title: str
    icon: str
    address: str
    refusal: str = ""
    is_post: bool = False
    is_page: bool = False


@dataclass(frozen=True)
class Known:
    """What tasks of some devices depend on, as far as somebody may know it: four statements, five with profiles."""

    candidates: dict[int, Candidate]
    with_secrets: set[int]
    searches: dict[int, Workflow]

    @classmethod
    def of(cls, devices: Iterable[Device], user) -> "Known":
        ids = [device.pk for device in devices]
        channels = Channel.objects.device_channels().filter(device__in=ids).reachable()
        secrets = EscrowedSecret.objects.filter(device__in=ids).exclude(kind__in=EscrowedSecret.UNREVEALABLE)
        values = AttributeValue.objects.filter(device__in=ids, attribute__is_secret=True)
        found = secrets.order_by().values_list("device_id").union(values.order_by().values_list("device_id"))
        with_secrets = {device_id for (device_id,) in found}
        if user.has_perms(MAY_REVEAL_OF_PROFILES):
            with_secrets |= with_locked_profiles(ids)
        lost = Workflow.objects.visible_to(user).running().filter(kind=LOST_DEVICE.kind, device__in=ids)
        searches = {search.device_id: search for search in lost.only("device_id", "end_wished_at")}
        return cls({candidate.device_id: candidate for candidate in candidates_of(channels)}, with_secrets, searches)


def tasks_of(device: Device, known: Known, user) -> list[Task]:
    """Return the frequent tasks that make sense on a device's platform, in a fixed order."""
    candidate, is_mac = known.candidates.get(device.pk), device.platform == Device.Platform.MACOS
    return [
        Task("refresh", "Refresh", "refresh", _page("refresh", device), _asking_refusal(candidate, user), is_post=True),
        _unlock(device, candidate, user) if is_mac else _command(ClearPasscode, device, candidate, user),
        _command(DeviceLock, device, candidate, user) if is_mac else _lost(device, known, user),
        Task("reveal", "Reveal secret", "key", reverse("helpdesk_reveal", args=[device.pk]),
             _reveal_refusal(device, known, user)),
        _command(RestartDevice, device, candidate, user),
        Task("message", "Message", "chat", _page("message", device)),
    ]  # fmt: skip


def _page(name: str, device: Device, *args) -> str:
    return reverse(f"admin:devices_device_{name}", args=[device.pk, *args])


def _asking_refusal(candidate: Candidate | None, user) -> str:
    if not user.has_perm(MAY_SEND):
        return NO_PERMISSION
    return "" if candidate else NOT_ENROLLED


def _refusal(request_type: str, candidate: Candidate | None, user) -> str:
    return _asking_refusal(candidate, user) or refusal_words(request_type, candidate)


def _command(form, device: Device, candidate: Candidate | None, user) -> Task:
    refusal = _refusal(form.request_type, candidate, user)
    return Task(form.__name__, form.title, form.icon, _page("command", device, form.__name__), refusal)


def _unlock(device: Device, candidate: Candidate | None, user) -> Task:
    """A Mac has no passcode to clear; an account that was locked by wrong passwords can be unlocked."""
    address = f"{reverse('admin:commands_command_compose', args=[command(UNLOCK_ACCOUNT).slug])}?device={device.pk}"
    refusal = _refusal(UNLOCK_ACCOUNT, candidate, user)
    return Task(UNLOCK_ACCOUNT, "Unlock account", "lock_open", address, refusal, is_page=True)


def _lost(device: Device, known: Known, user) -> Task:
    """Begin to look for a device, or end it: whoever calls that it was found gets the same button."""
    search = known.searches.get(device.pk)
    if search is not None and user.has_perm(MAY_END):
        refusal = "Lost Mode is being ended." if search.end_wished_at else ""
        address = reverse("admin:commands_workflow_end", args=[search.pk])
        return Task(LOST_DEVICE.kind, "Found", LOST_DEVICE.icon, address, refusal)
    address = reverse("admin:commands_workflow_start", args=[device.pk, LOST_DEVICE.kind])
    refusal = LOST_DEVICE.refusal(device) if user.has_perm(MAY_START) else NO_PERMISSION
    return Task(LOST_DEVICE.kind, "Lost device", LOST_DEVICE.icon, address, refusal)


def _reveal_refusal(device: Device, known: Known, user) -> str:
    if not user.has_perm(MAY_REVEAL):
        return "You may not see secrets."
    return "" if device.pk in known.with_secrets else NO_SECRET
