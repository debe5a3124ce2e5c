from datetime import timedelta

import pytest
from django.utils import timezone

from commands import schedule
from commands.models import Command, InventoryRefresh, QueuedCommand
from commands.questions import QUERIES
from devices import outbox
from devices.models import Channel, Device, Enrollment
from devices.timeline import SCHEDULE, Actor
from mdm_project import plist
from mdm_project.crypto import unseal
from profiles import catalogue
from tests.factories import make_channel, make_device, make_enrollment, make_staff

pytestmark = pytest.mark.django_db
ALWAYS = {"DeviceInformation", "SecurityInfo", "ProfileList", "CertificateList", "InstalledApplicationList"}


def questions_to(channel) -> set[str]:
    return set(channel.queue.values_list("command__request_type", flat=True))


def refresh(*channels, actor=SCHEDULE):
    ids = [channel.pk for channel in channels]
    return schedule.refresh_inventory(Channel.objects.filter(id__in=ids), actor=actor, reason="test")


def enrolled(platform="ios", *, device=None, **enrollment) -> Channel:
    hardware = make_device(platform, **(device or {}))
    return make_channel(enrollment=make_enrollment(hardware, **enrollment))


@pytest.mark.parametrize(
    ("channel", "more"),
    [
        (lambda: enrolled("macos"), {"AvailableOSUpdates"}),
        (lambda: enrolled("macos", device={"os_version": "27.0", "os_version_parts": [27, 0]}), set()),
        (lambda: enrolled("ios"), set()),
        (lambda: enrolled("ios", device={"is_supervised": True}), {"AvailableOSUpdates"}),
        (lambda: enrolled("tvos", device={"is_supervised": True}), {"AvailableOSUpdates"}),
        (lambda: enrolled("watchos", device={"is_supervised": True}), set()),
        (lambda: enrolled("visionos", device={"is_supervised": True}), set()),
        (lambda: enrolled("ios", device={"is_supervised": True}, kind=Enrollment.Kind.USER), set()),
        (lambda: enrolled(""), set()),
    ],
)
def test_a_device_is_asked_what_its_platform_and_enrollment_allow(channel, more):
    channel = channel()
    refresh(channel)
    assert questions_to(channel) == ALWAYS | more


def test_apps_of_a_mac_under_user_enrollment_are_not_asked_for():
    channel = enrolled("macos", kind=Enrollment.Kind.USER)
    refresh(channel)
    assert questions_to(channel) == ALWAYS - {"InstalledApplicationList"}


@pytest.mark.parametrize(
    ("rights", "asked"),
    [
        (1, {"ProfileList", "CertificateList"}),
        (32, {"DeviceInformation"}),
        (256 + 1024, {"InstalledApplicationList", "SecurityInfo"}),
        (2, set()),
    ],
)
def test_only_what_the_access_rights_allow_is_asked(rights, asked):
    channel = enrolled("ios", device={"is_supervised": True}, access_rights=rights)
    refresh(channel)
    assert questions_to(channel) == asked


def test_users_channels_are_asked_for_their_profiles_only():
    device = make_channel(make_device("macos"))
    user = make_channel(device.device, user_key="anna")
    refresh(device, user)
    assert questions_to(user) == {"ProfileList"}


def test_each_platform_is_asked_its_own_queries_by_one_command():
    macs, phones = [enrolled("macos") for _ in range(2)], [enrolled("ios") for _ in range(2)]
    refresh(*macs, *phones)
    commands = Command.objects.filter(request_type="DeviceInformation")
    assert {command.target_count for command in commands} == {2}
    by_channel = {channel.pk: channel.device.platform for channel in (*macs, *phones)}
    for command in commands:
        body = plist.loads(unseal(command.body_encrypted, command.body_context))
        platform = by_channel[command.targets.first().channel_id]
        assert body["Command"] == {"RequestType": "DeviceInformation", "Queries": QUERIES[platform]}


@pytest.mark.parametrize("platform", QUERIES)
def test_queries_are_asked_once_and_never_for_secrets(platform):
    queries = QUERIES[platform]
    assert len(queries) == len(set(queries))
    assert not {"PushToken", "DevicePropertiesAttestation"} & set(queries)
    assert {"DeviceName", "OSVersion", "ProductName", "SerialNumber"} <= set(queries)


def test_the_schedule_replaces_its_unanswered_elders_but_not_what_a_person_asked():
    channel = enrolled()
    by_hand = refresh(channel, actor=Actor.staff(make_staff()))
    first = refresh(channel)
    second = refresh(channel)
    states = dict(channel.queue.values_list("command_id", "state"))
    assert {states[command.pk] for command in by_hand} == {QueuedCommand.State.PENDING}
    assert {states[command.pk] for command in first} == {QueuedCommand.State.CANCELLED}
    assert {states[command.pk] for command in second} == {QueuedCommand.State.PENDING}
    assert all(command.priority < 0 for command in second)
    assert all(command.priority == 0 for command in by_hand)


def test_nobody_is_asked_nothing():
    assert refresh() == []
    assert not Command.objects.exists()


