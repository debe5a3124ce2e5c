"""Limits are set in the console, take effect at once and are on the timeline."""

import pytest
from django.contrib.auth.models import Group as Role

from devices.groups import add_members, create_group
from devices.models import AccessLimit, Device, Event
from devices.timeline import SYSTEM
from tests import factories

PAGE = "/console/devices/accesslimit/"


@pytest.fixture
def lyon(db):
    device = factories.make_device("ios", name="In Lyon")
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [device.pk], actor=SYSTEM)
    factories.make_device("ios", name="In Berlin")
    return group


def test_a_person_is_limited_and_freed_again(console, lyon):
    person = factories.make_staff("devices.view_device")
    console.post(f"{PAGE}add/", {"user": person.pk, "role": "", "groups": [lyon.pk]})
    limit = AccessLimit.objects.get()
    again = type(person).objects.get(pk=person.pk)
    assert [device.name for device in Device.objects.visible_to(again)] == ["In Lyon"]
    assert "Lyon" in Event.objects.get(kind="access_limit_changed").summary
    assert "Lyon" in console.get(PAGE).content.decode()
    console.post(f"{PAGE}{limit.pk}/delete/", {"post": "yes"})
    again = type(person).objects.get(pk=person.pk)
    assert Device.objects.visible_to(again).count() == 2
    assert Event.objects.filter(kind="access_limit_removed").exists()


def test_a_limit_of_nobody_or_of_two_is_refused(console, lyon):
    person = factories.make_staff()
    assert console.post(f"{PAGE}add/", {"user": "", "role": "", "groups": [lyon.pk]}).status_code == 200
    assert not AccessLimit.objects.exists()
    role = Role.objects.first()
    assert console.post(f"{PAGE}add/", {"user": person.pk, "role": role.pk, "groups": [lyon.pk]}).status_code == 200
    assert not AccessLimit.objects.exists()


def test_a_limit_is_of_a_person_or_of_a_role_and_the_form_says_so(console):
    page = console.get("/console/devices/accesslimit/add/").content.decode()
    assert "with no group they see no device" in page
    person, role = factories.make_staff(), Role.objects.first()
    for whom in ({}, {"user": person.pk, "role": role.pk}):
        answer = console.post("/console/devices/accesslimit/add/", whom)
        assert answer.status_code == 200
        assert answer.context["adminform"].form.errors == {"user": ["Choose a person or a role: one of them."]}
    assert not AccessLimit.objects.exists()
