"""What is held of a workflow on many devices: one decision about all of it, by the rules of a single one."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commands.governor import ConfirmationRequired, GovernorRefused, holding, switch
from commands.governor.holding import AlreadyOver
from commands.governor.models import GovernorLimit, HeldAction
from commands.models import QueuedCommand
from commands.workflows.batches import cancel_batch, start_batch
from commands.workflows.held import approve_held, cancel_held, waiting_by_batch, waiting_of
from commands.workflows.models import Workflow, WorkflowBatch
from devices.groups import add_members, create_group
from devices.models import AccessLimit, Device, Event
from devices.timeline import SYSTEM, Actor
from tests import factories
from tests.api.client import Caller
from tests.commands.governed import staff
from tests.commands.test_workflow_batches import advance_all

State = HeldAction.State


def held_batch(user, number: int = 4, second_person_above: int | None = 1) -> WorkflowBatch:
    """Start the offboarding of some iPhones; the governor holds the erasing of each."""
    GovernorLimit.objects.filter(danger="erase").update(
        per_person=50, in_all=50, second_person_above=second_person_above, delay_above=1
    )
    phones = factories.make_fleet(number)
    actor = Actor.staff(user)
    batch = start_batch(
        "offboard", phones, {"how": "erase", "even_if_locked": True}, actor=actor, reason="sold", confirmed=number
    )
    advance_all()
    assert HeldAction.objects.waiting().filter(workflow__batch=batch).count() == number
    return batch


def states() -> set[str]:
    return set(HeldAction.objects.values_list("state", flat=True))


def erased() -> int:
    return QueuedCommand.objects.filter(command__request_type="EraseDevice").count()


def release() -> None:
    HeldAction.objects.waiting().update(release_at=timezone.now())
    holding.release_due()


@pytest.mark.django_db
def test_a_second_person_approves_all_of_it_once_and_it_goes_out():
    batch, other = held_batch(staff()), staff("other")
    decision = approve_held(batch, other, actor=Actor.staff(other), confirmed=4, reason="I was asked")
    assert (decision.decided, decision.left, decision.words) == (4, 0, "4 devices")
    assert (states(), set(HeldAction.objects.values_list("approved_by", flat=True))) == ({State.DELAYED}, {"other"})
    holding.release_due()
    assert erased() == 4
    Workflow.objects.update(due_at=timezone.now())
    advance_all()
    assert not Workflow.objects.filter(memory__has_key="held_action").exists()


@pytest.mark.django_db
def test_the_timeline_tells_it_of_each_device_and_once_of_the_fleet():
    batch, other = held_batch(staff()), staff("other")
    approve_held(batch, other, actor=Actor.staff(other), confirmed=4, reason="I was asked")
    told = Event.objects.filter(kind="destructive_approved", actor="other")
    assert sorted(told.exclude(device=None).values_list("device_id", flat=True)) == sorted(
        batch.workflows.values_list("device_id", flat=True)
    )
    fleet = told.get(device=None)
    words = "EraseDevice for 4 devices of admin, as one decision: approved by other: I was asked"
    assert (fleet.summary, len(fleet.data["held_ids"])) == (words, 4)
    cancel_held(batch, other, actor=Actor.staff(other), reason="not sold")
    cancelled = Event.objects.filter(kind="destructive_cancelled")
    assert (cancelled.exclude(device=None).count(), cancelled.filter(device=None).count()) == (4, 1)


@pytest.mark.django_db
def test_who_asked_approves_none_of_it_whatever_token_they_use():
    user = staff()
    batch = held_batch(user)
    with pytest.raises(GovernorRefused, match="a second person"):
        approve_held(batch, user, actor=Actor.staff(user), confirmed=4)
    address = f"workflows/batches/{batch.pk}/held/approve/"
    for caller in (Caller(user=user), Caller(user=user)):
        answer = caller.post(address, {"confirm": 4})
        assert (answer.status_code, answer.json()["code"]) == (403, "governor_refused")
    assert states() == {State.NEEDS_APPROVAL}
    assert not Event.objects.filter(kind="destructive_approved").exists()


@pytest.mark.django_db
def test_one_of_ones_own_among_those_of_others_keeps_all_of_it_back():
    batch, other = held_batch(staff()), staff("other")
    HeldAction.objects.filter(pk=HeldAction.objects.first().pk).update(user=other)
    with pytest.raises(GovernorRefused, match="a second person"):
        approve_held(batch, other, actor=Actor.staff(other), confirmed=4)
    assert states() == {State.NEEDS_APPROVAL}


@pytest.mark.django_db
def test_a_number_that_is_not_that_of_the_devices_approves_nothing():
    batch, other = held_batch(staff()), staff("other")
    for confirmed in (None, 3, 5):
        with pytest.raises(ConfirmationRequired):
            approve_held(batch, other, actor=Actor.staff(other), confirmed=confirmed)
    assert states() == {State.NEEDS_APPROVAL}


@pytest.mark.django_db
def test_an_account_that_is_too_new_or_has_no_permission_approves_nothing(settings):
    settings.APPROVER_AGE_HOURS = 24
    user = staff()
    batch = held_batch(user)
    new, taken = staff("new", date_joined=timezone.now()), staff("taken")
    taken.set_password("chosen by somebody else")
    taken.save()
    for person in (new, taken):
        with pytest.raises(GovernorRefused, match="24 hours old"):
            approve_held(batch, person, actor=Actor.staff(person), confirmed=4)
    helper = factories.make_staff("commands.view_heldaction", "devices.view_device", "commands.change_command")
    type(helper).objects.update(date_joined=timezone.now() - timedelta(days=9))
    with pytest.raises(GovernorRefused, match="with the permission"):
        approve_held(batch, helper, actor=Actor.staff(helper), confirmed=4)
    assert states() == {State.NEEDS_APPROVAL}


@pytest.mark.django_db
def test_what_is_approved_waits_while_the_switch_is_on():
    batch, other = held_batch(staff()), staff("other")
    actor = Actor.staff(other)
    switch.stop(actor=actor, reason="strange")
    approve_held(batch, other, actor=actor, confirmed=4)
    holding.release_due()
    assert (erased(), states()) == (0, {State.DELAYED})
    switch.resume(actor=actor, reason="fine")
    holding.release_due()
    assert erased() == 4


@pytest.mark.django_db
def test_no_more_go_out_within_the_hour_than_all_together_may():
    batch, other = held_batch(staff()), staff("other")
    GovernorLimit.objects.filter(danger="erase").update(in_all=3)
    approve_held(batch, other, actor=Actor.staff(other), confirmed=4)
    holding.release_due()
    assert erased() == 3
    assert HeldAction.objects.get(state=State.DELAYED).release_at > timezone.now() + timedelta(minutes=50)


@pytest.mark.django_db
def test_what_only_waits_for_its_time_is_cancelled_together_and_not_approved():
    batch, other = held_batch(staff(), second_person_above=None), staff("other")
    assert states() == {State.DELAYED}
    with pytest.raises(AlreadyOver):
        approve_held(batch, other, actor=Actor.staff(other), confirmed=4)
    decision = cancel_held(batch, other, actor=Actor.staff(other), reason="a mistake")
    assert (decision.decided, states()) == (4, {State.CANCELLED})
    with pytest.raises(AlreadyOver):
        cancel_held(batch, other, actor=Actor.staff(other))
    release()
    Workflow.objects.update(due_at=timezone.now())
    advance_all()
    assert erased() == 0
    assert batch.workflows.counts()["failed"] == 4
    assert "cancelled by other: a mistake" in batch.workflows.first().note


@pytest.mark.django_db
def test_what_was_decided_alone_is_left_out_of_the_decision_about_the_rest():
    batch, other = held_batch(staff()), staff("other")
    actor = Actor.staff(other)
    first, second = HeldAction.objects.order_by("id")[:2]
    holding.cancel(first, actor=actor)
    holding.approve(second, actor=actor)
    assert approve_held(batch, other, actor=actor, confirmed=2).decided == 2
    release()
    assert erased() == 3


@pytest.mark.django_db
def test_a_limited_person_decides_on_their_devices_only_and_is_told_how_many_are_left():
    batch = held_batch(staff())
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [batch.workflows.first().device_id], actor=SYSTEM)
    rights = (
        "commands.view_workflow", "devices.view_device", "commands.view_heldaction", "commands.change_command",
        "commands.approve_destructive",
    )  # fmt: skip
    caller = Caller(*rights)
    AccessLimit.objects.create(user=caller.user).groups.add(group)
    address = f"workflows/batches/{batch.pk}/"
    assert caller.get(address).json()["overview"]["held"] == {"needs_approval": 1, "delayed": 0}
    assert len(caller.results("held-actions/", batch=batch.pk)) == 1
    assert caller.post(f"{address}held/approve/", {"confirm": 1}).status_code == 403, "it is not within limits"
    answer = caller.post(f"{address}held/cancel/", {"reason": "ours"})
    assert (answer.status_code, answer.json()) == (200, {"decided": 1, "left": 3})
    assert HeldAction.objects.get(state=State.CANCELLED).workflow.device_id == batch.workflows.first().device_id
    assert HeldAction.objects.filter(state=State.NEEDS_APPROVAL).count() == 3
    assert caller.post(f"{address}held/cancel/", {}).status_code == 409


@pytest.mark.django_db
def test_the_api_wants_the_number_and_answers_on_how_many_was_decided():
    batch, other = held_batch(staff()), Caller(user=staff("other"))
    address = f"workflows/batches/{batch.pk}/held/approve/"
    refused = other.post(address, {"confirm": 3})
    assert (refused.status_code, refused.json()["fields"]) == (400, {"confirm": "must be 4"})
    listed = other.results("held-actions/", batch=batch.pk)
    assert {(row["batch"], row["state"]) for row in listed} == {(batch.pk, "needs_approval")}
    assert other.post(address, {"confirm": 4}).json() == {"decided": 4, "left": 0}
    again = other.post(address, {"confirm": 4})
    assert (again.status_code, again.json()["code"]) == (409, "already_over")


@pytest.mark.django_db
def test_the_statements_of_a_decision_do_not_grow_with_the_devices():
    other = staff("other")
    actor = Actor.staff(other)
    numbers = []
    for name, number in (("one", 2), ("two", 12)):
        user = staff(name)
        batch = held_batch(user, number)
        with CaptureQueriesContext(connection) as queries:
            approve_held(batch, other, actor=actor, confirmed=number)
            cancel_held(batch, other, actor=actor)
            waiting_by_batch(other)
        numbers.append(len(queries))
        QueuedCommand.objects.all().delete()
        Workflow.objects.all().delete()
        Device.objects.all().delete()
    assert numbers[0] == numbers[1]


@pytest.mark.django_db
def test_cancelling_the_workflows_cancels_what_is_held_of_them_in_one_go():
    user = staff()
    batch = held_batch(user)
    assert cancel_batch(batch, user, actor=Actor.staff(user), reason="not now") == 4
    assert (states(), waiting_of(batch, user).rows) == ({State.CANCELLED}, [])
    assert Event.objects.filter(kind="destructive_cancelled", device=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_approve_at_the_same_moment_one_finds_nothing_left():
    batch = held_batch(staff())
    people, start = [staff("other"), staff("third")], threading.Barrier(2)
    decided, late = [], []

    def approve(person) -> None:
        try:
            start.wait(10)
            decided.append(approve_held(batch, person, actor=Actor.staff(person), confirmed=4).decided)
        except AlreadyOver as error:
            late.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=approve, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (decided, len(late)) == ([4], 1)
    assert Event.objects.filter(kind="destructive_approved").count() == 5, "one for each device, and one of the fleet"
    assert len(set(HeldAction.objects.values_list("approved_by", flat=True))) == 1
