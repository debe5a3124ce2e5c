"""Finding a device by what somebody reads out on the telephone."""

import pytest

from devices.models import Device
from devices.search import find_devices
from devices.services import assign_person
from devices.timeline import SYSTEM
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return factories.make_staff("devices.view_device")


@pytest.fixture
def ada():
    device = factories.make_device(
        "ios", serial_number="F2LXK7Q7HG", name="Ada\u2019s iPhone", imei="356938035643809", asset_tag="IT-00417",
        wifi_mac="a4:83:e7:12:9f:0b", phone_number="+4915112345678",
    )  # fmt: skip
    assign_person(device, factories.make_person(name="Ada Okafor", email="ada.okafor@example.com"), actor=SYSTEM)
    for number in range(30):
        factories.make_device("macos", name=f"Mac mini {number}", serial_number=f"C02ZZZ{number:04d}")
    return device


@pytest.mark.parametrize(
    "text",
    [
        "F2LXK7Q7HG", "f2lxk7q7hg", "F2LX", "K7Q7HG", "Ada's iPhone", "ada", "okafor", "ada.okafor@example.com",
        "356938035643809", "35 693803 564380 9", "IT-00417", "a4:83:e7:12:9f:0b", "A483E7129F0B", "a4-83-e7-12-9f-0b",
        "+49 151 12345678", "12345678", " Ada   Okafor ",
    ],
)  # fmt: skip
def test_what_people_know_of_a_device_finds_it_first(user, ada, text):
    assert find_devices(text, user)[0] == ada


@pytest.mark.parametrize("text", ["F2LXK7O7HG", "F2LKX7Q7HG", "Ada Okafr", "okaffor", "ada.okafor@exmaple.com"])
def test_typing_errors_are_forgiven(user, ada, text):
    assert find_devices(text, user)[0] == ada


def test_the_exact_one_comes_before_those_that_contain_it(user):
    longer = factories.make_device("ios", name="Lab 1", serial_number="XAB1C")
    begins = factories.make_device("ios", name="Lab 2", serial_number="AB1CX")
    exact = factories.make_device("ios", name="Lab 3", serial_number="AB1C")
    assert find_devices("ab1c", user) == [exact, begins, longer]


def test_the_exact_one_is_first_among_hundreds_that_resemble_it(user):
    devices = [factories.make_device("ios", serial_number=f"EXTRA{number:07d}", name=f"Loaner {number}")
               for number in range(150)]  # fmt: skip
    for number in (0, 7, 73, 149):
        assert find_devices(f"EXTRA{number:07d}", user)[0] == devices[number]
        assert find_devices(f"loaner {number}", user)[0] == devices[number]


@pytest.mark.parametrize("text", ["", "   ", "\x00", "100%", "_", "\\", "'; DROP TABLE", "q" * 5000])
def test_odd_texts_find_nothing_and_break_nothing(user, ada, text):
    assert ada not in find_devices(text, user)


def test_nobody_finds_what_they_may_not_see(ada):
    assert find_devices("F2LXK7Q7HG", factories.make_staff()) == []


def test_both_statements_use_their_index(user, ada):
    from django.db import connection

    from devices.models import Person
    from devices.search import DEVICE_TEXT, PERSON_TEXT, _contains, _resembles

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    for model, text, index in ((Device, DEVICE_TEXT, "device_search"), (Person, PERSON_TEXT, "person_search")):
        for condition in (_contains(text, ["okafor"]), _resembles(text, "okafor")):
            assert index in model.objects.filter(condition).order_by().explain()
