"""ClearPasscode: needs the unlock token that the device gave at its newest TokenUpdate; each gets its own.

Apple: developer.apple.com/documentation/devicemanagement/clear-passcode-command
"""

from commands.interpreters import CommandReport, interprets
from commands.meanings import Danger, Meaning, Prepared, meaning
from devices.escrow import current_values
from devices.inventory.device_columns import write_columns
from devices.models import EscrowedSecret

UNLOCK_TOKEN = EscrowedSecret.Kind.UNLOCK_TOKEN


@meaning("ClearPasscode")
class ClearPasscode(Meaning):
    filled_keys = ("UnlockToken",)

    def danger(self, payload):
        return Danger.PASSCODE

    def refusal(self, candidate, payload):
        has_token = UNLOCK_TOKEN in candidate.secret_kinds or "UnlockToken" in (payload or {})
        return "" if has_token else "no unlock token is escrowed: the device gives one when it enrolls"

    def prepare(self, candidates, payload):
        if "UnlockToken" in payload:
            return {}
        tokens = current_values((candidate.device_id for candidate in candidates), UNLOCK_TOKEN)
        return {
            candidate.channel_id: Prepared({"UnlockToken": tokens[candidate.device_id]})
            for candidate in candidates
            if candidate.device_id in tokens
        }


@interprets("ClearPasscode")
def note_cleared(reports: list[CommandReport]) -> None:
    """The passcode that was known of is gone; what is there now is asked for (commands.refreshing)."""
    gone = {"is_passcode_present": False, "is_passcode_compliant": None}
    write_columns({report.device_id: gone for report in reports})
