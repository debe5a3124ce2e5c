"""Told from the device's side: profiles come, change, are mended and go, and the device's own list proves it."""

from hashlib import sha256

import pytest

from commands.configuration import items_of
from commands.models import QueuedCommand
from commands.queue import queue_command
from commands.reconcile import reconcile
from commands.results import drain_reports
from devices import outbox
from devices.models import Channel, Device
from devices.timeline import SYSTEM
from profiles import rollout
from profiles.assigning import change_assignment
from profiles.models import Assignment, DesiredItem, ItemStatus, Profile
from profiles.versions import publish
from simulator import plists
from simulator.catalog import IPAD, IPHONE, MAC
from simulator.state import DEVICE, new_channel
from tests.profiles.assigned import assign, fill, make_group, make_profile, publish_text
from tests.stories.test_enrollment import wait_until

State = ItemStatus.State


class Scene:
    """A stage on which everything the workers would do by and by is done in between, without them."""

    def __init__(self, stage):
        self.stage = stage

    def enroll(self, platform: str = IPHONE):
        device = self.stage.enroll(platform)
        self.settle()
        return device

    def work(self) -> None:
        """Do what the worker does: outbox, reports, reconciliation."""
        outbox.drain()
        drain_reports()
        while reconcile():
            pass

    def visit(self, device, channel: str = DEVICE) -> list[tuple[str, str]]:
        return self.stage.act(device.connect(channel)).commands

    def settle(self, *devices) -> None:
        """Have the devices come until they have nothing left to do."""
        self.work()
        for device in devices or self.stage.devices:
            for channel in [DEVICE, *(user.user_id for user in device.user_channels)]:
                while device.is_enrolled and self.visit(device, channel):
                    self.work()

    @staticmethod
    def words(device) -> list[tuple[str, str]]:
        """Each item of a device: its word and the version that is wanted."""
        items = items_of(row_of(device))
        return [(item.words.word, item.wanted and item.wanted.version.number) for item in items]


def row_of(device) -> Device:
    return Device.objects.get(udid=device.state.hardware.udid)


def text_on(device, profile, channel: str = DEVICE) -> str | None:
    """What the device itself has of a profile."""
    data = device.state.channels[channel].profiles.get(profile.identifier)
    return data and plists.read_dictionary(data)["PayloadContent"][0]["Name"]


def commands_of(device) -> list[str]:
    rows = QueuedCommand.objects.filter(channel__device=row_of(device)).order_by("id")
    return list(rows.values_list("command__request_type", flat=True))


@pytest.fixture
def scene(stage) -> Scene:
    return Scene(stage)


def clean(*devices) -> bool:
    return all(device.violations == [] for device in devices)


def test_an_assigned_profile_is_installed_and_the_devices_list_verifies_it(scene):
    device = scene.enroll()
    profile = make_profile("welcome")
    assign(profile, make_group(row_of(device)))
    scene.work()
    assert scene.words(device) == [("pending", 1)]
    assert text_on(device, profile) is None
    scene.settle()
    assert text_on(device, profile) == "welcome"
    assert scene.words(device) == [("verified", 1)]
    scene.settle()
    assert commands_of(device).count("InstallProfile") == 1
    assert clean(device)


def test_with_a_worker_all_of_it_happens_by_itself(woken_stage):
    device = woken_stage.enroll()
    profile = make_profile("welcome")
    assign(profile, make_group(row_of(device)))
    wait_until(lambda: Scene.words(device) == [("verified", 1)], "the assigned profile was verified")
    assert text_on(device, profile) == "welcome"
    assert clean(device)


def test_a_new_version_replaces_the_old_one_in_place(scene):
    device = scene.enroll()
    profile = make_profile("one")
    assign(profile, make_group(row_of(device)))
    scene.settle()
    publish_text(profile, "two")
    scene.settle()
    assert text_on(device, profile) == "two"
    assert scene.words(device) == [("verified", 2)]
    assert "RemoveProfile" not in commands_of(device)
    assert clean(device)


def test_who_is_excluded_loses_the_profile_and_the_list_proves_it(scene):
    device, other = scene.enroll(), scene.enroll(IPAD)
    profile = make_profile()
    kiosks = make_group()
    assign(profile, make_group(row_of(device), row_of(other)), exclude=[kiosks])
    scene.settle()
    fill(kiosks, row_of(other))
    scene.work()
    assert scene.words(other) == [("removing", None)]
    assert text_on(other, profile) == "one"
    scene.settle()
    assert text_on(other, profile) is None
    assert scene.words(other) == [("removed", None)]
    assert scene.words(device) == [("verified", 1)]
    assert clean(device, other)


def test_what_a_user_takes_away_comes_back_after_the_next_list(scene):
    device = scene.enroll()
    profile = make_profile()
    assign(profile, make_group(row_of(device)))
    scene.settle()
    del device.channel.profiles[profile.identifier]
    ask_for_list(device)
    scene.settle()
    assert text_on(device, profile) == "one"
    assert scene.words(device) == [("verified", 1)]
    assert commands_of(device).count("InstallProfile") == 2
    assert clean(device)


def test_profiles_of_others_stay_where_they_are(scene):
    device = scene.enroll()
    ours, theirs = make_profile(), make_profile()
    assign(ours, make_group(row_of(device)))
    scene.settle()
    device.channel.profiles[theirs.identifier] = device.channel.profiles[ours.identifier].replace(
        ours.identifier.encode(), theirs.identifier.encode()
    )
    ask_for_list(device)
    scene.settle()
    assert text_on(device, theirs) == "one"
    assert "RemoveProfile" not in commands_of(device)


