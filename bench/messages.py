"""What the benchmark's devices say: Idle, reports of a realistic size, check-in messages, as bytes with HTTP around.

Reports are rendered once a request type with marks in place of the UDID and the CommandUUID, which have a fixed
length; only those differ between devices. Apple: "Check-in" and "Commands and Queries" of Device Management.
"""

import base64
import plistlib
from datetime import datetime

UDID_MARK = "00000000-0000-0000-0000-00000000UDID"
UUID_MARK = "00000000-0000-0000-0000-00000000UUID"
CONNECT_TYPE = "application/x-apple-aspen-mdm"
CHECK_IN_TYPE = "application/x-apple-aspen-mdm-checkin"
QUERIES = ["DeviceName", "OSVersion", "SerialNumber", "ModelName", "BatteryLevel"]
# What a cycle asks, in this order, and the payload each command has.
QUESTIONS = {
    "DeviceInformation": {"Queries": QUERIES},
    "SecurityInfo": {},
    "ProfileList": {},
    "CertificateList": {},
    "InstalledApplicationList": {},
}

_DEVICE_INFORMATION = {
    "QueryResponses": {
        "ActiveManagedUsers": [],
        "AppAnalyticsEnabled": False,
        "AvailableDeviceCapacity": 87.25163269042969,
        "AwaitingConfiguration": False,
        "BatteryLevel": 0.8199999928474426,
        "BluetoothMAC": "f0:18:98:0a:2b:3c",
        "BuildVersion": "22F76",
        "CellularTechnology": 3,
        "DataRoamingEnabled": False,
        "DeviceCapacity": 128.0,
        "DeviceName": "iPhone of a benchmark",
        "DiagnosticSubmissionEnabled": True,
        "EACSPreflight": "success",
        "HasBattery": True,
        "IsActivationLockEnabled": False,
        "IsActivationLockSupported": True,
        "IsAppleSilicon": False,
        "IsCloudBackupEnabled": True,
        "IsDeviceLocatorServiceEnabled": False,
        "IsDoNotDisturbInEffect": False,
        "IsMDMLostModeEnabled": False,
        "IsMultiUser": False,
        "IsNetworkTethered": False,
        "IsRoaming": False,
        "IsSupervised": False,  # a supervised one is asked for its bypass code besides
        "LastCloudBackupDate": datetime(2026, 5, 14, 3, 11, 40),
        "Model": "MTQR3LL",
        "ModelName": "iPhone",
        "ModelNumber": "MTQR3LL/A",
        "OSVersion": "18.5",
        "PersonalHotspotEnabled": False,
        "ProductName": "iPhone17,1",
        "ServiceSubscriptions": [
            {
                "CarrierSettingsVersion": "62.0.1",
                "CurrentCarrierNetwork": "Example Mobile",
                "CurrentMCC": "001",
                "CurrentMNC": "01",
                "ICCID": "8900 1000 0000 0000 0017",
                "IMEI": "35 000000 000000 6",
                "IsDataPreferred": True,
                "IsRoaming": False,
                "IsVoicePreferred": True,
                "Label": "Primary",
                "LabelID": "00000000-0000-0000-0000-000000000001",
                "PhoneNumber": "+15550100100",
                "Slot": "CTSubscriptionSlotOne",
            }
        ],
        "SoftwareUpdateDeviceID": "D93AP",
        "SupplementalBuildVersion": "22F76",
        "TimeZone": "Europe/Paris",
        "UDID": UDID_MARK,
        "VoiceRoamingEnabled": False,
        "WiFiMAC": "f0:18:98:0a:2b:3d",
    }
}
_SECURITY_INFO = {
    "SecurityInfo": {
        "HardwareEncryptionCaps": 3,
        "ManagementStatus": {"EnrolledViaDEP": False, "IsUserEnrollment": False},
        "PasscodeCompliant": True,
        "PasscodeCompliantWithProfiles": True,
        "PasscodeLockGracePeriod": 0,
        "PasscodeLockGracePeriodEnforced": 0,
        "PasscodePresent": True,
    }
}
_PROFILE_LIST = {
    "ProfileList": [
        {
            "HasRemovalPasscode": False,
            "IsEncrypted": False,
            "IsManaged": True,
            "PayloadContent": [
                {
                    "PayloadDescription": "Configures something for a benchmark",
                    "PayloadDisplayName": "Payload",
                    "PayloadIdentifier": f"com.example.bench.{number}.payload",
                    "PayloadOrganization": "Example",
                    "PayloadType": "com.apple.wifi.managed",
                    "PayloadUUID": f"00000000-0000-0000-0001-{number:012d}",
                    "PayloadVersion": 1,
                }
            ],
            "PayloadDescription": "A profile of a benchmark",
            "PayloadDisplayName": f"Profile {number}",
            "PayloadIdentifier": f"com.example.bench.{number}",
            "PayloadOrganization": "Example",
            "PayloadRemovalDisallowed": False,
            "PayloadUUID": f"00000000-0000-0000-0000-{number:012d}",
            "PayloadVersion": 1,
        }
        for number in range(3)
    ]
}
_APPLICATIONS = {
    "InstalledApplicationList": [
        {
            "AppStoreVendable": True,
            "BundleSize": 123_456_789 + number,
            "DeviceBasedVPP": False,
            "DynamicSize": 4_096_000,
            "ExternalVersionIdentifier": 860_000_000 + number,
            "HasUpdateAvailable": False,
            "Identifier": f"com.example.application{number}",
            "Installing": False,
            "IsAppClip": False,
            "IsValidated": True,
            "Name": f"Application {number}",
            "ShortVersion": "4.2.1",
            "Version": "4021",
        }
        for number in range(10)
    ]
}


