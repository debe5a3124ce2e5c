"""A changed value of a variable sends the profile again, to exactly the channels whose bytes changed."""

import pytest

from commands.models import QueuedCommand
from commands.reconcile import reconcile
from devices import outbox
from devices.models import Device
from devices.services import assign_person
from devices.timeline import SYSTEM
from mdm_project import plist
from mdm_project.crypto import unseal
from profiles.desired import recompute_desired
from profiles.models import ItemStatus
from tests import factories
from tests.profiles.assigned import assign, make_group, make_profile, publish_text

pytestmark = pytest.mark.django_db


def sent() -> list[tuple[str, bytes]]:
    """Return (device name, profile) of every InstallProfile that was queued, oldest first, and forget them."""
    found = []
    rows = QueuedCommand.objects.filter(command__request_type="InstallProfile").select_related("command", "channel")
    for row in rows.order_by("id"):
        body = plist.loads(unseal(bytes(row.command.body_encrypted), row.command.body_context))
        found.append((Device.objects.get(pk=row.channel.device_id).name, body["Command"]["Payload"]))
    QueuedCommand.objects.all().delete()
    ItemStatus.objects.update(state=ItemStatus.State.VERIFIED, command_id=None)
    return found


@pytest.fixture
def two():
    """Two devices that have a profile with their names in it."""
    channels = [factories.make_channel(factories.make_device(name=name)) for name in ("Ada", "Bob")]
    profile = make_profile()
    publish_text(profile, "for $DEVICE_NAME")
    assign(profile, make_group(*channels))
    recompute_desired()
    reconcile()
    assert {name for name, body in sent() if f"for {name}".encode() in body} == {"Ada", "Bob"}
    return channels


def rename(device: Device, name: str) -> None:
    Device.objects.filter(pk=device.pk).update(name=name)
    outbox.post("inventory_changed", {"device_ids": [device.pk]})
    outbox.drain()
    reconcile()


def test_a_renamed_device_gets_the_profile_again_and_no_other_does(two):
    rename(two[0].device, "Grace")
    ((name, body),) = sent()
    assert (name, b"for Grace" in body) == ("Grace", True)


def test_a_change_that_is_not_in_the_profile_sends_nothing(two):
    Device.objects.filter(pk=two[0].device_id).update(asset_tag="A-7")
    outbox.post("inventory_changed", {"device_ids": [channel.device_id for channel in two]})
    outbox.drain()
    reconcile()
    assert sent() == []


def test_a_value_that_is_gone_leaves_what_is_installed(two):
    rename(two[0].device, "")
    assert sent() == []
    assert set(ItemStatus.objects.values_list("state", flat=True)) == {ItemStatus.State.VERIFIED}


def test_a_profile_without_variables_is_never_rendered_again():
    channel = factories.make_channel()
    profile = make_profile()
    assign(profile, make_group(channel))
    recompute_desired()
    reconcile()
    sent()
    rename(channel.device, "Other")
    assert sent() == []
    assert ItemStatus.objects.get().rendered_digest is None


def test_a_device_handed_to_somebody_else_gets_their_address():
    channel = factories.make_channel()
    ada, bob = (factories.make_person(name=name, email=f"{name}@example.com") for name in ("ada", "bob"))
    assign_person(channel.device, ada, actor=SYSTEM)
    profile = make_profile()
    publish_text(profile, "mail $USER_EMAIL")
    assign(profile, make_group(channel))
    recompute_desired()
    reconcile()
    assert b"mail ada@example.com" in sent()[0][1]
    assign_person(channel.device, bob, actor=SYSTEM)
    outbox.drain()
    reconcile()
    assert b"mail bob@example.com" in sent()[0][1]
