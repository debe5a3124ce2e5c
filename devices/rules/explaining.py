"""Why a device is in a smart group or not: each condition with its outcome and what is known of the device."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import BooleanField, Case, F, Subquery, Value, When

from devices.models import Device
from devices.rules.facts import Vocabulary
from devices.rules.operators import PRESENCES
from devices.rules.parsing import Condition, Node, conditions_of, parse
from devices.rules.sentences import sentence_of


@dataclass(frozen=True)
class Explanation:
    """A rule or a part of it: in words, whether the device meets it, and what is known; ``word`` joins the parts."""

    text: str
    is_met: bool
    actual: str | None = None
    word: str = ""
    parts: tuple["Explanation", ...] = ()


def explain(rule, device: Device, vocabulary: Vocabulary | None = None) -> Explanation:
    """Say of every condition whether the device meets it now; one statement. Raise BadRule."""
    node = parse(rule, vocabulary)
    conditions = list(conditions_of(node))
    columns = {}
    for number, condition in enumerate(conditions):
        met = Case(When(condition.q(), then=Value(True)), default=Value(False), output_field=BooleanField())
        columns[f"is_met_{number}"] = met
        actual = _actual(condition)
        if actual is not None:
            columns[f"actual_{number}"] = actual
    row = Device.objects.filter(pk=device.pk).values().annotate(**columns).get()
    outcomes = {id(condition): (row[f"is_met_{n}"], row.get(f"actual_{n}")) for n, condition in enumerate(conditions)}
    return _explained(node, outcomes)


def _actual(condition: Condition):
    """The value as an expression; None for presence, which may be of hundreds of rows."""
    fact = condition.fact
    if fact.kind in PRESENCES:
        return None
    column = fact.shown or fact.path
    return Subquery(fact.rows(condition.of).values(column)[:1]) if fact.rows else F(column)


def _explained(node: Node, outcomes: dict[int, tuple[bool, object]]) -> Explanation:
    if isinstance(node, Condition):
        is_met, actual = outcomes[id(node)]
        return Explanation(sentence_of(node), is_met, _shown(node, actual))
    parts = tuple(_explained(part, outcomes) for part in node.parts)
    outcome = [part.is_met for part in parts]
    is_met = {"all": all(outcome), "any": any(outcome), "not": not outcome[0]}[node.word]
    return Explanation(sentence_of(node), is_met, word=node.word, parts=parts)


def _shown(condition: Condition, actual) -> str | None:
    if actual is None or actual == "":
        return None
    if isinstance(actual, bool):
        return "yes" if actual else "no"
    if isinstance(actual, datetime):
        return f"{actual.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return str(dict(condition.fact.choices).get(actual, actual))
