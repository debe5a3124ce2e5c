"""Issue 9, part 12: what a demo begins is begun through the services of staff, once, and never without a demo."""

import pytest
from django.core.management import call_command

from devices.models import Event, Group
from mdm_project import plist
from mdm_project.management.commands import show_life
from profiles.models import Assignment, Profile
from simulator.chains import Refused
from simulator.fleet import AWAY_PLACE, MIX, OPEN_PLACE, Plan, is_away, make_state
from simulator.profile import read_configuration
from tests.factories import make_channel, make_device

pytestmark = pytest.mark.django_db


def test_without_a_demo_nothing_is_made(settings):
    settings.DEMO_DEVICES = 0
    call_command("show_life")
    assert not Profile.objects.exists() and not Group.objects.exists()


def test_profiles_are_given_once_however_often_it_starts():
    make_channel(make_device("macos"))
    for _ in range(2):
        show_life._give_profiles()
    assert sorted(Assignment.objects.values_list("profile__name", "stages")) == [
        ("Corporate font", [50, 100]), ("Office Wi-Fi", []),
    ]  # fmt: skip
    assert Event.objects.filter(kind="profile_published").count() == 2
    assert Group.objects.get().memberships.count() == 1


def test_devices_refuse_a_font_of_the_web_and_take_one_of_a_desk():
    envelope = {
        "PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "org.example", "PayloadUUID": "A",
    }  # fmt: skip
    font = {"PayloadVersion": 1, "PayloadIdentifier": "org.example.font", "PayloadUUID": "B", **show_life.FONT}
    with pytest.raises(Refused) as refused:
        read_configuration(plist.dumps(envelope | {"PayloadContent": [font]}))
    assert "not a TrueType or OpenType font" in str(refused.value)
    read_configuration(plist.dumps(envelope | {"PayloadContent": [font | {"Font": b"OTTO" + bytes(60)}]}))


def test_in_every_fleet_of_six_a_mac_waits_for_filevault_and_the_person_of_one_is_away(tmp_path):
    plan = Plan("http://127.0.0.1/", 6, tmp_path)
    assert not make_state(MIX[OPEN_PLACE], OPEN_PLACE, "s").recovery_key
    assert [number for number in range(plan.count) if is_away(number, plan)] == [AWAY_PLACE]
