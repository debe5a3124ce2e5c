"""What devices reported, worked out from the stored rows: in batches, by a worker, a moment later.

The hot path stores a report and finishes its command; here it is opened, handed to the interpreters of its RequestType
and marked. A report that cannot be read or interpreted is kept with its problem and never stands in the way. Several
workers may run this at once, each on its own rows; a worker that dies leaves its batch to the next one.

Locks: report rows (skipping those others hold), then devices in the order of their ids.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models.expressions import Func
from django.db.models.fields import IntegerField
from django.db.models.functions import Now

from commands.interpreters import ACKNOWLEDGED, REFUSED, CommandReport, interpreters_of
from commands.meanings import Meaning, meaning_of
from commands.models import Command, QueuedCommand, Report, report_context
from commands.outcomes import DONE, Result, failed, partly
from commands.outcomes import Outcome as AnswerOutcome
from commands.workflows.notice import commands_answered
from devices.contacts import note_answers
from devices.inventory import lock_devices
from devices.inventory.answers import storable
from devices.isolation import work_isolated
from mdm_project import plist
from mdm_project.crypto import CannotDecrypt, unseal
from mdm_project.errors import BadRequest, EspalierError, UnreadablePlist
from profiles.catalogue.conforming import conform

MAX_ATTEMPTS = 3
# Each statement of a batch costs the same for one report as for hundreds; a batch holds its devices for half a second.
BATCH = 500
MAX_BATCH_BYTES = 32 * 1024 * 1024
MAX_PROBLEM_LENGTH = 1000
# A repeated report says what the first one said; one to a command nobody queued is believed in nothing.
_COLUMNS = (
    "status", "disposition", "body_encrypted", "received_at", "attempts", "channel__device_id",
    "channel__enrollment_key", "channel__user_key", "queued__command__request_type",
)  # fmt: skip
INTERPRETED = (Report.Disposition.RESULT, Report.Disposition.LATE)

_MARK_REPORTS = """
UPDATE commands_report r
SET interpreted_at = CASE WHEN t.is_done THEN now() END, attempts = r.attempts + 1,
    problem = t.problem, error_chain = t.error_chain
FROM jsonb_to_recordset(%s::jsonb) AS t(id bigint, is_done boolean, problem text, error_chain jsonb)
WHERE r.id = t.id"""

# The hot path goes by the Status; what the answer amounts to is known here. A note that says that the answer came late
# stays.
_STATE_OUTCOMES = """
UPDATE commands_queuedcommand q SET state = t.state, note = coalesce(t.note, q.note)
FROM jsonb_to_recordset(%s::jsonb) AS t(id bigint, state smallint, note text)
WHERE q.id = t.id AND q.state = ANY(%s)"""
_STATES = {
    Result.ACKNOWLEDGED: QueuedCommand.State.ACKNOWLEDGED,
    Result.PARTLY: QueuedCommand.State.PARTLY,
    Result.FAILED: QueuedCommand.State.FAILED,
}
_ANSWERED = [QueuedCommand.State.ACKNOWLEDGED, QueuedCommand.State.FAILED, QueuedCommand.State.PARTLY]


@dataclass(slots=True)
class _Outcome:
    """What becomes of a report's row."""

    problem: str | None = None
    error_chain: list | None = None
    is_done: bool = True
    size_bytes: int = 0
    amounts_to: AnswerOutcome = DONE


def drain_reports(time_limit_s: float = 30, limit: int = BATCH) -> int:
    """Interpret batches until nothing waits or the time is over; return how many reports were taken."""
    ends_at = time.monotonic() + time_limit_s
    total = 0
    while time.monotonic() < ends_at:
        taken = interpret_reports(limit)
        total += taken
        if not taken:
            break
    return total


