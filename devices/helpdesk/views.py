"""The helpdesk's search: finding a device while somebody reads out, with the frequent tasks beside each result."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from devices.console.page import ENROLLMENT_STATES
from devices.helpdesk.frame import framed
from devices.helpdesk.tasks import Known, Task, tasks_of
from devices.models import Device
from devices.search import find_devices, is_exact
from mdm_project import status
from mdm_project.platforms import icon_of, system_words


@dataclass(frozen=True)
class Result:
    """A device that was found, and what can be done with it."""

    device: Device
    icon: str
    system: str
    state: status.Status
    tasks: list[Task]


@require_GET
def search_view(request: HttpRequest) -> HttpResponse:
    """Show the search box, and what is found; for htmx the results alone. One exact hit and Enter opens the device."""
    if not request.user.has_perm("devices.view_device"):
        raise PermissionDenied
    text = request.GET.get("q", "")
    devices = find_devices(text, request.user)
    exact = [device for device in devices if is_exact(device, text)]
    only = exact if len(exact) == 1 else devices
    if "open" in request.GET and len(only) == 1:
        return redirect("helpdesk_device", only[0].pk)
    context = {"text": text, "results": _results(devices, request.user), "is_asked": bool(text.strip())}
    if request.headers.get("HX-Request"):
        return render(request, "helpdesk/results.html", context)
    return framed(request, "helpdesk/search.html", {"title": "Helpdesk", **context})


def _results(devices: list[Device], user) -> list[Result]:
    """Work out what can be done with each; the number of statements does not depend on how many they are."""
    known = Known.of(devices, user)
    return [
        Result(
            device,
            icon_of(device.platform),
            system_words(device.platform, device.os_version) or "OS unknown",
            ENROLLMENT_STATES.get(device.state, status.NEVER_ENROLLED),
            tasks_of(device, known, user),
        )
        for device in devices
    ]
