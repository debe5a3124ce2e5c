"""What a device does with each command: a registry with one function per RequestType.

Owns the rules that hold for every command (known to the platform and its version, allowed on the channel, within the
access rights, supervised, deferrable, well-formed) and the shape of a report; the facts are in simulator.facts. The
modules beside this one register the functions. Apple: Commands and queries; shared codes in simulator.chains.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator import checkin, facts
from simulator.chains import MDM, MDM_CLIENT, Refused, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice


@dataclass
class Answer:
    """Keys of an Acknowledged report, and what happens once the server has taken it."""

    keys: dict = field(default_factory=dict)
    afterwards: Callable[[], Awaitable[None]] | None = None


Function = Callable[["PretendDevice", Channel, dict], Answer | dict | Awaitable[Answer | dict]]


class Malformed(Exception):
    """The command cannot be understood: CommandFormatError."""


class Later(Exception):
    """The command cannot run now: NotNow."""


@dataclass(frozen=True)
class Behaviour:
    """One command: the function that answers it, and what Apple's schema does not say of it."""

    function: Function
    may_defer: bool


BEHAVIOURS: dict[str, Behaviour] = {}


def command(request_type: str, *, may_defer: bool = True):
    """Register a function for a RequestType; a second registration replaces the first.

    Platforms, versions, channels, supervision, rights and keys are in simulator.facts.
    """

    def register(function: Function) -> Function:
        BEHAVIOURS[request_type] = Behaviour(function, may_defer)
        return function

    return register


async def answer(device: "PretendDevice", channel: Channel, message: dict) -> tuple[dict, Callable | None]:
    """Carry out a command; return its report and what to do once the report was taken."""
    content = message["Command"]
    report = checkin.identifiers(device.state, channel) | {"CommandUUID": message["CommandUUID"]}
    if device.state.hardware.is_mac:
        report["RequestType"] = content["RequestType"]
    try:
        result = await _run(device, channel, content)
    except Refused as refused:
        return report | {"Status": "Error", "ErrorChain": refused.chain}, None
    except Malformed as error:
        if error.args:
            device.note(f"{content['RequestType']} is malformed: {error}")
        return report | {"Status": "CommandFormatError"}, None
    except Later:
        return report | {"Status": "NotNow"}, None
    return report | result.keys | {"Status": "Acknowledged"}, result.afterwards


def refusal(device: "PretendDevice", channel: Channel, request_type: str) -> Refused | None:
    """Return the refusal of a command whatever it holds; None if this device takes it on this channel."""
    try:
        _find(device, channel, request_type)
        _check_permission(device, request_type)
    except Refused as refused:
        return refused
    return None


async def _run(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    request_type = content["RequestType"]
    behaviour = _find(device, channel, request_type)
    _check_permission(device, request_type)
    is_put_off = device.faults.take_not_now(request_type)
    if is_put_off or (device.is_busy and _may_defer(device, behaviour, request_type)):
        raise Later
    if request_type in device.faults.refuse:
        raise Refused(*device.faults.refuse[request_type])
    _check_form(device, content)
    result = behaviour.function(device, channel, content)
    if inspect.isawaitable(result):
        result = await result
    return result if isinstance(result, Answer) else Answer(result)


def _find(device: "PretendDevice", channel: Channel, request_type: str) -> Behaviour:
    hardware = device.state.hardware
    behaviour = BEHAVIOURS.get(request_type)
    said = facts.on_platform(request_type, hardware.platform)
    if behaviour is not None and said is not None and _is_taken(device, channel, said):
        return behaviour
    if hardware.is_mac:
        raise refuse(MDM, 12021, f"Unknown command: {request_type} <MDMClientError:91>")
    raise refuse(MDM, 12021, f"“{request_type}” is not a valid request type.")


def _is_taken(device: "PretendDevice", channel: Channel, said: dict) -> bool:
    state = device.state
    if not facts.exists_in(said, state.os_version):
        return False
    if device.enrollment.is_user_enrollment and said.get("no_user_enrollment"):
        return False
    if state.is_shared:
        is_on_channel = said.get("shared_user", False) if channel.is_user else said.get("shared_device", True)
        return is_on_channel and said.get("shared") != "forbidden"
    is_on_channel = said.get("user", False) if channel.is_user else said.get("device", True)
    return is_on_channel and said.get("shared") != "required"


def _check_permission(device: "PretendDevice", request_type: str) -> None:
    said = facts.on_platform(request_type, device.state.hardware.platform)
    is_limited = not device.enrollment.is_user_enrollment  # which has no access rights at all
    if is_limited and facts.right_of(said) & ~device.enrollment.access_rights:
        raise refuse(MDM, 12007, f"The request “{request_type}” is not authorized by the access rights.")
    if said.get("supervised") and not device.state.is_supervised:
        raise refuse(MDM, 12080, "The device must be supervised.")


def _may_defer(device: "PretendDevice", behaviour: Behaviour, request_type: str) -> bool:
    """Tell whether NotNow is allowed: a Mac in Power Nap defers what an iPhone answers even when locked."""
    if device.state.hardware.is_mac:
        return request_type not in ("DeviceLock", "EraseDevice")
    return behaviour.may_defer


def _check_form(device: "PretendDevice", content: dict) -> None:
    """Judge the keys by Apple's schema. What a device does not know it ignores; what is wrong it refuses."""
    request_type, state = content["RequestType"], device.state
    keys = facts.commands()[request_type]["keys"]
    found = facts.problems(keys, content, state.hardware.platform, state.os_version)
    wrong = [problem for problem in found if not problem.endswith(facts.UNKNOWN)]
    for problem in found:
        if problem not in wrong:
            device.events.append(f"{request_type}: {problem}")
    if not wrong:
        return
    if not state.hardware.is_mac:
        raise Malformed("; ".join(wrong))
    device.note(f"{request_type} is malformed: {'; '.join(wrong)}")
    missing = [problem.removesuffix(facts.MISSING) for problem in wrong if problem.endswith(facts.MISSING)]
    if missing:
        raise refuse(MDM_CLIENT, 97, f"No '{missing[0]}' in '{request_type}' command <MDMClientError:97>")
    raise refuse(MDM_CLIENT, 96, f"Invalid '{request_type}' command: {wrong[0]} <MDMClientError:96>")


def load_all() -> None:
    """Import every module beside this one, so that its commands are registered."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
