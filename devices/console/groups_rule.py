"""What the rule builder offers, and a rule between its text in a form and the checked JSON.

The builder itself is static/console/rules.js; what a rule means is devices.rules'.
"""

import json

from devices.models import Group
from devices.rules import OPERATORS, BadRule, Vocabulary, describe, parse
from devices.rules.operators import PRESENCES, Operator
from mdm_project.errors import BadRequest

MAX_RULE_CHARACTERS = 500_000

# The headings facts are found under, in the order people look for them.
HEADINGS: dict[str, tuple[str, ...]] = {
    "System": ("platform", "os_version", "build_version", "supplemental_os_version"),
    "Device": (
        "name", "serial_number", "udid", "asset_tag", "model", "model_name", "model_number", "imei", "phone_number",
        "wifi_mac", "battery_level", "capacity_gb", "available_gb",
    ),
    "Security": (
        "is_supervised", "is_encrypted", "is_passcode_present", "is_passcode_compliant", "is_firewall_enabled",
        "is_sip_enabled", "is_lost_mode_enabled", "is_activation_lock_enabled",
    ),
    "Enrollment": (
        "last_seen_at", "last_answer_at", "created_at", "enrollment_state", "enrollment_kind", "enrollment_profile",
        "enrolled_at", "identity_expires_at", "is_user_approved_enrollment", "is_ade_enrolled", "is_user_enrollment",
        "is_awaiting_configuration",
    ),
    "User": ("person_name", "person_email", "person_department", "person_site"),
    "Installed": (
        "application", "application_name", "application_version", "profile", "profile_name", "profile_state",
        "certificate", "certificate_expires_at",
    ),
    "Tags and groups": ("tag", "group"),
    "Custom attributes": ("attribute",),
}  # fmt: skip
_HEADING_OF = {name: heading for heading, names in HEADINGS.items() for name in names}

# Where an operator's phrase is made for a sentence and does not tell it from another one.
_WORDS = {
    "in": "is one of",
    "not in": "is not one of",
    "has": "has",
    "has not": "has not",
    "has any of": "has any of",
    "has none of": "has none of",
    "has starting with": "has one starting with",
    "has containing": "has one containing",
}
_PRESENCE_WORDS = {"is set": "has any", "is empty": "has none"}
_MEMBERSHIP_WORDS = {
    "has": "is",
    "has not": "is not",
    "has any of": "is one of",
    "has none of": "is none of",
    "is set": "is any",
    "is empty": "is none",
}


def builder_offer(vocabulary: Vocabulary | None = None) -> dict:
    """Return the facts and the operators of each kind as the builder reads them."""
    facts = [_offer(fact, name) for fact, name in (vocabulary or Vocabulary()).facts()]
    order = list(HEADINGS)
    facts.sort(key=lambda fact: order.index(fact["heading"]))
    operators = {
        kind: [{"is": word, "label": _label(kind, word, each), "takes": each.takes} for word, each in words.items()]
        for kind, words in OPERATORS.items()
    }
    return {"facts": facts, "operators": operators}


def _offer(fact, attribute: str) -> dict:
    thing = "that is named" if fact.name == "profile_state" else "an application"
    label = fact.label.replace("{of}", thing) if fact.name != "attribute" else fact.label
    return {
        "fact": fact.name,
        "of": attribute,
        "asks": "" if attribute else fact.of,
        "heading": _HEADING_OF.get(fact.name, "Device"),
        "label": label[:1].upper() + label[1:],
        "kind": fact.kind,
        "choices": list(fact.choices),
    }


def _label(kind: str, word: str, operator: Operator) -> str:
    if kind == "membership":
        return _MEMBERSHIP_WORDS[word]
    if kind in PRESENCES and word in _PRESENCE_WORDS:
        return _PRESENCE_WORDS[word]
    if kind == "boolean" and word in ("is", "is not"):
        return word
    if word in _WORDS:
        return _WORDS[word]
    return operator.phrase.partition("{}")[0].strip() if operator.takes != "nothing" else f"is {word[3:]}"


def read_rule(text: str) -> object:
    """Return the rule that a form sent, checked; raise BadRule with what is wrong by key path."""
    if len(text) > MAX_RULE_CHARACTERS:
        raise BadRule("the rule is too long", fields={"rule": "is too long"})
    try:
        rule = json.loads(text or "null")
    except (ValueError, RecursionError) as error:
        raise BadRule("the rule is not JSON", fields={"rule": f"is not JSON: {error}"}) from error
    if rule is None or rule in ({"all": []}, {"any": []}):
        raise BadRule("the rule is empty", fields={"rule": "needs at least one condition"})
    parse(rule)
    return rule


def sentence(group: Group, vocabulary: Vocabulary) -> str:
    """Return a smart group's rule in words; "" for a static group, or a rule that no longer holds."""
    if group.rule is None:
        return ""
    try:
        text = describe(group.rule, vocabulary)
    except BadRequest:
        return ""
    return text[:1].upper() + text[1:]
