"""What an answer does to secrets that its command proposed, in sets: whatever the number of devices and commands."""

from commands.interpreters import CommandReport
from devices.escrow import confirm_secrets, reject_secrets


def confirm_reported(reports: list[CommandReport]) -> set[int]:
    """Make what was proposed current; return the ids of the devices that had something proposed."""
    return confirm_secrets(_answered(reports))


def reject_reported(reports: list[CommandReport]) -> None:
    """End what was proposed to devices that refused it."""
    reject_secrets(_answered(reports))


def _answered(reports: list[CommandReport]) -> list[tuple[str, int]]:
    return [(report.command_uuid, report.device_id) for report in reports]
