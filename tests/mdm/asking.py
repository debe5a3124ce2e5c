"""Queueing for protocol tests, through the one door."""

from commands.models import Command, QueuedCommand
from commands.queue import queue_command
from devices.models import Channel
from devices.timeline import SYSTEM
from tests.mdm.wire import Wire


def channels_of(*devices: Wire, user_key: str = ""):
    keys = [device.keys.get("UDID") or device.keys["EnrollmentID"] for device in devices]
    return Channel.objects.filter(enrollment_key__in=keys, user_key=user_key)


def ask(device: Wire, request_type: str = "ProfileList", payload: dict | None = None, **options) -> str:
    """Queue a command for a device (its channel ``user_key``); return the CommandUUID."""
    user_key = options.pop("user_key", "")
    command = queue_command(request_type, payload, channels_of(device, user_key=user_key), actor=SYSTEM, **options)
    return command.uuid


def state_of(command_uuid: str) -> QueuedCommand.State:
    """The state of a command that has one target."""
    return QueuedCommand.State(Command.objects.get(uuid=command_uuid).targets.get().state)
