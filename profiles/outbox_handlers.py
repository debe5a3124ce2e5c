"""What profiles does about changes told through the outbox: working out anew what is wanted."""

from devices.models import Channel
from devices.outbox import handles
from profiles.desired import forget_statuses, kick_reconciler, recompute_desired


@handles("desired_changed")
def recompute_changed(payloads: list[dict]) -> None:
    """Recompute the profiles, groups or devices that were named; all of it where a row names none."""
    if any(not payload for payload in payloads):
        recompute_desired()
        kick_reconciler()
        return
    profile_ids, group_ids, device_ids = (
        {each for payload in payloads for each in payload.get(name, ())}
        for name in ("profile_ids", "group_ids", "device_ids")
    )
    if profile_ids or group_ids:
        recompute_desired(profile_ids=profile_ids, group_ids=group_ids)
    if device_ids:
        recompute_desired(device_ids=device_ids)
    # Also where nothing is wanted otherwise: a rollout that was resumed lets go of what it held back.
    kick_reconciler()


@handles("memberships_changed")
def recompute_groups(payloads: list[dict]) -> None:
    """Recompute what is assigned by groups whose members changed, for those members."""
    group_ids = {group_id for payload in payloads for group_id in payload["group_ids"]}
    device_ids = {device_id for payload in payloads for device_id in payload["device_ids"]}
    recompute_desired(group_ids=group_ids, device_ids=device_ids)


@handles("facts_changed")
def recompute_devices(payloads: list[dict]) -> None:
    """Recompute what devices should have that became something else: another system, supervised, approved."""
    recompute_desired(device_ids={device_id for payload in payloads for device_id in payload["device_ids"]})


@handles("enrolled")
def begin_anew(payloads: list[dict]) -> None:
    """A membership began: what an earlier one had is gone from the device, and everything is wanted again."""
    channel_ids = {payload["channel_id"] for payload in payloads}
    forget_statuses(channel_ids)
    _recompute_channels(channel_ids)


@handles("user_channel_opened")
def begin_user_channel(payloads: list[dict]) -> None:
    """A user of a Mac or Shared iPad can be reached: what is meant for users is wanted there."""
    _recompute_channels({payload["channel_id"] for payload in payloads})


def _recompute_channels(channel_ids: set[int]) -> None:
    devices = Channel.objects.filter(id__in=channel_ids).order_by().values_list("device_id", flat=True)
    recompute_desired(device_ids=set(devices))
    kick_reconciler()
