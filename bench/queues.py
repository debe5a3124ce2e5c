"""Filling the queues of the benchmark's devices, counting what became of it, and emptying them again."""

from bench import messages
from bench.fleet import FLEET


def queue_questions(commands: dict[str, str]) -> None:
    """Queue commands (request type by CommandUUID) to every device through the product's own door, unpushed."""
    from commands.queue import queue_command
    from devices.timeline import SYSTEM

    channels = fleet_channels()
    for command_uuid, kind in commands.items():
        queue_command(
            kind, messages.QUESTIONS[kind], channels, actor=SYSTEM, push=False, command_uuid=command_uuid
        )  # fmt: skip


def fleet_channels():
    """The channels of the fleet, without the devices that other benchmarks made."""
    from devices.models import Channel

    return Channel.objects.filter(device__serial_number__startswith=FLEET)


def found_in_database(commands: dict[str, str]) -> dict[str, int]:
    """Count what the database says about commands, by their CommandUUIDs."""
    from django.db.models import Count, Q

    from commands.models import QueuedCommand, Report

    queued = QueuedCommand.objects.filter(command__uuid__in=list(commands)).order_by()
    counts = queued.aggregate(
        acknowledged=Count("id", filter=Q(state=QueuedCommand.State.ACKNOWLEDGED)),
        waiting=Count("id", filter=Q(state__in=QueuedCommand.WAITING)),
        delivered_more_than_once=Count("id", filter=Q(deliveries__gt=1)),
    )
    reports = Report.objects.filter(command_uuid__in=list(commands)).order_by()
    return counts | reports.aggregate(
        reports=Count("id", filter=Q(disposition=Report.Disposition.RESULT)),
        other_reports=Count("id", filter=~Q(disposition=Report.Disposition.RESULT)),
        uninterpreted=Count("id", filter=Q(interpreted_at=None)),
        problems=Count("id", filter=Q(problem__isnull=False)),
    )


def clear_queues() -> None:
    """Forget every command and report, and let PostgreSQL tidy up, so that each round begins alike."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE commands_report, commands_queuedcommand, commands_command CASCADE")
        cursor.execute("VACUUM ANALYZE commands_report, commands_queuedcommand, commands_command")
