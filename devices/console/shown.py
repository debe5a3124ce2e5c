"""What the pages of one device show, in the console and at the helpdesk, as contexts of templates."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from devices.console import page, sending, tabs
from devices.console.attention import attention_of
from devices.console.notes import notes_context
from devices.console.timeline import recent_lines, timeline_context
from devices.models import Device
from mdm_project.platforms import icon_of, system_words


def live_context(user, device: Device) -> dict:
    """Return what changes while somebody looks: header, actions, and the newest commands."""
    health = page.health_of(device)
    may_see_commands = user.has_perm("commands.view_command")
    rows = page.live_commands(device) if may_see_commands else []
    page.hear(health, rows)
    candidate = sending.candidate_of(device)
    return {
        "device": device,
        "icon": icon_of(device.platform),
        "system": system_words(device.platform, device.os_version),
        "health": health,
        "rows": rows,
        "may_see_commands": may_see_commands,
        "is_waiting": any(row.is_waiting for row in rows),
        "version": page.live_version(rows, health),
        "refusal": sending.reason_not_to(user, health),
        "may_send": user.has_perm(sending.MAY_SEND),
        "may_cancel": user.has_perm("commands.change_command"),
        "may_change": user.has_perm("devices.change_device"),
        "may_start": user.has_perm("commands.add_workflow"),
        "may_reveal": user.has_perm("devices.reveal_secret"),
        "may_see_location": user.has_perm("devices.view_location"),
        "dangerous": sending.choices(candidate, only=sending.DANGEROUS),
        "common": sending.choices(candidate, only=sending.CHANGING),
    }


def page_context(request, device: Device) -> dict:
    """Return all that a page shows with the tab that its address names; raises Http404 and PermissionDenied."""
    user = request.user
    allowed = tabs.allowed_tabs(user)
    tab = request.GET.get("tab", "overview")
    if tab not in tabs.TABS:
        raise Http404("there is no such tab")
    if tab not in allowed:
        raise PermissionDenied
    text = request.GET.get("q", "").replace("\x00", "").strip()
    context = {**live_context(user, device), **tabs.tab_context(tab, device, text)}
    if tab == "timeline":
        context |= timeline_context(device, request.GET, user)
    if tab == "notes":
        context |= notes_context(device, user, is_all="all" in request.GET)
    return context | {
        "title": str(device),
        "tab": tab,
        "tab_template": f"console/device/tab_{tab}.html",
        "tabs": allowed.items(),
        "text": text,
        "attention": attention_of(device, context["health"], user),
        "recent": recent_lines(device, user),
    }
