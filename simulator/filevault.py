"""FileVault of a Mac: deferred to a login by an installed profile, and to whom its recovery key is handed.

A key leaves the Mac only encrypted, and only if an escrow payload was there when the key was made: one that is older
stays with whoever turned FileVault on. Apple: com.apple.MCX.FileVault2, com.apple.security.FDERecoveryKeyEscrow.
"""

from typing import TYPE_CHECKING

from cryptography import x509

from simulator import cms, profile
from simulator.answers.start_passwords import read_recipient
from simulator.profile import Configuration
from simulator.state import secret_words

if TYPE_CHECKING:
    from simulator.device import PretendDevice

FILEVAULT, ESCROW = "com.apple.MCX.FileVault2", "com.apple.security.FDERecoveryKeyEscrow"


def log_in(device: "PretendDevice", *, puts_off: bool) -> bool:
    """Have the person log in; return whether FileVault is on then. It can be put off as often as the profile says."""
    state = device.state
    if state.recovery_key:
        return True
    wish = _payload(device, FILEVAULT)
    if wish is None or wish.get("Enable") != "On":
        return False
    allowed = wish.get("DeferForceAtUserLoginMaxBypassAttempts", -1)
    if puts_off and (allowed < 0 or state.filevault_put_off < allowed):
        state.filevault_put_off += 1
        return False
    state.filevault_put_off = 0
    make_key(device)
    return True


def make_key(device: "PretendDevice") -> None:
    """Make a new recovery key; it is handed over if an escrow payload is installed."""
    device.state.recovery_key = secret_words(6)
    device.state.is_recovery_key_escrowed = _payload(device, ESCROW) is not None


def escrowed_key(device: "PretendDevice") -> dict:
    """Return the keys of SecurityInfo that hand over the recovery key, encrypted; nothing where none is escrowed."""
    state = device.state
    if not (state.recovery_key and state.is_recovery_key_escrowed):
        return {}
    for configuration in _configurations(device):
        for escrow in configuration.of_type(ESCROW):
            recipient = _recipient(configuration, escrow.get("EncryptCertPayloadUUID"))
            if recipient is not None:
                key = cms.envelope(state.recovery_key.encode(), recipient, "aes256")
                name = escrow.get("DeviceKey") or state.hardware.serial_number
                return {"FDE_PersonalRecoveryKeyCMS": key, "FDE_PersonalRecoveryKeyDeviceKey": name}
    return {}


def _configurations(device: "PretendDevice") -> list[Configuration]:
    return [profile.read_configuration(data, device.identity) for data in device.channel.profiles.values()]


def _payload(device: "PretendDevice", payload_type: str) -> dict | None:
    found = [payload for one in _configurations(device) for payload in one.of_type(payload_type)]
    return found[0] if found else None


def _recipient(configuration: Configuration, payload_uuid: str | None) -> x509.Certificate | None:
    for payload in configuration.of_type("com.apple.security.pkcs1"):
        if payload["PayloadUUID"] == payload_uuid:
            return read_recipient(payload.get("PayloadContent") or b"")
    return None
