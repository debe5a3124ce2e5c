"""Answers that have no columns or rows of their own: kept whole, without what is secret, or named as not kept.

The device's page and the API show what is kept, with the time of the answer. Of an answer about some only (FILTERS of
devices.inventory) nothing is kept, because the whole would be lost.

Apple: developer.apple.com/documentation/devicemanagement/commands-and-queries
"""

import json

from django.db import connection

from devices.changes import tell_changed
from devices.inventory.answers import keep_newest, split_filtered
from devices.inventory.reported import ENVELOPE, Reported

KEPT = (
    "ActiveNSExtensions", "ContentCachingInformation", "LOMSetupRequest", "ManagedApplicationList",
    "ManagedMediaList", "NSExtensionMappings", "ProvisioningProfileList", "Restrictions",
    "ScheduleOSUpdate", "ScheduleOSUpdateScan", "UserList",
)  # fmt: skip
# Why the answers to other commands are not inventory. Each command shows its own all the same.
_OUTCOME = "it says how the command went, which the command shows"
_SECRET = "it is a secret: what is needed of it is escrowed"
NOT_KEPT = {
    "ActivationLockBypassCode": _SECRET,
    "DeviceLocation": "where somebody is: kept as location, for those who may see it",
    "DeviceLock": _OUTCOME,
    "InstallApplication": _OUTCOME,
    "InstallMedia": _OUTCOME,
    "InviteToProgram": _OUTCOME,
    "LOMDeviceRequest": _OUTCOME,
    "ManagedApplicationAttributes": "it is about the apps that were asked for only",
    "ManagedApplicationConfiguration": "what an app is configured with may hold passwords",
    "ManagedApplicationFeedback": "what an app tells its administrator may hold anything",
    "RequestMirroring": _OUTCOME,
    "RequestUnlockToken": _SECRET,
    "RotateFileVaultKey": _SECRET,
    "SetFirmwarePassword": _OUTCOME,
    "Settings": _OUTCOME,
    "VerifyFirmwarePassword": _OUTCOME,
    "VerifyRecoveryLock": _OUTCOME,
}
MANAGED = "ManagedApplicationList"
_IS_MANAGED = ("Managed", "Updating")

_MARK_MANAGED = """
UPDATE devices_installedapplication a SET is_managed = a.identifier = ANY(t.managed)
FROM jsonb_to_recordset(%s::jsonb) AS t(device_id bigint, managed text[])
WHERE a.device_id = t.device_id AND a.is_managed IS DISTINCT FROM (a.identifier = ANY(t.managed))
RETURNING a.device_id"""


def store_of(request_type: str, *filters: str):
    """Return what keeps a batch of answers to one command; those to questions with ``filters`` are left out."""

    def store(reports: list[Reported]) -> list[Reported]:
        whole, _filtered = split_filtered(reports, *filters)
        return keep_newest(request_type, [(report, _content(report)) for report in whole])

    return store


def store_managed_applications(reports: list[Reported]) -> None:
    """Keep a batch of lists of managed apps, and mark the installed apps that are and are not among them."""
    kept = store_of(MANAGED, "Identifiers")(reports)
    told = [
        {"device_id": report.device_id, "managed": _managed(report)}
        for report in kept
        if not report.user_key and report.part(MANAGED, dict) is not None
    ]
    if told:
        with connection.cursor() as cursor:
            cursor.execute(_MARK_MANAGED, [json.dumps(told)])
            tell_changed(device_id for (device_id,) in cursor.fetchall())


def _managed(report: Reported) -> list[str]:
    apps = report.content[MANAGED].items()
    return [name for name, told in apps if isinstance(told, dict) and told.get("Status") in _IS_MANAGED]


def _content(report: Reported) -> dict:
    return {key: value for key, value in report.content.items() if key not in ENVELOPE}
