"""What devices answered, for people: a report in readable terms without its secrets, summed up in a line."""

from collections.abc import Iterable

from commands.models import Report, report_context
from commands.summaries import summarise
from devices.inventory.reported import ENVELOPE
from devices.redaction import redact
from mdm_project import plist
from mdm_project.crypto import CannotDecrypt, unseal
from mdm_project.errors import UnreadablePlist


def answer_of(report: Report) -> dict:
    """Return what a report says, without envelope, errors and secrets. Wants ``channel`` loaded."""
    message = read_message(report)
    return {key: value for key, value in message.items() if key not in ENVELOPE and key != "ErrorChain"}


def read_message(report: Report) -> dict:
    """Return the whole message of a report without its secrets. Wants ``channel`` loaded."""
    context = report_context(report.channel.enrollment_key, report.channel.user_key)
    try:
        message, _was_repaired = plist.loads_report(unseal(bytes(report.body_encrypted), context))
    except (CannotDecrypt, UnreadablePlist) as error:
        return {"Unreadable": error.detail}
    return redact(message)


def summaries(reports: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Return one line per report, given (report id, request type) pairs; what was summed up before costs nothing."""
    pairs = list(reports)
    unknown = [pk for pk, _ in pairs if pk not in _known]
    loaded = Report.objects.filter(pk__in=unknown).select_related("channel") if unknown else ()
    types = dict(pairs)
    for report in loaded:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[report.pk] = summarise(types[report.pk], answer_of(report))
    return {pk: _known[pk] for pk, _ in pairs if pk in _known}


# A report never changes, so its summary is kept in the process.
_known: dict[int, str] = {}
MAX_KNOWN = 4000
