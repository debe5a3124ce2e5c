"""Messages of devices that were refused: kept for the operator, without letting a flood of them fill the database."""

import hashlib
import logging
import re
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from devices.models import Device, RejectedMessage
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
CLAIMED_KEY = re.compile(rb"<key>(?:UDID|EnrollmentID)</key>\s*<string>([^<]{1,255})</string>")

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


def keep_rejected(environ: dict, excerpt: bytes, size_bytes: int, error: EspalierError) -> None:
    """Keep a refused message: its beginning (64 KB at most) encrypted, and why.

    A failure to keep it is only logged; of a flood only the first ones are kept.
    """
    excerpt = excerpt[:EXCERPT_BYTES]
    found = CLAIMED_KEY.search(excerpt)
    claimed_key = found[1].decode(errors="replace").replace("\0", "") if found else ""
    body_hash = hashlib.sha256(excerpt + b"%d" % size_bytes).digest()
    try:
        device = Device.objects.filter(udid=claimed_key).values_list("id", flat=True).first() if claimed_key else None
        row = {
            "device": device, "address": client_address(environ), "path": environ.get("PATH_INFO", "")[:500],
            "content_type": environ.get("CONTENT_TYPE", "")[:200], "claimed_key": claimed_key, "status": error.status,
            "code": error.code, "reason": error.detail[:2000].replace("\0", ""), "size": size_bytes, "hash": body_hash,
            "excerpt": seal_body(excerpt, excerpt_context(body_hash)), "most": MAX_NEW_A_MINUTE,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, row)
    except DatabaseError:
        logger.exception("a refused message (%s) could not be kept", error.code)


def delete_old_rejections() -> int:
    """Delete what is past its retention, and the oldest beyond the limit."""
    limit = timezone.now() - timedelta(days=settings.REJECTED_MESSAGE_RETENTION_DAYS)
    deleted, _ = RejectedMessage.objects.filter(last_at__lt=limit).delete()
    edge = RejectedMessage.objects.order_by("-id").values_list("id", flat=True)[MAX_ROWS : MAX_ROWS + 1].first()
    if edge is not None:
        deleted += RejectedMessage.objects.filter(id__lte=edge).delete()[0]
    return deleted
