"""What answers to InstallProfile, RemoveProfile and ProfileList say about the items that are wanted on a channel.

An answer counts for an item only when it is to the command that the item waits for. The device's own list is the
proof: an item is verified when the list shows its identifier and the UUID that was sent, which each version and each
set of values has of its own; it is removed when the list no longer shows the identifier. A list counts only when it
came after the item's last change; the one asked for after every installation and removal (commands.interpreters)
always does.

Apple: developer.apple.com/documentation/devicemanagement/profile-list-command
"""

import json

from django.db import connection

from commands import item_statements
from commands.drift import Proven, tell_drift
from commands.error_words import words_of
from commands.interpreters import CommandReport, ask_for_profiles, interprets
from commands.meanings.remove_profile import says_not_installed
from profiles.desired import kick_reconciler

LIST = "ProfileList"
REMOVE = "RemoveProfile"
_ANSWERS = ("Acknowledged", "Error", "CommandFormatError")


@interprets("InstallProfile", "RemoveProfile", statuses=_ANSWERS)
def note_answers(reports: list[CommandReport]) -> None:
    """Move on the items that waited for these answers; answers to other people's commands mean nothing here."""
    acknowledged = [report.queued_id for report in reports if report.status == "Acknowledged"]
    removals = [report for report in reports if report.request_type == REMOVE and report.status != "Acknowledged"]
    nothing_there = [report.queued_id for report in removals if says_not_installed(report.error_chain)]
    failed = [
        {"queued_id": report.queued_id, "error": words_of(report.error_chain, report.status)}
        for report in reports
        if report.status != "Acknowledged"
    ]
    steps = (
        (item_statements.NOTE_ACKNOWLEDGED, acknowledged),
        (item_statements.NOTE_NOT_INSTALLED, nothing_there),
        (item_statements.NOTE_FAILED, failed and json.dumps(failed)),
    )
    with connection.cursor() as cursor:
        for statement, told in steps:
            if told:
                cursor.execute(statement, [told])


# That a removal failed often means that there was nothing to remove: the list tells.
interprets("RemoveProfile", statuses=("Error", "CommandFormatError"))(ask_for_profiles)


@interprets(LIST, wants_question=True)
def prove_items(reports: list[CommandReport]) -> None:
    """Compare the newest list of each channel with its items: verified, removed, drifted or still there."""
    readable = [report for report in reports if report.part(LIST, list) is not None]
    newest = {report.channel_id: report for report in sorted(readable, key=lambda report: report.answered_at)}
    told = [
        {
            "channel_id": channel_id,
            "answered_at": report.answered_at.isoformat(),
            "is_whole": not report.asked.get("ManagedOnly"),
        }
        for channel_id, report in newest.items()
    ]
    listed = [row for report in newest.values() for row in _rows(report)]
    with connection.cursor() as cursor:
        cursor.execute(item_statements.PROVE, [json.dumps(told), json.dumps(listed)])
        proven = [Proven(*row) for row in cursor.fetchall()]
    tell_drift(proven, {channel_id: report.device_id for channel_id, report in newest.items()})
    if any(each.outcome in ("vanished", "changed") for each in proven):
        kick_reconciler()


def _rows(report: CommandReport) -> list[dict]:
    return [
        {
            "channel_id": report.channel_id,
            "identifier": _text(item.get("PayloadIdentifier")),
            "uuid": _text(item.get("PayloadUUID")),
        }
        for _path, item in report.items(LIST)
    ]


def _text(value) -> str:
    return value.replace("\0", "") if isinstance(value, str) else ""  # PostgreSQL stores no NUL
