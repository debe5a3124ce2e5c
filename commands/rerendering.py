"""Profiles with variables are sent again when a value in them changes: a device renamed, a person with a new address.

What was sent is known by its digest, so exactly the channels whose bytes differ are asked again. What failed because a
value was missing begins anew as soon as there is one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.db.models import Q

from devices.outbox import handles
from profiles.desired import kick_reconciler
from profiles.models import ItemStatus, ProfileVersion
from profiles.rendering import is_known, render_each

State = ItemStatus.State
SENT = Q(state__in=(State.SENT, State.ACKNOWLEDGED, State.VERIFIED), rendered_digest_encrypted__isnull=False)
# Without a digest nothing was sent: a variable had no value. With one, the device refused those very bytes.
FAILED = Q(state=State.FAILED)
CHUNK = 2000
_ANEW = {"state": State.PENDING, "attempts": 0, "is_stopped": False, "next_attempt_at": None, "error": ""}


@handles("inventory_changed")
def send_changed_values(payloads: list[dict]) -> None:
    """Have items whose rendered bytes changed installed anew; devices without variables in their profiles cost
    nothing.
    """
    device_ids = {device_id for payload in payloads for device_id in payload["device_ids"]}
    number = sum(_begin_anew(rows) for rows in _chunks(device_ids))
    if number:
        kick_reconciler()


def _chunks(device_ids: Iterable[int]) -> Iterator[list[ItemStatus]]:
    """Yield the rows of devices that depend on variables, some thousand at a time: each is rendered in memory."""
    rows = ItemStatus.objects.filter(SENT | FAILED, channel__device__in=device_ids, version__isnull=False)
    rows = rows.exclude(version__variables=[]).select_related("channel__device").order_by("id")
    last = 0
    while chunk := list(rows.filter(id__gt=last)[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _begin_anew(rows: list[ItemStatus]) -> int:
    """Set back those of the rows whose bytes are others now; return how many."""
    by_version: dict[int, dict[int, ItemStatus]] = defaultdict(dict)
    for row in rows:
        by_version[row.version_id][row.channel_id] = row
    versions = ProfileVersion.objects.select_related("profile").in_bulk(list(by_version))
    changed = [status_id for pk, items in by_version.items() for status_id in _changed(versions[pk], items)]
    return ItemStatus.objects.filter(SENT | FAILED, pk__in=changed).update(**_ANEW) if changed else 0


def _changed(version: ProfileVersion, items: dict[int, ItemStatus]) -> list[int]:
    """Return the rows whose bytes would differ now; where a value is gone, what is installed stays."""
    return [
        items[rendered.channel.pk].pk
        for rendered in render_each(version, [item.channel for item in items.values()])
        if rendered.error is None
        and not is_known(version, rendered.digest, items[rendered.channel.pk].rendered_digest_encrypted)
    ]
