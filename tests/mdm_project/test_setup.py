"""`manage.py setup`: the people of a demo, and nothing of them in production."""

import json

import pytest
from django.core.management import call_command

from devices.models import Device, Person
from devices.services import assign_person
from devices.timeline import SYSTEM
from tests import factories

ROWS = [
    {"serial_number": "DEMOSERIAL1", "name": "Ada Lovelace", "email": "ada.lovelace@example.com"},
    {"serial_number": "DEMOSERIAL2", "name": "Grace Hopper", "email": "grace.hopper@example.com"},
]


@pytest.fixture
def demo(db, settings, tmp_path):
    settings.DATA_DIR, settings.DEMO_DEVICES, settings.IS_PRODUCTION = tmp_path, 2, False
    (tmp_path / "simulator").mkdir()
    (tmp_path / "simulator" / "roster.json").write_text(json.dumps(ROWS))
    return settings


def holders() -> dict[str, str]:
    return {device.serial_number: str(device.person) for device in Device.objects.select_related("person")}


def test_pretend_devices_have_people_before_they_enroll(demo):
    call_command("setup")
    assert holders() == {"DEMOSERIAL1": "Ada Lovelace", "DEMOSERIAL2": "Grace Hopper"}
    user = factories.make_staff("devices.view_device", "devices.view_person")
    found = Device.objects.visible_to(user).matching("grace.hopper@example.com")
    assert [device.serial_number for device in found] == ["DEMOSERIAL2"]


def test_what_staff_changed_afterwards_stays(demo):
    call_command("setup")
    assign_person(Device.objects.get(serial_number="DEMOSERIAL1"), None, actor=SYSTEM)
    call_command("setup")
    assert holders() == {"DEMOSERIAL1": "None", "DEMOSERIAL2": "Grace Hopper"}
    assert Person.objects.count() == 2


@pytest.mark.parametrize("change", [{"IS_PRODUCTION": True}, {"DEMO_DEVICES": 0}])
def test_there_are_no_people_of_the_demo_in_production_or_without_one(demo, change):
    for name, value in change.items():
        setattr(demo, name, value)
    call_command("setup")
    assert (Device.objects.count(), Person.objects.count()) == (0, 0)
