"""What the tests of the console share: addresses, counting statements, and rows to show."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from commands.models import QueuedCommand
from devices.models import (
    Answer,
    AvailableUpdate,
    Channel,
    Device,
    Event,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
)

State = QueuedCommand.State
DEVICES = "/console/devices/device/"


def page_of(device: Device) -> str:
    return reverse("admin:devices_device_change", args=[device.pk])


def text_of(response) -> str:
    return response.content.decode()


def statements(client, address: str, **query) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address, query)
        assert response.status_code == 200
    return len(captured)


def finish(queued: QueuedCommand, state: State, note: str | None = None) -> None:
    QueuedCommand.objects.filter(pk=queued.pk).update(state=state, finished_at=timezone.now(), note=note)


def fill(channel: Channel) -> None:
    """Give a device a row of everything that its tabs list."""
    device, now = channel.device, timezone.now()
    Answer.objects.create(device=device, request_type="SecurityInfo", content={"FDE_Enabled": True}, answered_at=now)
    InstalledApplication.objects.create(device=device, name="Secateurs", identifier="com.example.secateurs")
    InstalledProfile.objects.create(
        device=device, channel=channel, identifier="com.example.wifi", display_name="Corp Wi-Fi", reported_at=now
    )
    InstalledCertificate.objects.create(device=device, fingerprint=b"f", common_name="Corp root")
    AvailableUpdate.objects.create(device=device, product_key="k", name="iOS 99", version="99", reported_at=now)
    Event.objects.create(device=device, kind="enrolled", summary="enrolled by hand")
