"""FileVault: turn it on with the recovery key escrowed, and exchange an escrowed recovery key for a new one.

A person has to log in before FileVault starts, so turning it on takes as long as that takes. Proof is not the
profile but SecurityInfo: encryption on, and a recovery key that our certificate opened.

Apple: developer.apple.com/documentation/devicemanagement/fderecoverykeyescrow
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from commands.workflows.definition import START_ANEW, Again, Definition, Done, Outcome, Parameter, Step, Wait
from commands.workflows.run import Run, all_acknowledged
from devices.filevault import filevault_profile
from devices.models import Device, EscrowedSecret

RECOVERY_KEY = EscrowedSecret.Kind.FILEVAULT_RECOVERY_KEY
PROVEN = "SecurityInfo says that FileVault is on, and our certificate opened its recovery key"
LOOK_EVERY = timedelta(hours=4)


def _refusal(device: Device) -> str:
    return "" if device.platform == Device.Platform.MACOS else "Only Macs have FileVault."


def _rotation_refusal(device: Device) -> str:
    return _rotation_refusals([device]).get(device.pk, "")


def _rotation_refusals(devices: Sequence[Device]) -> dict[int, str]:
    ids = [device.pk for device in devices]
    keys = EscrowedSecret.objects.filter(device__in=ids, kind=RECOVERY_KEY, is_current=True)
    having = set(keys.order_by().values_list("device_id", flat=True))
    missing = "No recovery key of this Mac is escrowed, so there is none to exchange."
    said = {device.pk: _refusal(device) or ("" if device.pk in having else missing) for device in devices}
    return {pk: why for pk, why in said.items() if why}


def _key_since(device: Device, moment: datetime | None = None) -> bool:
    keys = EscrowedSecret.objects.filter(device=device, kind=RECOVERY_KEY, is_current=True)
    return keys.filter(created_at__gte=moment).exists() if moment else keys.exists()


def _install(run: Run) -> Outcome | None:
    if run.device.is_encrypted and _key_since(run.device):
        return Done("FileVault is on and its recovery key is escrowed", is_needless=True)
    profile = filevault_profile(run.device, bypass_attempts=run.parameters["deferrals"])
    run.ask("InstallProfile", {"Payload": profile})
    return None


def _ask_security(run: Run) -> None:
    run.ask("SecurityInfo")


def _is_on(run: Run) -> bool:
    return bool(run.device.is_encrypted) and _key_since(run.device)


def _look_for_encryption(run: Run) -> Outcome:
    """Ask again and again, because nothing tells us when the person has logged in."""
    outcome = all_acknowledged(run)
    if isinstance(outcome, Wait):
        return outcome
    if _is_on(run):
        return Done(PROVEN)
    why = f"{_MISSING[bool(run.device.is_encrypted)]} Asked again in {LOOK_EVERY.seconds // 3600} hours."
    return Again(why, LOOK_EVERY, is_for_a_person=True)


def _proven(run: Run) -> Done | None:
    """Whoever asked: an answer of the inventory proves it as well as one of this workflow."""
    return Done(PROVEN) if _is_on(run) else None


# A key is handed over only if the profile was there when the Mac made it.
_MISSING = {
    False: "FileVault waits for the person: it starts at the next login.",
    True: "FileVault is on, but its recovery key has not come: a key from before the profile stays with whoever turned"
    " it on. Have a new one made on the Mac, as an administrator: sudo fdesetup changerecovery -personal.",
}


ENABLE = Definition(
    kind="enable_filevault",
    title="Turn on FileVault with escrow",
    tells="Installs FileVault with our escrow certificate and waits until the recovery key is here",
    icon="enhanced_encryption",
    refusal=_refusal,
    parameters=(
        Parameter(
            "deferrals", "How often the person may put it off", "number", default=3, minimum=0, maximum=100,
            help="At login; 0 turns it on at the next one.",
        ),
    ),
    steps=(
        Step("install", "Install the profile", _install),
        Step("wait", "Wait until it is on and the key is escrowed", _ask_security, _look_for_encryption,
             timeout=timedelta(days=90), proven=_proven),
    ),
    needs=lambda values: ("InstallProfile", "SecurityInfo"),
    watches=("SecurityInfo", "RotateFileVaultKey"),
    on_reenrollment=START_ANEW,
)  # fmt: skip


def _rotate(run: Run) -> None:
    run.ask("RotateFileVaultKey", {"KeyType": "personal"})


def _look_for_new_key(run: Run) -> Outcome:
    outcome = all_acknowledged(run)
    if not isinstance(outcome, Done):
        return outcome
    if _key_since(run.device, run.row.begun_at):
        return Done("the Mac made a new recovery key, and it is escrowed")
    return Again(
        "The Mac answered, but its new recovery key could not be read.", timedelta(minutes=15), is_failure=True
    )


ROTATE = Definition(
    kind="rotate_recovery_key",
    title="Rotate the recovery key",
    tells="Exchanges the FileVault recovery key for a new one and escrows it",
    icon="key",
    refusal=_rotation_refusal,
    refusals=_rotation_refusals,
    steps=(Step("rotate", "Exchange the key", _rotate, _look_for_new_key),),
    needs=lambda values: ("RotateFileVaultKey",),
)
