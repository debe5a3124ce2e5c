"""One word for every profile on every channel (B17): states, governor, halted rollouts, the queue."""

from datetime import UTC, datetime

import pytest

from commands.configuration import items_of
from commands.models import QueuedCommand
from commands.reconcile import reconcile
from commands.standing import ItemStanding, Word
from devices.models import Device, Enrollment
from devices.timeline import SYSTEM
from profiles import rollout
from profiles.desired import recompute_desired
from profiles.models import DesiredItem, ItemStatus
from tests.factories import make_channel
from tests.profiles.assigned import assign, fill, make_channels, make_group, make_profile, publish_text

pytestmark = pytest.mark.django_db
State = ItemStatus.State
MOMENT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
WANTED = (
    ({"state": State.ACKNOWLEDGED}, Word.ACKNOWLEDGED),
    ({"state": State.VERIFIED}, Word.VERIFIED),
    ({"state": State.FAILED, "error": "No."}, Word.FAILED),
    ({"state": State.PENDING, "error": "it drifted"}, Word.PENDING),
    ({"state": State.REMOVING}, Word.PENDING),
    ({"state": State.REMOVED}, Word.PENDING),
    ({"state": State.REMOVED, "is_ended": True, "error": "removed by its own rule"}, Word.REMOVED),
)
UNWANTED = (
    ({"state": State.VERIFIED}, Word.REMOVING),
    ({"state": State.FAILED}, Word.REMOVING),
    ({"state": State.REMOVING}, Word.REMOVING),
    ({"state": State.REMOVING, "is_held": True, "error": "held by the governor"}, Word.HELD),
    ({"state": State.REMOVING, "is_stopped": True, "error": "No."}, Word.FAILED),
    ({"state": State.REMOVED}, Word.REMOVED),
)


@pytest.fixture
def channel():
    return make_channel()


@pytest.fixture
def group(channel):
    return make_group(channel)


def have(**fields) -> ItemStanding:
    begun = {"command_id": None, "is_stopped": False, "is_held": False, "is_ended": False, "error": ""}
    ItemStatus.objects.update(**begun | {"updated_at": MOMENT} | fields)
    return ItemStanding.objects.get()


def test_every_state_of_an_item_has_one_word(group, channel):
    """Wanted, and no longer wanted, with the cause that was kept and since when."""
    assignment = assign(make_profile(), group)
    recompute_desired()
    row = ItemStanding.objects.get()
    assert (row.word, row.status, row.wanted.version, row.assignment) == (
        Word.PENDING, None, row.version, assignment,
    )  # fmt: skip
    reconcile()
    for fields, word in WANTED:
        row = have(**fields)
        assert row.word == word, fields
        assert row.cause == ("" if word == Word.PENDING and row.status.state > 4 else fields.get("error", "")), fields
    fill(group)
    recompute_desired()
    for fields, word in UNWANTED:
        row = have(**fields)
        assert (row.word, row.cause, row.wanted, row.device) == (word, fields.get("error", ""), None, channel.device)


def test_what_waits_in_the_queue_is_pending_and_what_was_delivered_is_sent(group):
    assign(make_profile(), group)
    recompute_desired()
    reconcile()
    for state, word in ((0, Word.PENDING), (2, Word.PENDING), (1, Word.SENT)):
        QueuedCommand.objects.update(state=state, sent_at=MOMENT, not_now_at=MOMENT)
        row = ItemStanding.objects.get()
        assert (row.word, row.since == MOMENT) == (word, state != 0)


def test_what_a_halted_rollout_keeps_back_is_held(group):
    assignment = assign(make_profile(), group, stages=[100])
    recompute_desired()
    rollout.halt(assignment, "looks bad", actor=SYSTEM)
    row = ItemStanding.objects.get()
    assert (row.word, row.cause) == (Word.HELD, "the rollout is halted: looks bad")


def test_a_new_version_is_pending_while_the_older_one_is_there(group, channel):
    profile = make_profile()
    assign(profile, group)
    recompute_desired()
    reconcile()
    have(state=State.VERIFIED)
    publish_text(profile, "two")
    recompute_desired()
    row = ItemStanding.objects.get()
    assert (row.word, row.version.number, row.sent_version.number, row.since) == (Word.PENDING, 2, 1, None)


def test_what_a_device_cannot_use_says_why(group):
    assign(make_profile(), group)
    recompute_desired()
    DesiredItem.objects.update(refusal="needs supervision")
    row = ItemStanding.objects.get()
    assert (row.word, row.cause) == (Word.NOT_APPLICABLE, "needs supervision")


def test_words_are_counted_and_devices_found_in_one_statement(django_assert_num_queries):
    channels = make_channels(5)
    first, second = make_profile(), make_profile()
    for profile in (first, second):
        assign(profile, make_group(*channels))
    recompute_desired()
    reconcile()
    failed = ItemStatus.objects.filter(profile=first, channel__in=channels[:2])
    failed.update(state=State.FAILED, error="No.")
    with django_assert_num_queries(1):
        assert ItemStanding.objects.filter(profile=first).by_word() == {"failed": 2, "pending": 3}
    with django_assert_num_queries(1):
        assert ItemStanding.objects.filter(word=Word.FAILED).causes() == [{"cause": "No.", "number": 2}]
    found = Device.objects.filter(item_standings__profile=first, item_standings__word=Word.FAILED).order_by("id")
    assert list(found) == [each.device for each in channels[:2]]
    assert {item.words.word for item in items_of(channels[0].device)} == {"failed", "pending"}
    Enrollment.objects.update(state=Enrollment.State.UNENROLLED)
    assert not ItemStanding.objects.exists()


def test_a_condition_on_the_profile_reaches_the_tables(group):
    """A profile's rows are read by index where there are many profiles, not by building all rows first."""
    profile = make_profile()
    plan = ItemStanding.objects.filter(profile=profile).explain()
    assert plan.count(f"profile_id = {profile.pk}") >= 2
