from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from devices import outbox
from devices.models import Event
from devices.timeline import SYSTEM
from mdm_project.errors import BadRequest, Conflict
from profiles import assigning, rollout
from profiles.desired import DIFFERENCE, scope_of
from profiles.models import Assignment, DesiredItem, ItemStatus
from profiles.refusals import NONE
from tests.profiles.assigned import assign, make_channels, make_group, make_profile, publish_text

pytestmark = pytest.mark.django_db
State = Assignment.RolloutState


@pytest.fixture
def profile():
    return make_profile()


@pytest.fixture
def group():
    return make_group(*make_channels(60))


def staged(profile, group, **fields) -> Assignment:
    assignment = assign(profile, group, **{"stages": [20, 50, 100]} | fields)
    outbox.drain()
    assignment.refresh_from_db()
    return assignment


def have(number: int) -> set[int]:
    return set(DesiredItem.objects.filter(version__number=number).values_list("channel_id", flat=True))


def note_states(version, state, number: int, **fields) -> None:
    """Say of the first devices that should have a version how far they are with it."""
    items = DesiredItem.objects.filter(version=version).order_by("id")[:number]
    for item in items:
        told = {"profile": item.profile, "version": version, "state": state, "uuid": "U"} | fields
        ItemStatus.objects.update_or_create(channel=item.channel, identifier=item.identifier, defaults=told)


def test_a_first_rollout_grows_by_stages_that_contain_one_another(profile, group):
    assignment = staged(profile, group)
    assert assignment.rollout_state == State.RUNNING
    sets = [have(1)]
    for _ in range(3):
        rollout.advance(assignment, actor=SYSTEM)
        outbox.drain()
        sets.append(have(1))
    assert 0 < len(sets[0]) < len(sets[1]) < len(sets[2]) == 60
    assert sets[0] < sets[1] < sets[2] == sets[3]
    assignment.refresh_from_db()
    assert assignment.rollout_state == State.DONE
    with pytest.raises(Conflict):
        rollout.advance(assignment, actor=SYSTEM)


def test_before_the_first_stage_began_nobody_is_meant(profile, group):
    """B3: an assignment that was committed after rollouts were started says nothing yet."""
    assign(profile, group, stages=[20, 50, 100])
    with connection.cursor() as cursor:
        cursor.execute(f"{DIFFERENCE} SELECT count(*) FROM difference", scope_of() | NONE)
        assert cursor.fetchone() == (0,)


def test_devices_that_it_is_not_for_count_nowhere(profile, group):
    assignment = staged(profile, group)
    reached = len(have(1))
    first = DesiredItem.objects.order_by("id").first()
    note_states(first.version, ItemStatus.State.FAILED, 1)
    assert rollout.progress_of([assignment.pk])[assignment.pk] == rollout.Progress(reached, 0, 1)
    DesiredItem.objects.filter(pk=first.pk).update(refusal="needs a supervised device")
    assert rollout.progress_of([assignment.pk])[assignment.pk] == rollout.Progress(reached - 1)


def test_devices_outside_the_stage_keep_the_version_before(profile, group):
    assignment = staged(profile, group)
    Assignment.objects.update(rollout_state=State.DONE)
    publish_text(profile, "two")
    outbox.drain()
    assignment.refresh_from_db()
    assert (assignment.rollout_state, assignment.stage) == (State.RUNNING, 0)
    assert len(have(1)) + len(have(2)) == 60
    assert 0 < len(have(2)) < 30


def test_the_stages_of_two_assignments_hold_different_devices(group):
    first, second = make_profile(), make_profile()
    staged(first, group)
    staged(second, group)
    of = {
        profile.pk: set(DesiredItem.objects.filter(profile=profile).values_list("channel_id", flat=True))
        for profile in (first, second)
    }
    assert of[first.pk] != of[second.pk]


