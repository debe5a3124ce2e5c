"""Secrets: kept with their history, proposed until a device confirms, revealed with a reason, exchanged afterwards."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commands.asking import NoneCanTake, ask
from commands.models import Command, QueuedCommand
from commands.queue import cancel_commands
from commands.rotation import end_unsent, rotate_revealed
from devices.escrow import (
    confirm_secrets,
    current_value,
    current_values,
    end_secrets,
    keep_secret,
    open_secret,
    propose_secrets,
    reject_secrets,
)
from devices.models import Channel, EscrowedSecret, Event
from devices.reveals import NotForPeople, reveal_secret
from devices.timeline import Actor
from mdm_project.crypto import CannotDecrypt
from mdm_project.errors import BadRequest
from tests import factories
from tests.api.client import Caller

KEY = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
LEE = Actor("h.lee", origin="staff")


@pytest.mark.django_db
def test_a_proposed_secret_becomes_current_when_the_device_confirms_it_and_the_old_one_stays():
    one, two = factories.make_device("macos"), factories.make_device("macos")
    keep_secret(one, "recovery_lock_password", b"old")
    propose_secrets("U-1", [(one.pk, "recovery_lock_password", b"new"), (two.pk, "recovery_lock_password", b"first")])
    assert current_value(one, "recovery_lock_password") == b"old"
    assert confirm_secrets([("U-1", one.pk)]) == {one.pk}
    assert current_values([one.pk, two.pk], "recovery_lock_password") == {one.pk: b"new"}
    assert reject_secrets([("U-1", one.pk), ("U-1", two.pk)]) == 1
    assert current_value(two, "recovery_lock_password") is None
    values = {open_secret(row) for row in EscrowedSecret.objects.all()}
    assert values == {b"old", b"new", b"first"}
    assert confirm_secrets([("U-1", one.pk), ("U-1", two.pk)]) == set(), "a second answer changes nothing"


@pytest.mark.django_db
def test_confirming_takes_as_many_statements_for_many_devices():
    def confirm(number: int, uuid: str):
        devices = [factories.make_device("macos") for _ in range(number)]
        for device in devices:
            keep_secret(device, "lock_pin", b"000000")
        propose_secrets(uuid, [(device.pk, "lock_pin", b"123456") for device in devices])
        with CaptureQueriesContext(connection) as asked:
            assert len(confirm_secrets((uuid, device.pk) for device in devices)) == number
        return len(asked)

    assert confirm(2, "U-few") == confirm(30, "U-many")
    assert EscrowedSecret.objects.filter(is_current=True, kind="lock_pin").count() == 32


@pytest.mark.django_db
def test_the_history_is_short_and_never_loses_the_current_one():
    device = factories.make_device("macos")
    for number in range(40):
        propose_secrets(f"U-{number}", [(device.pk, "lock_pin", f"{number:06d}".encode())])
        confirm_secrets([(f"U-{number}", device.pk)])
    assert current_value(device, "lock_pin") == b"000039"
    assert EscrowedSecret.objects.count() <= 21


@pytest.mark.django_db
def test_ending_forgets_nothing():
    device = factories.make_device("macos")
    keep_secret(device, "lock_pin", b"123456")
    propose_secrets("U-2", [(device.pk, "lock_pin", b"654321")])
    end_secrets(device, "lock_pin")
    assert current_value(device, "lock_pin") is None
    assert EscrowedSecret.objects.filter(is_pending=True).count() == 0
    assert EscrowedSecret.objects.count() == 2


@pytest.mark.django_db
def test_a_value_moved_to_another_row_does_not_open():
    one = keep_secret(factories.make_device("macos"), "lock_pin", b"123456")
    two = keep_secret(factories.make_device("macos"), "lock_pin", b"654321")
    two.value_encrypted = one.value_encrypted
    with pytest.raises(CannotDecrypt):
        open_secret(two)


@pytest.mark.django_db
def test_revealing_needs_a_reason_is_on_the_timeline_and_never_shows_tokens():
    device = factories.make_device("macos")
    secret = keep_secret(device, "filevault_recovery_key", KEY.encode())
    with pytest.raises(BadRequest):
        reveal_secret(secret, actor=LEE, reason="  ")
    assert reveal_secret(secret, actor=LEE, reason="locked out") == KEY
    event = Event.objects.get(kind="secret_revealed")
    assert (event.device, event.actor, "locked out" in event.summary) == (device, "h.lee", True)
    assert KEY not in str(event.data) + event.summary
    token = keep_secret(device, "bootstrap_token", b"\x00token")
    with pytest.raises(NotForPeople):
        reveal_secret(token, actor=LEE, reason="curious")


@pytest.mark.django_db
def test_a_revealed_recovery_key_is_exchanged_after_an_hour_and_only_once():
    channel = factories.make_channel(factories.make_device("macos"))
    secret = keep_secret(channel.device, "filevault_recovery_key", KEY.encode())
    reveal_secret(secret, actor=LEE, reason="locked out")
    assert rotate_revealed() == 0, "the person needs it first"
    EscrowedSecret.objects.update(rotation_wished_at=timezone.now() - timedelta(seconds=1))
    assert (rotate_revealed(), rotate_revealed()) == (1, 0)
    assert Command.objects.get().request_type == "RotateFileVaultKey"


@pytest.mark.django_db
def test_a_pin_of_a_command_that_never_went_out_ends_and_one_that_may_have_arrived_stays():
    user = factories.make_staff(is_superuser=True)
    devices = [factories.make_channel(factories.make_device("macos")).device for _ in range(2)]
    for device in devices:
        channels = Channel.objects.filter(device=device)
        ask("DeviceLock", {}, channels, actor=Actor.staff(user), reason="lost")
    delivered = QueuedCommand.objects.filter(channel__device=devices[1])
    delivered.update(deliveries=1, state=QueuedCommand.State.SENT)
    assert end_unsent() == 0, "both still wait"
    cancel_commands(QueuedCommand.objects.all(), actor=LEE)
    assert end_unsent() == 1
    pending = EscrowedSecret.objects.filter(is_pending=True)
    assert [secret.device_id for secret in pending] == [devices[1].pk]


@pytest.mark.django_db
def test_an_exchange_that_cannot_be_asked_is_told_on_the_timeline():
    device = factories.make_device("macos")
    secret = keep_secret(device, "local_admin_password", b"secret-word")
    reveal_secret(secret, actor=LEE, reason="locked out")
    EscrowedSecret.objects.update(rotation_wished_at=timezone.now())
    assert rotate_revealed() == 0
    assert "cannot be exchanged" in Event.objects.get(kind="rotation_failed").summary


def test_the_console_shows_a_secret_once_uncached_and_only_to_who_may(client, db):
    device = factories.make_channel(factories.make_device("macos")).device
    secret = keep_secret(device, "filevault_recovery_key", KEY.encode())
    address = f"/console/devices/device/{device.pk}/secret/{secret.pk}/"
    client.force_login(factories.make_staff("devices.view_device"))
    assert client.post(address, {"reason": "x"}).status_code == 403
    tab = client.get(f"/console/devices/device/{device.pk}/change/", {"tab": "secrets"}).content.decode()
    assert "FileVault recovery key" in tab and KEY not in tab
    client.force_login(factories.make_staff("devices.view_device", "devices.reveal_secret"))
    assert KEY not in client.get(address).content.decode()
    assert KEY not in client.post(address, {"reason": ""}).content.decode()
    shown = client.post(address, {"reason": "locked out"})
    assert KEY in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]


def test_the_api_lists_no_values_and_reveals_with_a_reason(db):
    device = factories.make_channel(factories.make_device("macos")).device
    secret = keep_secret(device, "filevault_recovery_key", KEY.encode())
    caller = Caller()
    listed = caller.get(f"devices/{device.pk}/secrets/")
    assert KEY not in listed.content.decode()
    assert listed.json()["results"][0]["kind"] == "filevault_recovery_key"
    assert caller.post(f"devices/{device.pk}/secrets/{secret.pk}/reveal/", {"reason": " "}).status_code == 400
    answer = caller.post(f"devices/{device.pk}/secrets/{secret.pk}/reveal/", {"reason": "locked out"})
    assert (answer.json()["value"], "no-store" in answer["Cache-Control"]) == (KEY, True)
    other = factories.make_device("macos")
    address = f"devices/{other.pk}/secrets/{secret.pk}/reveal/"
    assert caller.post(address, {"reason": "x"}).status_code == 404


@pytest.mark.django_db
def test_a_second_exchange_of_a_recovery_key_waits_for_the_answer_to_the_first():
    """The class of L3: it would unlock with a key that the first has replaced by the time it arrives."""
    channel = factories.make_channel(factories.make_device("macos"))
    keep_secret(channel.device, "filevault_recovery_key", KEY.encode())
    channels = Channel.objects.filter(pk=channel.pk)
    ask("RotateFileVaultKey", {}, channels, actor=LEE, reason="seen")
    with pytest.raises(NoneCanTake) as refused:
        ask("RotateFileVaultKey", {}, channels, actor=LEE, reason="seen")
    assert "an earlier exchange of the recovery key waits" in refused.value.detail
    cancel_commands(QueuedCommand.objects.all(), actor=LEE)
    ask("RotateFileVaultKey", {}, channels, actor=LEE, reason="seen")
