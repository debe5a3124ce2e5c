"""Who holds which device of a fleet, written down before the devices enroll, as a seller's delivery note would say.

A person belongs to a device as its owner in `DeviceState` does; an Apple TV belongs to a place and to nobody.
"""

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from simulator.catalog import APPLE_TV
from simulator.fleet import Plan, is_away, make_state
from simulator.state import DeviceState

MOST = 1000  # of a larger fleet, the first: it is for looking at, and making the devices takes time
DOMAIN = "example.com"


def write_roster(path: Path, plan: Plan) -> None:
    """Write a JSON list of serial_number, name and email (and is_away) for the devices that somebody holds."""
    numbers = range(min(plan.count, MOST))
    states = [(make_state(plan.platform_of(number), number, plan.seed), is_away(number, plan)) for number in numbers]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(_rows(states)), ensure_ascii=False, indent=2))


def _rows(states: Iterable[tuple[DeviceState, bool]]) -> Iterable[dict]:
    for state, is_absent in states:
        if state.hardware.platform != APPLE_TV:
            email = address_of(state.owner_name, state.owner_short_name)
            yield {"serial_number": state.hardware.serial_number, "name": state.owner_name, "email": email} | (
                {"is_away": True} if is_absent else {}
            )


def address_of(full_name: str, short_name: str) -> str:
    """Make an e-mail address of a name, or of the account's name where no letter of it is plain ASCII."""
    plain = unicodedata.normalize("NFKD", full_name.replace("ø", "o")).encode("ascii", "ignore").decode().lower()
    words = plain.replace("'", "").split()
    return f"{'.'.join(words) or short_name}@{DOMAIN}"
