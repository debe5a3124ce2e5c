"""Lint against the processors of the Macs in scope, on which Apple's schema is silent: one statement, if any."""

from django.db import connection

from profiles.lint.document import Document, Payload
from profiles.lint.findings import Affected, Level, Report
from profiles.lint.scope import SHOWN, Scope

ACME = "com.apple.security.acme"
KERNEL_EXTENSIONS = "com.apple.syspolicy.kernel-extension-policy"

# Macs by what they answered of their processor.
_MACS = """
SELECT a.content -> 'IsAppleSilicon', d.id, coalesce(nullif(d.name, ''), d.serial_number, d.udid, 'device ' || d.id)
FROM devices_device d JOIN devices_answer a ON a.device_id = d.id
WHERE a.request_type = 'DeviceInformation' AND a.user_key = '' AND d.platform = 'macos'
  AND a.content ? 'IsAppleSilicon'
  AND d.id IN (SELECT c.device_id FROM devices_channel c WHERE c.id = ANY(%s))
ORDER BY d.id"""


def check_hardware(document: Document, scope: Scope, report: Report) -> None:
    """Report keys bound to hardware that Intel Macs lack, and kernel extensions on Apple silicon."""
    bound = [(payload, key) for payload in document.payloads if payload.type == ACME for key in _bound(payload)]
    extensions = [payload for payload in document.payloads if payload.type == KERNEL_EXTENSIONS]
    if not scope.channel_ids or not (bound or extensions):
        return
    silicon, intel = _macs(scope)
    for payload, key in bound:
        if intel.count:
            message = f"{key} needs Apple silicon: {intel.verb('are Macs', 'is a Mac')} with an Intel processor."
            report.add(Level.WARNING, "intel", (*payload.path, key), message, devices=intel, **payload.about)
    for payload in extensions:
        if silicon.count:
            message = (
                f"{silicon.verb('are Macs', 'is a Mac')} with Apple silicon, which load no kernel extension before "
                "somebody lowers the security policy of the startup disk there."
            )
            report.add(Level.WARNING, "apple_silicon", payload.path, message, devices=silicon, **payload.about)


def _bound(payload: Payload) -> list[str]:
    return [key for key in ("HardwareBound", "Attest") if payload.values.get(key) is True]


def _macs(scope: Scope) -> tuple[Affected, Affected]:
    with connection.cursor() as cursor:
        cursor.execute(_MACS, [list(scope.channel_ids)])
        rows = [(str(is_silicon).lower() == "true", pk, name) for is_silicon, pk, name in cursor]
    found = []
    for wanted in (True, False):
        some = tuple((pk, name) for is_silicon, pk, name in rows if is_silicon is wanted)
        found.append(Affected(len(some), scope.device_count, some[:SHOWN]))
    return found[0], found[1]
