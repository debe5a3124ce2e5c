"""Rules of smart groups: JSON that says which devices belong, as SQL, as a sentence, and explained for one device.

A rule is ``{"all": [...]}``, ``{"any": [...]}``, ``{"not": ...}`` or a condition, nested up to ten deep:

    {"all": [{"fact": "platform", "is": "is", "value": "ios"},
             {"any": [{"fact": "os_version", "is": "<", "value": "17.4"},
                      {"not": {"fact": "application", "is": "has", "value": "com.example.app"}}]}]}

facts tells what can be looked at, operators how it is compared, parsing checks a rule and makes conditions of it. A
condition is met or not met, never unknown: what a device did not report meets none but those that ask for its absence,
and "is not" is always the opposite of "is". Who is in a group is worked out in devices.groups.
"""

from devices.rules.explaining import Explanation, explain
from devices.rules.facts import Fact, Vocabulary
from devices.rules.operators import OPERATORS
from devices.rules.parsing import BadRule, Combination, Condition, conditions_of, matching, mentions, parse
from devices.rules.sentences import describe

__all__ = [
    "OPERATORS",
    "BadRule",
    "Combination",
    "Condition",
    "Explanation",
    "Fact",
    "Vocabulary",
    "conditions_of",
    "describe",
    "explain",
    "matching",
    "mentions",
    "parse",
]