def test_a_device_that_says_not_now_gets_it_when_it_is_unlocked(scene):
    device = scene.enroll(IPAD)
    profile = make_profile()
    assign(profile, make_group(row_of(device)))
    device.lock()
    scene.work()
    scene.visit(device)
    scene.work()
    (item,) = items_of(row_of(device))
    assert (item.words.word, item.words.reason.partition(",")[0]) == ("pending", "not now")
    assert item.status.attempts == 0
    scene.stage.act(device.unlock())
    scene.settle()
    assert scene.words(device) == [("verified", 1)]
    assert clean(device)


def test_a_user_profile_goes_to_the_user_channel_of_a_mac(scene):
    device = scene.enroll(MAC)
    (user,) = device.user_channels
    profile = make_profile(scope="User")
    assign(profile, make_group(row_of(device)))
    scene.settle()
    assert text_on(device, profile, user.user_id) == "one"
    assert text_on(device, profile) is None
    (item,) = items_of(row_of(device))
    assert item.channel.is_user_channel
    assert item.words.word == "verified"
    assert clean(device)


def test_another_user_of_a_mac_gets_the_user_profile_when_their_channel_opens(scene):
    device = scene.enroll(MAC)
    profile = make_profile(scope="User")
    assign(profile, make_group(row_of(device)))
    scene.settle()
    user = new_channel("0B5C4E52-6E3B-4B0F-9C6B-6E6C3F0F5A11", short_name="grace", long_name="Grace Gardener")
    scene.stage.act(device.update_token(user))
    device.state.channels[user.user_id] = user
    scene.settle()
    assert text_on(device, profile, user.user_id) == "one"
    assert scene.words(device) == [("verified", 1), ("verified", 1)]
    assert clean(device)


def test_a_refusal_is_shown_in_the_devices_words(scene):
    device = scene.enroll(MAC)
    wrong = break_scope(make_profile())
    assign(wrong, make_group(row_of(device)))
    scene.settle()
    (item,) = items_of(row_of(device))
    assert item.words.word == "failed"
    assert "The profile must be a system profile. User profiles are not supported" in item.words.reason
    assert "waiting for another try at" in item.words.reason


def test_a_rollout_halts_at_failures_goes_back_and_goes_on_with_the_next_version(scene):
    """Stages of a second version: it fails on the Macs that get it first, and nobody else gets it."""
    devices = [scene.enroll(MAC) for _ in range(6)]
    profile = make_profile("one")
    group = make_group(*map(row_of, devices))
    assignment = assign(profile, group, failure_threshold_percent=10)
    scene.settle()
    assert {text_on(device, profile) for device in devices} == {"one"}
    change_assignment(assignment, actor=SYSTEM, stages=[dividing_percentage(assignment, devices), 100])

    break_scope(profile)
    scene.settle()
    first = set(DesiredItem.objects.filter(version__number=2).values_list("channel__device__udid", flat=True))
    assert 0 < len(first) < len(devices)
    assert rollout.check_rollouts() == 1
    assignment.refresh_from_db()
    assert assignment.rollout_state == Assignment.RolloutState.HALTED
    assert f"{len(first)} of {len(first)} failed" in assignment.halt_reason
    scene.settle()
    assert {text_on(device, profile) for device in devices} == {"one"}

    rollout.roll_back(assignment, actor=SYSTEM)
    scene.settle()
    assert {words for device in devices for words in scene.words(device)} == {("verified", 1)}

    mend_scope(profile, "three")
    scene.settle()
    texts = {device.state.hardware.udid: text_on(device, profile) for device in devices}
    assert {udid for udid, text in texts.items() if text == "three"} == first
    rollout.advance(assignment, actor=SYSTEM)
    scene.settle()
    assert {text_on(device, profile) for device in devices} == {"three"}
    assert clean(*devices)


def test_a_device_that_enrolls_again_gets_everything_again(scene):
    device = scene.enroll()
    profile = make_profile()
    assign(profile, make_group(row_of(device)))
    scene.settle()
    scene.stage.act(device.unenroll())
    scene.work()
    assert items_of(row_of(device)) == []
    scene.stage.act(device.enroll(f"{scene.stage.server_url}/enroll/demo/profile"))
    assert text_on(device, profile) is None
    scene.settle()
    assert text_on(device, profile) == "one"
    assert scene.words(device) == [("verified", 1)]
    assert clean(device)


# What the stories need


def ask_for_list(device) -> None:
    channel = Channel.objects.filter(device=row_of(device), user_key="")
    queue_command("ProfileList", None, channel, actor=SYSTEM)


def dividing_percentage(assignment: Assignment, devices) -> int:
    """A first stage that holds some of the devices and not all, whatever ids they have."""
    names = [f"{row_of(device).pk}:{assignment.pk}" for device in devices]
    return max(int(sha256(name.encode()).hexdigest()[:7], 16) % 100 for name in names)


def break_scope(profile):
    """Publish a version that says it is for users; on the device channel of a Mac it is refused."""
    return change_scope(profile, "User", "broken")


def mend_scope(profile, text: str):
    return change_scope(profile, "System", text)


def change_scope(profile, written: str, text: str):
    profile = Profile.objects.get(pk=profile.pk)
    draft = profile.draft
    draft["PayloadScope"] = written
    draft["PayloadContent"][0]["Name"] = text
    profile.draft = draft
    profile.save(update_fields=["draft_encrypted"])
    publish(profile, actor=SYSTEM)
    return profile
