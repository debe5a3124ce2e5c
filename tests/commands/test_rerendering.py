"""A changed value of a variable sends the profile again, to exactly the channels whose bytes changed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from commands import rerendering
from commands.models import QueuedCommand
from commands.reconcile import reconcile
from devices import outbox
from devices.attributes import define_attribute, set_attributes
from devices.models import Device, Event
from devices.services import assign_person, save_person
from devices.timeline import SYSTEM
from mdm_project import plist
from mdm_project.crypto import unseal
from profiles.desired import recompute_desired
from profiles.models import ItemStatus
from profiles.rendering import is_known, render_each
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
    assert ItemStatus.objects.get().rendered_digest_encrypted is None


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


@pytest.fixture
def without_address():
    """A device of somebody whose address is not known, with a profile that failed for want of it, and stopped."""
    channel = factories.make_channel()
    ada = factories.make_person(name="Ada", email="")
    assign_person(channel.device, ada, actor=SYSTEM)
    profile = make_profile()
    publish_text(profile, "mail $USER_EMAIL")
    assign(profile, make_group(channel))
    outbox.drain()
    recompute_desired()
    reconcile()
    assert QueuedCommand.objects.count() == 0
    assert ItemStatus.objects.get().state == ItemStatus.State.FAILED
    ItemStatus.objects.update(is_stopped=True, attempts=5)
    return ada


def test_a_profile_that_failed_for_want_of_a_value_is_sent_once_there_is_one(without_address):
    without_address.email = "ada@example.com"
    save_person(without_address, actor=SYSTEM)
    outbox.drain()
    reconcile()
    ((_, body),) = sent()
    assert b"mail ada@example.com" in body


def test_what_lacks_its_value_still_stays_stopped(without_address):
    without_address.department = "Physics"
    save_person(without_address, actor=SYSTEM)
    outbox.drain()
    reconcile()
    assert ItemStatus.objects.get(is_stopped=True).state == ItemStatus.State.FAILED
    assert sent() == []


def test_bytes_that_the_device_refused_are_not_sent_again_but_others_are(two):
    ItemStatus.objects.update(state=ItemStatus.State.FAILED, is_stopped=True, error="No.")
    outbox.post("inventory_changed", {"device_ids": [channel.device_id for channel in two]})
    outbox.drain()
    assert ItemStatus.objects.filter(is_stopped=True).count() == 2
    rename(two[1].device, "Barbara")
    assert [name for name, _ in sent()] == ["Barbara"]


def test_a_value_that_came_back_sends_the_profile_though_it_is_as_it_was(two):
    Device.objects.filter(pk=two[0].device_id).update(name="")
    ItemStatus.objects.update(state=ItemStatus.State.PENDING)
    reconcile()
    assert ItemStatus.objects.filter(state=ItemStatus.State.FAILED, channel=two[0]).exists()
    QueuedCommand.objects.all().delete()
    rename(two[0].device, "Ada")
    assert [name for name, _ in sent()] == ["Ada"]


def test_an_edited_address_reaches_every_device_of_the_person_and_the_timeline():
    channels = [factories.make_channel() for _ in range(3)]
    ada = factories.make_person(name="Ada", email="old@example.com")
    for channel in channels[:2]:
        assign_person(channel.device, ada, actor=SYSTEM)
    profile = make_profile()
    publish_text(profile, "mail $USER_EMAIL")
    assign(profile, make_group(*channels))
    outbox.drain()
    recompute_desired()
    reconcile()
    assert len(sent()) == 2
    ada.email = "new@example.com"
    save_person(ada, actor=SYSTEM)
    outbox.drain()
    reconcile()
    assert [b"mail new@example.com" in body for _, body in sent()] == [True, True]
    told = Event.objects.filter(kind="person_edited")
    assert {event.device_id for event in told} == {channel.device_id for channel in channels[:2]}
    assert {event.summary for event in told} == {"Ada: e-mail changed"}


def test_the_statements_of_rerendering_do_not_depend_on_the_number_of_devices(monkeypatch):
    def statements(number: int) -> int:
        channels = [factories.make_channel() for _ in range(number)]
        profile = make_profile()
        publish_text(profile, "for $DEVICE_NAME")
        assign(profile, make_group(*channels))
        recompute_desired()
        reconcile()
        ids = [channel.device_id for channel in channels]
        Device.objects.filter(pk__in=ids).update(name="Grace")
        with CaptureQueriesContext(connection) as asked:
            rerendering.send_changed_values([{"device_ids": ids}])
        assert ItemStatus.objects.filter(channel__in=channels, state=ItemStatus.State.PENDING).count() == number
        return len(asked)

    assert statements(2) == statements(25)
    monkeypatch.setattr(rerendering, "CHUNK", 10)
    assert statements(25) > statements(10), "in pieces, and none is left out"


def test_a_person_edited_or_deleted_in_the_console_is_told_of(client):
    ada = factories.make_person(name="Ada", email="old@example.com")
    device = factories.make_device()
    assign_person(device, ada, actor=SYSTEM)
    outbox.drain()
    client.force_login(factories.make_staff(is_superuser=True, username="root"))
    address = f"/console/devices/person/{ada.pk}/change/"
    form = {"name": "Ada", "email": "new@example.com", "department": "", "site": ""}
    assert client.post(address, form).status_code == 302
    assert outbox.Outbox.objects.filter(kind="inventory_changed", done_at=None).count() == 1
    assert Event.objects.get(kind="person_edited").actor == "root"
    assert client.post(f"/console/devices/person/{ada.pk}/delete/", {"post": "yes"}).status_code == 302
    assert Event.objects.get(kind="person_deleted").device_id == device.pk
    assert outbox.Outbox.objects.filter(kind="inventory_changed", done_at=None).count() == 2


def test_a_changed_secret_value_sends_the_profile_again_and_is_kept_only_encrypted():
    channel = factories.make_channel()
    define_attribute("wifi-key", is_secret=True, actor=SYSTEM)
    set_attributes({channel.device_id: {"wifi-key": "first-secret"}}, actor=SYSTEM)
    profile = make_profile()
    publish_text(profile, "key $WIFI_KEY")
    assign(profile, make_group(channel))
    recompute_desired()
    reconcile()
    assert b"key first-secret" in sent()[0][1]

    for value, times in (("first-secret", 0), ("second-secret", 1)):
        set_attributes({channel.device_id: {"wifi-key": value}}, actor=SYSTEM)
        outbox.drain()
        reconcile()
        bodies = [body for _name, body in sent()]
        assert len(bodies) == times and all(f"key {value}".encode() in body for body in bodies)


def test_the_digest_of_what_was_sent_cannot_be_guessed_from_the_database(two):
    item = ItemStatus.objects.select_related("channel", "version__profile").first()
    (rendered,) = render_each(item.version, [item.channel])
    kept = bytes(item.rendered_digest_encrypted)
    assert rendered.digest not in kept
    assert is_known(item.version, rendered.digest, kept)
    assert not is_known(item.version, rendered.digest[::-1], kept)
