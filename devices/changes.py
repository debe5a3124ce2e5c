"""Telling that something became different about devices which the rules of groups may look at."""

from collections.abc import Iterable

from devices import outbox

KIND = "inventory_changed"


def tell_changed(device_ids: Iterable[int]) -> None:
    """Have the groups of these devices worked out anew; call it in the transaction of the change."""
    changed = sorted(set(device_ids))
    if changed:
        outbox.post(KIND, {"device_ids": changed})