# The schedule


def asked_ago(channel, hours: float) -> None:
    asked_at = timezone.now() - timedelta(hours=hours)
    InventoryRefresh.objects.update_or_create(channel=channel, defaults={"asked_at": asked_at})


def test_who_was_never_asked_is_asked_once():
    channel = enrolled()
    assert schedule.schedule_inventory() == 1
    assert questions_to(channel) == ALWAYS
    assert schedule.schedule_inventory() == 0


def test_a_device_is_asked_again_after_the_interval_of_its_platform(settings):
    settings.INVENTORY_INTERVAL_HOURS = {"default": 24, "macos": 12}
    phone, mac = enrolled("ios"), enrolled("macos")
    for hours, due in ((9, []), (12.1, [mac]), (19, [mac]), (24.1, [phone, mac])):
        asked_ago(phone, hours)
        asked_ago(mac, hours)
        assert list(schedule.due_channels()) == due


def test_an_interval_of_zero_switches_the_schedule_off(settings):
    settings.INVENTORY_INTERVAL_HOURS = {"default": 24, "macos": 0}
    enrolled("macos")
    assert schedule.schedule_inventory() == 0


def test_a_fleet_that_was_asked_at_once_drifts_apart(settings):
    settings.INVENTORY_INTERVAL_HOURS = {"default": 100}
    channels = [enrolled() for _ in range(40)]
    due = []
    for hours in (79, 85, 90, 95, 101):
        for channel in channels:
            asked_ago(channel, hours)
        due.append(schedule.due_channels().count())
    assert due[0] == 0
    assert due[-1] == 40
    assert 0 < due[1] < due[2] < due[3] < 40


def test_only_enrolled_and_enabled_channels_are_asked():
    disabled = enrolled()
    Channel.objects.filter(pk=disabled.pk).update(state=Channel.State.DISABLED)
    enrolled(state=Enrollment.State.PENDING)
    enrolled(is_current=False)
    assert schedule.schedule_inventory() == 0


def test_a_device_without_any_right_does_not_stop_the_schedule(monkeypatch):
    monkeypatch.setattr(schedule, "BATCH", 2)
    for _ in range(3):
        enrolled(access_rights=2)
    channel = enrolled()
    assert schedule.schedule_inventory() == 4
    assert questions_to(channel) == ALWAYS
    assert schedule.schedule_inventory() == 0


def test_the_number_of_statements_does_not_grow_with_the_fleet(django_assert_max_num_queries):
    enrolled()
    with django_assert_max_num_queries(200) as few:
        schedule.schedule_inventory()
    for _ in range(20):
        enrolled()
    with django_assert_max_num_queries(len(few)):
        schedule.schedule_inventory()


# Enrollment


def test_devices_that_enrolled_are_asked_together():
    channels = [enrolled() for _ in range(3)]
    asked_ago(channels[0], 0.1)
    for channel in channels:
        outbox.post("enrolled", {"channel_id": channel.pk})
    outbox.drain()
    assert [questions_to(channel) for channel in channels] == [ALWAYS] * 3
    assert Command.objects.filter(request_type="SecurityInfo").get().target_count == 3
    assert not Device.objects.exclude(events=None).exists()


def test_a_channel_that_is_gone_by_then_is_no_failure():
    row = outbox.post("enrolled", {"channel_id": 0})
    outbox.drain()
    row.refresh_from_db()
    assert row.done_at is not None


@pytest.mark.parametrize("platform", [platform for platform in QUERIES if platform])
def test_l8_a_platform_is_asked_what_apple_says_it_has_and_not_what_it_lacks(platform):
    """L8: visionOS was asked for Lost Mode and Model, which it lacks, and not for Find My or cloud backup."""
    queries = catalogue.command("DeviceInformation").find("Queries")
    system = {"ipados": "iOS", "ios": "iOS", "macos": "macOS", "tvos": "tvOS", "watchos": "watchOS"}.get(
        platform, "visionOS"
    )
    choices = {choice.name: choice for item in queries.subkeys for choice in item.choices}
    has = {name for name, choice in choices.items() if not choice.support[system].is_absent}
    asked = set(QUERIES[platform])
    assert asked - has <= {"SIMMCC", "SIMMNC", "TimeZone", "CurrentConsoleManagedUser"}
    never = {"DevicePropertiesAttestation", "PushToken", "iTunesStoreAccountHash"}
    of_shared_ipads = set() if platform == "ipados" else set(QUERIES["ipados"]) - set(QUERIES["ios"])
    assert has - asked - never <= of_shared_ipads
    if platform == "visionos":
        assert {"IsDeviceLocatorServiceEnabled", "IsCloudBackupEnabled", "DiagnosticSubmissionEnabled"} <= asked
        assert {"SoftwareUpdateDeviceID", "LastCloudBackupDate"} <= asked
        assert not {"IsMDMLostModeEnabled", "Model"} & asked
    if platform == "ios":
        assert {"SIMCarrierNetwork", "SIMMCC", "SIMMNC"} <= asked
