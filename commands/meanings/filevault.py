"""FileVault: recovery keys that come with SecurityInfo, and exchanging one for another.

Apple: developer.apple.com/documentation/devicemanagement/rotate-filevault-key-command, .../security-info-command
"""

from datetime import timedelta

from django.utils import timezone

from commands.interpreters import CommandReport, interprets
from commands.meanings import Meaning, Prepared, meaning
from commands.models import QueuedCommand
from commands.outcomes import failed
from devices.escrow import current_values, keep_secrets
from devices.filevault import FOREIGN_KEY, UnreadableRecoveryKey, escrow_certificate, open_recovery_key
from devices.models import EscrowedSecret, Event
from devices.timeline import record_events

FOREIGN_KEY_REPEATED_AFTER = timedelta(days=7)
FOREIGN_KEY_WORDS = (
    "The FileVault recovery key came encrypted to a certificate that is not ours: nobody here can read it"
)
RECOVERY_KEY = EscrowedSecret.Kind.FILEVAULT_RECOVERY_KEY
_ON_ITS_WAY = (
    "an earlier exchange of the recovery key waits for the answer of the Mac; ask again after it, or cancel it"
)
INSTITUTIONAL = "institutional"


@meaning("RotateFileVaultKey")
class RotateFileVaultKey(Meaning):
    reads_question = True
    filled_keys = ("KeyType", "FileVaultUnlock", "ReplyEncryptionCertificate")

    def refusal(self, candidate, payload):
        if RECOVERY_KEY in candidate.secret_kinds or "FileVaultUnlock" in (payload or {}):
            return ""
        return "no recovery key is escrowed with which FileVault could be unlocked"

    def refusals(self, candidates, payload):
        """The key that unlocks when the command arrives is not known while another is on its way. One statement."""
        if "FileVaultUnlock" in (payload or {}):
            return {}
        waiting = QueuedCommand.objects.waiting().filter(command__request_type=self.request_type)
        waiting = waiting.filter(channel__in=[candidate.channel_id for candidate in candidates]).order_by()
        return dict.fromkeys(waiting.values_list("channel_id", flat=True), _ON_ITS_WAY)

    def prepare(self, candidates, payload):
        keys = current_values((candidate.device_id for candidate in candidates), RECOVERY_KEY)
        prepared = {}
        for candidate in candidates:
            it = Prepared({"ReplyEncryptionCertificate": escrow_certificate(candidate.device_id)})
            if "KeyType" not in payload:
                it.keys["KeyType"] = "personal"
            if "FileVaultUnlock" not in payload:
                it.keys["FileVaultUnlock"] = {"Password": keys[candidate.device_id].decode()}
            prepared[candidate.channel_id] = it
        return prepared

    def check(self, payload):
        unlock = payload.get("FileVaultUnlock")
        exported = ("PrivateKeyExport", "PrivateKeyExportPassword")
        if isinstance(unlock, dict) and not unlock.get("Password") and not all(unlock.get(key) for key in exported):
            return {"FileVaultUnlock.Password": "or PrivateKeyExport with PrivateKeyExportPassword is needed"}
        if payload.get("KeyType") == INSTITUTIONAL and not payload.get("NewCertificate"):
            return {"NewCertificate": "is needed for an institutional key"}
        return {}

    def outcome(self, content, asked):
        """A personal key comes with the answer; of an institutional one the server has no part."""
        if asked.get("KeyType") == INSTITUTIONAL or isinstance(_new_key(content), bytes):
            return super().outcome(content, asked)
        return failed("The answer has no new recovery key.")


def _new_key(content: dict):
    told = content.get("RotateResult")
    return told.get("EncryptedNewRecoveryKey") if isinstance(told, dict) else None


@interprets("RotateFileVaultKey")
def keep_new_keys(reports: list[CommandReport]) -> None:
    """Keep the new keys; one that cannot be opened is lost to us, and that is a failure of the exchange."""
    sealed = [(report, key) for report in reports if isinstance(key := _new_key(report.content), bytes)]
    for report in _keep(sealed, "RotateFileVaultKey"):
        report.fail(report.problems[-1])


@interprets("SecurityInfo")
def keep_escrowed_keys(reports: list[CommandReport]) -> None:
    sealed = []
    for report in reports:
        told = report.content.get("SecurityInfo")
        key = told.get("FDE_PersonalRecoveryKeyCMS") if isinstance(told, dict) else None
        if isinstance(key, bytes) and key:
            sealed.append((report, key))
    _keep(sealed, "SecurityInfo")


def _keep(sealed: list[tuple[CommandReport, bytes]], source: str) -> list[CommandReport]:
    """Open the keys and keep them, those that open; return the answers of which the key does not.

    Opening reads the Mac's key pair, one by one.
    """
    opened, foreign = [], []
    for report, key in sealed:
        try:
            opened.append((report.device_id, RECOVERY_KEY, open_recovery_key(report.device_id, key)))
        except UnreadableRecoveryKey as error:
            report.problems.append(error.detail)
            foreign.append(report)
    keep_secrets(opened, source=source)
    _tell_of_foreign([report.device_id for report in foreign])
    return foreign


def _tell_of_foreign(device_ids: list[int]) -> None:
    """Write on timelines that a recovery key is not for us, once a week: the Mac repeats it with every SecurityInfo."""
    told = Event.objects.filter(
        kind=FOREIGN_KEY, device__in=device_ids, at__gt=timezone.now() - FOREIGN_KEY_REPEATED_AFTER
    )
    known = set(told.values_list("device_id", flat=True))
    record_events(FOREIGN_KEY, FOREIGN_KEY_WORDS, [pk for pk in dict.fromkeys(device_ids) if pk not in known])
