"""Facts that a command of ours changes are asked for again when it was carried out, before the next inventory.

Which question that is, is a fact of the command. One command asks all devices whose answers are read together, and it
replaces an unanswered elder, that of the schedule too.
"""

from contextlib import suppress

from commands.interpreters import CommandReport, interprets
from commands.questions import QUESTIONS
from commands.queue import NobodyToAsk, queue_command
from commands.schedule import superseding_name
from devices.models import Channel
from devices.timeline import SCHEDULE

# By RequestType what tells whether its facts have changed.
TELLING = {
    "Settings": ("DeviceInformation",),
    "DeviceConfigured": ("DeviceInformation",),
    "EnableRemoteDesktop": ("SecurityInfo",),
    "DisableRemoteDesktop": ("SecurityInfo",),
    "ClearPasscode": ("SecurityInfo",),
    "SetFirmwarePassword": ("SecurityInfo",),
    "SetRecoveryLock": ("SecurityInfo",),
    "RotateFileVaultKey": ("SecurityInfo",),
    "InstallApplication": ("InstalledApplicationList",),
    "InstallEnterpriseApplication": ("InstalledApplicationList",),
    "RemoveApplication": ("InstalledApplicationList",),
    "ScheduleOSUpdateScan": ("AvailableOSUpdates",),
}


@interprets(*TELLING, even_failed=True)
def ask_anew(reports: list[CommandReport]) -> None:
    """Ask the devices that carried out a command for what it changed; a statement or two for each kind of device."""
    request_type = reports[0].request_type
    channels = Channel.objects.device_channels().filter(device__in={report.device_id for report in reports})
    for question in QUESTIONS:
        if question.request_type in TELLING[request_type]:
            with suppress(NobodyToAsk):  # none is of this kind, or they have left
                queue_command(
                    question.request_type, question.payload, question.channels(channels), actor=SCHEDULE,
                    reason=f"after {request_type}", supersedes=superseding_name(question.request_type),
                )  # fmt: skip
