"""Bodies of a target's own on their way through the hot path, and the queue's refusal of what nobody permitted."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from commands.governor import Permit
from commands.meanings import Danger
from commands.models import Command, QueuedCommand
from commands.queue import DangerWithoutPermit, queue_command
from devices.models import Channel
from devices.timeline import SYSTEM
from mdm_project import plist
from mdm_project.crypto import unseal
from tests import factories
from tests.mdm import wire
from tests.mdm.asking import channels_of

LOCK = Permit(frozenset({Danger.LOCK}), 1)


@pytest.fixture
def new_device(committed_db):
    """Return a function that makes an enrolled device."""
    authority = wire.prepare()
    yield lambda: wire.Wire(authority.issue()).enroll()
    wire.forget_cached()


def channel_id(device) -> int:
    return channels_of(device).get().pk


def test_each_device_gets_its_own_body_and_the_others_the_common_one(new_device):
    one, two, three = new_device(), new_device(), new_device()
    own = {channel_id(one): {"PIN": "111111"}, channel_id(two): {"PIN": "222222"}}
    command = queue_command(
        "DeviceLock", {"Message": "Lost"}, channels_of(one, two, three), actor=SYSTEM, permit=LOCK, own_keys=own
    )
    common = {"RequestType": "DeviceLock", "Message": "Lost"}
    assert one.idle().plist == {"CommandUUID": command.uuid, "Command": common | {"PIN": "111111"}}
    assert two.idle().plist == {"CommandUUID": command.uuid, "Command": common | {"PIN": "222222"}}
    assert three.idle().plist == {"CommandUUID": command.uuid, "Command": common}
    assert one.idle().plist["Command"]["PIN"] == "111111", "a lost response is repeated with the same body"


def test_an_own_body_comes_with_the_answer_to_the_command_before_it(new_device):
    device = new_device()
    first = queue_command("ProfileList", {}, channels_of(device), actor=SYSTEM)
    queue_command(
        "DeviceLock", {}, channels_of(device), actor=SYSTEM, permit=LOCK, own_keys={channel_id(device): {"PIN": "1"}}
    )
    assert device.idle().command_uuid == first.uuid
    assert device.acknowledge(first.uuid).plist["Command"] == {"RequestType": "DeviceLock", "PIN": "1"}


def test_an_own_body_that_cannot_be_opened_is_quarantined_and_those_behind_it_go_on(new_device):
    device = new_device()
    keys = {channel_id(device): {"PIN": "1"}}
    queue_command("DeviceLock", {}, channels_of(device), actor=SYSTEM, permit=LOCK, own_keys=keys)
    queued = QueuedCommand.objects.get()
    QueuedCommand.objects.update(body_encrypted=b"\x01" + b"damaged" * 20)
    good = queue_command("ProfileList", {}, channels_of(device), actor=SYSTEM)
    assert device.idle().command_uuid == good.uuid
    queued.refresh_from_db()
    assert queued.state == QueuedCommand.State.QUARANTINED


@pytest.mark.django_db
@pytest.mark.parametrize("request_type", ["EraseDevice", "DeviceLock", "ClearPasscode"])
def test_the_queue_takes_nothing_destructive_without_a_permit(request_type):
    channel = factories.make_channel()
    with pytest.raises(DangerWithoutPermit):
        queue_command(request_type, {}, Channel.objects.filter(pk=channel.pk), actor=SYSTEM)
    assert not Command.objects.exists()


@pytest.mark.django_db
def test_own_bodies_of_many_are_inserted_by_one_statement_and_no_secret_is_in_clear():
    channels = [factories.make_channel() for _ in range(20)]
    own = {channel.pk: {"PIN": f"{channel.pk:06d}"} for channel in channels}

    def inserted(number: int) -> tuple[int, Command]:
        chosen = Channel.objects.filter(pk__in=[channel.pk for channel in channels[:number]])
        keys = {channel.pk: own[channel.pk] for channel in channels[:number]}
        with CaptureQueriesContext(connection) as captured:
            command = queue_command("DeviceLock", {}, chosen, actor=SYSTEM, permit=LOCK, own_keys=keys)
        return len(captured), command

    few, _ = inserted(2)
    many, command = inserted(20)
    assert few == many
    for queued in command.targets.all():
        pin = own[queued.channel_id]["PIN"]
        sealed = bytes(queued.body_encrypted)
        assert pin.encode() not in sealed
        assert plist.loads(unseal(sealed, command.body_context))["Command"]["PIN"] == pin
