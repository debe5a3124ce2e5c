"""A4, console A2: what the governor will say is told before reason and number are typed, and is what it says then."""

import pytest

from commands.governor import HeldAction, LimitReached
from commands.governor.foreseeing import foresee, foresee_each, rules
from commands.governor.switch import stop
from commands.meanings import Danger
from devices.timeline import Actor
from tests.commands.governed import erase, fleet, staff

pytestmark = pytest.mark.django_db


def test_it_foresees_what_the_governor_then_does():
    user = staff()
    actor = Actor.staff(user)
    assert "more devices within this hour" in rules(Danger.ERASE, actor)
    for number, words in ((1, "at once"), (3, "minutes, in which it can be cancelled"), (6, "second person")):
        told = foresee(Danger.ERASE, number, actor)
        asked = erase(fleet(number), user, confirmed=number)
        assert words in told.words and not told.is_refused
        state = asked.held and asked.held.state
        assert (state == HeldAction.State.NEEDS_APPROVAL) == ("second person" in told.words)
        assert (state is None) == ("at once" in told.words)
    told = foresee(Danger.ERASE, 11, actor)
    assert told.is_refused and told.words.startswith("It will be refused for 11 devices: Erase is limited")
    with pytest.raises(LimitReached) as refused:
        erase(fleet(11), user, confirmed=11)
    assert refused.value.detail in told.words


def test_while_all_is_stopped_it_says_so():
    user = staff()
    stop(actor=Actor.staff(user), reason="a thief")
    told = foresee(Danger.LOCK, 1, Actor.staff(user))
    assert told.is_refused and "a thief" in told.words


def test_a_workflow_on_many_tells_of_the_limit_that_each_of_its_commands_meets():
    actor = Actor.staff(staff())
    assert foresee_each((), 5, actor) is None
    told = foresee_each((Danger.ERASE,), 6, actor)
    assert told.words.startswith("Erase: it will wait for a second person") and "After it" in told.words
    assert "10 of 12 devices are within the limit of this hour; the others wait" in (
        foresee_each((Danger.ERASE,), 12, actor).words
    )
