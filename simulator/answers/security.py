"""SecurityInfo, CertificateList, Restrictions and UserList.

Owns what a device tells about its protection and its people. Apple: SecurityInfoCommand, CertificateListCommand,
RestrictionsCommand, UserListCommand.
"""

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from simulator import profile
from simulator.answers import INSPECT_PROFILES, NOT_MAC, RESTRICTIONS, SECURITY, command
from simulator.catalog import MAC
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice


@command("SecurityInfo", user_channel=True, access_right=SECURITY)
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
        "ManagementStatus": {"IsUserEnrollment": False},
    }
    if state.hardware.platform in ("iPhone", "iPad"):
        info["AutoLockTime"] = 120
    return {"SecurityInfo": info}


def _mac_security(device: "PretendDevice") -> dict:
    state = device.state
    has_filevault = state.hardware.model_name.startswith("MacBook")
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
    return {
        "AuthenticatedRootVolumeEnabled": True,
        "BootstrapTokenAllowedForAuthentication": "allowed" if has_bootstrap_token else "disallowed",
        "BootstrapTokenRequiredForKernelExtensionApproval": True,
        "BootstrapTokenRequiredForSoftwareUpdate": True,
        "FDE_Enabled": has_filevault,
        "FDE_HasInstitutionalRecoveryKey": False,
        "FDE_HasPersonalRecoveryKey": has_filevault,
        "FirewallSettings": firewall,
        "IsRecoveryLockEnabled": False,
        "ManagementStatus": {
            "EnrolledViaDEP": False,
            "IsActivationLockManageable": True,
            "IsUserEnrollment": False,
            "UserApprovedEnrollment": True,
        },
        "RemoteDesktopEnabled": bool(state.settings.get("RemoteDesktop")),
        "SecureBoot": {"ExternalBootLevel": "disallowed", "SecureBootLevel": "full", "ReducedSecurity": {}},
        "SystemIntegrityProtectionEnabled": True,
    }


@command("CertificateList", user_channel=True, access_right=INSPECT_PROFILES)
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


@command("Restrictions", platforms=NOT_MAC, access_right=RESTRICTIONS, may_defer=False)
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


@command("UserList", platforms=(MAC,), supervised_on=(MAC,))
def user_list(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    state = device.state
    user = {
        "UserName": state.owner_short_name,
        "FullName": state.owner_name,
        "UID": 501,
        "UserGUID": next((one.user_id for one in device.user_channels), device.owner_guid),
        "IsLoggedIn": True,
        "MobileAccount": False,
        "HasSecureToken": True,
    }
    return {"Users": [user]}


@command("UnlockUserAccount", platforms=(MAC,), required={"UserName": str})
def unlock_user_account(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    return {}
