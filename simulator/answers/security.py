"""SecurityInfo, CertificateList and Restrictions.

Owns what a device tells about its protection. Apple: SecurityInfoCommand, CertificateListCommand, RestrictionsCommand.
"""

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from simulator import filevault, profile
from simulator.answers import command
from simulator.catalog import MAC
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice


@command("SecurityInfo")
def security_info(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    state = device.state
    if state.hardware.platform == MAC:
        return {"SecurityInfo": _mac_security(device)}
    info = {
        "HardwareEncryptionCaps": 3,
        "PasscodePresent": state.has_passcode,
        "PasscodeCompliant": True,
        "PasscodeCompliantWithProfiles": True,
        "PasscodeLockGracePeriod": 0,
        "PasscodeLockGracePeriodEnforced": 0,
        "ManagementStatus": {"IsUserEnrollment": device.enrollment.is_user_enrollment},
    }
    if state.hardware.platform in ("iPhone", "iPad"):
        info["AutoLockTime"] = 120
    return {"SecurityInfo": info}


def _mac_security(device: "PretendDevice") -> dict:
    state = device.state
    has_filevault = bool(state.recovery_key)
    has_bootstrap_token = bool(state.bootstrap_token)
    firewall = {
        "FirewallEnabled": True,
        "BlockAllIncoming": False,
        "StealthMode": False,
        "AllowSigned": True,
        "AllowSignedApp": True,
        "Applications": [],
        "LoggingEnabled": True,
        "LoggingOption": "throttled",
    }
    silicon = state.hardware.is_apple_silicon
    return {
        "AuthenticatedRootVolumeEnabled": True,
        "BootstrapTokenAllowedForAuthentication": "allowed" if has_bootstrap_token else "disallowed",
        "BootstrapTokenRequiredForKernelExtensionApproval": True,
        "BootstrapTokenRequiredForSoftwareUpdate": True,
        "FDE_Enabled": has_filevault,
        "FDE_HasInstitutionalRecoveryKey": False,
        "FDE_HasPersonalRecoveryKey": has_filevault,
        "FirewallSettings": firewall,
        **({"IsRecoveryLockEnabled": bool(state.recovery_lock)} if silicon else _firmware(device)),
        **filevault.escrowed_key(device),
        "ManagementStatus": {
            "EnrolledViaDEP": bool(state.is_awaiting_configuration or state.admin_accounts),
            "IsActivationLockManageable": True,
            "IsUserEnrollment": False,
            "UserApprovedEnrollment": state.is_user_approved,
        },
        "RemoteDesktopEnabled": bool(state.settings.get("RemoteDesktop")),
        "SecureBoot": {"ExternalBootLevel": "disallowed", "SecureBootLevel": "full"},
        "SystemIntegrityProtectionEnabled": True,
    }


def _firmware(device: "PretendDevice") -> dict:
    exists = bool(device.state.firmware_password)
    return {"FirmwarePasswordStatus": {"PasswordExists": exists, "ChangePending": False, "AllowOroms": False}}


@command("CertificateList")
def certificate_list(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if channel.is_user:
        return {"CertificateList": _profile_certificates(channel)}
    own = [_entry(device.identity.certificate, is_identity=True)]
    roots = [_entry(certificate) for certificate in _certificates_of(device.enrollment.configuration)]
    return {"CertificateList": own + roots + _profile_certificates(channel)}


def _profile_certificates(channel: Channel) -> list[dict]:
    configurations = [profile.read_configuration(data) for data in channel.profiles.values()]
    return [_entry(one) for configuration in configurations for one in _certificates_of(configuration)]


def _certificates_of(configuration: profile.Configuration) -> list[x509.Certificate]:
    found = []
    for payload in configuration.of_type(*profile.ROOT_PAYLOADS):
        data = payload.get("PayloadContent") or b""
        load = x509.load_pem_x509_certificate if data.lstrip().startswith(b"--") else x509.load_der_x509_certificate
        found.append(load(data))
    return found


def _entry(certificate: x509.Certificate, *, is_identity: bool = False) -> dict:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return {
        "CommonName": names[0].value if names else certificate.subject.rfc4514_string(),
        "Data": certificate.public_bytes(Encoding.DER),
        "IsIdentity": is_identity,
    }


@command("Restrictions", may_defer=False)
def restrictions(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    restricted: dict[str, dict] = {}
    merged: dict[str, dict] = {}
    for data in channel.profiles.values():
        configuration = profile.read_configuration(data, device.identity)
        for payload in configuration.of_type("com.apple.applicationaccess"):
            booleans = {key: {"value": value} for key, value in payload.items() if isinstance(value, bool)}
            restricted[configuration.identifier] = {"restrictedBool": booleans}
            merged |= booleans
    answer = {"GlobalRestrictions": {"restrictedBool": merged, "restrictedValue": {}}}
    if content.get("ProfileRestrictions"):
        answer["ProfileRestrictions"] = restricted
    return answer