def answers(certificate_der: bytes) -> dict[str, dict]:
    """Return the keys of an Acknowledged report by request type."""
    certificates = [{"CommonName": "Benchmark", "Data": certificate_der, "IsIdentity": True}]
    return {
        "DeviceInformation": _DEVICE_INFORMATION,
        "SecurityInfo": _SECURITY_INFO,
        "ProfileList": _PROFILE_LIST,
        "CertificateList": {"CertificateList": certificates},
        "InstalledApplicationList": _APPLICATIONS,
    }


class Speech:
    """The message bodies of all devices; certificate_der is what each says in its CertificateList."""

    def __init__(self, certificate_der: bytes):
        keys = {"Status": "Acknowledged", "UDID": UDID_MARK, "CommandUUID": UUID_MARK}
        self._reports = {name: plistlib.dumps(keys | content) for name, content in answers(certificate_der).items()}
        self._idle = plistlib.dumps({"Status": "Idle", "UDID": UDID_MARK})

    def idle(self, udid: str) -> bytes:
        return self._idle.replace(UDID_MARK.encode(), udid.encode())

    def report(self, udid: str, request_type: str, command_uuid: str) -> bytes:
        report = self._reports[request_type].replace(UDID_MARK.encode(), udid.encode())
        return report.replace(UUID_MARK.encode(), command_uuid.encode())


def authenticate(udid: str, topic: str, number: int) -> bytes:
    return plistlib.dumps(
        {
            "MessageType": "Authenticate",
            "Topic": topic,
            "UDID": udid,
            "OSVersion": "18.5",
            "BuildVersion": "22F76",
            "ProductName": "iPhone17,1",
            "SerialNumber": f"JOINS{number:07d}",
        }
    )


def token_update(udid: str, topic: str, number: int) -> bytes:
    return plistlib.dumps(
        {
            "MessageType": "TokenUpdate",
            "Topic": topic,
            "UDID": udid,
            "AwaitingConfiguration": False,
            "PushMagic": push_magic(number),
            "Token": push_token(number),
        }
    )


def push_token(number: int) -> bytes:
    return number.to_bytes(32, "big")


def push_magic(number: int) -> str:
    return f"00000000-0000-0000-0002-{number:012d}"


def request(body: bytes, identity: str, *, path: str = "/mdm/connect", content_type: str = CONNECT_TYPE) -> bytes:
    """Return an HTTP request; ``identity`` is the header line that says who speaks."""
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: MDM/1.0\r\nContent-Type: {content_type}\r\n"
        f"{identity}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def client_cert_header(certificate_der: bytes) -> str:
    """The header of RFC 9440, as a proxy sets it after TLS client authentication."""
    return f"Client-Cert: :{base64.b64encode(certificate_der).decode()}:"


def signature_header(signature_der: bytes) -> str:
    return f"Mdm-Signature: {base64.b64encode(signature_der).decode()}"
