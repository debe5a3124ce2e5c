from datetime import UTC, datetime, timedelta

import pytest

from apns.models import PushState
from commands.configuration import items_of
from commands.models import QueuedCommand
from commands.reconcile import reconcile
from devices.models import Channel, ChannelContact, Enrollment
from devices.timeline import SYSTEM
from profiles import rollout
from profiles.desired import recompute_desired
from profiles.models import DesiredItem, ItemStatus
from tests.factories import make_channel
from tests.profiles.assigned import assign, fill, make_group, make_profile, publish_text

pytestmark = pytest.mark.django_db
State = ItemStatus.State
Queued = QueuedCommand.State
MOMENT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
AT = "2026-03-04 05:06 UTC"


@pytest.fixture
def channel() -> Channel:
    return make_channel(seen_at=MOMENT)


@pytest.fixture
def group(channel):
    return make_group(channel)


@pytest.fixture
def profile(group):
    profile = make_profile()
    assign(profile, group)
    recompute_desired()
    return profile


def said(channel: Channel) -> tuple[str, str]:
    (item,) = items_of(channel.device)
    return item.words.word, item.words.reason


def test_what_a_device_cannot_use_says_why_and_is_never_sent(profile, channel):
    """B1: it is neither pending nor failed."""
    DesiredItem.objects.update(refusal="needs a supervised device")
    assert not reconcile()
    assert said(channel) == ("not_applicable", "needs a supervised device")


def test_what_was_sent_before_stays_and_is_told(profile, channel):
    reconcile()
    have(state=State.VERIFIED)
    DesiredItem.objects.update(refusal="removed in macOS 26")
    assert said(channel) == (
        "not_applicable", "removed in macOS 26; version 1 was sent before and stays until the profile is unassigned"
    )  # fmt: skip
    assert not reconcile()


def have(**fields) -> None:
    ItemStatus.objects.update(**{"command_id": None, "updated_at": MOMENT} | fields)


def test_what_was_not_queued_says_so(profile, channel):
    assert said(channel) == ("pending", "not yet queued")


def test_what_is_queued_says_where_the_push_is(profile, channel):
    reconcile()
    assert said(channel) == ("pending", "waits for its push")
    QueuedCommand.objects.update(queued_at=MOMENT)
    state = {"requested_at": None, "accepted_at": MOMENT, "attempted_at": MOMENT}
    PushState.objects.update_or_create(channel=channel, defaults=state)
    assert said(channel) == ("pending", f"woken at {AT}; the device was heard of at {AT}")
    ChannelContact.objects.update(seen_at=MOMENT - timedelta(minutes=6))
    assert said(channel) == ("pending", f"woken at {AT}; the device is silent since 2026-03-04 05:00 UTC")
    ChannelContact.objects.all().delete()
    assert said(channel) == ("pending", f"woken at {AT}; the device has not been heard of yet")
    PushState.objects.update(failures=2, reason="TooManyRequests")
    assert said(channel) == ("pending", f"the push of {AT} failed: TooManyRequests")
    Channel.objects.update(push_gone_at=MOMENT)
    assert said(channel)[1] == f"the device is probably gone: APNs says since {AT} that its push token is dead"


def test_not_now_and_delivered_commands_are_told_apart(profile, channel):
    reconcile()
    QueuedCommand.objects.update(state=Queued.NOT_NOW, not_now_at=MOMENT)
    assert said(channel) == ("pending", f"not now, said the device at {AT}")
    QueuedCommand.objects.update(state=Queued.SENT, sent_at=MOMENT)
    assert said(channel) == ("sent", f"delivered at {AT}, not answered yet")
    ItemStatus.objects.update(attempts=1, error="No.")
    assert said(channel)[1] == f"attempt 2 after: No; delivered at {AT}, not answered yet"


@pytest.mark.parametrize(
    ("fields", "word", "reason"),
    [
        ({"state": State.ACKNOWLEDGED}, "acknowledged", "waiting for the device's list of profiles to show it"),
        ({"state": State.VERIFIED}, "verified", f"the device's list shows it since {AT}"),
        (
            {"state": State.FAILED, "error": "No.", "attempts": 1, "next_attempt_at": MOMENT},
            "failed",
            f"No; waiting for another try at {AT}",
        ),
        (
            {"state": State.FAILED, "error": "No.", "attempts": 5, "is_stopped": True},
            "failed",
            "No; stopped after 5 of 5 attempts; retry it by hand",
        ),
        ({"state": State.PENDING, "error": "it drifted"}, "pending", "it drifted; due now"),
        ({"state": State.REMOVED}, "pending", "not yet queued"),
    ],
)
def test_every_state_of_what_is_wanted_has_its_words(profile, channel, fields, word, reason):
    reconcile()
    have(**fields)
    assert said(channel) == (word, reason)


@pytest.mark.parametrize(
    ("fields", "word", "reason"),
    [
        ({"state": State.VERIFIED}, "removing", "no longer wanted; the removal is not yet queued"),
        (
            {"state": State.REMOVING},
            "removing",
            "removal acknowledged; waiting for the device's list of profiles to prove it",
        ),
        (
            {"state": State.REMOVING, "error": "No.", "next_attempt_at": MOMENT},
            "removing",
            f"No; waiting for another try at {AT}",
        ),
        (
            {"state": State.REMOVING, "error": "No.", "attempts": 5, "is_stopped": True},
            "failed",
            "No; stopped after 5 of 5 attempts; retry it by hand",
        ),
        ({"state": State.REMOVED}, "removed", f"the device's list does not show it since {AT}"),
    ],
)
def test_every_state_of_what_is_not_wanted_has_its_words(profile, group, channel, fields, word, reason):
    reconcile()
    fill(group)
    recompute_desired()
    have(**fields)
    assert said(channel) == (word, reason)


def test_an_older_version_is_named_until_the_newer_one_is_on_its_way(profile, channel):
    reconcile()
    have(state=State.VERIFIED)
    publish_text(profile, "two")
    recompute_desired()
    assert said(channel) == ("pending", "version 2 is wanted, version 1 was sent before; not yet queued")


def test_what_a_halted_rollout_holds_back_says_why(group, channel):
    assignment = assign(make_profile(), group, stages=[100])
    recompute_desired()
    rollout.halt(assignment, "looks bad", actor=SYSTEM)
    assert said(channel) == ("held", "the rollout is halted: looks bad")


def test_a_device_that_left_has_nothing(profile, channel):
    reconcile()
    Enrollment.objects.update(state=Enrollment.State.UNENROLLED)
    assert items_of(channel.device) == []
