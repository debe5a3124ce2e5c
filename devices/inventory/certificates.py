"""CertificateList: the certificates of a device, read; bytes that are no certificate keep the name they came with.

Apple: developer.apple.com/documentation/devicemanagement/certificate-list-command
"""

import hashlib
import warnings
from functools import lru_cache

from cryptography import x509

from devices.changes import tell_changed
from devices.inventory.answers import keep_newest, not_outdated, split_filtered
from devices.inventory.reported import KEY_LENGTH, TEXT_LENGTH, Columns, Reported, key_text, read_columns
from devices.inventory.rows import hex_bytes, replace_rows
from devices.models import InstalledCertificate

KEY = "CertificateList"
COLUMNS: Columns = (("CommonName", "common_name", key_text),)
UNIQUE = ("device_id", "fingerprint", "common_name", "is_identity")
_UNREADABLE = {"issuer": "", "serial_hex": "", "not_before": None, "not_after": None, "is_readable": False}


def store_certificates(reports: list[Reported]) -> None:
    """Write a batch of certificate lists; an answer about managed ones only adds and changes, but deletes nothing."""
    readable = [report for report in reports if not report.user_key and report.part(KEY, list) is not None]
    whole, filtered = split_filtered(readable, "ManagedOnly")
    kept = keep_newest(KEY, [(report, {"count": len(report.content[KEY])}) for report in whole])
    told = [*kept, *not_outdated(KEY, filtered)]
    rows = [row for report in told for row in _rows(report)]
    tell_changed(replace_rows(InstalledCertificate, rows, key=UNIQUE, replaced=[report.device_id for report in kept]))


def _rows(report: Reported) -> list[dict]:
    rows = []
    for path, item in report.items(KEY):
        data = item.get("Data")
        if not isinstance(data, bytes):
            report.problems.append(f"{path}.Data: is not data")
            data = b""
        columns = {"common_name": ""} | read_columns(item, COLUMNS, report.problems, path)
        # Not null: two rows that differ by nothing else must be one to the unique constraint.
        columns["is_identity"] = item.get("IsIdentity") is True
        fingerprint = hex_bytes(hashlib.sha256(data).digest())
        facts = _facts(data)
        if data and not facts["is_readable"]:
            report.problems.append(f"{path}.Data: is not a certificate")
        rows.append({"device_id": report.device_id, "fingerprint": fingerprint, **columns, **facts})
    return rows


@lru_cache(maxsize=2048)
def _facts(data: bytes) -> dict:
    """Read a certificate; a fleet reports the same authorities again and again."""
    try:
        with warnings.catch_warnings():
            # Old roots break rules (negative serial numbers, long names) about which there is nothing to be done.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(data)
            return {
                "issuer": certificate.issuer.rfc4514_string().replace("\0", "")[:TEXT_LENGTH],
                "serial_hex": f"{certificate.serial_number:x}"[:KEY_LENGTH],
                "not_before": certificate.not_valid_before_utc.isoformat(),
                "not_after": certificate.not_valid_after_utc.isoformat(),
                "is_readable": True,
            }
    except (ValueError, x509.InvalidVersion):
        return _UNREADABLE
