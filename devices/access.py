"""Limits to groups of devices: which part of the fleet somebody sees, and which permissions count for such a person.

Querysets ask `within`; pages and endpoints never ask for themselves. Who is limited keeps only permissions that obey
the limit (mdm_project.roles.WITHIN_LIMITS): what acts on the whole fleet is refused wherever permissions are checked.
"""

from django.contrib.auth.backends import ModelBackend
from django.db.models import Exists, OuterRef, Q

from mdm_project.errors import Refused
from mdm_project.roles import WITHIN_LIMITS


class BeyondLimit(Refused):
    code = "beyond_limit"


class StaffBackend(ModelBackend):
    """Django's permissions, without those that a limited person may not use."""

    def get_all_permissions(self, user_obj, obj=None):
        names = super().get_all_permissions(user_obj, obj)
        return names & WITHIN_LIMITS if names and is_limited(user_obj) else names


def limit_of(user) -> tuple[int, ...] | None:
    """Return the ids of the groups somebody is limited to, None for the whole fleet; read once for each request."""
    if user is None or not user.is_authenticated or user.is_superuser:
        return None
    known = user.__dict__.get("_limit", False)
    if known is False:
        known = user.__dict__["_limit"] = _read_limit(user)
    return known


def _read_limit(user) -> tuple[int, ...] | None:
    from devices.models import AccessLimit

    applying = AccessLimit.objects.filter(Q(user=user) | Q(role__user=user)).order_by()
    rows = list(applying.values_list("groups", flat=True))
    # A limit whose groups are all gone leaves nothing to see: it never opens the fleet.
    return tuple(sorted({group_id for group_id in rows if group_id is not None})) if rows else None


def is_limited(user) -> bool:
    return limit_of(user) is not None


def within(user, device: str = "pk") -> Q:
    """Return the condition that a row is about a device within the limit; ``device`` is the path to the device."""
    from devices.models import Membership

    group_ids = limit_of(user)
    if group_ids is None:
        return Q()
    return Q(Exists(Membership.objects.filter(device=OuterRef(device), group__in=group_ids)))


def require_groups_within(user, group_ids) -> None:
    """Raise BeyondLimit unless somebody may act on all members of these groups, now and later."""
    limit = limit_of(user)
    if limit is not None and not set(group_ids) <= set(limit):
        raise BeyondLimit("you may act only on the groups of devices that you are limited to")


def require_whole_fleet(user) -> None:
    """Raise BeyondLimit for whoever is limited: this acts on devices whatever group they are in."""
    if is_limited(user):
        raise BeyondLimit("this concerns devices outside the groups that you are limited to")
