"""Settings: several settings in one command, each answered for itself, each with platforms and versions of its own.

A device is asked all of the items or none: one to which an item does not apply is left out, and the item named. Nothing
that was asked is dropped without a word; who wants the rest asks for the rest.

Apple: developer.apple.com/documentation/devicemanagement/settings-command
"""

from collections.abc import Iterator
from functools import lru_cache

from commands.error_words import words_of
from commands.interpreters import ACKNOWLEDGED
from commands.meanings import Candidate, Meaning, meaning
from commands.outcomes import of_items
from commands.rights import missing_right
from profiles import catalogue
from profiles.catalogue import Target
from profiles.catalogue.availability import evaluate


@meaning("Settings")
class Settings(Meaning):
    reads_question = True

    def check(self, payload):
        return {} if payload.get("Settings") else {"Settings": "names no setting"}

    def refusal(self, candidate, payload):
        if not candidate.platform:
            return ""
        items = (payload or {}).get("Settings") or []
        reasons = (_refusal(name, candidate) for name in dict.fromkeys(map(_name, items)))
        return "; ".join(filter(None, reasons))

    def outcome(self, content, asked):
        if "Settings" not in content:  # older systems: the Status is all they say
            return super().outcome(content, asked)
        answered = [problem for _asked, problem in _answered(content, asked)]
        return of_items(answered, nothing="The answer names no setting.")

    def remaining(self, payload, content):
        """Return the items that failed, as they were asked."""
        failed = [item for item, problem in _answered(content, payload) if problem and item]
        return {**payload, "Settings": failed} if failed else payload


def _refusal(name: str, candidate: Candidate) -> str:
    reason = _by_schema(name, candidate.target, candidate.access_rights)
    return f"{name}: {reason}" if reason else ""


@lru_cache(maxsize=4096)
def _by_schema(name: str, target: Target, access_rights: int) -> str:
    array = catalogue.command("Settings").find("Settings")
    variant = array.variant_for({array.discriminator: name})
    if variant is None:
        return ""
    reasons = evaluate(variant.support, target).reasons
    return reasons[0].message if reasons else missing_right(variant.support, target, access_rights)


def _answered(content: dict, asked: dict) -> Iterator[tuple[dict, str]]:
    """Yield each item that was asked, and of the answer those that were not, with its problem ("" if it is done)."""
    told = content.get("Settings")
    told = [told] if isinstance(told, dict) else told if isinstance(told, list) else []
    told = [item for item in told if isinstance(item, dict)]
    wanted = [item for item in asked.get("Settings") or [] if isinstance(item, dict)]
    are_in_order = len(told) == len(wanted) and all("Item" not in item for item in told)
    for index, item in enumerate(wanted):
        mine = told[index] if are_in_order else next((each for each in told if _is_of(each, item)), None)
        if mine is not None and not are_in_order:
            told.remove(mine)
        yield item, _problem(_label(item), mine)
    if not are_in_order:
        yield from (({}, _problem(_label(item), item)) for item in told)


def _is_of(answer: dict, item: dict) -> bool:
    same = answer.get("Item") == item.get("Item")
    return same and answer.get("Identifier", item.get("Identifier")) == item.get("Identifier")


def _problem(label: str, answer: dict | None) -> str:
    if answer is None:
        return f"{label}: the device did not say what became of it."
    if answer.get("Status", ACKNOWLEDGED) == ACKNOWLEDGED and not answer.get("ErrorChain"):
        return ""
    chain = answer.get("ErrorChain")
    return f"{label}: {words_of(chain if isinstance(chain, list) else None)}"


def _name(item) -> str:
    name = item.get("Item") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def _label(item: dict) -> str:
    identifier = item.get("Identifier")
    name = _name(item) or "A setting"
    return f"{name} of {identifier}" if isinstance(identifier, str) and identifier else name