def interpret_reports(limit: int = BATCH) -> int:
    """Interpret the oldest waiting reports in one transaction; return how many were taken, 0 when none waits."""
    with transaction.atomic():
        reports, opened, outcomes = [], [], {}
        total_bytes = 0
        for report in _claim(limit):
            outcomes[report.pk] = outcome = _Outcome()
            reports.append(report)
            opened.extend(_open(report, outcome))
            total_bytes += outcome.size_bytes
            if total_bytes > MAX_BATCH_BYTES:  # the others are free again with the end of this transaction
                break
        if not reports:
            return 0
        _interpret(opened, outcomes)
        _mark(reports, outcomes)
        _state_outcomes(reports, outcomes)
        commands_answered(report.queued.command_id for report in reports if report.queued)
    note_answers((report.channel_id, report.received_at) for report in reports)
    return len(reports)


def _claim(limit: int) -> list[Report]:
    """Lock the oldest waiting rows, as many as fit into memory, and load them.

    Nothing in the database ties a report to its channel (the hot path must not lock it), so a channel that is deleted
    in the moment a device reports leaves a row behind that means nothing.
    """
    size_bytes = Func("body_encrypted", function="octet_length", output_field=IntegerField())
    waiting = Report.objects.filter(interpreted_at=None).order_by("id").select_for_update(skip_locked=True)
    ids, total_bytes = [], 0
    for report_id, report_bytes in waiting.annotate(size_bytes=size_bytes).values_list("id", "size_bytes")[:limit]:
        total_bytes += report_bytes
        if ids and total_bytes > MAX_BATCH_BYTES:
            break
        ids.append(report_id)
    if not ids:
        return []
    rows = Report.objects.filter(id__in=ids).select_related("channel", "queued__command")
    loaded = list(rows.only(*_COLUMNS).order_by("id"))  # making objects of whole rows costs as much as parsing
    orphans = set(ids) - {report.pk for report in loaded}
    if orphans:
        Report.objects.filter(id__in=orphans).update(interpreted_at=Now(), problem="its channel was deleted")
    return loaded


def _open(report: Report, outcome: _Outcome) -> list[CommandReport]:
    """Decrypt, parse, and bring every value to the type that Apple's schema declares.

    A report that cannot be read is done with its problem, and none is returned.
    """
    channel, queued = report.channel, report.queued
    context = report_context(channel.enrollment_key, channel.user_key)
    try:
        body = unseal(report.body_encrypted, context)
        outcome.size_bytes = len(body)
        content, _was_repaired = plist.loads_report(body)
    except (CannotDecrypt, BadRequest) as error:
        outcome.problem = f"cannot be read: {error.detail}"[:MAX_PROBLEM_LENGTH]
        outcome.amounts_to = failed(f"The answer cannot be read: {error.detail}")
        return []
    content, misfits = conform(queued.command.request_type if queued else "", content)
    outcome.error_chain = storable(content["ErrorChain"]) if "ErrorChain" in content else None
    if queued is None or report.disposition not in INTERPRETED:
        return []
    command_report = CommandReport(
        device_id=channel.device_id, channel_id=channel.pk, user_key=channel.user_key, answered_at=report.received_at,
        content=content, report_id=report.pk, queued_id=queued.pk, command_id=queued.command_id,
        request_type=queued.command.request_type, status=report.status, error_chain=outcome.error_chain or [],
        problems=[f"{it.path}: {it.problem}" for it in misfits if not it.path.startswith("ErrorChain")],
        misfits=[(misfit.path, misfit.value) for misfit in misfits],
    )  # fmt: skip
    return [command_report]


def _interpret(reports: list[CommandReport], outcomes: dict[int, _Outcome]) -> None:
    by_type = defaultdict(list)
    for report in reports:
        by_type[report.request_type].append(report)
    _load_questions(report for report in reports if _wants_question(report))
    work = []
    for request_type, same in by_type.items():
        _judge(request_type, same)
        for interpreter in interpreters_of(request_type):
            work.append((interpreter, [report for report in same if interpreter.means(report)]))
    lock_devices(report.device_id for _interpreter, meant in work for report in meant)
    for interpreter, meant in work:
        for report, error in work_isolated(meant, interpreter.act):
            # Words of our own may be read by anybody; those of a library quote what the device said, secrets included.
            told = error.detail if isinstance(error, EspalierError) else "the log of the worker says where"
            report.problems.append(f"{type(error).__name__}: {told}")
            outcomes[report.report_id].is_done = False
    for report in reports:
        outcomes[report.report_id].problem = _problem(report, outcomes[report.report_id])
        outcomes[report.report_id].amounts_to = report.outcome


