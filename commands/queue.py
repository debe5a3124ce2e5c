"""The queue: the one door through which a device is asked something, and what else may happen to what was queued.

The body is rendered and stored once, each target is one narrow row, all of them inserted by one statement. What a
person or the API queued is never dropped; only a scheduled refresh replaces its own unanswered elders.
"""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from apns.services import request_wake
from commands.meanings import meaning_of
from commands.models import Command, QueuedCommand, Report
from commands.validation import check_command_uuid, check_structure, render_command
from devices.models import Channel
from devices.timeline import Actor, record_event
from mdm_project.crypto import seal_body
from mdm_project.errors import BadRequest, Conflict, EspalierError

State = QueuedCommand.State
DELETE_BATCH = 5000

# Ordered by channel id, so that two storms of commands lock and insert in one order.
_INSERT_TARGETS = """
INSERT INTO commands_queuedcommand (command_id, channel_id, priority, expires_at)
SELECT %s, id, %s, %s FROM ({channels}) AS target ORDER BY id"""
_INSERT_OWN = """
INSERT INTO commands_queuedcommand (command_id, channel_id, priority, expires_at, body_encrypted)
SELECT %s, target.id, %s, %s, own.body FROM ({channels}) AS target
LEFT JOIN unnest(%s::bigint[], %s::bytea[]) AS own (id, body) USING (id) ORDER BY target.id"""


class NobodyToAsk(BadRequest):
    code = "no_targets"


class DuplicateCommand(Conflict):
    code = "duplicate_command_uuid"


class DangerWithoutPermit(EspalierError):
    """A destructive command that did not pass the governor: a mistake in the program, never in the request."""

    code = "danger_without_permit"


def queue_command(
    request_type: str,
    payload: dict | None,
    channels,
    *,
    actor: Actor,
    reason: str = "",
    priority: int = 0,
    expires_at: datetime | None = None,
    supersedes: str = "",
    push: bool = True,
    command_uuid: str | None = None,
    permit=None,
    own_keys: dict[int, dict] | None = None,
    meant_for: str = "",
) -> Command:
    """Ask every channel of a ChannelQuerySet for the same thing, and wake them after commit unless push is off.

    Channels that cannot be asked (unenrolled) are left out. Raises InvalidCommand, NobodyToAsk, and DuplicateCommand
    for a CommandUUID that was used before. ``payload`` holds plist values (bytes and datetimes as such); ``own_keys``
    are added to it for some channels, by id. A destructive command needs the governor's ``permit``: what people and
    programs wish comes through commands.asking.
    """
    payload = payload or {}
    check_structure(request_type, payload)
    if permit is None and meaning_of(request_type).danger(payload):
        raise DangerWithoutPermit(f"{request_type} was to be queued without a permit")
    command_uuid = command_uuid or str(uuid.uuid4()).upper()
    check_command_uuid(command_uuid)
    command = Command(
        uuid=command_uuid, request_type=request_type, origin=actor.origin, actor=actor.name, user=actor.user,
        reason=reason, priority=priority, supersedes=supersedes, expires_at=expires_at,
        is_destructive=permit is not None, meant_for=meant_for[:200],
    )  # fmt: skip
    command.body_encrypted = seal_body(render_command(command_uuid, request_type, payload), command.body_context)
    with transaction.atomic():
        _insert(command)
        bodies = _own_bodies(command, request_type, payload, own_keys or {})
        command.target_count = _insert_targets(command, channels.reachable().order_by(), bodies)
        if not command.target_count:
            raise NobodyToAsk("none of these devices can be asked: not enrolled")
        Command.objects.filter(pk=command.pk).update(target_count=command.target_count)
        if supersedes:
            _replace_elders(command)
        _tell(command, actor)
        if push:
            request_wake(Channel.objects.filter(queue__command=command))
    return command


def _insert(command: Command) -> None:
    try:
        with transaction.atomic():
            command.save(force_insert=True)
    except IntegrityError as error:
        raise DuplicateCommand(
            "this CommandUUID was used before", fields={"command_uuid": "was used before"}
        ) from error


