"""The helpdesk's page: who may use it, what it shows of a device, and what is off with the reason."""

import pytest

from devices.escrow import keep_secret
from tests import factories

PAGE = "/helpdesk/"


@pytest.fixture
def helpdesk(client, db):
    client.force_login(factories.make_staff("devices.view_device", "commands.add_command", "commands.add_workflow"))
    return client


def text_of(response) -> str:
    return response.content.decode().replace("&#x27;", "'")


def test_strangers_sign_in_and_come_back_and_staff_without_rights_are_refused(client, db):
    answer = client.get(PAGE)
    assert (answer.status_code, "next=/helpdesk/" in answer["Location"]) == (302, True)
    client.force_login(factories.make_staff())
    assert client.get(PAGE).status_code == 403


def test_a_result_shows_what_identifies_a_device_and_its_tasks_are_one_click_away(helpdesk):
    device = factories.make_channel(factories.make_device("ios", name="Ada's iPhone", is_supervised=True)).device
    keep_secret(device, "unlock_token", b"token")
    page = text_of(helpdesk.get(PAGE, {"q": device.serial_number}, headers={"HX-Request": "true"}))
    assert "<html" not in page
    for words in ("Ada's iPhone", device.serial_number, device.model_name):
        assert words in page
    assert f"/helpdesk/devices/{device.pk}/" in page
    for name in ("ClearPasscode", "RestartDevice"):
        assert f"/console/devices/device/{device.pk}/command/{name}/" in page
    assert f"/start/{device.pk}/lost_device/" in page


def test_what_cannot_be_done_is_off_with_the_reason(helpdesk):
    mac = factories.make_channel(factories.make_device("macos")).device
    gone = factories.make_device("ios")
    page = text_of(helpdesk.get(PAGE, {"q": mac.serial_number}))
    assert "Clear passcode" not in page and "Lost device" not in page
    assert f"/compose/user-unlock/?device={mac.pk}" in page and f"/device/{mac.pk}/command/DeviceLock/" in page
    tv = factories.make_channel(factories.make_device("tvos")).device
    page = text_of(helpdesk.get(PAGE, {"q": tv.serial_number}))
    assert 'title="Not available on tvOS."' in page and "Only iPhones and iPads have a Lost Mode." in page
    page = text_of(helpdesk.get(PAGE, {"q": gone.serial_number}))
    assert "not enrolled, so nothing can be asked" in page


def test_the_only_hit_opens_by_enter_and_several_do_not(helpdesk):
    one = factories.make_device("ios", serial_number="ZZTOP77QQ1")
    answer = helpdesk.get(PAGE, {"q": "zztop77qq1", "open": "1"})
    assert answer["Location"] == f"/helpdesk/devices/{one.pk}/"
    factories.make_device("ios", serial_number="ZZTOP77QQ2")
    assert helpdesk.get(PAGE, {"q": "zztop77qq", "open": "1"}).status_code == 200


def test_a_scanned_serial_number_opens_its_device_though_others_resemble_it(helpdesk):
    scanned = factories.make_device("ios", serial_number="F2LXK7Q7HG")
    factories.make_device("ios", serial_number="F2LXK7Q7HH")
    answer = helpdesk.get(PAGE, {"q": "F2LXK7Q7HG", "open": "1"})
    assert answer["Location"] == f"/helpdesk/devices/{scanned.pk}/"


def test_the_statements_do_not_grow_with_what_is_found(helpdesk, django_assert_max_num_queries):
    for number in range(20):
        factories.make_channel(factories.make_device("ios", name=f"Loaner {number}"))
    with django_assert_max_num_queries(18):
        assert text_of(helpdesk.get(PAGE, {"q": "loaner"})).count("h-device") == 20


def test_empty_and_unknown_texts_say_what_to_do(helpdesk):
    assert "Who is calling?" in text_of(helpdesk.get(PAGE))
    assert "No device like that" in text_of(helpdesk.get(PAGE, {"q": "qqqqqqqqqq"}))
