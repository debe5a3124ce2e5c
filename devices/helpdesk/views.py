"""The helpdesk's page: searching while somebody reads out, and the frequent tasks beside each result."""

from dataclasses import dataclass

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from commands.applicability import candidates_of, refusal_of
from commands.forms import ClearPasscode, DeviceLock, RestartDevice
from commands.meanings import Candidate
from commands.workflows.definitions.lost_device import LOST_DEVICE
from devices.console.page import ENROLLMENT_STATES
from devices.models import Channel, Device
from devices.search import find_devices, is_exact
from mdm_project import status
from mdm_project.platforms import icon_of, system_words

MAY_SEND, MAY_START = "commands.add_command", "commands.add_workflow"
NOT_ENROLLED = "The device is not enrolled, so nothing can be asked of it."
NO_PERMISSION = "You may not send commands."
TASKS = (ClearPasscode, DeviceLock, RestartDevice)


@dataclass(frozen=True)
class Task:
    """A button beside a result; ``refusal`` says why it is off."""

    name: str
    title: str
    icon: str
    refusal: str


@dataclass(frozen=True)
class Result:
    device: Device
    icon: str
    system: str
    state: status.Status
    refusal: str
    tasks: list[Task]
    lost_refusal: str


@require_GET
def search_view(request):
    """Show the search box, and what is found; for htmx the results alone. One exact hit and Enter opens the device."""
    if not request.user.has_perm("devices.view_device"):
        raise PermissionDenied
    text = request.GET.get("q", "")
    devices = find_devices(text, request.user)
    exact = [device for device in devices if is_exact(device, text)]
    only = exact if len(exact) == 1 else devices
    if "open" in request.GET and len(only) == 1:
        return redirect("admin:devices_device_change", only[0].pk)
    context = {"text": text, "results": _results(devices, request.user), "is_asked": bool(text.strip())}
    if request.headers.get("HX-Request"):
        return render(request, "helpdesk/results.html", context)
    frame = {**admin.site.each_context(request), "title": "Helpdesk"}
    return render(request, "helpdesk/search.html", {**frame, **context})


def _results(devices: list[Device], user) -> list[Result]:
    """Work out what can be done with each: three statements for all of them."""
    channels = Channel.objects.device_channels().filter(device__in=[device.pk for device in devices]).reachable()
    candidates = {candidate.device_id: candidate for candidate in candidates_of(channels)}
    may_send = user.has_perm(MAY_SEND)
    return [
        Result(
            device, icon_of(device.platform), system_words(device.platform, device.os_version) or "OS unknown",
            ENROLLMENT_STATES.get(device.state, status.NEVER_ENROLLED),
            _refusal(candidates.get(device.pk), may_send),
            [_task(form, candidates.get(device.pk), may_send) for form in TASKS],
            LOST_DEVICE.refusal(device) if user.has_perm(MAY_START) else NO_PERMISSION,
        )
        for device in devices
    ]  # fmt: skip


def _refusal(candidate: Candidate | None, may_send: bool) -> str:
    if not may_send:
        return NO_PERMISSION
    return "" if candidate else NOT_ENROLLED


def _task(form, candidate: Candidate | None, may_send: bool) -> Task:
    reason = _refusal(candidate, may_send)
    if not reason:
        reason = refusal_of(form.request_type, candidate)
        reason = f"{reason[:1].upper()}{reason[1:]}." if reason else ""
    return Task(form.__name__, form.title, form.icon, reason)
