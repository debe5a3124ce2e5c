"""Finding a device by what somebody reads out on the telephone."""

import pytest
from django.db import connection

from commands import results
from devices.folding import fold
from devices.models import Device
from devices.search import containing, find_devices, is_exact
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


@pytest.mark.parametrize(
    "text", ["F2LXK7O7HG", "F2LKX7Q7HG", "Ada Okafr", "okaffor", "ada.okafor@exmaple.com", "okafro"]
)
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


# Accents, capitals, apostrophes


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("José", "jose"), ("Jose", "JOSÉ"), ("Jose\u0301", "josé"), ("Müller", "muller"), ("Łódź", "lodz"),
        ("Straße", "strasse"), ("Ærø", "aero"), ("Ada\u2019s iPhone", "ada's iphone"), ("Lab\u00a07", "lab 7"),
        ("Lab 7", "lab\u00a07"), ("C\u2011137", "c-137"), ("İzmir", "izmir"),
    ],
)  # fmt: skip
def test_accents_capitals_and_what_apple_writes_make_no_difference(user, stored, typed):
    named, used = factories.make_device("ios", name=stored), factories.make_device("ios", name="Another")
    assign_person(used, factories.make_person(name=stored), actor=SYSTEM)
    assert set(find_devices(typed, user)) == {named, used}
    assert set(Device.objects.visible_to(user).matching(typed)) == {named, used}
    assert is_exact(named, typed)


def test_the_database_folds_as_we_do(db):
    letters = "".join(chr(code) for code in (*range(0x20, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x2045)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT folded_text(%s)", [letters])
        assert cursor.fetchone()[0] == fold(letters)


def test_what_changes_is_found_by_its_new_name_only(user, ada):
    Device.objects.filter(pk=ada.pk).update(name="Réserve")
    assert find_devices("reserve", user) == [ada]
    assert ada not in find_devices("Ada's iPhone", user)


# Lists


def test_a_list_forgives_typing_errors_only_where_nothing_contains_the_text(user, ada):
    devices = Device.objects.visible_to(user)
    assert list(devices.matching("F2LXK7O7HG")) == [ada]
    other = factories.make_device("ios", serial_number="F2LXK7O7HG")
    assert list(devices.matching("F2LXK7O7HG")) == [other]


def test_what_acts_by_itself_forgives_no_typing_error(user, ada):
    devices = Device.objects.visible_to(user)
    assert list(devices.matching("F2LXK7O7HG", forgiving=False)) == []
    assert list(devices.matching("f2lxk7q7hg", forgiving=False)) == [ada]


def test_what_resembles_is_looked_for_among_what_the_list_shows(user, ada):
    assert list(Device.objects.visible_to(user).filter(platform="macos").matching("F2LXK7O7HG")) == []


def test_an_enrollment_id_finds_its_device(user):
    channel = factories.make_channel()
    key = channel.enrollment_key
    for text in (key, key.lower()):
        assert list(Device.objects.visible_to(user).matching(text, forgiving=False)) == [channel.device]


@pytest.mark.parametrize("text", ["100%", "_", "\\", "'; DROP TABLE", "{}", "%s", "q" * 5000])
def test_odd_texts_match_nothing_in_a_list(user, ada, text):
    assert ada not in Device.objects.visible_to(user).matching(text)


# Speed


def test_a_letter_that_looks_like_another_is_the_likest(user):
    devices = [factories.make_device("ios", serial_number=f"EXTRA{number:07d}") for number in range(4200, 4300)]
    assert find_devices("EXTRA00O4217", user)[0] == devices[17]


def test_a_mistyped_domain_does_not_hide_the_person(user, ada):
    assert find_devices("ada.okafor@exmaple.org", user) == [ada]


def test_every_statement_uses_its_index(user, ada):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        for table, index in (("devices_device", "device_search"), ("devices_person", "person_search")):
            cursor.execute(f"EXPLAIN SELECT id FROM {table} WHERE search_text LIKE ANY(%s)", [["%okafor%"]])
            assert index in str(cursor.fetchall())
            cursor.execute(f"EXPLAIN SELECT id FROM {table} ORDER BY search_text <->> %s LIMIT 60", ["okafor"])
            assert f"{index}_nearest" in str(cursor.fetchall())


def test_l2_telephone_numbers_are_found_however_they_are_spelled_and_so_are_both_sims(user, db):
    """L2 of the acceptance test: three spellings found nothing, and ICCID was not searched."""
    channel = factories.make_channel(factories.make_device("ios", phone_number=""))
    other = factories.make_channel(factories.make_device("ios"))
    sims = [
        {"IMEI": "35 000000 000000 6", "ICCID": "8900 1000 0000 0000 0017", "PhoneNumber": "+1 (202) 555-8613"},
        {"IMEI": "35 111111 111111 4", "ICCID": "8949 0200 0010 2938 4756", "PhoneNumber": "+4915112345678"},
    ]
    factories.make_report(channel, {"QueryResponses": {"ServiceSubscriptions": sims}})
    results.drain_reports()
    spellings = [
        "(202) 555-8613", "+1 (202) 555-8613", "001 202 555 8613", "202.555.8613", "2025558613", "0151 12345678",
        "0049 151 12345678", "+49 151/12345678", "35 111111 111111 4", "351111111111114", "35 000000 000000 6",
        "8900 1000 0000 0000 0017", "89490200001029384756", "1029384756",
    ]  # fmt: skip
    wrong = {
        text: found for text in spellings if (found := [d.pk for d in find_devices(text, user)]) != [channel.device_id]
    }
    assert wrong == {}
    listed = {text: list(Device.objects.filter(containing(text)).values_list("pk", flat=True)) for text in spellings}
    assert listed == dict.fromkeys(spellings, [channel.device_id])
    assert other.device_id not in [device.pk for device in find_devices("202", user)]
