"""DeviceLock: a Mac restarts and wants a PIN, which is made up and escrowed before the command goes out.

Apple: developer.apple.com/documentation/devicemanagement/device-lock-command
"""

import re

from commands.interpreters import REFUSED, interprets
from commands.meanings import Candidate, Danger, Meaning, Prepared, meaning
from commands.meanings.escrowing import confirm_reported, reject_reported
from commands.meanings.passwords import make_pin
from devices.models import EscrowedSecret

LOCK_PIN = EscrowedSecret.Kind.LOCK_PIN
_PIN = re.compile(r"[0-9]{6}\Z")


def check_pin(payload: dict) -> dict[str, str]:
    pin = payload.get("PIN")
    return {} if pin is None or _PIN.match(pin) else {"PIN": "must be six digits"}


def give_pins(candidates: list[Candidate], payload: dict) -> dict[int, Prepared]:
    """Give each Mac a PIN of its own, or all of them the one that was entered; others take none."""
    prepared = {}
    for candidate in candidates:
        if candidate.is_mac:
            pin = payload.get("PIN") or make_pin()
            prepared[candidate.channel_id] = Prepared({"PIN": pin}, [(LOCK_PIN, pin.encode())])
    return prepared


@meaning("DeviceLock")
class DeviceLock(Meaning):
    def danger(self, payload):
        return Danger.LOCK

    def check(self, payload):
        return check_pin(payload)

    def prepare(self, candidates, payload):
        return give_pins(candidates, payload)


# The PIN of a command that was carried out is the one that unlocks the Mac.
interprets("DeviceLock", "EraseDevice")(confirm_reported)
interprets("DeviceLock", "EraseDevice", statuses=REFUSED)(reject_reported)