def _wants_question(report: CommandReport) -> bool:
    if report.status == ACKNOWLEDGED and meaning_of(report.request_type).reads_question:
        return True
    interpreters = interpreters_of(report.request_type)
    return any(each.wants_question and report.status in each.statuses for each in interpreters)


def _judge(request_type: str, reports: list[CommandReport]) -> None:
    """Say what each acknowledged answer amounts to, before anything is made of it."""
    meaning = meaning_of(request_type)
    is_plain = type(meaning).outcome is Meaning.outcome

    def judge(several: list[CommandReport]) -> None:
        for report in several:
            report.outcome = meaning.outcome(report.content, report.asked)
            if report.misfits and report.outcome is DONE and not is_plain:
                paths = ", ".join(path for path, _value in report.misfits)
                report.outcome = partly(
                    f"Not all of the answer can be read: {paths} has a type that Apple does not declare."
                )

    acknowledged = [report for report in reports if report.status == ACKNOWLEDGED]
    if is_plain:  # looks at types only, and most answers are judged by it
        judge(acknowledged)
        return
    for report, _error in work_isolated(acknowledged, judge):
        report.outcome = failed("The answer cannot be interpreted: the log of the worker says why.")


def _load_questions(reports: Iterable[CommandReport]) -> None:
    """Fill ``asked`` of the reports: one statement, and each command is opened once."""
    by_command = defaultdict(list)
    for report in reports:
        by_command[report.command_id].append(report)
    if not by_command:
        return
    for command in Command.objects.filter(id__in=by_command).order_by("id").only("uuid", "body_encrypted"):
        try:
            question = plist.loads(unseal(command.body_encrypted, command.body_context)).get("Command")
        except (CannotDecrypt, UnreadablePlist):
            # What was asked is not known: then nothing may be concluded from what is absent.
            question = dict.fromkeys(("Identifiers", "ManagedOnly"), True)
        for report in by_command[command.pk]:
            report.asked = question


def _problem(report: CommandReport, outcome: _Outcome) -> str | None:
    if outcome.is_done:
        return report.problem()
    return f"cannot be interpreted: {report.problems[-1]}"[:MAX_PROBLEM_LENGTH]


def _mark(reports: list[Report], outcomes: dict[int, _Outcome]) -> None:
    rows = []
    for report in reports:
        outcome = outcomes[report.pk]
        is_done = outcome.is_done or report.attempts + 1 >= MAX_ATTEMPTS
        told = {"problem": storable(outcome.problem), "error_chain": outcome.error_chain}
        rows.append({"id": report.pk, "is_done": is_done, **told})
    with connection.cursor() as cursor:
        cursor.execute(_MARK_REPORTS, [json.dumps(rows)])


def _state_outcomes(reports: list[Report], outcomes: dict[int, _Outcome]) -> None:
    """Write what an answer amounts to into the queue rows where its Status alone does not say it, and why."""
    rows = []
    for report in reports:
        amounts_to = _amounts_to(report, outcomes[report.pk])
        is_as_told = amounts_to is DONE and report.status == ACKNOWLEDGED
        if report.queued_id and report.disposition in INTERPRETED and not is_as_told:
            is_late = report.disposition == Report.Disposition.LATE
            note = None if is_late else storable(amounts_to.note) or None
            rows.append({"id": report.queued_id, "state": _STATES[amounts_to.result], "note": note})
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_STATE_OUTCOMES, [json.dumps(rows), _ANSWERED])


def _amounts_to(report: Report, outcome: _Outcome) -> AnswerOutcome:
    if report.status == ACKNOWLEDGED or (outcome.amounts_to is not DONE and not outcome.error_chain):
        return outcome.amounts_to
    if report.status in REFUSED:
        request_type = report.queued.command.request_type if report.queued else ""
        return meaning_of(request_type).refused(outcome.error_chain, report.status)
    return failed(f"The device answered with a Status that Apple does not define: {report.status}.")
