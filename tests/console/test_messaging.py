"""Telling the person who uses a device something: which ways there are, and why others are not."""

import pytest
from django.urls import reverse

from devices.console.messaging import MAC_LOCK, message_choices
from devices.console.sending import candidate_of
from devices.models import Device
from mdm_project.models import User
from tests import factories
from tests.console.pages import text_of


def choices(device: Device, user: User | None = None) -> dict[str, object]:
    found = Device.objects.select_related("person").get(pk=device.pk)
    user = user or factories.make_staff(is_superuser=True)
    return {choice.name: choice for choice in message_choices(found, candidate_of(found), user)}


def make(platform: str, **facts) -> Device:
    return factories.make_channel(factories.make_device(platform, **facts)).device


@pytest.mark.parametrize("platform", ["ios", "ipados"])
def test_a_phone_or_tablet_shows_a_message_when_it_is_locked_or_lost(db, platform):
    device = make(platform, is_supervised=True)
    found = choices(device)
    assert (found["lock"].refusal, found["lost"].refusal) == ("", "")
    assert found["lock"].address == reverse("admin:devices_device_command", args=[device.pk, "DeviceLock"])
    assert found["lost"].address == reverse("admin:commands_workflow_start", args=[device.pk, "lost_device"])


@pytest.mark.parametrize(
    ("platform", "lock", "lost"),
    [
        ("macos", MAC_LOCK, "Only iPhones and iPads have a Lost Mode."),
        ("tvos", "Only iPhones and iPads show a message when they are locked.", "Only iPhones and iPads have a Lost"),
        ("visionos", "Only iPhones and iPads show a message when they are locked.", "Only iPhones and iPads have"),
        ("watchos", "Only iPhones and iPads show a message when they are locked.", "Only iPhones and iPads have"),
        ("", "Only iPhones and iPads show a message when they are locked.", "Only iPhones and iPads have a Lost Mode."),
    ],
)
def test_other_systems_say_why_they_show_none(db, platform, lock, lost):
    found = choices(make(platform, is_supervised=True))
    assert found["lock"].refusal == lock
    assert found["lost"].refusal.startswith(lost)


@pytest.mark.parametrize(
    ("facts", "name", "refusal"),
    [
        ({"is_supervised": False}, "lost", "Lost Mode needs a supervised device."),
        ({"is_passcode_present": False}, "lock", "It has no passcode, and shows a message only with one."),
        ({"is_lost_mode_enabled": True}, "lock", "It is in Lost Mode, and shows the message of that."),
    ],
)
def test_what_stands_in_the_way_is_told(db, facts, name, refusal):
    assert choices(make("ios", **facts))[name].refusal == refusal


def test_a_device_that_is_not_enrolled_is_not_asked_anything(db):
    found = choices(factories.make_device("ios"))
    assert {found[name].refusal for name in ("lock", "lost")} == {
        "The device is not enrolled, so nothing can be asked of it."
    }


def test_who_may_send_nothing_may_still_write_and_call(db):
    person = factories.make_person(name="Ada", email="ada@example.com")
    device = make("ios", person=person, phone_number="+49 170 1234567")
    found = choices(device, factories.make_staff("devices.view_device", "devices.view_person"))
    assert found["lock"].refusal == "You may not send commands."
    assert found["lost"].refusal == "You may not start workflows."
    assert (found["mail"].refusal, found["call"].address) == ("", "tel:+491701234567")


def test_the_e_mail_is_quoted_so_that_no_name_adds_a_recipient_or_a_header(db):
    person = factories.make_person(name="Ada", email="ada+it&x@example.com")
    device = make("ios", person=person, name="Ada’s iPhone?bcc=evil@example.com&body=x\r\nBcc: y")
    assert choices(device)["mail"].address == (
        "mailto:ada%2Bit%26x@example.com?subject=Your%20Ada%E2%80%99s%20iPhone%3Fbcc%3Devil%40example.com%26body%3Dx"
        "%20Bcc%3A%20y"
    )


@pytest.mark.parametrize(
    ("email", "refusal"),
    [
        ("", "The address of Ada is not known."),
        ("ada@example.com,evil@example.com", "The address of Ada is not an e-mail address."),
        ("ada at example", "The address of Ada is not an e-mail address."),
    ],
)
def test_an_address_that_is_none_is_not_written_to(db, email, refusal):
    choice = choices(make("ios", person=factories.make_person(name="Ada", email=email)))["mail"]
    assert (choice.refusal, choice.address) == (refusal, "")


def test_nobody_is_written_to_by_who_may_not_see_people(db):
    device = make("ios", person=factories.make_person(email="ada@example.com"))
    choice = choices(device, factories.make_staff("devices.view_device"))["mail"]
    assert (choice.refusal, choice.address) == ("You may not see people.", "")
    assert "ada@" not in choice.tells
    assert choices(make("ios"))["mail"].refusal == "Nobody in particular uses the device."


@pytest.mark.parametrize(
    ("number", "refusal"),
    [("", "The device has told no phone number."), ("*#06#", "What the device told is not a phone number.")],
)
def test_without_a_phone_number_nobody_is_called(db, number, refusal):
    choice = choices(make("ios", phone_number=number))["call"]
    assert (choice.refusal, choice.address) == (refusal, "")


def test_the_dialog_shows_each_way_or_why_not(console):
    device = make("macos", person=factories.make_person(name="Ada", email="ada@example.com"), name="<b>Mac</b>")
    shown = text_of(console.get(reverse("admin:devices_device_message", args=[device.pk]), headers={"HX-Request": "1"}))
    assert "Apple’s device management has no plain message." in shown
    assert MAC_LOCK in shown
    assert 'href="mailto:ada@example.com?subject=Your%20%3Cb%3EMac%3C%2Fb%3E"' in shown
    assert "<b>Mac" not in shown