def test_rolling_back_returns_to_the_version_before_until_another_is_published(profile, group):
    assignment = staged(profile, group)
    Assignment.objects.update(rollout_state=State.DONE)
    publish_text(profile, "two")
    outbox.drain()
    rollout.roll_back(assignment, actor=SYSTEM, reason="breaks the printers")
    outbox.drain()
    assert len(have(1)) == 60
    assert Event.objects.filter(kind="rollout_rolled_back", summary__endswith="breaks the printers").exists()
    publish_text(profile, "three")
    outbox.drain()
    assert 0 < len(have(3)) < 30
    assert len(have(1)) + len(have(3)) == 60


def test_rolling_back_a_first_version_takes_the_profile_away(profile, group):
    assignment = staged(profile, group)
    rollout.roll_back(assignment, actor=SYSTEM)
    outbox.drain()
    assert not DesiredItem.objects.exists()


def test_failures_above_the_threshold_halt_the_rollout_and_say_why(profile, group):
    assignment = staged(profile, group, failure_threshold_percent=40)
    version = profile.versions.get()
    number = len(have(1))
    enough = number * 40 // 100 + 1
    note_states(version, ItemStatus.State.FAILED, enough - 1, attempts=1)
    assert rollout.check_rollouts() == 0
    note_states(version, ItemStatus.State.FAILED, enough, attempts=1)
    assert rollout.check_rollouts() == 1
    assignment.refresh_from_db()
    assert assignment.rollout_state == State.HALTED
    assert assignment.halt_reason == f"{enough} of {number} failed, more than 40% of the stage"
    assert Event.objects.filter(kind="rollout_halted").count() == 1
    assert rollout.check_rollouts() == 0


def test_a_failure_counts_while_it_is_being_tried_again_and_no_longer_once_it_is_verified(profile, group):
    assignment = staged(profile, group)
    version = profile.versions.get()
    note_states(version, ItemStatus.State.SENT, 1, attempts=1)
    assert rollout.progress_of([assignment.pk])[assignment.pk].failed == 1
    note_states(version, ItemStatus.State.VERIFIED, 1, attempts=1)
    progress = rollout.progress_of([assignment.pk])[assignment.pk]
    assert (progress.failed, progress.verified, progress.channels) == (0, 1, len(have(1)))


def test_a_stage_goes_on_by_itself_when_its_time_is_over(profile, group):
    assignment = staged(profile, group, stage_hours=2)
    assert rollout.check_rollouts() == 0
    Assignment.objects.update(stage_started_at=timezone.now() - timedelta(hours=2))
    assert rollout.check_rollouts() == 1
    assignment.refresh_from_db()
    assert (assignment.stage, assignment.rollout_state) == (1, State.RUNNING)
    assert rollout.check_rollouts() == 0


def test_a_rollout_is_halted_and_resumed_by_hand(profile, group):
    assignment = staged(profile, group)
    with pytest.raises(Conflict):
        rollout.resume(assignment, actor=SYSTEM)
    rollout.halt(assignment, "holidays", actor=SYSTEM)
    with pytest.raises(Conflict):
        rollout.advance(assignment, actor=SYSTEM)
    assert rollout.resume(assignment, actor=SYSTEM).rollout_state == State.RUNNING


def test_stages_given_later_are_for_the_next_version(profile, group):
    assignment = assign(profile, group)
    outbox.drain()
    assigning.change_assignment(assignment, actor=SYSTEM, stages=[20, 100])
    outbox.drain()
    assert len(have(1)) == 60
    publish_text(profile, "two")
    outbox.drain()
    assert 0 < len(have(2)) < len(have(1))


@pytest.mark.parametrize("stages", [[50, 10, 100], [10, 50], [0, 100], [100, 100], ["10", 100]])
def test_stages_that_do_not_rise_to_100_are_refused(profile, group, stages):
    with pytest.raises(BadRequest):
        assign(profile, group, stages=stages)
