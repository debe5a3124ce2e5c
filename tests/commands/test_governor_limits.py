"""Limits of everybody and of roles: what tightens holds at once, what loosens waits a day."""

import threading
import time

import pytest
from django.contrib.auth.models import Group as Role
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from commands.governor import HeldAction, LimitReached, limits
from commands.governor.admission import budget_of
from commands.governor.models import GovernorLimit, LimitChange
from commands.meanings import Danger
from devices.models import Event
from devices.timeline import Actor
from tests.api.client import Caller
from tests.commands.governed import erase, fleet, staff


@pytest.mark.django_db
def test_a_limit_tightens_at_once_and_loosens_after_a_day():
    actor = Actor.staff(staff())
    limit = GovernorLimit.objects.get(danger="erase")
    assert limits.change_limit(limit, {"per_person": 2}, actor=actor, reason="careful") is None
    change = limits.change_limit(limit, {"per_person": 500, "in_all": 10}, actor=actor, reason="a sale")
    limit.refresh_from_db()
    assert (limit.per_person, limit.in_all) == (2, 10)
    assert limits.apply_due_changes() == 0
    type(change).objects.update(effective_at=timezone.now())
    assert limits.apply_due_changes() == 1
    limit.refresh_from_db()
    assert limit.per_person == 500


def of_role(name: str = "Site"):
    """Return a role and somebody of it, who has been there for long."""
    role = Role.objects.create(name=name)
    person = staff(name.lower())
    person.groups.add(role)
    return role, person


@pytest.mark.django_db
def test_a_limit_of_a_role_tightens_at_once_and_loosens_after_a_day():
    role, person = of_role()
    actor = Actor.staff(staff())
    limit, pending = limits.add_limit("erase", role, {"per_person": 2, "in_all": 100}, actor=actor, reason="a site")
    assert (limit.per_person, limit.in_all, pending.values) == (2, 25, {"in_all": 100})
    erase(fleet(2), person, confirmed=2)
    with pytest.raises(LimitReached, match="2 devices an hour"):
        erase(fleet(1), person)
    LimitChange.objects.update(effective_at=timezone.now())
    limits.apply_due_changes()
    limit.refresh_from_db()
    assert limit.in_all == 100
    with pytest.raises(limits.LimitExists):
        limits.add_limit("erase", role, {}, actor=actor, reason="again")


@pytest.mark.django_db
def test_removing_a_limit_is_judged_by_what_holds_without_it():
    (tight, _), (loose, _) = of_role("Tight"), of_role("Loose")
    actor = Actor.staff(staff())
    fields = {"in_all": 25, "second_person_above": 5, "delay_above": 1, "delay_minutes": 5}
    tighter = GovernorLimit.objects.create(danger="erase", role=tight, per_person=2, **fields)
    looser = GovernorLimit.objects.create(danger="erase", role=loose, per_person=20, **fields)

    assert limits.remove_limit(looser, actor=actor, reason="over") is None
    assert not GovernorLimit.objects.filter(pk=looser.pk).exists()
    assert limits.remove_limit(tighter, actor=actor, reason="over").removes
    assert limits.apply_due_changes() == 0
    LimitChange.objects.update(effective_at=timezone.now())
    assert limits.apply_due_changes() == 1
    assert not GovernorLimit.objects.filter(pk=tighter.pk).exists()
    assert Event.objects.filter(kind="limit_removed").count() == 2
    with pytest.raises(limits.LimitOfEverybody):
        limits.remove_limit(GovernorLimit.objects.get(danger="erase"), actor=actor, reason="x")


@pytest.mark.django_db
def test_a_limit_added_for_a_role_does_not_lift_that_of_another_role_of_its_people():
    role, person = of_role()
    other = Role.objects.create(name="Others")
    person.groups.add(other)
    fields = {"in_all": 25, "second_person_above": 5, "delay_above": 1, "delay_minutes": 5}
    GovernorLimit.objects.create(danger="erase", role=role, per_person=1, **fields)
    limit, pending = limits.add_limit("erase", other, {"per_person": 10}, actor=Actor.staff(staff()), reason="x")
    assert (limit.per_person, pending.values) == (1, {"per_person": 10})


@pytest.mark.django_db
def test_a_role_given_today_loosens_nothing_until_tomorrow():
    role, person = of_role("Wipers")
    GovernorLimit.objects.create(
        danger="erase", role=role, per_person=500, in_all=500, second_person_above=None, delay_above=None
    )
    assert budget_of(Danger.ERASE, Actor.staff(person)).left == 10
    assert erase(fleet(6), person, confirmed=6).held.state == HeldAction.State.NEEDS_APPROVAL
    assert budget_of(Danger.ERASE, Actor.staff(of_role("Old")[1])).left == 10
    long_there = staff("long-there")
    long_there.groups.add(role)
    type(person).objects.filter(pk=long_there.pk).update(powers_given_at=long_there.date_joined)
    assert budget_of(Danger.ERASE, Actor.staff(long_there)).left == 494


@pytest.mark.django_db
def test_a_limit_that_somebody_has_just_removed_is_told_so():
    role, _person = of_role()
    actor = Actor.staff(staff())
    limit, _pending = limits.add_limit("erase", role, {"per_person": 2}, actor=actor, reason="a site")
    GovernorLimit.objects.filter(pk=limit.pk).delete()
    with pytest.raises(limits.LimitGone):
        limits.remove_limit(limit, actor=actor, reason="over")
    with pytest.raises(limits.LimitGone):
        limits.change_limit(limit, {"per_person": 1}, actor=actor, reason="careful")


def _wait_for_a_lock() -> None:
    """Return once another connection waits for a row that this one has locked."""
    with connection.cursor() as cursor:
        for _ in range(1000):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["api", "console"])
def test_of_two_removals_at_the_same_moment_the_second_is_answered_cleanly(where):
    role, _person = of_role()
    user = staff()
    limit, _pending = limits.add_limit("erase", role, {"per_person": 2}, actor=Actor.staff(user), reason="a site")
    caller, client, answers = Caller(user=user), Client(), []
    client.force_login(user)

    def remove() -> None:
        if where == "api":
            answer = caller.client.delete(f"/api/v1/governor/limits/{limit.pk}/", {"reason": "over"}, format="json")
            answers.append((answer.status_code, answer.json()["code"]))
        else:
            address = f"/console/commands/heldaction/limit/{limit.pk}/remove/"
            answer = client.post(address, {"reason": "over"}, follow=True)
            answers.append((answer.status_code, "has just removed this limit" in answer.content.decode()))
        connections.close_all()

    second = threading.Thread(target=remove)
    with transaction.atomic():
        GovernorLimit.objects.select_for_update().get(pk=limit.pk)
        second.start()
        _wait_for_a_lock()
        limit.delete()
    second.join()
    assert answers == [(404, "limit_gone") if where == "api" else (200, True)]
