"""Composing a command in the console: any of Apple's, for a device or a group, with errors at their keys."""

import re

import pytest

from commands.governor.models import HeldAction
from commands.models import Command, QueuedCommand
from devices.groups import add_members, create_group
from devices.timeline import SYSTEM
from mdm_project import plist
from mdm_project.crypto import unseal
from profiles import catalogue
from profiles.console.pointers import VARIANT
from tests import factories
from tests.console.pages import text_of

CHOOSE = "/console/commands/command/compose/"


def address_of(slug: str) -> str:
    return f"{CHOOSE}{slug}/"


def body_of(command: Command) -> dict:
    return plist.loads(unseal(bytes(command.body_encrypted), command.body_context))["Command"]


def test_every_command_of_the_schema_can_be_chosen_and_its_form_opens(console):
    page = console.get(CHOOSE).content.decode()
    for entry in catalogue.commands():
        assert address_of(entry.slug) in page
        assert console.get(address_of(entry.slug)).status_code == 200, entry.slug
    assert len(re.findall(r'class="c-pick"', page)) == len(catalogue.commands())


def test_for_a_device_what_it_cannot_take_is_off_with_the_reason(console):
    channel = factories.make_channel(factories.make_device("macos", os_version="15.1"))
    page = text_of(console.get(CHOOSE, {"device": channel.device_id}))
    assert "Not available on macOS" in page
    assert f"{address_of('device-lostmode-enable')}?device=" not in page
    assert f"{address_of('device-lock')}?device={channel.device_id}" in page


def test_a_nested_command_is_composed_and_sent_to_a_device(console):
    channel = factories.make_channel(factories.make_device("ios", os_version="18.0", is_supervised=True))
    entry = catalogue.command("Settings")
    settings = entry.find("Settings")
    variant = next(key for key in settings.variants if _item_of(key) == "DeviceName")
    token = f"0{VARIANT}{variant.name}"
    data = {
        "i:/Settings": token, f"v:/Settings/{token}/Item": "DeviceName", f"v:/Settings/{token}/DeviceName": "Till 4",
        "reason": "renamed",
    }  # fmt: skip
    response = console.post(f"{address_of('settings')}?device={channel.device_id}", data)
    assert response.status_code == 302, text_of(response)
    command = Command.objects.get()
    assert body_of(command) == {
        "RequestType": "Settings", "Settings": [{"Item": "DeviceName", "DeviceName": "Till 4"}],
    }  # fmt: skip
    assert (command.reason, command.targets.get().channel_id) == ("renamed", channel.pk)


def _item_of(key) -> str:
    item = next((each for each in key.children if each.name == "Item"), None)
    return item.allowed[0] if item and item.allowed else ""


def test_what_is_wrong_is_said_by_key_and_nothing_is_sent(console):
    channel = factories.make_channel(factories.make_device("ios", is_supervised=True))
    response = console.post(f"{address_of('profile-remove')}?device={channel.device_id}", {"reason": "x"})
    assert "Identifier: is required" in text_of(response)
    response = console.post(
        f"{address_of('device-lostmode-enable')}?device={channel.device_id}", {"reason": "lost", "v:/Footnote": "hi"}
    )
    assert "Message: or PhoneNumber is needed" in text_of(response)
    assert not Command.objects.exists()


def test_a_destructive_command_wants_the_serial_typed_and_for_many_their_number(console):
    device = factories.make_device("ios", serial_number="F2LX")
    channel = factories.make_channel(device)
    one = f"{address_of('device-erase')}?device={device.pk}"
    assert "This must be F2LX" in text_of(console.post(one, {"reason": "sold", "confirm": "F2LY"}))
    assert not Command.objects.exists()
    assert console.post(one, {"reason": "sold", "confirm": "f2lx"}).status_code == 302
    assert QueuedCommand.objects.get().channel_id == channel.pk

    group = create_group("Sold", actor=SYSTEM)
    add_members(group, [device.pk, factories.make_channel(factories.make_device("ios")).device_id], actor=SYSTEM)
    many = {"reason": "sold", "group": group.pk}
    assert "confirm that number" in text_of(console.post(address_of("device-erase"), many))
    assert not HeldAction.objects.exists()
    answer = console.post(address_of("device-erase"), {**many, "confirm": "2"})
    assert answer["Location"] == "/console/commands/heldaction/", "where it can be cancelled"
    assert HeldAction.objects.get().device_count == 2


def test_what_is_missing_below_is_told_at_the_top_and_one_target_is_needed(console):
    page = text_of(console.get(address_of("device-lock")))
    assert ">Group</label>" in page and ">Type the number of devices to confirm</label>" in page, "no (optional)"
    page = text_of(console.post(address_of("device-lock"), {"v:/Message": "Call us"}))
    assert page.index("Nothing was sent.") < page.index("Words on the Lock Screen")
    assert page.count("This field is required.") == 2, "at the top and at the reason"


def test_one_device_is_not_called_devices(console):
    factories.make_channel(factories.make_device("ios"))
    page = console.post(address_of("device-restart"), {"is_all": "on"}, follow=True)
    assert "queued for 1 device." in text_of(page)


def test_keys_that_are_filled_in_are_not_asked_for(console):
    page = text_of(console.get(address_of("passcode-clear")))
    assert "Filled in for each device" in page
    assert 'name="f:/UnlockToken"' not in page


@pytest.mark.parametrize("query", ["?device=0", "?device=999999", "?device=x"])
def test_a_device_that_is_not_there_is_not_found(console, query):
    assert console.get(CHOOSE + query).status_code == 404


def test_the_list_says_what_each_command_does_and_the_form_what_it_loses(console):
    chosen = text_of(console.get(CHOOSE))
    assert "Locks the screen at once." in chosen
    assert chosen.count("deprecated") == 5
    form = text_of(console.get(address_of("device-erase")))
    assert "cannot be undone" in form
    assert "Keep eSIMs" in form


@pytest.mark.parametrize("slug", ["system-update-schedule", "system-update-scan", "system-update-status"])
def test_a_command_that_declarations_have_replaced_says_so(console, slug):
    assert "replaced it by declarations: “Software update to a version”" in text_of(console.get(address_of(slug)))


def test_a_new_item_of_settings_is_the_setting_that_was_chosen(console):
    part = f"{address_of('settings')}part/?of=settings&at=/Settings&variant=TimeZone"
    page = console.get(part).content.decode()
    assert '<option value="TimeZone" selected>' in page
    assert "Finding it by location goes off" in page


def test_a_rule_that_apple_states_in_prose_is_checked_beside_the_form(console):
    """A3: a command that no device would take does not read "Nothing is wrong"."""
    address = f"{address_of('device-lostmode-enable')}preview/"
    empty = text_of(console.post(address, {}))
    assert "PhoneNumber is needed: it is what the finder sees" in empty
    assert "Fits Apple's schema" in text_of(console.post(address, {"v:/Message": "Call us"}))


def test_the_form_of_something_destructive_tells_the_limits_first(console):
    device = factories.make_channel(factories.make_device("ios")).device
    assert "10 more devices within this hour" in text_of(console.get(address_of("device-erase")))
    assert "It goes out at once." in text_of(console.get(f"{address_of('device-erase')}?device={device.pk}"))
    assert "within this hour" not in text_of(console.get(address_of("profile-list")))
