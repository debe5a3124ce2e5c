"""B7: a device that acknowledged EraseDevice, until it enrolls again or shows that it was not erased."""

from datetime import timedelta

import pytest

from commands.asking import ask
from commands.models import QueuedCommand
from commands.needs import failed_commands
from commands.results import drain_reports
from devices import outbox
from devices.console.attention import attention_of
from devices.console.page import find_device, health_of
from devices.escrow import keep_secret
from devices.models import Channel, Device, Enrollment, EscrowedSecret, Event
from devices.timeline import Actor
from profiles.models import DesiredItem
from tests import factories
from tests.mdm.asking import ask as queue
from tests.mdm.asking import channels_of, state_of
from tests.mdm.wire import Wire

State = QueuedCommand.State


@pytest.fixture
def admin(committed_db):
    return factories.make_staff(username="admin", is_superuser=True)


@pytest.fixture
def phone(new_device, admin):
    phone = new_device().enroll()
    Device.objects.update(platform="ios", os_version="18.5", os_version_parts=[18, 5])
    return phone


def work() -> None:
    """What workers do: read the answers, and tell those whom it concerns."""
    drain_reports()
    outbox.drain()


def erase(phone: Wire, admin) -> None:
    """Ask the device to erase itself, and have it acknowledge that."""
    asked = ask("EraseDevice", {}, channels_of(phone), actor=Actor.staff(admin), reason="sold")
    given = phone.idle()
    while given.command_uuid != asked.command.uuid:
        given = phone.report("NotNow", given.command_uuid)
    phone.report("Acknowledged", given.command_uuid)
    work()


def enrollment_of(phone: Wire) -> Enrollment:
    return Enrollment.objects.get(key=phone.keys["UDID"], is_current=True)


def later(phone: Wire, minutes: int = 10) -> None:
    row = enrollment_of(phone)
    Enrollment.objects.filter(pk=row.pk).update(unenrolled_at=row.unenrolled_at - timedelta(minutes=minutes))


def test_an_erased_device_leaves_counts_commands_and_needs_attention(phone, admin):
    """B7: it waits for enrollment, what waited for it is cancelled with the reason, and nothing is asked of it."""
    waiting, failed = queue(phone), queue(phone, "CertificateList")
    QueuedCommand.objects.filter(command__uuid=failed).update(
        state=State.FAILED, finished_at=enrollment_of(phone).enrolled_at
    )
    erase(phone, admin)
    device = find_device(admin, Device.objects.get().pk)
    assert (device.state, enrollment_of(phone).end_reason) == ("erased", "it acknowledged that it erases itself")
    row = QueuedCommand.objects.get(command__uuid=waiting)
    assert (row.state, row.note) == (State.CANCELLED, "the device was erased")
    assert not QueuedCommand.objects.waiting().exists()
    health = health_of(device)
    assert (health.is_enrolled, health.failed, health.enrollment.word) == (False, 0, "Erased, waits for enrollment")
    assert attention_of(device, health, admin) == []
    assert failed_commands(admin) == []
    assert not Channel.objects.reachable().exists()
    assert not Device.objects.enrolled().exists()
    assert not DesiredItem.objects.exists()
    summary = Event.objects.get(kind="erased").summary
    assert summary.startswith("Erased; waits for enrollment; ")
    assert summary.endswith("cancelled")


def test_an_erased_device_comes_back_by_authenticate(phone, admin):
    """B7: a new membership begins, and what the erased system had is not current any more (L7)."""
    keep_secret(Device.objects.get(), EscrowedSecret.Kind.LOCK_PIN, b"123456")
    erase(phone, admin)
    phone.enroll()
    before, now = Enrollment.objects.order_by("id")
    assert (before.state, before.is_current, now.state, now.is_current) == ("erased", False, "enrolled", True)
    assert not EscrowedSecret.objects.filter(kind="lock_pin", is_current=True).exists()
    assert phone.idle().status == 200
    assert not Event.objects.filter(kind="not_erased").exists()


def test_a_device_that_goes_on_talking_was_not_erased(phone, admin):
    """B7: within moments it may still be at it; later a contact means that it is enrolled as before."""
    erase(phone, admin)
    assert (phone.idle().status, phone.idle().body) == (200, b"")
    assert enrollment_of(phone).state == "erased"
    later(phone)
    assert phone.idle().status == 200
    row = enrollment_of(phone)
    assert (row.state, row.unenrolled_at, row.end_reason) == ("enrolled", None, "")
    assert Channel.objects.get().state == Channel.State.ENABLED
    assert Event.objects.filter(kind="not_erased").count() == 1
    command = queue(phone)
    assert phone.idle().command_uuid == command


def test_a_token_update_of_an_erased_device_means_that_it_goes_on(phone, admin):
    erase(phone, admin)
    assert phone.token_update().status == 200
    assert enrollment_of(phone).state == "enrolled"


def test_a_device_that_enrolled_again_before_its_answer_was_read_stays_enrolled(phone, admin):
    """B7: Return to Service can be faster than a worker."""
    asked = ask("EraseDevice", {}, channels_of(phone), actor=Actor.staff(admin), reason="sold")
    given = phone.idle()
    while given.command_uuid != asked.command.uuid:
        given = phone.report("NotNow", given.command_uuid)
    phone.report("Acknowledged", given.command_uuid)
    phone.enroll()
    command = queue(phone)
    work()
    assert enrollment_of(phone).state == "enrolled"
    assert state_of(command) == State.PENDING


def test_a_device_that_was_asked_to_leave_needs_nobody(phone, admin):
    """C7: who removed its enrollment is known when it says goodbye; one that leaves by itself needs a person."""
    device = Device.objects.get()
    given = phone.idle()
    while given.body:
        given = phone.report("Acknowledged", given.command_uuid)
    command = factories.make_command("RemoveProfile", {"Identifier": "x"}, is_destructive=True, actor="h.lee")
    factories.make_queued(Channel.objects.get(), command)
    phone.report("Acknowledged", phone.idle().command_uuid)
    phone.check_in("CheckOut")
    work()
    shown = find_device(admin, device.pk)
    health = health_of(shown)
    assert (shown.state, enrollment_of(phone).end_asked_by) == ("unenrolled", "h.lee")
    assert "as h.lee asked" in health.enrollment.why
    assert not [item for item in attention_of(shown, health, admin) if "Left management" in item.title]
    phone.enroll()
    phone.check_in("CheckOut")
    shown = find_device(admin, device.pk)
    assert [item for item in attention_of(shown, health_of(shown), admin) if "Left management" in item.title]
