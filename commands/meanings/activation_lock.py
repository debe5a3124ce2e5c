"""Activation Lock bypass codes that devices make up: a supervised device gives its code, and it is escrowed.

It opens a lock that a person set. The code for a lock of the organization is ours: devices.activation_lock.

Apple: developer.apple.com/documentation/devicemanagement/activation-lock-bypass-code-command
"""

from commands.interpreters import CommandReport, interprets
from devices.escrow import MAX_SECRET_BYTES, end_secrets, keep_secrets
from devices.models import EscrowedSecret

BYPASS_CODE = EscrowedSecret.Kind.ACTIVATION_LOCK_BYPASS_CODE


@interprets("ActivationLockBypassCode")
def keep_codes(reports: list[CommandReport]) -> None:
    """Keep the codes. A device that has none to give changes nothing: what it gave before may still open it."""
    codes = []
    for report in reports:
        code = report.content.get("ActivationLockBypassCode")
        if isinstance(code, str) and code.strip() and len(code) <= MAX_SECRET_BYTES:
            codes.append((report.device_id, BYPASS_CODE, code.encode()))
        else:
            report.problems.append("the answer has no bypass code")
    keep_secrets(codes, source="ActivationLockBypassCode")


@interprets("ClearActivationLockBypassCode")
def end_codes(reports: list[CommandReport]) -> None:
    end_secrets([report.device_id for report in reports], BYPASS_CODE)
