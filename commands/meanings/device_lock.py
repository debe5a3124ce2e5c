"""DeviceLock: a Mac restarts and wants a PIN, which is made up and escrowed before the command goes out.

Apple: developer.apple.com/documentation/devicemanagement/device-lock-command
"""

import re

from commands.interpreters import REFUSED, CommandReport, interprets
from commands.meanings import Candidate, Danger, Meaning, Prepared, meaning
from commands.meanings.escrowing import confirm_reported, reject_reported
from commands.meanings.passwords import make_pin
from commands.outcomes import partly
from devices.inventory.device_columns import write_columns
from devices.models import Device, EscrowedSecret
from devices.timeline import record_events

LOCK_PIN = EscrowedSecret.Kind.LOCK_PIN
SHOWN = "Success"
_NOT_SHOWN = {
    "NoPasscodeSet": "the device has no passcode",
    "DeviceInLostMode": "the device is in Lost Mode and shows the message of that",
}
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

    def outcome(self, content, asked):
        """Locked it is; whether the message was shown is told where there was one."""
        told = content.get("MessageResult", SHOWN)
        if told == SHOWN:
            return super().outcome(content, asked)
        why = _NOT_SHOWN.get(str(told), "it does not say why")
        return partly(f"Locked, but the message was not shown: {why}.")


@interprets("DeviceLock")
def note_locked(reports: list[CommandReport]) -> None:
    """A Mac restarts into its lock and is silent until somebody enters the PIN; the screen of others locks only."""
    locked_at = {report.device_id: report.answered_at for report in reports}
    macs = list(Device.objects.filter(pk__in=locked_at, platform="macos").order_by("pk").values_list("pk", flat=True))
    write_columns({pk: {"locked_at": locked_at[pk].isoformat()} for pk in macs})
    record_events("mac_locked", "Locked; it starts again with the PIN that is kept here", macs)


# The PIN of a command that was carried out is the one that unlocks the Mac.
interprets("DeviceLock", "EraseDevice")(confirm_reported)
interprets("DeviceLock", "EraseDevice", statuses=REFUSED)(reject_reported)