def _own_bodies(command: Command, request_type: str, payload: dict, own_keys: dict[int, dict]) -> dict[int, bytes]:
    """Render and seal the bodies of channels that have keys of their own."""
    return {
        channel_id: seal_body(render_command(command.uuid, request_type, payload | keys), command.body_context)
        for channel_id, keys in own_keys.items()
    }


def _insert_targets(command: Command, channels, bodies: dict[int, bytes]) -> int:
    try:
        sql, parameters = channels.values("id").query.sql_with_params()
    except EmptyResultSet:
        return 0
    statement, more = (_INSERT_OWN, [list(bodies), list(bodies.values())]) if bodies else (_INSERT_TARGETS, [])
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(channels=sql), [command.pk, command.priority, command.expires_at, *parameters, *more]
        )
        return cursor.rowcount


def _replace_elders(command: Command) -> None:
    elders = QueuedCommand.objects.waiting().filter(
        command__supersedes=command.supersedes,
        command__id__lt=command.pk,
        channel__in=command.targets.order_by().values("channel"),
    )
    elders.update(state=State.CANCELLED, finished_at=timezone.now(), note="replaced by a newer scheduled refresh")


def _tell(command: Command, actor: Actor) -> None:
    if actor.origin == "schedule":
        return
    only = command.targets.values_list("channel__device", flat=True).first() if command.target_count == 1 else None
    where = "" if only else f" on {command.target_count} channels"
    because = f": {command.reason}" if command.reason else ""
    record_event(
        "command_queued", f"{command.request_type} asked{where}{because}",
        device=only, actor=actor.name, command_id=command.pk,
    )  # fmt: skip


def cancel_commands(queued, *, actor: Actor, reason: str = "") -> int:
    """Cancel what still waits among some QueuedCommands; return how many. A device that has one may still answer."""
    note = f"cancelled by {actor.name}" + (f": {reason}" if reason else "")
    with transaction.atomic():
        number = queued.waiting().order_by().update(state=State.CANCELLED, finished_at=timezone.now(), note=note)
        if number:
            record_event("commands_cancelled", f"{number} waiting commands {note}", actor=actor.name)
    return number


def clear_queue(channel_ids: list[int], note: str) -> int:
    """Cancel everything that waits for some channels, because their membership ended or began anew."""
    waiting = QueuedCommand.objects.waiting().filter(channel_id__in=channel_ids)
    return waiting.update(state=State.CANCELLED, finished_at=timezone.now(), note=note)


def expire_commands() -> int:
    """Mark waiting commands whose time is over; the hot path stops delivering them by itself at that moment."""
    over = QueuedCommand.objects.waiting().filter(expires_at__lte=timezone.now())
    return over.update(state=State.EXPIRED, finished_at=F("expires_at"), note="nobody answered in time")


def delete_old_rows() -> int:
    """Delete finished queue rows, reports and bodies past their retention, in batches; return how many rows."""
    now = timezone.now()
    reports = Report.objects.filter(received_at__lt=now - timedelta(days=settings.REPORT_RETENTION_DAYS))
    old = now - timedelta(days=settings.COMMAND_RETENTION_DAYS)
    finished = QueuedCommand.objects.filter(queued_at__lt=old).exclude(finished_at=None)
    old_commands = Command.objects.filter(~Q(targets__isnull=False), created_at__lt=old)
    old_reports = reports.exclude(interpreted_at=None)
    return sum(delete_in_batches(rows) for rows in (old_reports, finished, old_commands))


def delete_in_batches(rows) -> int:
    """Delete the rows of a queryset, some thousand at a time; return how many."""
    deleted = 0
    while True:
        ids = list(rows.order_by("id").values_list("id", flat=True)[:DELETE_BATCH])
        if not ids:
            return deleted
        rows.model.objects.filter(id__in=ids).delete()
        deleted += len(ids)
