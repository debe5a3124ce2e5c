"""Who holds which device of a fleet, written down before the devices enroll, as a seller's delivery note would say.

A person belongs to a device as its owner in `DeviceState` does; an Apple TV belongs to a place and to nobody.
"""

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from simulator.catalog import APPLE_TV
from simulator.fleet import Plan, make_state
from simulator.state import DeviceState

MOST = 1000  # of a larger fleet, the first: it is for looking at, and making the devices takes time
DOMAIN = "example.com"


def write_roster(path: Path, plan: Plan) -> None:
    """Write a JSON list of serial_number, name and email for the devices of a plan that somebody holds."""
    states = (make_state(plan.platform_of(number), number, plan.seed) for number in range(min(plan.count, MOST)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(_rows(states)), ensure_ascii=False, indent=2))


def _rows(states: Iterable[DeviceState]) -> Iterable[dict[str, str]]:
    for state in states:
        if state.hardware.platform != APPLE_TV:
            email = address_of(state.owner_name, state.owner_short_name)
            yield {"serial_number": state.hardware.serial_number, "name": state.owner_name, "email": email}


def address_of(full_name: str, short_name: str) -> str:
    """Make an e-mail address of a name, or of the account's name where no letter of it is plain ASCII."""
    plain = unicodedata.normalize("NFKD", full_name.replace("ø", "o")).encode("ascii", "ignore").decode().lower()
    words = plain.replace("'", "").split()
    return f"{'.'.join(words) or short_name}@{DOMAIN}"
