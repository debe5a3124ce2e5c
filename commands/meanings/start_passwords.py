"""What guards the start of a Mac: Recovery Lock with Apple silicon, a firmware password with Intel.

The new password is made up and escrowed before it is sent, and current once the Mac confirms it; the current one is
added from escrow. An empty NewPassword removes it.

Apple: developer.apple.com/documentation/devicemanagement/set-recovery-lock-command, .../set-firmware-password-command
"""

from commands.interpreters import REFUSED, CommandReport, interprets
from commands.meanings import Meaning, Prepared, meaning
from commands.meanings.escrowing import confirm_reported, reject_reported
from commands.meanings.passwords import make_password
from commands.outcomes import DONE, failed
from devices.escrow import current_values, end_secrets
from devices.models import EscrowedSecret
from devices.timeline import record_event

RECOVERY = EscrowedSecret.Kind.RECOVERY_LOCK_PASSWORD
FIRMWARE = EscrowedSecret.Kind.FIRMWARE_PASSWORD
KINDS = {
    "SetRecoveryLock": RECOVERY, "VerifyRecoveryLock": RECOVERY,
    "SetFirmwarePassword": FIRMWARE, "VerifyFirmwarePassword": FIRMWARE,
}  # fmt: skip


def _wrong_hardware(request_type: str, is_apple_silicon: bool | None) -> str:
    if KINDS[request_type] == RECOVERY and is_apple_silicon is False:
        return "Recovery Lock is of Macs with Apple silicon; this one has a firmware password"
    if KINDS[request_type] == FIRMWARE and is_apple_silicon is True:
        return "a Mac with Apple silicon has no firmware password; use Recovery Lock"
    return ""


@meaning("SetRecoveryLock", "SetFirmwarePassword")
class SetPassword(Meaning):
    filled_keys = ("NewPassword", "CurrentPassword")

    def refusal(self, candidate, payload):
        """The password that is current when the command arrives is not known while another is on its way."""
        wrong = _wrong_hardware(self.request_type, candidate.is_apple_silicon)
        if wrong or "CurrentPassword" in (payload or {}) or KINDS[self.request_type] not in candidate.awaited_kinds:
            return wrong
        return "an earlier change of this password waits for the answer of the Mac; ask again after it, or cancel it"

    def prepare(self, candidates, payload):
        kind = KINDS[self.request_type]
        current = current_values((candidate.device_id for candidate in candidates), kind)
        prepared = {}
        for candidate in candidates:
            new = payload["NewPassword"] if "NewPassword" in payload else make_password()
            it = Prepared({"NewPassword": new}, [(kind, new.encode())] if new else [])
            if candidate.device_id in current and "CurrentPassword" not in payload:
                it.keys["CurrentPassword"] = current[candidate.device_id].decode()
            prepared[candidate.channel_id] = it
        return prepared

    def outcome(self, content, asked):
        """An Intel Mac says inside whether the password was changed; Recovery Lock says nothing more."""
        outcome = super().outcome(content, asked)
        told = content.get("SetFirmwarePassword")
        if isinstance(told, dict) and told.get("PasswordChanged") is not True:
            return failed("The Mac says that the password was not changed.")
        return outcome


@meaning("VerifyRecoveryLock", "VerifyFirmwarePassword")
class VerifyPassword(Meaning):
    filled_keys = ("Password",)

    def refusal(self, candidate, payload):
        wrong = _wrong_hardware(self.request_type, candidate.is_apple_silicon)
        if wrong or "Password" in (payload or {}) or KINDS[self.request_type] in candidate.secret_kinds:
            return wrong
        return "no password is escrowed that could be verified"

    def prepare(self, candidates, payload):
        if "Password" in payload:
            return {}
        current = current_values((candidate.device_id for candidate in candidates), KINDS[self.request_type])
        return {
            candidate.channel_id: Prepared({"Password": current[candidate.device_id].decode()})
            for candidate in candidates
            if candidate.device_id in current
        }

    def outcome(self, content, asked):
        return DONE if _is_verified(content) else failed("The password that was sent is not the one that the Mac has.")


def _is_verified(content: dict) -> bool:
    inside = content.get("VerifyFirmwarePassword")
    return (inside if isinstance(inside, dict) else content).get("PasswordVerified") is True


@interprets("SetRecoveryLock", "SetFirmwarePassword", wants_question=True)
def settle_passwords(reports: list[CommandReport]) -> None:
    confirmed = confirm_reported(reports)
    for report in reports:
        if report.asked.get("NewPassword") == "" and report.device_id not in confirmed:
            end_secrets(report.device_id, KINDS[report.request_type])


interprets("SetRecoveryLock", "SetFirmwarePassword", statuses=REFUSED)(reject_reported)


@interprets("VerifyRecoveryLock", "VerifyFirmwarePassword", even_failed=True)
def judge_passwords(reports: list[CommandReport]) -> None:
    for report in reports:
        name = EscrowedSecret.Kind(KINDS[report.request_type]).label
        is_right = _is_verified(report.content)
        words = f"{name} verified" if is_right else f"{name}: the escrowed one is not the Mac's"
        record_event("password_verified" if is_right else "password_wrong", words, device=report.device_id)
