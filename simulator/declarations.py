"""What a device fetches after a DeclarativeManagement command: tokens, then the items if the tokens changed.

Owns the two requests and the check of their answers' shape. Declarations themselves and status reports are not spoken
yet; they belong here. Apple: Declarative device management check-in.
"""

import json
from typing import TYPE_CHECKING

from simulator import checkin
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

KINDS = ("Activations", "Assets", "Configurations", "Management")


async def synchronize(device: "PretendDevice", channel: Channel) -> None:
    """Bring the channel up to the server's declarations token."""
    tokens = await _fetch(device, channel, "tokens")
    token = tokens.get("SyncTokens", {}).get("DeclarationsToken")
    if not isinstance(token, str):
        device.note("the answer to DeclarativeManagement tokens has no SyncTokens.DeclarationsToken")
        return
    if token == channel.declarations_token:
        return
    items = await _fetch(device, channel, "declaration-items")
    if not all(isinstance(items.get("Declarations", {}).get(kind), list) for kind in KINDS):
        device.note("the answer to DeclarativeManagement declaration-items lacks one of the four lists")
        return
    channel.declarations_token = token


async def _fetch(device: "PretendDevice", channel: Channel, endpoint: str) -> dict:
    body = await device.wire.check_in(checkin.declarative_management(device.state, channel, endpoint))
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        device.note(f"the answer to DeclarativeManagement {endpoint} is no JSON object")
        return {}
    return content
