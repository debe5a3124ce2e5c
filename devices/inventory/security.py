"""SecurityInfo: passcode, encryption, firewall and how the device is managed.

The FileVault recovery key that it may carry is not kept with the answer; escrowing it is not done here.

Apple: developer.apple.com/documentation/devicemanagement/security-info-command
"""

from devices.inventory.answers import keep_newest
from devices.inventory.device_columns import write_columns
from devices.inventory.reported import Columns, Reported, flag, read_columns, small_number

KEY = "SecurityInfo"
COLUMNS: Columns = (
    ("PasscodePresent", "is_passcode_present", flag),
    ("PasscodeCompliant", "is_passcode_compliant", flag),
    ("SystemIntegrityProtectionEnabled", "is_sip_enabled", flag),
)
FIREWALL: Columns = (("FirewallEnabled", "is_firewall_enabled", flag),)
MANAGEMENT: Columns = (
    ("EnrolledViaDEP", "is_ade_enrolled", flag),
    ("UserApprovedEnrollment", "is_user_approved_enrollment", flag),
    ("IsUserEnrollment", "is_user_enrollment", flag),
)
ENCRYPTION: Columns = (
    ("FDE_Enabled", "file_vault", flag),
    ("HardwareEncryptionCaps", "capabilities", small_number),
    ("PasscodePresent", "passcode", flag),
)
BLOCK_AND_FILE_ENCRYPTION = 3


def store_security_info(reports: list[Reported]) -> None:
    """Write a batch of SecurityInfo answers; those of users' channels are kept but say nothing of the device."""
    readable = [report for report in reports if report.part(KEY, dict) is not None]
    kept = keep_newest(KEY, [(report, report.content[KEY]) for report in readable])
    write_columns({report.device_id: _columns(report) for report in kept if not report.user_key})


def _columns(report: Reported) -> dict:
    values, problems = report.content[KEY], report.problems
    columns = read_columns(values, COLUMNS, problems)
    for key, inner in (("FirewallSettings", FIREWALL), ("ManagementStatus", MANAGEMENT)):
        if isinstance(values.get(key), dict):
            columns |= read_columns(values[key], inner, problems, key)
        elif key in values:
            problems.append(f"{key}: is not a dictionary")
    return columns | _encryption(values)


def _encryption(values: dict) -> dict:
    """FileVault on a Mac; elsewhere data protection, which is in force once there is a passcode."""
    told = read_columns(values, ENCRYPTION, [])
    if "file_vault" in told:
        return {"is_encrypted": told["file_vault"]}
    if "capabilities" not in told or "passcode" not in told:
        return {}
    return {"is_encrypted": told["passcode"] and told["capabilities"] == BLOCK_AND_FILE_ENCRYPTION}
