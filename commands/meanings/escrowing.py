"""What an answer does to secrets that its command proposed: one call a command, whatever the number of devices."""

from collections import defaultdict

from commands.interpreters import CommandReport
from devices.escrow import confirm_secrets, reject_secrets


def confirm_reported(reports: list[CommandReport]) -> set[int]:
    """Make what was proposed current; return the ids of the devices that had something proposed."""
    return {device_id for uuid, ids in _by_command(reports).items() for device_id in confirm_secrets(uuid, ids)}


def reject_reported(reports: list[CommandReport]) -> None:
    """End what was proposed to devices that refused it."""
    for uuid, ids in _by_command(reports).items():
        reject_secrets(uuid, ids)


def _by_command(reports: list[CommandReport]) -> dict[str, list[int]]:
    ids = defaultdict(list)
    for report in reports:
        ids[report.command_uuid].append(report.device_id)
    return ids
