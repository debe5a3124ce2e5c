"""Activation Lock bypass codes that devices make up: a supervised device gives its code, and it is escrowed.

It opens a lock that a person set. The code for a lock of the organization is ours: devices.activation_lock.

Apple: developer.apple.com/documentation/devicemanagement/activation-lock-bypass-code-command
"""

from commands.interpreters import CommandReport, interprets
from commands.meanings import Meaning, meaning
from commands.outcomes import DONE, failed
from devices.escrow import MAX_SECRET_BYTES, end_secrets, keep_secrets
from devices.models import EscrowedSecret

BYPASS_CODE = EscrowedSecret.Kind.ACTIVATION_LOCK_BYPASS_CODE


@meaning("ActivationLockBypassCode")
class ActivationLockBypassCode(Meaning):
    def outcome(self, content, asked):
        return DONE if _code_in(content) else failed("The device gave no bypass code.")


def _code_in(content: dict) -> str:
    code = content.get("ActivationLockBypassCode")
    return code if isinstance(code, str) and code.strip() and len(code) <= MAX_SECRET_BYTES else ""


@interprets("ActivationLockBypassCode")
def keep_codes(reports: list[CommandReport]) -> None:
    """Keep the codes. A device that has none to give changes nothing: what it gave before may still open it."""
    codes = [(report.device_id, BYPASS_CODE, code.encode()) for report in reports if (code := _code_in(report.content))]
    keep_secrets(codes, source="ActivationLockBypassCode")


@interprets("ClearActivationLockBypassCode")
def end_codes(reports: list[CommandReport]) -> None:
    end_secrets([report.device_id for report in reports], BYPASS_CODE)
