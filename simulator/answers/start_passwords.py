"""What guards the start of a Mac, its disk and its administrator: Recovery Lock, firmware, FileVault, admin password.

Owns that only the right current secret changes one. Apple: SetRecoveryLockCommand, SetFirmwarePasswordCommand,
RotateFileVaultKeyCommand, SetAutoAdminPasswordCommand.
"""

from typing import TYPE_CHECKING

from cryptography import x509

from simulator import cms, plists
from simulator.answers import command
from simulator.chains import MDM_CLIENT, Refused, link, refuse
from simulator.state import Channel, secret_words

if TYPE_CHECKING:
    from simulator.device import PretendDevice

HASH_SIZES = {"entropy": 128, "salt": 32}
ITERATIONS = range(10_000, 1_000_001)


def _need_hardware(device: "PretendDevice", *, apple_silicon: bool, request_type: str) -> None:
    if device.state.hardware.is_apple_silicon is not apple_silicon:
        raise refuse(MDM_CLIENT, 71, f"'{request_type}' is not supported on this Mac <MDMClientError:71>")


@command("SetRecoveryLock")
def set_recovery_lock(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    _need_hardware(device, apple_silicon=True, request_type="SetRecoveryLock")
    state = device.state
    if state.recovery_lock and "CurrentPassword" not in content:
        raise refuse(MDM_CLIENT, 70, "Existing recovery lock password not provided <MDMClientError:70>")
    if state.recovery_lock and content["CurrentPassword"] != state.recovery_lock:
        text = "The provided recovery password failed to validate."
        raise Refused(link("ROSLockoutServiceDaemonErrorDomain", 8, text))
    state.recovery_lock = content["NewPassword"]
    return {}


@command("VerifyRecoveryLock")
def verify_recovery_lock(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    _need_hardware(device, apple_silicon=True, request_type="VerifyRecoveryLock")
    if not device.state.recovery_lock:
        raise refuse(MDM_CLIENT, 72, "No recovery lock password is set <MDMClientError:72>")
    return {"PasswordVerified": content["Password"] == device.state.recovery_lock}


@command("SetFirmwarePassword")
def set_firmware_password(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    _need_hardware(device, apple_silicon=False, request_type="SetFirmwarePassword")
    state, new = device.state, content["NewPassword"]
    if not all(" " <= character <= "~" for character in new):
        raise refuse(MDM_CLIENT, 73, "The firmware password has characters that cannot be typed <MDMClientError:73>")
    is_right = not state.firmware_password or content.get("CurrentPassword") == state.firmware_password
    if is_right:
        state.firmware_password = new
    return {"SetFirmwarePassword": {"PasswordChanged": is_right}}


@command("VerifyFirmwarePassword")
def verify_firmware_password(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    _need_hardware(device, apple_silicon=False, request_type="VerifyFirmwarePassword")
    is_right = bool(device.state.firmware_password) and content["Password"] == device.state.firmware_password
    return {"VerifyFirmwarePassword": {"PasswordVerified": is_right}}


@command("RotateFileVaultKey")
def rotate_filevault_key(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    """Exchange the personal key; the new one leaves the Mac only encrypted."""
    state = device.state
    if not state.recovery_key:
        raise refuse(MDM_CLIENT, 60, "FileVault is not enabled <MDMClientError:60>")
    if content["KeyType"] != "personal":
        raise refuse(MDM_CLIENT, 61, "Institutional recovery keys are not supported <MDMClientError:61>")
    if content["FileVaultUnlock"].get("Password") != state.recovery_key:
        raise refuse(MDM_CLIENT, 62, "FileVault could not be unlocked <MDMClientError:62>")
    recipient = read_recipient(content.get("ReplyEncryptionCertificate", b""))
    state.recovery_key = secret_words(6)
    return {"RotateResult": {"EncryptedNewRecoveryKey": cms.envelope(state.recovery_key.encode(), recipient, "aes256")}}


def read_recipient(data: bytes) -> x509.Certificate:
    """Read the certificate (DER) that a recovery key is encrypted to; raise Refused."""
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise refuse(MDM_CLIENT, 63, "The reply encryption certificate is invalid <MDMClientError:63>") from error


@command("SetAutoAdminPassword")
def set_auto_admin_password(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    account = next((one for one in device.state.admin_accounts if one["GUID"] == content["GUID"]), None)
    if account is None:
        raise refuse(MDM_CLIENT, 98, "There is no auto admin account with this GUID <MDMClientError:98>")
    check_password_hash(content["passwordHash"])
    account["passwordHash"] = content["passwordHash"]
    return {}


def check_password_hash(data: bytes) -> None:
    """Check the plist that stands for a password: SALTED-SHA512-PBKDF2 with entropy, salt and iterations."""
    try:
        parts = plists.read_dictionary(data).get("SALTED-SHA512-PBKDF2")
    except plists.PlistError as error:
        raise _bad_hash(str(error)) from error
    if not isinstance(parts, dict):
        raise _bad_hash("it is no SALTED-SHA512-PBKDF2")
    for name, size in HASH_SIZES.items():
        if not isinstance(parts.get(name), bytes) or len(parts[name]) != size:
            raise _bad_hash(f"{name} is not of {size} bytes")
    if parts.get("iterations") not in ITERATIONS:
        raise _bad_hash("iterations is out of range")


def _bad_hash(why: str) -> Refused:
    return refuse(MDM_CLIENT, 99, f"The password hash is invalid: {why} <MDMClientError:99>")
