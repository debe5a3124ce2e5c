"""What an answer amounts to: done, done in part, or failed, each with what went wrong in words.

A Status of Acknowledged says that the device has taken a command, not that it did everything that was asked. What else
an answer says is read by the Meaning of its command (commands.meanings), once, where answers are interpreted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MAX_NOTE_LENGTH = 1000
MAX_NAMED = 10


class Result(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    PARTLY = "partly"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one answer; ``problems`` are whole sentences, empty when everything was done."""

    result: Result = Result.ACKNOWLEDGED
    problems: tuple[str, ...] = ()

    @property
    def is_failed(self) -> bool:
        return self.result is Result.FAILED

    @property
    def note(self) -> str:
        """The problems as one text, the same ones once."""
        different = list(dict.fromkeys(self.problems))
        more = len(different) - MAX_NAMED
        told = [*different[:MAX_NAMED], *([f"And {more} more."] if more > 0 else [])]
        return " ".join(told)[:MAX_NOTE_LENGTH]


DONE = Outcome()


def failed(*problems: str) -> Outcome:
    return Outcome(Result.FAILED, problems)


def partly(*problems: str) -> Outcome:
    return Outcome(Result.PARTLY, problems)


def of_items(problems: Iterable[str | None], *, nothing: str) -> Outcome:
    """Return the outcome of an answer by items: for each its problem, "" if it was done; ``nothing`` if there are none.

    All failed is a failure, some failed is partly.
    """
    told = list(problems)
    wrong = tuple(problem for problem in told if problem)
    if not told:
        return failed(nothing)
    if not wrong:
        return DONE
    return failed(*wrong) if len(wrong) == len(told) else partly(*wrong)
