"""Reading stored reports for people: which one answers a queue row, and what it says.

Independent of interpretation (commands.results): a report can be read as soon as it is stored. Only the rows that are
shown are decrypted.
"""

from dataclasses import dataclass
from datetime import datetime

from commands.models import QueuedCommand, Report, report_context
from devices.redaction import redact
from mdm_project import plist
from mdm_project.crypto import CannotDecrypt, unseal
from mdm_project.errors import UnreadablePlist


@dataclass(frozen=True)
class Outcome:
    """What came back for one queue row; empty while nothing has."""

    status: str = ""
    received_at: datetime | None = None
    error_chain: list | None = None
    result: dict | None = None
    problem: str | None = None


def attach_outcomes(rows: list[QueuedCommand], *, with_result: bool) -> list[QueuedCommand]:
    """Give each row (its channel joined) an ``outcome``, by one statement; ``with_result`` opens the reports."""
    # A row that waits again, after a retry, is not answered by what it was told before.
    finished = [row.pk for row in rows if row.state not in QueuedCommand.WAITING]
    reports = Report.objects.filter(queued__in=finished)
    if not with_result:
        reports = reports.defer("body_encrypted")
    # The answer before repetitions and late ones, the newest first.
    newest = reports.order_by("queued_id", "disposition", "-id").distinct("queued_id")
    by_row = {report.queued_id: report for report in newest} if finished else {}
    for row in rows:
        report = by_row.get(row.pk)
        row.outcome = _outcome(report, row.channel, with_result) if report else Outcome()
    return rows


def _outcome(report: Report, channel, with_result: bool) -> Outcome:
    result, problem = read_report(report, channel) if with_result else (None, None)
    error_chain = report.error_chain or (result or {}).get("ErrorChain")
    return Outcome(report.status, report.received_at, error_chain, result, report.problem or problem)


def read_report(report: Report, channel) -> tuple[dict | None, str | None]:
    """Return the report in terms of JSON without its secrets, or None and why it cannot be read."""
    try:
        body = unseal(report.body_encrypted, report_context(channel.enrollment_key, channel.user_key))
        message, _was_repaired = plist.loads_report(body)
    except (CannotDecrypt, UnreadablePlist) as error:
        return None, f"the report cannot be read: {error.detail}"
    return plist.to_json(redact(message)), None
