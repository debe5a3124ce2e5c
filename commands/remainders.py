"""What is left of a command that a device did in part: only that is asked of it again."""

from commands.meanings import Meaning, meaning_of
from commands.models import QueuedCommand, Report, report_context
from mdm_project import plist
from mdm_project.crypto import CannotDecrypt, unseal
from mdm_project.errors import UnreadablePlist


def remainders(request_type: str, payload: dict, queued) -> dict[int, dict]:
    """Return, by channel id, what is left of a command for those of its QueuedCommands that were done in part.

    Two statements at most; the others, and those of which the answer is no longer kept, are asked everything.
    """
    meaning = meaning_of(request_type)
    if type(meaning).remaining is Meaning.remaining:
        return {}
    partly = list(queued.filter(state=QueuedCommand.State.PARTLY).order_by().values_list("pk", flat=True))
    reports = Report.objects.filter(queued__in=partly).order_by("queued_id", "disposition", "-id")
    left = {}
    for report in reports.distinct("queued_id").select_related("channel"):
        content = _content(report)
        if content is not None:
            left[report.channel_id] = meaning.remaining(payload, content)
    return left


def _content(report: Report) -> dict | None:
    context = report_context(report.channel.enrollment_key, report.channel.user_key)
    try:
        content, _was_repaired = plist.loads_report(unseal(bytes(report.body_encrypted), context))
    except (CannotDecrypt, UnreadablePlist):
        return None
    return content
