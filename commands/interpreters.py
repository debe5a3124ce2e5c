"""What the answers to each command mean: a registry by RequestType, filled by one function (or module) a command.

An interpreter gets a batch of readable reports to one RequestType and writes what they mean in sets, in a transaction
in which the devices are locked. It may be called again with the same reports. When it raises, the batch is repeated in
halves until the report that is to blame is alone, marked and out of the way (commands.results).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from commands.outcomes import DONE, Outcome, failed
from commands.queue import NobodyToAsk, queue_command
from devices import inventory
from devices.models import Channel
from devices.timeline import SCHEDULE


@dataclass(eq=False)
class CommandReport(inventory.Reported):
    """A report with the command it answers; ``error_chain`` is in terms of JSON.

    ``outcome`` is what an acknowledged answer amounts to, by the Meaning of its command.
    """

    report_id: int = 0
    queued_id: int | None = None
    command_id: int | None = None
    request_type: str = ""
    status: str = ""
    error_chain: list = field(default_factory=list)
    outcome: Outcome = DONE

    @property
    def told(self) -> str:
        """The Status, where an answer that says Acknowledged and tells of a failure counts as an Error."""
        return "Error" if self.status == ACKNOWLEDGED and self.outcome.is_failed else self.status

    def fail(self, problem: str) -> None:
        """Say that the answer turned out to be of no use while it was interpreted."""
        self.outcome = failed(*self.outcome.problems, problem)

    @property
    def command_uuid(self) -> str:
        return self.content.get("CommandUUID", "")


@dataclass(frozen=True)
class Interpreter:
    """What to do about one RequestType: with reports of which Status, and whether the question's keys are needed.

    ``even_failed``: also those that say Acknowledged and tell of a failure.
    """

    act: Callable[[list[CommandReport]], object]
    statuses: frozenset[str]
    wants_question: bool
    even_failed: bool = False

    def means(self, report: CommandReport) -> bool:
        return (report.status if self.even_failed else report.told) in self.statuses


ACKNOWLEDGED = "Acknowledged"
# What a report says that did not carry out its command.
REFUSED = ("Error", "CommandFormatError")
_registry: dict[str, list[Interpreter]] = {}


def interprets(*request_types: str, statuses=("Acknowledged",), wants_question=False, even_failed=False):
    """Register a function for reports to these RequestTypes; ``wants_question`` fills ``asked``, the command's keys.

    An answer that says Acknowledged and tells of a failure (its ``outcome``) is an Error to all but ``even_failed``.
    """

    def register(act):
        for request_type in request_types:
            interpreter = Interpreter(act, frozenset(statuses), wants_question, even_failed)
            _registry.setdefault(request_type, []).append(interpreter)
        return act

    return register


def interpreters_of(request_type: str) -> list[Interpreter]:
    return _registry.get(request_type, [])


for _request_type, _store in inventory.STORES.items():
    interprets(_request_type, wants_question=_request_type in inventory.FILTERS, even_failed=True)(_store)


@interprets("InstallProfile", "RemoveProfile")
def ask_for_profiles(reports: list[CommandReport]) -> None:
    """Have the devices list their profiles: the list is the proof that one was installed or removed."""
    channels = Channel.objects.filter(id__in={report.channel_id for report in reports})
    with suppress(NobodyToAsk):  # they have left in the meantime
        queue_command(
            "ProfileList", None, channels,
            actor=SCHEDULE, reason="profiles changed", supersedes="profiles changed",
        )  # fmt: skip
