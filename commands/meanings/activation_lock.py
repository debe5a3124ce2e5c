"""Activation Lock bypass codes: a supervised device gives the code once it has one; it is escrowed.

Apple: developer.apple.com/documentation/devicemanagement/activation-lock-bypass-code-command
"""

from commands.interpreters import CommandReport, interprets
from devices.escrow import end_secrets, keep_secret
from devices.models import EscrowedSecret

BYPASS_CODE = EscrowedSecret.Kind.ACTIVATION_LOCK_BYPASS_CODE


@interprets("ActivationLockBypassCode")
def keep_codes(reports: list[CommandReport]) -> None:
    for report in reports:
        code = report.content.get("ActivationLockBypassCode")
        if isinstance(code, str) and code:
            keep_secret(report.device_id, BYPASS_CODE, code.encode(), source="ActivationLockBypassCode")
        else:
            report.problems.append("the answer has no bypass code")


@interprets("ClearActivationLockBypassCode")
def end_codes(reports: list[CommandReport]) -> None:
    for report in reports:
        end_secrets(report.device_id, BYPASS_CODE)
