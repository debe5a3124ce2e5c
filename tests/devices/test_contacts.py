"""A4, L6, L7: "last seen" counts every contact and is never older than an answer; a Mac that was locked says so."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from commands.results import interpret_reports
from devices.channels import Terms, begin_enrollment
from devices.contacts import is_locked
from devices.escrow import current_value, keep_secret
from devices.filters import DeviceFilter
from devices.keys import channel_key
from devices.models import ChannelContact, Device, EscrowedSecret, Event
from tests import factories

LOCK_PIN = EscrowedSecret.Kind.LOCK_PIN


def seen(device: Device) -> Device:
    return Device.objects.with_enrollment().with_last_seen().get(pk=device.pk)


@pytest.mark.django_db
def test_an_answer_that_was_read_counts_as_a_contact_wherever_it_is_shown():
    channel = factories.make_channel(seen_at=timezone.now() - timedelta(days=2))
    report = factories.make_report(channel, {}, request_type="ClearPasscode")
    interpret_reports()
    assert seen(channel.device).last_seen_at == report.received_at


@pytest.mark.django_db
def test_pages_are_no_older_than_an_answer_that_no_worker_has_read(client):
    client.force_login(factories.make_staff(is_superuser=True))
    channel = factories.make_channel(seen_at=timezone.now() - timedelta(days=2))
    report = factories.make_report(channel, {}, request_type="ClearPasscode")
    report.queued.refresh_from_db()
    page = client.get(reverse("admin:devices_device_change", args=[channel.device_id]))
    assert page.context["health"].last_seen_at == report.queued.finished_at
    helpdesk = client.get(reverse("helpdesk_device", args=[channel.device_id]))
    assert helpdesk.context["standing"].seen.at == report.queued.finished_at


# A Mac that was locked


def lock(platform: str = "macos"):
    channel = factories.make_channel(factories.make_device(platform), seen_at=timezone.now() - timedelta(days=2))
    keep_secret(channel.device, LOCK_PIN, b"123456")
    factories.make_report(channel, {}, request_type="DeviceLock")
    interpret_reports()
    return channel


def found(**query) -> set[int]:
    return set(DeviceFilter(query, Device.objects.all()).qs.values_list("pk", flat=True))


@pytest.mark.django_db
def test_a_locked_mac_says_so_on_both_pages_and_is_found_until_it_is_heard_of(client):
    client.force_login(factories.make_staff(is_superuser=True))
    channel, phone = lock(), lock("ios")
    pages = [reverse(name, args=[channel.device_id]) for name in ("admin:devices_device_change", "helpdesk_device")]
    for page in pages:
        assert "Locked, PIN here" in client.get(page).content.decode()
    assert "No push reaches the Mac before its PIN is entered" in client.get(pages[0]).content.decode()
    listed = client.get(reverse("admin:devices_device_changelist"), {"lock": "locked"}).context["cl"].queryset
    assert {device.pk for device in listed} == found(is_locked=True) == {channel.device_id}
    assert phone.device_id in found(is_locked=False)
    assert Event.objects.get(kind="mac_locked").device_id == channel.device_id

    ChannelContact.objects.filter(channel=channel).update(seen_at=timezone.now() + timedelta(minutes=2))
    assert not is_locked(seen(channel.device))
    assert found(is_locked=True) == set()
    assert "Locked, PIN here" not in client.get(pages[0]).content.decode().replace("lock=locked", "")


@pytest.mark.django_db
def test_a_mac_that_enrolls_again_has_no_lock_and_its_pin_is_history():
    channel = lock()
    message = {"UDID": channel.enrollment_key, "SerialNumber": channel.device.serial_number}
    begin_enrollment(message, channel_key(message), "topic", Terms())
    assert current_value(channel.device, LOCK_PIN) is None
    assert EscrowedSecret.objects.filter(device=channel.device, kind=LOCK_PIN).count() == 1
    assert not is_locked(seen(channel.device))
