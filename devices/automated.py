"""Automated Device Enrollment: which memberships came of it is what their devices say, not how they reached us.

A device tells it as EnrolledViaDEP (SecurityInfo), and by waiting for its configuration, which no other does.
"""

from collections.abc import Iterable

from devices.changes import tell_changed
from devices.models import Enrollment

KIND = Enrollment.Kind


def note_automated(device_ids: Iterable[int]) -> None:
    """Keep that devices said that they enrolled automatically; what may be asked of them follows."""
    said = Enrollment.objects.current().filter(device__in=set(device_ids), kind=KIND.DEVICE)
    changed = list(said.order_by("id").values_list("id", "device_id"))
    if changed:
        Enrollment.objects.filter(pk__in=[pk for pk, _device in changed]).update(kind=KIND.ADE)
        tell_changed(device_id for _pk, device_id in changed)
