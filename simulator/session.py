"""One visit of a channel to its server: Idle, commands and reports, until the answer is empty.

Owns the loop and its rules: an unsent report comes first, a report is kept until a 200 has taken it, and whatever a
server must not answer is noted. What commands do is in simulator.answers.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator import answers, checkin, plists
from simulator.state import Channel
from simulator.wire import TryLater, Unwelcome

if TYPE_CHECKING:
    from simulator.device import PretendDevice

MAX_COMMANDS = 10_000  # a server that never stops must not hold a test forever

EMPTY, LATER, UNWELCOME, LEFT = "empty answer", "try later", "unwelcome", "left"


@dataclass
class Visit:
    """What happened: (RequestType, Status) of each command reported, how it ended, and why if badly."""

    commands: list[tuple[str, str]] = field(default_factory=list)
    ended: str = EMPTY
    detail: str = ""

    @property
    def should_retry(self) -> bool:
        return self.ended == LATER


async def visit(device: "PretendDevice", channel: Channel) -> Visit:
    """Connect once; the device leaves its enrollment when the server says so."""
    outcome = Visit()
    try:
        await _loop(device, channel, outcome)
    except TryLater as error:
        outcome.ended, outcome.detail = LATER, str(error)
    except Unwelcome as error:
        outcome.ended, outcome.detail = UNWELCOME, str(error)
        device.forget_enrollment(f"the server refused it: {error}")
    finally:
        device.hang_up()
        if outcome.commands or outcome.ended != EMPTY or channel.unsent_report:
            device.changed()
    return outcome


async def _loop(device: "PretendDevice", channel: Channel, outcome: Visit) -> None:
    deferred: set[str] = set()
    done: Callable | None = None
    report = channel.unsent_report or _idle(device, channel)
    channel.ended_not_now = False
    for _ in range(MAX_COMMANDS):
        body = await _send(device, channel, report, deferred)
        if done is not None:
            await done()
        # It left, it waits for its PIN, or it was erased and has enrolled anew on other channels.
        if device.state.lock_pin or device.state.channels.get(channel.user_id) is not channel:
            outcome.ended = LEFT
            return
        if not body:
            return
        command = read_command(device, body)
        if command is None:
            raise TryLater("the command could not be read")
        device.received.append(command)
        _check_order(device, channel, command, deferred)
        report, done = await answers.answer(device, channel, command)
        device.reported.append(report)
        outcome.commands.append((command["Command"]["RequestType"], report["Status"]))
    device.note(f"a session did not end after {MAX_COMMANDS} commands")
    raise TryLater("too many commands")


def _idle(device: "PretendDevice", channel: Channel) -> dict:
    return checkin.identifiers(device.state, channel) | {"Status": "Idle"}


async def _send(device: "PretendDevice", channel: Channel, report: dict, deferred: set[str]) -> bytes:
    """Send a report and remember it until it was taken; the identity may have changed meanwhile."""
    faults = device.faults
    command_uuid = report.get("CommandUUID")
    if command_uuid:
        channel.unsent_report = report
    if faults.delay_s:
        await asyncio.sleep(faults.delay_s)
    body = await device.wire.report(report, lose_response=faults.take_lost_response())
    channel.unsent_report = {}
    if not command_uuid:
        return body
    channel.ended_not_now = report["Status"] == "NotNow"
    if channel.ended_not_now:
        deferred.add(command_uuid)
    else:
        device.remember_done(channel, command_uuid)
    return body


def read_command(device: "PretendDevice", body: bytes) -> dict | None:
    """Parse a command as strictly as Apple's schema; note what is wrong and return None."""
    try:
        command = plists.read_dictionary(body)
    except plists.PlistError as error:
        device.note(f"an answer was no command: {error}")
        return None
    if not isinstance(command.get("CommandUUID"), str) or not command["CommandUUID"]:
        device.note("a command has no CommandUUID")
        return None
    content = command.get("Command")
    if not isinstance(content, dict) or not isinstance(content.get("RequestType"), str):
        device.note("a command has no Command with a RequestType")
        return None
    return command


def _check_order(device: "PretendDevice", channel: Channel, command: dict, deferred: set[str]) -> None:
    command_uuid = command["CommandUUID"]
    if command_uuid in deferred:
        device.note(f"command {command_uuid} was offered again in the session that answered NotNow")
        raise TryLater("the same command again after NotNow")
    if device.was_done(channel, command_uuid):
        device.note(f"command {command_uuid} was delivered again after its report had been taken")
