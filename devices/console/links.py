"""Links to devices, for whoever may see them; shared by the pages of all apps."""

from django.urls import reverse
from django.utils.html import format_html

from devices.models import Device


def device_link(device: Device | None) -> str:
    """Render a link to a device's page."""
    if device is None:
        return format_html('<span class="e-faint">{}</span>', "–")
    address = reverse("admin:devices_device_change", args=[device.pk])
    serial = device.serial_number or ""
    return format_html(
        '<a class="e-link" href="{}">{}</a> <span class="e-mono e-faint">{}</span>', address, device, serial
    )
