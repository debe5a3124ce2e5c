"""The tabs of the device page: which there are, and what each shows. One statement or two a tab."""

from django.db.models import Q

from commands.answers import read_message
from commands.models import Report
from devices.console.configuration import MAY_SEE, configuration_context
from devices.console.groups_device import groups_context
from devices.console.page import current_identity, live_commands
from devices.console.secrets import secrets_context
from devices.models import (
    Answer,
    AvailableUpdate,
    Device,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
)

PAGE = 500
COMMANDS = 100
RAW_REPORTS = 20
TABS = {
    "overview": "Overview",
    "configuration": "Configuration",
    "groups": "Groups",
    "inventory": "Inventory",
    "apps": "Apps",
    "profiles": "Profiles",
    "certificates": "Certificates",
    "secrets": "Secrets",
    "updates": "Updates",
    "commands": "Commands",
    "notes": "Notes",
    "timeline": "Timeline",
    "raw": "Raw",
}
RAW_PERMISSION = "devices.view_raw_reports"
NEEDED = {
    "configuration": MAY_SEE,
    "groups": "devices.view_group",
    "commands": "commands.view_command",
    "notes": "devices.view_note",
    "raw": RAW_PERMISSION,
}


def allowed_tabs(user) -> dict[str, str]:
    """Return the tabs somebody may open, by name."""
    return {name: title for name, title in TABS.items() if name not in NEEDED or user.has_perm(NEEDED[name])}


def tab_context(name: str, device: Device, text: str = "") -> dict:
    """Return what the template of a tab needs; that of the timeline reads its own filters (timeline_context)."""
    return CONTEXTS[name](device, text) if name in CONTEXTS else {}


def _overview(device: Device, text: str) -> dict:
    enrollments = list(device.enrollments.order_by("-id")[:5])
    return {
        "enrollment": next((one for one in enrollments if one.pk == device.current_enrollment_id), None),
        "earlier": [one for one in enrollments if one.pk != device.current_enrollment_id],
        "identity": current_identity(device),
        "user_channels": list(
            device.channels.user_channels().select_related("contact", "push_state").order_by("user_short_name", "id")
        ),
    }


def _inventory(device: Device, text: str) -> dict:
    return {"answers": list(Answer.objects.filter(device=device).order_by("request_type", "id"))}


def _apps(device: Device, text: str) -> dict:
    apps = InstalledApplication.objects.filter(device=device)
    if text:
        apps = apps.filter(Q(name__icontains=text) | Q(identifier__icontains=text))
    return {"apps": list(apps.order_by("name", "id")[:PAGE]), "page_size": PAGE}


def _profiles(device: Device, text: str) -> dict:
    profiles = InstalledProfile.objects.filter(device=device).select_related("channel")
    return {"profiles": list(profiles.order_by("display_name", "id"))}


def _certificates(device: Device, text: str) -> dict:
    certificates = InstalledCertificate.objects.filter(device=device)
    return {"certificates": list(certificates.order_by("common_name", "id")[:PAGE])}


def _updates(device: Device, text: str) -> dict:
    return {"updates": list(AvailableUpdate.objects.filter(device=device).order_by("name", "id"))}


def _commands(device: Device, text: str) -> dict:
    return {"commands": live_commands(device, COMMANDS)}


def _raw(device: Device, text: str) -> dict:
    reports = Report.objects.filter(channel__device=device).select_related("channel", "queued__command")
    reports = reports.defer("queued__command__body_encrypted").order_by("-id")[:RAW_REPORTS]
    return {"reports": [(report, read_message(report)) for report in reports]}


CONTEXTS = {
    "overview": _overview,
    "configuration": configuration_context,
    "groups": groups_context,
    "inventory": _inventory,
    "apps": _apps,
    "profiles": _profiles,
    "certificates": _certificates,
    "secrets": secrets_context,
    "updates": _updates,
    "commands": _commands,
    "raw": _raw,
}
