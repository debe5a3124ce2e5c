"""B21: variables work in commands, device by device, and naming many devices is a form with a preview."""

import pytest
from django.urls import reverse
from django.utils import timezone

from commands.asking import NoneCanTake, ask, ask_again
from commands.governor import HeldAction
from commands.governor.holding import release_due
from commands.models import Command, QueuedCommand
from commands.validation import InvalidCommand
from devices.attributes import define_attribute, set_attributes
from devices.models import Channel, Device, Person
from devices.timeline import SYSTEM, Actor
from mdm_project import plist
from mdm_project.crypto import unseal
from tests import factories

pytestmark = pytest.mark.django_db


def make(platform="macos", **fields) -> Channel:
    return factories.make_channel(factories.make_device(platform, is_supervised=True, **fields))


def channels(*made: Channel):
    return Channel.objects.filter(pk__in=[channel.pk for channel in made])


def naming(template: str) -> dict:
    return {"Settings": [{"Item": "DeviceName", "DeviceName": template}, {"Item": "Bluetooth", "Enabled": True}]}


def sent(command: Command) -> dict[int, dict]:
    """What each channel gets, by id."""
    rows = QueuedCommand.objects.filter(command=command)
    bodies = {row.channel_id: bytes(row.body_encrypted or command.body_encrypted) for row in rows}
    return {pk: plist.loads(unseal(body, command.body_context))["Command"] for pk, body in bodies.items()}


def test_each_device_gets_its_own_values_and_one_without_is_left_out_by_name():
    one, two, bare = make(), make(), make(serial_number=None)
    asked = ask("Settings", naming("ACME-$SERIAL_NUMBER"), channels(one, two, bare), actor=SYSTEM)
    assert {pk: body["Settings"][0]["DeviceName"] for pk, body in sent(asked.command).items()} == {
        one.pk: f"ACME-{one.device.serial_number}", two.pk: f"ACME-{two.device.serial_number}",
    }  # fmt: skip
    assert [body["Settings"][1] for body in sent(asked.command).values()] == [
        {"Item": "Bluetooth", "Enabled": True}
    ] * 2
    assert [(it.device_id, it.reason) for it in asked.refused] == [
        (bare.device_id, "$SERIAL_NUMBER has no value for this device")
    ]
    with pytest.raises(NoneCanTake):
        ask("Settings", naming("ACME-$SERIAL_NUMBER"), channels(bare), actor=SYSTEM)


def test_asked_again_it_is_filled_in_again():
    channel = make()
    asked = ask("Settings", naming("A-$ASSET_TAG"), channels(make(asset_tag="1"), channel), actor=SYSTEM)
    assert [it.device_id for it in asked.refused] == [channel.device_id]
    QueuedCommand.objects.update(state=QueuedCommand.State.FAILED, finished_at="2026-01-01T00:00Z")
    Device.objects.update(asset_tag="2")
    again = ask_again(QueuedCommand.objects.filter(command=asked.command), actor=SYSTEM)
    assert [body["Settings"][0]["DeviceName"] for body in sent(again.command).values()] == ["A-2"]


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("X-$CODE", "$CODE is a secret, which no command may carry"),
        ("X-$SERIAL_NUBMER", "there is no variable $SERIAL_NUBMER; write $$SERIAL_NUBMER for the words themselves"),
    ],
)
def test_secrets_and_unknown_variables_are_refused_with_their_place(template, why):
    channel = make()
    define_attribute("code", actor=SYSTEM, is_secret=True)
    set_attributes({channel.device_id: {"code": "planted"}}, actor=SYSTEM)
    with pytest.raises(InvalidCommand) as refused:
        ask("Settings", naming(template), channels(channel), actor=SYSTEM)
    assert refused.value.fields == {"payload.Settings.0.DeviceName": why}


def test_escaped_dollars_are_sent_as_one_and_other_keys_as_written():
    channel = make()
    asked = ask("Settings", naming("$$UDID costs $5"), channels(channel), actor=SYSTEM)
    assert sent(asked.command)[channel.pk]["Settings"][0]["DeviceName"] == "$UDID costs $5"
    asked = ask("ProfileList", {}, channels(channel), actor=SYSTEM)
    assert sent(asked.command)[channel.pk] == {"RequestType": "ProfileList"}


def test_a_message_that_is_held_is_filled_in_when_it_is_sent():
    made = [make(person=factories.make_person(name="Ada")) for _ in range(15)]
    actor, said = Actor.staff(factories.make_staff(is_superuser=True)), {"Message": "Call $USER_NAME"}
    asked = ask("DeviceLock", said, channels(*made), actor=actor, reason="lost", confirmed=len(made))
    HeldAction.objects.filter(pk=asked.held.pk).update(release_at=timezone.now())
    Person.objects.update(name="Grace")
    release_due()
    command = Command.objects.get(request_type="DeviceLock")
    assert {(body["Message"], len(body["PIN"])) for body in sent(command).values()} == {("Call Grace", 6)}


# The form


def test_names_are_shown_before_they_are_set_and_those_that_are_not_unique_are_marked(client):
    client.force_login(factories.make_staff(is_superuser=True))
    one, two = make(asset_tag="7"), make(asset_tag="7")
    fields = {
        "action": "set_names", "_selected_action": [one.device_id, two.device_id], "index": "0", "reason": "new names",
    }  # fmt: skip
    address = reverse("admin:devices_device_changelist")
    assert "ACME-$SERIAL_NUMBER" in client.post(address, fields).content.decode()

    shown = client.post(address, fields | {"template": "M-$ASSET_TAG", "step": "preview"})
    assert "2 devices would have a name that another device has or gets" in shown.content.decode()
    shown = client.post(address, fields | {"template": "M-$SERIAL_NUMBER", "step": "send", "seen": "M-$ASSET_TAG"})
    assert f"M-{one.device.serial_number}" in shown.content.decode()
    assert not Command.objects.exists(), "what was not seen is not sent"
    assert (
        "there is no variable"
        in client.post(address, fields | {"template": "$NOPE", "step": "preview"}).content.decode()
    )

    template = "M-$SERIAL_NUMBER"
    assert client.post(address, fields | {"template": template, "step": "send", "seen": template}).status_code == 302
    names = {body["Settings"][0]["DeviceName"] for body in sent(Command.objects.get()).values()}
    assert names == {f"M-{one.device.serial_number}", f"M-{two.device.serial_number}"}
