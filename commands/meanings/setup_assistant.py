"""Setup Assistant of devices that enrolled automatically: who waits in it, and letting it go on.

Apple: developer.apple.com/documentation/devicemanagement/device-configured-command
"""

from commands.interpreters import CommandReport, interprets
from devices.automated import note_automated
from devices.inventory.device_columns import write_columns


@interprets("SecurityInfo")
def note_enrolled_automatically(reports: list[CommandReport]) -> None:
    _note(reports, "SecurityInfo", lambda told: _is_true(told.get("ManagementStatus"), "EnrolledViaDEP"))


@interprets("DeviceInformation")
def note_awaiting(reports: list[CommandReport]) -> None:
    _note(reports, "QueryResponses", lambda told: _is_true(told, "AwaitingConfiguration"))


def _note(reports: list[CommandReport], key: str, says_so) -> None:
    told = ((report.device_id, report.content.get(key)) for report in reports if not report.user_key)
    saying = [device_id for device_id, content in told if isinstance(content, dict) and says_so(content)]
    if saying:
        note_automated(saying)


def _is_true(content, key: str) -> bool:
    return isinstance(content, dict) and content.get(key) is True


@interprets("DeviceConfigured")
def note_configured(reports: list[CommandReport]) -> None:
    """Setup Assistant waits no more."""
    write_columns({report.device_id: {"is_awaiting_configuration": False} for report in reports if not report.user_key})
