"""Asking devices: who is left out and why, what each device gets of its own, and what the governor makes of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apns.models import PushState
from commands.applicability import Refusal
from commands.asking import NoneCanTake, ask, ask_again
from commands.governor import ConfirmationRequired, LimitReached, ReasonRequired
from commands.governor.models import GovernorLimit, HeldAction, PermitRow
from commands.models import Command, QueuedCommand
from commands.queue import NobodyToAsk
from commands.validation import InvalidCommand
from devices.escrow import keep_secret, open_secret
from devices.models import Channel, Device, EscrowedSecret, Event, InstalledProfile
from devices.timeline import Actor
from mdm_project import plist
from mdm_project.crypto import unseal
from mdm_project.errors import Conflict
from tests import factories

State = QueuedCommand.State
pytestmark = pytest.mark.django_db


@pytest.fixture
def actor() -> Actor:
    return Actor.staff(factories.make_staff(is_superuser=True))


@pytest.fixture
def no_delay(db):
    """Nothing is held: what is permitted goes out at once."""
    GovernorLimit.objects.update(per_person=10**6, in_all=10**6, delay_above=None, second_person_above=None)


def only(*channels):
    return Channel.objects.filter(pk__in=[channel.pk for channel in channels])


def own_body(queued: QueuedCommand) -> dict:
    return plist.loads(unseal(bytes(queued.body_encrypted), queued.command.body_context))["Command"]


def common_body(command: Command) -> dict:
    return plist.loads(unseal(bytes(command.body_encrypted), command.body_context))["Command"]


def test_a_harmless_command_is_one_body_for_all(actor):
    channels = [factories.make_channel() for _ in range(3)]
    asked = ask("ProfileList", None, only(*channels), actor=actor, reason="audit")
    assert (asked.held, asked.refused, asked.command.target_count) == (None, [], 3)
    assert (asked.command.reason, asked.command.is_destructive) == ("audit", False)
    assert set(QueuedCommand.objects.values_list("body_encrypted", flat=True)) == {None}
    assert PushState.objects.exclude(requested_at=None).count() == 3


def test_those_that_cannot_take_it_are_left_out_and_told_with_the_reason(actor):
    can = factories.make_channel(factories.make_device(is_supervised=True))
    cannot = factories.make_channel(factories.make_device(is_supervised=False))
    asked = ask("RestartDevice", None, only(can, cannot), actor=actor)
    device = cannot.device
    assert asked.refused == [Refusal(cannot.pk, device.pk, device.serial_number, "needs a supervised device")]
    assert list(asked.command.targets.values_list("channel", flat=True)) == [can.pk]
    asked.command.refresh_from_db()
    assert asked.command.refused == [{"reason": "needs a supervised device", "device_ids": [device.pk]}]


def test_when_nobody_can_take_it_nothing_is_queued_and_every_reason_is_told(actor):
    phone = factories.make_channel(factories.make_device(is_supervised=False))
    mac = factories.make_channel(factories.make_device("macos"))
    with pytest.raises(NoneCanTake) as told:
        ask("EnableLostMode", {"Message": "Call us"}, only(phone, mac), actor=actor)
    assert {(refusal.device_id, refusal.reason) for refusal in told.value.refused} == {
        (phone.device_id, "needs a supervised device"),
        (mac.device_id, "not available on macOS"),
    }
    assert "needs a supervised device" in told.value.detail and "not available on macOS" in told.value.detail
    assert not Command.objects.exists()


def test_devices_that_left_cannot_be_asked(actor):
    gone = factories.make_channel(state=Channel.State.DISABLED)
    with pytest.raises(NobodyToAsk):
        ask("ProfileList", None, only(gone), actor=actor)


def test_a_wrong_payload_is_refused_before_anything_else(actor):
    with pytest.raises(InvalidCommand):
        ask("EraseDevice", {"PIN": 123456}, Channel.objects.none(), actor=actor)


def test_every_mac_gets_a_pin_of_its_own_that_is_kept_before_it_is_sent(actor, no_delay):
    macs = [factories.make_channel(factories.make_device("macos")) for _ in range(3)]
    phone = factories.make_channel()
    asked = ask("DeviceLock", {"Message": "Lost"}, only(*macs, phone), actor=actor, reason="lost", confirmed=4)
    command = asked.command
    assert common_body(command) == {"RequestType": "DeviceLock", "Message": "Lost"}, "no secret in what people look at"
    pins = {}
    for queued in command.targets.select_related("channel", "command").exclude(body_encrypted=None):
        body = own_body(queued)
        assert {key: body[key] for key in ("RequestType", "Message")} == common_body(command)
        pins[queued.channel.device_id] = body["PIN"]
    kept = EscrowedSecret.objects.filter(command_uuid=command.uuid, kind="lock_pin", is_pending=True, is_current=False)
    assert {secret.device_id: open_secret(secret).decode() for secret in kept} == pins
    assert set(pins) == {mac.device_id for mac in macs} and len(set(pins.values())) > 1
    assert command.targets.get(channel=phone).body_encrypted is None
    told = "\n".join(Event.objects.values_list("summary", flat=True))
    assert not any(pin in told for pin in pins.values())


def test_a_command_that_cannot_be_queued_leaves_no_secret_behind(actor, no_delay):
    mac = factories.make_channel(factories.make_device("macos"))
    uuid = factories.make_command().uuid
    with pytest.raises(Conflict):
        ask("DeviceLock", None, only(mac), actor=actor, reason="lost", command_uuid=uuid)
    assert not EscrowedSecret.objects.exists()


def test_an_unlock_token_goes_to_the_device_that_gave_it_and_to_no_other(actor, no_delay):
    phones = [factories.make_channel() for _ in range(3)]
    for phone in phones[:2]:
        keep_secret(phone.device, "unlock_token", f"token of {phone.pk}".encode())
    asked = ask("ClearPasscode", None, only(*phones), actor=actor, reason="forgot", confirmed=3)
    assert [(refusal.channel_id, "unlock token" in refusal.reason) for refusal in asked.refused] == [
        (phones[2].pk, True)
    ]
    tokens = {queued.channel_id: own_body(queued)["UnlockToken"] for queued in asked.command.targets.all()}
    assert tokens == {phone.pk: f"token of {phone.pk}".encode() for phone in phones[:2]}


def test_a_destructive_command_needs_a_reason(actor):
    with pytest.raises(ReasonRequired):
        ask("EraseDevice", None, only(factories.make_channel()), actor=actor, reason="  ")
    assert not Command.objects.exists()


@pytest.mark.parametrize("confirmed", [None, 0, 1, 2, 4])
def test_a_destructive_command_for_many_needs_their_number(actor, confirmed):
    channels = [factories.make_channel() for _ in range(3)]
    with pytest.raises(ConfirmationRequired) as told:
        ask("EraseDevice", None, only(*channels), actor=actor, reason="sold", confirmed=confirmed)
    assert told.value.fields == {"confirm": "must be 3"}
    assert not Command.objects.exists() and not HeldAction.objects.exists()


def test_a_destructive_command_for_one_goes_out_at_once_and_is_marked(actor):
    asked = ask("EraseDevice", None, only(factories.make_channel()), actor=actor, reason="sold")
    assert asked.held is None and asked.command.is_destructive


def test_a_destructive_command_for_many_is_held_and_nothing_is_queued_or_made_up_yet(actor):
    macs = [factories.make_channel(factories.make_device("macos")) for _ in range(2)]
    asked = ask("DeviceLock", None, only(*macs), actor=actor, reason="lost", confirmed=2)
    assert asked.command is None and asked.held.state == HeldAction.State.DELAYED
    assert asked.held.channel_ids == sorted(mac.pk for mac in macs)
    assert not Command.objects.exists() and not EscrowedSecret.objects.exists()


def test_devices_that_cannot_take_it_do_not_use_up_the_limit(actor):
    GovernorLimit.objects.update(per_person=1)
    phone = factories.make_channel()
    televisions = [factories.make_channel(factories.make_device("tvos")) for _ in range(3)]
    asked = ask("DeviceLock", None, only(phone, *televisions), actor=actor, reason="lost")
    assert asked.command.target_count == 1
    assert {refusal.device_id for refusal in asked.refused} == {channel.device_id for channel in televisions}


def fail(queued: QueuedCommand) -> None:
    QueuedCommand.objects.filter(pk=queued.pk).update(state=State.FAILED, finished_at=timezone.now(), note="busy")


def test_asking_again_makes_new_secrets_and_one_command_for_all_that_failed(actor, no_delay):
    macs = [factories.make_channel(factories.make_device("macos")) for _ in range(2)]
    first = ask("DeviceLock", {"Message": "Lost"}, only(*macs), actor=actor, reason="lost", confirmed=2).command
    for queued in first.targets.all():
        fail(queued)
    again = ask_again(first.targets.failed(), actor=actor, confirmed=2).command
    assert again.pk != first.pk and again.target_count == 2 and again.is_destructive
    assert common_body(again) == {"RequestType": "DeviceLock", "Message": "Lost"}
    assert set(again.targets.values_list("channel", flat=True)) == {mac.pk for mac in macs}
    assert EscrowedSecret.objects.filter(command_uuid=again.uuid).count() == 2
    assert all(len(own_body(queued)["PIN"]) == 6 for queued in again.targets.select_related("command"))


def test_asking_again_obeys_the_governor(actor, no_delay):
    channel = factories.make_channel()
    first = ask("EraseDevice", None, only(channel), actor=actor, reason="sold").command
    fail(first.targets.get())
    GovernorLimit.objects.update(per_person=1)
    with pytest.raises(LimitReached):
        ask_again(first.targets.all(), actor=actor)
    assert Command.objects.get() == first


def test_what_still_waits_is_not_asked_again(actor):
    queued = factories.make_queued()
    with pytest.raises(Conflict):
        ask_again(QueuedCommand.objects.filter(pk=queued.pk), actor=actor)
    with pytest.raises(NobodyToAsk):
        ask_again(QueuedCommand.objects.none(), actor=actor)


def make_fleet(number: int) -> None:
    """Make many enrolled iPhones and Macs at once."""
    now = timezone.now()
    devices = Device.objects.bulk_create(
        Device(serial_number=f"MANY{index:06d}", udid=f"MANY-{index}", platform="macos" if index % 2 else "ios",
               os_version="18.5", is_supervised=index % 3 == 0)
        for index in range(number)
    )  # fmt: skip
    model = factories.make_enrollment(factories.make_device())
    enrollments = type(model).objects.bulk_create(
        type(model)(device=device, key=device.udid, state=model.state, topic=model.topic, server_url=model.server_url,
                    check_in_url=model.check_in_url, enrolled_at=now)
        for device in devices
    )  # fmt: skip
    Channel.objects.bulk_create(
        Channel(device=enrollment.device, enrollment=enrollment, enrollment_key=enrollment.key, topic=enrollment.topic,
                state=Channel.State.ENABLED, token=enrollment.key.encode(), push_magic="M", token_updated_at=now)
        for enrollment in enrollments
    )  # fmt: skip


@pytest.mark.parametrize("request_type", ["ProfileList", "RestartDevice", "DeviceLock"])
def test_the_statements_do_not_grow_with_the_number_of_channels(actor, no_delay, request_type):
    make_fleet(1000)
    ids = list(Channel.objects.order_by("id").values_list("id", flat=True))

    def statements(number: int) -> int:
        chosen = Channel.objects.filter(pk__in=ids[:number])
        with CaptureQueriesContext(connection) as captured:
            asked = ask(request_type, None, chosen, actor=actor, reason="drill", confirmed=number)
        assert asked.command.target_count + len(asked.refused) == number
        return len(captured)

    assert statements(4) == statements(1000) <= 30


ENROLLMENT = "com.example.enrollment"


def install(channel: Channel, identifier: str, *types: str) -> None:
    InstalledProfile.objects.create(
        device=channel.device, channel=channel, identifier=identifier, reported_at=timezone.now(),
        payloads=[{"PayloadType": name} for name in types],
    )  # fmt: skip


def remove(channel: Channel, identifier: str, actor) -> Command:
    return ask("RemoveProfile", {"Identifier": identifier}, only(channel), actor=actor, reason="drill").command


def test_removing_a_profile_is_counted_by_what_goes_with_it(actor):
    phone = factories.make_channel()
    install(phone, ENROLLMENT, "com.apple.mdm", "com.apple.security.scep")
    install(phone, "com.example.wifi", "com.apple.wifi.managed")
    install(phone, "com.example.dock", "com.apple.dock")
    dangers = {
        "com.example.dock": None,
        "com.example.unheard": None,
        "com.example.wifi": "network",
        ENROLLMENT: "unenroll",
        ENROLLMENT.upper(): "unenroll",
    }
    for identifier, danger in dangers.items():
        before = PermitRow.objects.count()
        command = remove(phone, identifier, actor)
        counted = list(PermitRow.objects.order_by("id").values_list("danger", flat=True))[before:]
        assert (counted, command.is_destructive) == ([danger] if danger else [], danger is not None), identifier


def test_a_profile_of_a_device_that_listed_none_yet_is_counted_as_its_enrollment(actor):
    """Else whoever is quick after an enrollment would unenroll without being counted."""
    phone = factories.make_channel()
    remove(phone, ENROLLMENT, actor)
    assert PermitRow.objects.get().danger == "unenroll"


def test_a_user_of_a_mac_has_no_enrollment_of_its_own_to_lose(actor):
    user = factories.make_channel(factories.make_device("macos"), user_key="USER")
    remove(user, "com.example.dock", actor)
    assert not PermitRow.objects.exists()
