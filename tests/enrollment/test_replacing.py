"""B20: one serial number under two UDIDs is one device to decide on; until then it is no target."""

import pytest
from django.urls import reverse

from commands.targets import AmbiguousTarget, Targets, find_channels
from devices.attribute_import import import_attributes
from devices.attributes import add_tags, define_attribute, set_attributes
from devices.console.attention import attention_of
from devices.console.groups_forms import ChosenDevices
from devices.console.page import find_device, health_of
from devices.escrow import keep_secret
from devices.groups import add_members, create_group
from devices.models import AttributeValue, Device, Enrollment, EscrowedSecret, Event, Note
from devices.needs import left_devices, same_serials
from devices.notes import add_note
from devices.reveals import reveal_secret
from devices.same_serial import NothingToDecide, case_of, open_cases
from devices.secret_attributes import text_of
from devices.timeline import SYSTEM
from tests import factories


@pytest.fixture
def user(db):
    return factories.make_staff(is_superuser=True)


def make_pair(serial: str = "C02X"):
    """The device of before, of which much is known, and the one that came with its serial number."""
    earlier = factories.make_device("macos", serial_number=serial, asset_tag="A-1", person=factories.make_person())
    factories.make_queued(factories.make_channel(earlier))
    add_tags([earlier.pk], ["red"], actor=SYSTEM)
    add_members(create_group(f"Lyon {serial}", actor=SYSTEM), [earlier.pk], actor=SYSTEM)
    define_attribute(f"code-{serial}", actor=SYSTEM, is_secret=True)
    set_attributes({earlier.pk: {f"code-{serial}": "planted"}}, actor=SYSTEM)
    add_note(earlier, "Screen replaced.", ticket="INC-1", actor=SYSTEM)
    keep_secret(earlier, "filevault_recovery_key", b"AAAA-BBBB")
    keep_secret(earlier, "unlock_token", b"void")
    later = factories.make_channel(factories.make_device("macos", serial_number=serial)).device
    return earlier, later


def decide(client, serial: str, decision: str):
    return client.post(reverse("admin:devices_device_decide_serial"), {"serial_number": serial, "decision": decision})


def titles(user, device: Device) -> list[str]:
    device = find_device(user, device.pk)
    return [item.title for item in attention_of(device, health_of(device), user)]


def test_the_dashboard_the_page_and_both_devices_ask_whether_they_are_one(client, user):
    earlier, later = make_pair()
    client.force_login(user)
    assert same_serials(user)[0].title == "1 serial number is reported by several devices"
    page = client.get(reverse("admin:devices_device_same_serial")).content.decode()
    assert earlier.udid in page and later.udid in page and "This is the same device" in page
    for device in (earlier, later):
        assert any(title.endswith("has the same serial number") for title in titles(user, device))


def test_the_same_device_goes_on_with_what_was_known_and_the_earlier_one_leaves(client, user):
    earlier, later = make_pair()
    client.force_login(user)
    assert decide(client, "C02X", "same").status_code == 302
    later.refresh_from_db()
    assert (later.asset_tag, later.person) == ("A-1", earlier.person)
    assert [tag.name for tag in later.tags.all()] == ["red"]
    assert [membership.group.name for membership in later.memberships.select_related("group")] == ["Lyon C02X"]
    assert text_of(AttributeValue.objects.get(device=later)) == "planted"
    assert Note.objects.get(device=later).ticket == "INC-1"
    secret = EscrowedSecret.objects.get(device=later)
    assert (secret.is_current, secret.is_pending) == (False, False)
    assert reveal_secret(secret, actor=SYSTEM, reason="its disk") == "AAAA-BBBB"

    ended = Enrollment.objects.get(device=earlier)
    assert (ended.state, ended.end_asked_by) == ("unenrolled", user.username)
    assert left_devices(user) == [], "it did not leave by itself"
    assert earlier.channels.get().queue.get().state == 5
    assert Event.objects.filter(kind="device_replaced").count() == 2
    assert same_serials(user) == []
    assert "Replaced: the same device goes on with another logic board" in titles(user, earlier)
    assert find_channels(Targets(serial_numbers=["C02X"]), user).channels.get().device_id == later.pk


def test_different_devices_are_kept_apart_until_a_third_comes(client, user):
    earlier, later = make_pair()
    client.force_login(user)
    decide(client, "C02X", "different")
    assert open_cases(user) == []
    assert not any("same serial number" in title for title in titles(user, later))
    with pytest.raises(NothingToDecide):
        case_of(user, "C02X")
    third = factories.make_device("macos", serial_number="C02X")
    assert {device.pk for device in case_of(user, "C02X").devices} == {earlier.pk, later.pk, third.pk}


def test_a_serial_number_of_several_devices_is_refused_as_a_target(user):
    make_pair()
    other = factories.make_channel().device
    with pytest.raises(AmbiguousTarget) as refused:
        find_channels(Targets(serial_numbers=[other.serial_number, "C02X"]), user)
    assert "2 devices have the serial number C02X" in refused.value.detail
    assert refused.value.fields == {"targets.serial_numbers.1": "2 devices have it"}
    assert find_channels(Targets(serial_numbers=[other.serial_number]), user).channels.count() == 1


def test_lists_of_serial_numbers_name_those_that_several_devices_have(user):
    make_pair()
    form = ChosenDevices({"serial_numbers": "C02X"}, user=user)
    assert form.errors["serial_numbers"] == [
        "Several devices have these serial numbers, choose by search: C02X.",
    ]
    told = import_attributes("serial_number,code-C02X\nC02X,new\n", Device.objects.all(), actor=SYSTEM)
    assert (told.changed, told.problems) == (0, ["line 2: 2 devices have the serial number C02X"])


def test_who_may_not_see_one_of_them_decides_nothing(user):
    make_pair()
    assert open_cases(factories.make_staff()) == []


def test_what_changes_nothing_is_refused(client, user):
    make_pair()
    client.force_login(user)
    assert decide(client, "C02X", "perhaps").status_code == 400
    assert decide(client, "no such", "same").status_code == 302
    assert Event.objects.filter(kind="device_replaced").count() == 0
