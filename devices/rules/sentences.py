"""Rules in words."""

from devices.rules.facts import Vocabulary
from devices.rules.operators import PRESENCES
from devices.rules.parsing import Condition, Node, parse

_BETWEEN = {"all": " and ", "any": " or "}
_MAX_VALUES = 10


def describe(rule, vocabulary: Vocabulary | None = None) -> str:
    """Return a rule (or a part of one) as a sentence; raise BadRule."""
    return sentence_of(parse(rule, vocabulary))


def sentence_of(node: Node) -> str:
    """Return a parsed rule as a sentence."""
    if isinstance(node, Condition):
        return _condition(node)
    if node.word == "not":
        return f"not ({sentence_of(node.parts[0])})"
    parts = [_in_brackets(part, node.word) if len(node.parts) > 1 else sentence_of(part) for part in node.parts]
    return _BETWEEN[node.word].join(parts)


def _in_brackets(part: Node, around: str) -> str:
    is_clear = isinstance(part, Condition) or part.word in ("not", around) or len(part.parts) == 1
    return sentence_of(part) if is_clear else f"({sentence_of(part)})"


def _condition(condition: Condition) -> str:
    fact, operator = condition.fact, condition.operator
    label = fact.label.format(of=condition.of) if fact.name != "attribute" else fact.label
    phrase = operator.phrase.replace("{label}", label).replace("{}", _value(condition))
    if fact.kind in PRESENCES:
        return f"{fact.verbs[operator.is_negated]} {phrase}"
    return f"{label}: {phrase}" if fact.kind == "boolean" else f"{label} {phrase}"


def _value(condition: Condition) -> str:
    if condition.operator.takes == "nothing":
        return ""
    raw = condition.raw if isinstance(condition.raw, list) else [condition.raw]
    shown = [_one(condition, value) for value in raw[:_MAX_VALUES]]
    if len(raw) > _MAX_VALUES:
        shown.append(f"{len(raw) - _MAX_VALUES} others")
    return " or ".join(shown)


def _one(condition: Condition, value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    labels = dict(condition.fact.choices)
    if labels:
        return labels[value]
    return f"“{value}”" if condition.fact.kind in ("text", *PRESENCES) else str(value)
