"""The command endpoint: a device reports and is given its next command, until there is none (an empty body).

Idle, Acknowledged, Error, CommandFormatError and NotNow on any channel. The statements are in commands.hot_path; what
a report means is worked out later by commands.results. Nothing that is wrong with one report or one command keeps a
device from the next: a report that cannot be parsed but names its device and status is stored and answered 200.
"""

import logging
from typing import NoReturn

from django.utils import timezone

from commands import hot_path
from commands.models import QueuedCommand, report_context
from devices import channels
from devices.erasing import Contact, note_contact
from devices.identity import Presented
from devices.keys import ChannelKey, channel_key
from devices.models import Channel
from mdm_project import plist
from mdm_project.connections import django_connection
from mdm_project.crypto import CannotDecrypt, seal_body, unseal
from mdm_project.errors import BadRequest, Refused, UnreadablePlist
from mdm_project.kicker import Kicker

logger = logging.getLogger(__name__)

State = QueuedCommand.State
STATE_OF_STATUS = {"Acknowledged": State.ACKNOWLEDGED.value, "NotNow": State.NOT_NOW.value}
FAILED = State.FAILED.value
NOT_NOW = State.NOT_NOW.value
ENABLED = Channel.State.ENABLED.value
DISABLED = Channel.State.DISABLED.value
MAX_UUID_LENGTH = 127
_interpreter = Kicker("commands.interpret_reports")
# A queue in which every command is damaged ends a session instead of going round.
MAX_QUARANTINED_IN_A_ROW = 20


class NoStatus(BadRequest):
    code = "no_status"


class NotPinned(Refused):
    code = "certificate_not_pinned"


class Unenrolled(Refused):
    code = "unenrolled"


def answer_report(body: bytes, identity: Presented) -> bytes:
    """Store the report and return the next command's plist, or b"" when there is nothing to ask.

    Raises BadRequest for a body without readable identity and status, Refused when the certificate does not belong to
    the channel or the device has left.
    """
    report, was_repaired = read_report(body)
    key = channel_key(report)
    status = report.get("Status")
    if not status or not isinstance(status, str):
        raise NoStatus("the report has no Status")
    if status == "Idle":
        return _answer_idle(key, identity)
    turn = _store(key, identity, report, status, body, was_repaired)
    _interpreter.kick()
    return _next_command(turn, key, identity, offer_not_now=False)


def read_report(body: bytes) -> tuple[dict, bool]:
    """Return the report and whether it had to be repaired; salvage identity and status at least."""
    try:
        return plist.loads_report(body)
    except UnreadablePlist:
        found = plist.salvage(body)
        if found.get("Status") and (found.get("UDID") or found.get("EnrollmentID")):
            return found, True
        raise


def _answer_idle(key: ChannelKey, identity: Presented) -> bytes:
    turn = hot_path.take_next(key.enrollment, key.user, identity.fingerprint, offer_not_now=True)
    if turn is None:
        _admit_or_refuse(key, identity)
        turn = hot_path.take_next(key.enrollment, key.user, identity.fingerprint, offer_not_now=True)
    return _next_command(turn, key, identity, offer_not_now=True)


def _store(key: ChannelKey, identity: Presented, report: dict, status: str, body: bytes, was_repaired: bool):
    sealed = seal_body(body, report_context(key.enrollment, key.user))
    command_uuid = str(report.get("CommandUUID") or "")[:MAX_UUID_LENGTH].replace("\0", "")
    arguments = (
        key.enrollment, key.user, identity.fingerprint, command_uuid, STATE_OF_STATUS.get(status, FAILED),
        status[:MAX_UUID_LENGTH].replace("\0", ""), sealed, was_repaired,
    )  # fmt: skip
    turn = hot_path.store_report(*arguments)
    if turn is None:
        _admit_or_refuse(key, identity)
        turn = hot_path.store_report(*arguments)
    return turn


@django_connection()
def _admit_or_refuse(key: ChannelKey, identity: Presented) -> None:
    """The statement found no pinned channel: open what may be opened (renewed identity, new user), or say why not."""
    if channels.pin_renewed_identity(key, identity):
        return
    if channels.open_user_channel(key, identity):
        return
    _refuse(key, identity)


@django_connection()
def _refuse(key: ChannelKey, identity: Presented) -> NoReturn:
    raise NotPinned(channels.explain_refusal(key, identity))


@django_connection()
def _is_reopened(key: ChannelKey) -> bool:
    """Tell whether a closed channel is open again, because its device was not erased; one that is still at erasing
    itself has nothing to do; raise Unenrolled for one that left.
    """
    contact = note_contact(key.enrollment)
    if contact is Contact.UNKNOWN:
        raise Unenrolled("this device is not enrolled any more")
    return contact is Contact.REOPENED


@django_connection()
def _revive_push(turn: hot_path.Turn) -> None:
    channels.revive_push(turn.channel_id)


def _next_command(turn, key: ChannelKey, identity: Presented, *, offer_not_now: bool) -> bytes:
    for _ in range(MAX_QUARANTINED_IN_A_ROW):
        if turn is None:
            _refuse(key, identity)
        if turn.channel_state == DISABLED:
            if not _is_reopened(key):
                return b""
            turn = hot_path.take_next(key.enrollment, key.user, identity.fingerprint, offer_not_now=offer_not_now)
            continue
        if turn.is_push_gone:
            _revive_push(turn)
        if turn.queued_id is None:
            return b""
        try:
            return unseal(turn.body_encrypted, f"command:{turn.command_uuid}")
        except CannotDecrypt as error:
            _quarantine(turn, error)
        turn = hot_path.take_next(key.enrollment, key.user, identity.fingerprint, offer_not_now=offer_not_now)
    return b""


@django_connection()
def _quarantine(turn: hot_path.Turn, error: CannotDecrypt) -> None:
    """Take a command that cannot be built out of the queue, so that those behind it go on."""
    logger.error("command %s is quarantined: %s", turn.command_uuid, error.detail)
    QueuedCommand.objects.filter(pk=turn.queued_id).update(
        state=State.QUARANTINED, finished_at=timezone.now(), note=f"cannot be built: {error.detail}"
    )
