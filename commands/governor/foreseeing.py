"""What the governor will say to a destructive wish, told before anybody has typed a reason and a number.

It reads what `admission.admit` decides by, and counts nothing: what is true when it is told may be used up by another
person a moment later.
"""

from dataclasses import dataclass

from commands.governor.admission import Budget, Stopped, budget_of, check_stopped, why_refused, worst_wait
from commands.governor.models import GovernorLimit
from commands.meanings import Danger
from devices.timeline import Actor


@dataclass(frozen=True)
class Foreseen:
    """The words, and whether it would be refused as it is."""

    words: str
    is_refused: bool = False


def foresee(danger: Danger, devices: int, actor: Actor) -> Foreseen:
    """Say what becomes of a wish for a number of devices: refused, held and until when, or carried out at once."""
    try:
        check_stopped()
    except Stopped as error:
        return Foreseen(f"It will be refused: {error.detail}.", is_refused=True)
    budget = budget_of(danger, actor)
    refusal = why_refused(budget, danger, devices)
    if refusal:
        return Foreseen(f"It will be refused for {_counted(devices)}: {refusal}.", is_refused=True)
    left = f"After it {budget.left - devices} are left for this hour."
    limit = worst_wait([budget.limit], devices)
    return Foreseen(f"{_wait_words(limit, devices)} {left}")


def foresee_each(dangers: tuple[Danger, ...], devices: int, actor: Actor) -> Foreseen | None:
    """Say what becomes of a workflow on a number of devices, whose commands are asked for one by one and wait as
    those of all of them would; None where nothing of it is destructive. What the limit refuses is asked for again.
    """
    if not dangers or not devices:
        return None
    try:
        check_stopped()
    except Stopped as error:
        return Foreseen(f"It starts, but what is destructive waits: {error.detail}.")
    told = [(danger, _each_words(budget_of(danger, actor), devices)) for danger in dangers]
    return Foreseen(" ".join(f"{danger.label}: {words}" for danger, words in told))


def _each_words(budget: Budget, devices: int) -> str:
    words = _wait_words(worst_wait([budget.limit], devices), devices)
    words = f"{words[:1].lower()}{words[1:]}"
    if devices <= budget.left:
        return f"{words} After it {budget.left - devices} are left for this hour."
    return f"{words} {budget.left} of {_counted(devices)} are within the limit of this hour; the others wait for it."


def rules(danger: Danger, actor: Actor) -> str:
    """Say what holds for somebody now, where the number of devices is not known yet."""
    budget = budget_of(danger, actor)
    limit = budget.limit
    told = [f"{danger.label}: {budget.left} more devices within this hour; what is for more is refused."]
    if limit.delay_above is not None and limit.delay_minutes:
        told.append(f"For more than {limit.delay_above} it waits {limit.delay_minutes} minutes, and can be cancelled.")
    if limit.second_person_above is not None:
        told.append(f"For more than {limit.second_person_above} it waits for a second person.")
    return " ".join(told)


def _wait_words(limit: GovernorLimit | None, devices: int) -> str:
    if limit is None:
        return "It goes out at once."
    if limit.second_person_above is not None and devices > limit.second_person_above:
        return f"It will wait for a second person, as everything for more than {limit.second_person_above} devices."
    return f"It will wait {limit.delay_minutes} minutes, in which it can be cancelled."


def _counted(number: int) -> str:
    return "1 device" if number == 1 else f"{number:,} devices"
