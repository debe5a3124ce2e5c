"""Answers about secrets and places are stored by as many statements for 500 devices as for a few."""

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commands.interpreters import CommandReport
from commands.meanings import activation_lock, lost_mode, meaning_of
from commands.meanings.escrowing import confirm_reported, reject_reported
from devices.escrow import current_value, current_values, keep_secret, propose_secrets
from devices.locations import last_location
from devices.models import Device, EscrowedSecret, Event, LastLocation
from tests import factories

pytestmark = pytest.mark.django_db
MANY = 500
_numbers = itertools.count(1)


def make_devices(number: int) -> list[int]:
    first = next(_numbers)
    rows = [Device(udid=f"SET-{first}-{index}", serial_number=f"S{first}X{index}") for index in range(number)]
    return [device.pk for device in Device.objects.bulk_create(rows)]


def reports_of(device_ids: list[int], request_type: str, **content) -> list[CommandReport]:
    """An answer a device, each to a command of its own."""
    return [
        CommandReport(
            device_id=pk, channel_id=pk, user_key="", answered_at=timezone.now(), request_type=request_type,
            content={"CommandUUID": f"U-{pk}", **content},
        )
        for pk in device_ids
    ]  # fmt: skip


def statements(act, reports: list[CommandReport]) -> int:
    with CaptureQueriesContext(connection) as asked:
        act(reports)
    return len(asked)


def propose_pins(device_ids: list[int]) -> None:
    for pk in device_ids:
        propose_secrets(f"U-{pk}", [(pk, "lock_pin", f"{pk:06d}".encode())])


def test_locked_macs_confirm_or_refuse_their_pins_in_sets():
    few, many, refusing = make_devices(3), make_devices(MANY), make_devices(MANY)
    for ids in (few, many, refusing):
        propose_pins(ids)
    counts = [statements(confirm_reported, reports_of(ids, "DeviceLock")) for ids in (few, many)]
    assert counts[0] == counts[1] < 12
    assert current_values(many, "lock_pin") == {pk: f"{pk:06d}".encode() for pk in many}
    assert statements(reject_reported, reports_of(refusing, "DeviceLock")) < 8
    assert EscrowedSecret.objects.filter(is_pending=True).count() == 0
    assert current_values(refusing, "lock_pin") == {}


def test_of_two_locks_of_a_mac_the_pin_confirmed_last_is_current():
    (pk,) = make_devices(1)
    keep_secret(pk, "lock_pin", b"000000")
    for uuid, pin in (("U-a", b"111111"), ("U-b", b"222222")):
        propose_secrets(uuid, [(pk, "lock_pin", pin)])
    reports = reports_of([pk, pk], "DeviceLock")
    reports[0].content["CommandUUID"], reports[1].content["CommandUUID"] = "U-b", "U-a"
    confirm_reported(reports)
    assert current_value(pk, "lock_pin") == b"111111"
    assert EscrowedSecret.objects.filter(is_current=False, is_pending=False, is_replaced=True).count() == 2


def test_an_answer_confirms_nothing_that_another_command_proposed():
    one, two = make_devices(2)
    propose_secrets("U-x", [(one, "lock_pin", b"111111"), (two, "lock_pin", b"222222")])
    propose_secrets("U-y", [(one, "lock_pin", b"333333"), (two, "lock_pin", b"444444")])
    reports = reports_of([one, two], "DeviceLock")
    reports[0].content["CommandUUID"], reports[1].content["CommandUUID"] = "U-x", "U-y"
    assert confirm_reported(reports) == {one, two}
    assert current_values([one, two], "lock_pin") == {one: b"111111", two: b"444444"}
    assert EscrowedSecret.objects.filter(is_pending=True).count() == 2


def test_lost_mode_and_places_are_stored_in_sets():
    few, many = make_devices(3), make_devices(MANY)
    for act, request_type in (
        (lost_mode.note_lost, "EnableLostMode"), (lost_mode.keep_places, "DeviceLocation"),
        (lost_mode.note_found, "DisableLostMode"),
    ):  # fmt: skip
        place = {"Latitude": 48.85, "Longitude": 2.35}
        counts = [statements(act, reports_of(ids, request_type, **place)) for ids in (few, many)]
        assert counts[0] == counts[1] < 10, request_type
    assert LastLocation.objects.count() == 3 + MANY
    assert Event.objects.filter(kind="located").count() == 3 + MANY
    assert Device.objects.filter(pk__in=many, is_lost_mode_enabled=False).count() == MANY


def test_the_newest_of_several_places_is_kept_and_an_older_one_never_replaces_it():
    (pk,) = make_devices(1)
    user = factories.make_staff("devices.view_location")
    old, new = (reports_of([pk], "DeviceLocation", Latitude=lat, Longitude=0.0)[0] for lat in (1.0, 2.0))
    lost_mode.keep_places([new, old])
    assert last_location(Device.objects.get(pk=pk), user)["latitude"] == 2.0
    lost_mode.keep_places([old])
    assert last_location(Device.objects.get(pk=pk), user)["latitude"] == 2.0
    without = reports_of([pk], "DeviceLocation", Latitude="here")
    lost_mode.keep_places(without)
    assert last_location(Device.objects.get(pk=pk), user)["latitude"] == 2.0
    assert meaning_of("DeviceLocation").outcome(without[0].content, {}).is_failed


def test_bypass_codes_are_kept_in_sets_and_none_is_lost_when_a_device_has_none_to_give():
    few, many = make_devices(3), make_devices(MANY)
    told = {"ActivationLockBypassCode": "AAAA-BBBB"}
    counts = [statements(activation_lock.keep_codes, reports_of(ids, "x", **told)) for ids in (few, many)]
    assert counts[0] == counts[1] < 10
    empty = reports_of(many[:1], "x", ActivationLockBypassCode="") + reports_of(many[1:2], "x")
    activation_lock.keep_codes(empty)
    judge = meaning_of("ActivationLockBypassCode").outcome
    assert [judge(report.content, {}).note for report in empty] == ["The device gave no bypass code."] * 2
    assert current_values(many[:2], "activation_lock_bypass_code") == dict.fromkeys(many[:2], b"AAAA-BBBB")
    activation_lock.keep_codes(reports_of(many[:1], "x", ActivationLockBypassCode="CCCC"))
    assert current_value(many[0], "activation_lock_bypass_code") == b"CCCC"
    assert EscrowedSecret.objects.filter(device=many[0], is_current=False, is_replaced=True).count() == 1
    activation_lock.end_codes(reports_of(many, "ClearActivationLockBypassCode"))
    assert current_values(many, "activation_lock_bypass_code") == {}
    assert EscrowedSecret.objects.filter(device__in=many).count() == MANY + 1, "what ended stays in the history"
