"""Profiles with variables are sent again when a value in them changes: a device renamed, a person with a new address.

What was sent is known by its digest, so exactly the channels whose bytes differ are asked again.
"""

from collections import defaultdict
from hashlib import sha256

from devices.outbox import handles
from profiles.desired import kick_reconciler
from profiles.models import ItemStatus, ProfileVersion
from profiles.rendering import render_each

State = ItemStatus.State
SENT = (State.SENT, State.ACKNOWLEDGED, State.VERIFIED)


@handles("inventory_changed")
def send_changed_values(payloads: list[dict]) -> None:
    """Have items whose rendered bytes changed installed anew; devices without variables in their profiles cost
    nothing.
    """
    device_ids = {device_id for payload in payloads for device_id in payload["device_ids"]}
    rows = ItemStatus.objects.filter(
        channel__device__in=device_ids, state__in=SENT, rendered_digest__isnull=False, version__isnull=False
    )
    by_version: dict[int, dict[int, ItemStatus]] = defaultdict(dict)
    for row in rows.select_related("channel__device").order_by("id"):
        by_version[row.version_id][row.channel_id] = row
    versions = ProfileVersion.objects.select_related("profile").in_bulk(list(by_version))
    changed = [status_id for pk, items in by_version.items() for status_id in _changed(versions[pk], items)]
    if changed:
        again = {"state": State.PENDING, "attempts": 0, "is_stopped": False, "next_attempt_at": None, "error": ""}
        ItemStatus.objects.filter(pk__in=changed, state__in=SENT).update(**again)
        kick_reconciler()


def _changed(version: ProfileVersion, items: dict[int, ItemStatus]) -> list[int]:
    """Return the rows whose bytes would differ now; where a value is gone, what is installed stays."""
    channels = [item.channel for item in items.values()]
    return [
        items[channel.pk].pk
        for channel, body, _error in render_each(version, channels)
        if body is not None and sha256(body).digest() != bytes(items[channel.pk].rendered_digest)
    ]
