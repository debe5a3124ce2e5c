"""What a device does with each command: a registry with one function per RequestType.

Owns the rules that hold for every command (known to the platform, allowed on the channel, within the access rights,
supervised, deferrable, well-formed) and the shape of a report. Later protocols add commands by registering functions;
the modules beside this one hold those that exist. Apple: Commands and queries; shared codes in simulator.chains.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator import checkin
from simulator.catalog import APPLE_TV, IPAD, IPHONE, PLATFORMS, VISION
from simulator.chains import MDM, MDM_CLIENT, Refused, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

MOBILE = (IPHONE, IPAD)
TOUCH = (IPHONE, IPAD, VISION)
NOT_MAC = (IPHONE, IPAD, APPLE_TV, VISION)
# Rights, as bits of AccessRights.
INSPECT_PROFILES, INSTALL_PROFILES, LOCK, ERASE, DEVICE_INFORMATION, NETWORK_INFORMATION = 1, 2, 4, 8, 16, 32
INSPECT_PROVISIONING, INSPECT_APPS, RESTRICTIONS, SECURITY, SETTINGS, MANAGE_APPS = 64, 256, 512, 1024, 2048, 4096


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
    """One command: who may receive it, what it needs, and the function that answers it."""

    function: Function
    platforms: tuple[str, ...]
    user_channel: bool
    supervised_on: tuple[str, ...]
    access_right: int
    required: dict[str, type]
    may_defer: bool


BEHAVIOURS: dict[str, Behaviour] = {}


def command(
    request_type: str,
    *,
    platforms: tuple[str, ...] = PLATFORMS,
    user_channel: bool = False,
    supervised_on: tuple[str, ...] = (),
    access_right: int = 0,
    required: dict[str, type] | None = None,
    may_defer: bool = True,
):
    """Register a function for a RequestType; a second registration replaces the first."""

    def register(function: Function) -> Function:
        BEHAVIOURS[request_type] = Behaviour(
            function, platforms, user_channel, supervised_on, access_right, required or {}, may_defer
        )
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
    except Malformed:
        return report | {"Status": "CommandFormatError"}, None
    except Later:
        return report | {"Status": "NotNow"}, None
    return report | result.keys | {"Status": "Acknowledged"}, result.afterwards


async def _run(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    behaviour = _find(device, channel, content["RequestType"])
    _check_permission(device, behaviour, content["RequestType"])
    if device.is_busy and _may_defer(device, behaviour, content["RequestType"]):
        raise Later
    _check_form(device, behaviour, content)
    result = behaviour.function(device, channel, content)
    if inspect.isawaitable(result):
        result = await result
    return result if isinstance(result, Answer) else Answer(result)


def _find(device: "PretendDevice", channel: Channel, request_type: str) -> Behaviour:
    hardware = device.state.hardware
    behaviour = BEHAVIOURS.get(request_type)
    is_known = behaviour is not None and hardware.platform in behaviour.platforms
    if is_known and (behaviour.user_channel or not channel.is_user):
        return behaviour
    if hardware.is_mac:
        raise refuse(MDM, 12021, f"Unknown command: {request_type} <MDMClientError:91>")
    raise refuse(MDM, 12021, f"“{request_type}” is not a valid request type.")


def _check_permission(device: "PretendDevice", behaviour: Behaviour, request_type: str) -> None:
    if behaviour.access_right & ~device.enrollment.access_rights:
        raise refuse(MDM, 12007, f"The request “{request_type}” is not authorized by the access rights.")
    if device.state.hardware.platform in behaviour.supervised_on and not device.state.is_supervised:
        raise refuse(MDM, 12080, "The device must be supervised.")


def _may_defer(device: "PretendDevice", behaviour: Behaviour, request_type: str) -> bool:
    """Tell whether NotNow is allowed: a Mac in Power Nap defers what an iPhone answers even when locked."""
    if device.state.hardware.is_mac:
        return request_type not in ("DeviceLock", "EraseDevice")
    return behaviour.may_defer


def _check_form(device: "PretendDevice", behaviour: Behaviour, content: dict) -> None:
    for key, kind in behaviour.required.items():
        if isinstance(content.get(key), kind):
            continue
        if device.state.hardware.is_mac:
            name = content["RequestType"]
            raise refuse(MDM_CLIENT, 97, f"No '{key}' in '{name}' command <MDMClientError:97>")
        raise Malformed


def load_all() -> None:
    """Import every module beside this one, so that its commands are registered."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
