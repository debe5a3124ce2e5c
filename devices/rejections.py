"""Messages of devices that were refused: kept for the operator, without letting a flood of them fill the database."""

import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from devices.models import Device, Enrollment, RejectedMessage
from mdm_project.crypto import seal_body
from mdm_project.errors import EspalierError
from mdm_project.peers import client_address

logger = logging.getLogger(__name__)

EXCERPT_BYTES = 64 * 1024
# New rows kept at most; the same message again only counts up, however often it comes.
MAX_ROWS = 20_000
# Anybody may send what is refused for want of a certificate, and beat deletes once an hour only: of each code, what is
# new beyond this is not kept. Codes that need a certificate have an allowance of their own.
MAX_NEW_A_MINUTE = 60
_CLAIMED_KEY = re.compile(rb"<key>(UDID|EnrollmentID)</key>\s*<string>([^<]{1,255})</string>")

_KEEP = """
INSERT INTO devices_rejectedmessage (at, last_at, device_id, address, path, content_type, claimed_key, status, code,
                                     reason, size_bytes, body_hash, excerpt_encrypted, times)
SELECT now(), now(), %(device)s, %(address)s, %(path)s, %(content_type)s, %(claimed_key)s, %(status)s, %(code)s,
       %(reason)s, %(size)s, %(hash)s, %(excerpt)s, 1
WHERE (SELECT count(*) FROM (
           SELECT FROM devices_rejectedmessage WHERE code = %(code)s AND at > now() - interval '1 minute' LIMIT %(most)s
       ) AS new) < %(most)s
   OR EXISTS (SELECT FROM devices_rejectedmessage
              WHERE body_hash = %(hash)s AND code = %(code)s AND claimed_key = %(claimed_key)s)
ON CONFLICT (body_hash, code, claimed_key)
DO UPDATE SET times = devices_rejectedmessage.times + 1, last_at = now(), reason = excluded.reason"""


def excerpt_context(body_hash: bytes) -> str:
    """What the encrypted excerpt is bound to."""
    return f"rejected:{bytes(body_hash).hex()}"


@dataclass(frozen=True)
class Refusal:
    """What was refused and why. ``claimed_key`` is what it calls itself, ``known_key`` the enrollment it is of, where
    that is known better; without an excerpt the same refusal from the same address is one row.
    """

    status: int
    code: str
    reason: str
    claimed_key: str
    size_bytes: int
    excerpt: bytes | None = None
    known_key: str = ""


def keep_rejected(environ: dict, excerpt: bytes, size_bytes: int, error: EspalierError) -> None:
    """Keep a refused message: its beginning (64 KB at most) encrypted, and why."""
    excerpt = excerpt[:EXCERPT_BYTES]
    key = claimed_in(excerpt)
    keep_refusal(environ, Refusal(error.status, error.code, error.detail, key, size_bytes, excerpt, key))


def claimed_in(excerpt: bytes) -> str:
    """Return who a message says it is from: the UDID, and the EnrollmentID where there is none, as channels do."""
    found: dict[bytes, bytes] = {}
    for match in _CLAIMED_KEY.finditer(excerpt):
        found.setdefault(match[1], match[2])
    return found.get(b"UDID", found.get(b"EnrollmentID", b"")).decode(errors="replace").replace("\0", "")


def keep_refusal(environ: dict, refusal: Refusal) -> None:
    """Keep what was refused. A failure to keep it is only logged; of a flood only the first ones are kept."""
    address, excerpt = client_address(environ), refusal.excerpt
    told = f"{address} {refusal.reason}".encode() if excerpt is None else excerpt + b"%d" % refusal.size_bytes
    body_hash = hashlib.sha256(told).digest()
    try:
        row = {
            "device": _device_id(refusal.known_key), "address": address, "path": environ.get("PATH_INFO", "")[:500],
            "content_type": environ.get("CONTENT_TYPE", "")[:200], "status": refusal.status, "code": refusal.code,
            "claimed_key": refusal.claimed_key[:255].replace("\0", ""), "size": refusal.size_bytes,
            "reason": refusal.reason[:2000].replace("\0", ""), "hash": body_hash, "most": MAX_NEW_A_MINUTE,
            "excerpt": None if excerpt is None else seal_body(excerpt, excerpt_context(body_hash)),
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, row)
    except DatabaseError:
        logger.exception("a refused message (%s) could not be kept", refusal.code)


def _device_id(key: str) -> int | None:
    """Return the known device of a key: a UDID, or an EnrollmentID under which something is or was enrolled."""
    if not key:
        return None
    device_id = Device.objects.filter(udid=key).values_list("id", flat=True).first()
    enrollments = Enrollment.objects.filter(key=key).order_by("-is_current", "-id")
    return device_id or enrollments.values_list("device_id", flat=True).first()


def delete_old_rejections() -> int:
    """Delete what is past its retention, and the oldest beyond the limit."""
    limit = timezone.now() - timedelta(days=settings.REJECTED_MESSAGE_RETENTION_DAYS)
    deleted, _ = RejectedMessage.objects.filter(last_at__lt=limit).delete()
    edge = RejectedMessage.objects.order_by("-id").values_list("id", flat=True)[MAX_ROWS : MAX_ROWS + 1].first()
    if edge is not None:
        deleted += RejectedMessage.objects.filter(id__lte=edge).delete()[0]
    return deleted
