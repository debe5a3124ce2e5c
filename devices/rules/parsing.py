"""Checking a rule and making conditions of it; what is wrong is named by key path, all of it at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from django.db.models import Exists, Q

from devices.models import Device
from devices.querysets import DeviceQuerySet
from devices.rules.facts import Fact, Vocabulary
from devices.rules.operators import OPERATORS, READERS, Operator, read_days
from mdm_project.errors import BadRequest

MAX_DEPTH = 10
MAX_CONDITIONS = 100
MAX_VALUES = 5000
_WORDS = ("all", "any", "not")
_KEYS = {"fact", "of", "is", "value"}


class BadRule(BadRequest):
    """The rule cannot be understood; ``fields`` names each part."""

    code = "bad_rule"


@dataclass(frozen=True)
class Condition:
    """A fact compared with a value; ``raw`` is the value as it was written."""

    fact: Fact
    of: str
    operator: Operator
    value: object
    raw: object

    def q(self) -> Q:
        """Return the condition on devices; it is true or false, never null."""
        met = self.operator.build(self.fact.path, self.value)
        if self.fact.rows:
            met = Q(Exists(self.fact.rows(self.of).filter(met)))
        else:
            met &= Q(**{f"{self.fact.path}__isnull": False})
        return ~met if self.operator.is_negated else met


@dataclass(frozen=True)
class Combination:
    """``all`` or ``any`` of the parts, or ``not`` the only one."""

    word: str
    parts: tuple

    def q(self) -> Q:
        conditions = [part.q() for part in self.parts]
        if self.word == "not":
            return ~conditions[0]
        return reduce(and_ if self.word == "all" else or_, conditions)


Node = Condition | Combination


def parse(rule, vocabulary: Vocabulary | None = None) -> Node:
    """Check a rule as it comes from JSON; raise BadRule, which names what is wrong by key path below ``rule``."""
    reader = _Reader(vocabulary or Vocabulary())
    node = reader.node(rule, "rule", 1)
    if reader.number > MAX_CONDITIONS:
        reader.problems["rule"] = f"has more than {MAX_CONDITIONS} conditions"
    if reader.problems:
        path, problem = next(iter(reader.problems.items()))
        raise BadRule(f"the rule cannot be used: {path} {problem}", fields=reader.problems)
    return node


def matching(rule, vocabulary: Vocabulary | None = None) -> DeviceQuerySet:
    """Return the devices that a rule gathers, in the order of their ids."""
    return Device.objects.filter(parse(rule, vocabulary).q()).order_by("id")


def conditions_of(node: Node) -> Iterator[Condition]:
    """Yield the conditions of a parsed rule, as they are written."""
    if isinstance(node, Condition):
        yield node
        return
    for part in node.parts:
        yield from conditions_of(part)


def mentions(rule, fact: str, *, of: str = "", value=None) -> bool:
    """Say whether a stored rule looks at something, even where it can no longer be parsed."""
    if isinstance(rule, list):
        return any(mentions(part, fact, of=of, value=value) for part in rule)
    if not isinstance(rule, dict):
        return False
    if rule.get("fact") == fact:
        named = rule.get("value")
        values = named if isinstance(named, list) else [named]
        return (not of or rule.get("of") == of) and (value is None or value in values)
    return any(mentions(rule.get(word), fact, of=of, value=value) for word in _WORDS)


class _Reader:
    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.problems: dict[str, str] = {}
        self.number = 0

    def node(self, rule, path: str, depth: int) -> Node | None:
        if not isinstance(rule, dict):
            return self._problem(path, "must be an object: all, any, not, or a condition")
        if depth > MAX_DEPTH:
            return self._problem(path, f"is nested more than {MAX_DEPTH} deep")
        word = next((word for word in _WORDS if word in rule), None)
        if word is None:
            self.number += 1
            return self._condition(rule, path)
        if len(rule) > 1:
            others = ", ".join(sorted(str(key) for key in rule if key != word))
            return self._problem(path, f"has {others} beside {word}")
        return self._combination(word, rule[word], f"{path}.{word}", depth)

    def _combination(self, word: str, inner, path: str, depth: int) -> Combination | None:
        if word == "not":
            return Combination(word, (self.node(inner, path, depth + 1),))
        if not isinstance(inner, list) or not inner:
            return self._problem(path, "must be a list with at least one condition")
        if len(inner) > MAX_CONDITIONS:
            return self._problem(path, f"has more than {MAX_CONDITIONS} conditions")
        parts = tuple(self.node(part, f"{path}.{index}", depth + 1) for index, part in enumerate(inner))
        return Combination(word, parts)

    def _condition(self, rule: dict, path: str) -> Condition | None:
        for key in rule.keys() - _KEYS:
            self._problem(f"{path}.{key}", "is not a key of a condition (fact, of, is, value)")
        fact = self._fact(rule, path)
        if fact is None:
            return None
        operators = OPERATORS[fact.kind]
        word = rule.get("is")
        operator = operators.get(word) if isinstance(word, str) else None
        if operator is None:
            return self._problem(f"{path}.is", f"must be one of: {', '.join(operators)}")
        value = self._value(rule, fact, operator, f"{path}.value")
        return Condition(fact, rule.get("of", ""), operator, value, rule.get("value"))

    def _fact(self, rule: dict, path: str) -> Fact | None:
        name, of = rule.get("fact"), rule.get("of", "")
        if not isinstance(of, str):
            return self._problem(f"{path}.of", "must be text")
        fact = self.vocabulary.fact(name, of) if isinstance(name, str) else None
        if fact is None and name == "attribute" and of in self.vocabulary.secrets:
            return self._problem(f"{path}.of", f"names the attribute {of!r}, which is secret: rules cannot look at it")
        if fact is None and name == "attribute":
            return self._problem(f"{path}.of", f"there is no attribute {of!r}" if of else "must name an attribute")
        if fact is None:
            return self._problem(f"{path}.fact", f"there is no fact {name!r}" if name else "is missing")
        if bool(fact.of) != bool(of):
            return self._problem(f"{path}.of", f"must be {fact.of}" if fact.of else "is not wanted here")
        if of and self._read(READERS["text"], of, f"{path}.of") is None:
            return None
        return fact

    def _value(self, rule: dict, fact: Fact, operator: Operator, path: str):
        if operator.takes == "nothing":
            return self._problem(path, "is not wanted here") if rule.get("value") is not None else _EMPTY[fact.kind]
        if "value" not in rule:
            return self._problem(path, "is missing")
        value = rule["value"]
        if operator.takes == "days":
            return self._read(read_days, value, path)
        if operator.takes == "one":
            return self._one(fact, value, path)
        if not isinstance(value, list) or not value or len(value) > MAX_VALUES:
            return self._problem(path, f"must be a list of 1 to {MAX_VALUES} values")
        return [self._one(fact, each, f"{path}.{index}") for index, each in enumerate(value)]

    def _one(self, fact: Fact, value, path: str):
        if not fact.choices and fact.name != "group":
            return self._read(READERS[fact.kind], value, path)
        # Compared with the type, since to Python true is 1.
        if any(type(value) is type(choice) and value == choice for choice, _label in fact.choices):
            return value
        if fact.name == "group":
            return self._problem(path, f"there is no static group {value!r}")
        return self._problem(path, f"must be one of: {', '.join(str(choice) for choice, _label in fact.choices)}")

    def _read(self, reader, value, path: str):
        try:
            return reader(value)
        except ValueError as error:
            return self._problem(path, str(error))

    def _problem(self, path: str, problem: str) -> None:
        self.problems.setdefault(path, problem)


# What "is set" compares with, where it compares.
_EMPTY = dict.fromkeys(OPERATORS) | {"version": []}
