"""How far a change of a profile reaches, and the refusal where staff are limited to groups of devices (devices.access).

A limited person writes, publishes and assigns profiles that go to groups of theirs only: what is in force on one more
group is somebody else's to change.
"""

from collections.abc import Iterable

from devices.access import require_groups_within
from devices.models import Group
from devices.timeline import Actor
from profiles.models import Assignment, Profile


def require_profile_within(profile: Profile, actor: Actor) -> None:
    """Raise BeyondLimit where the profile goes to a group outside the limit of whoever acts."""
    included = Assignment.include.through.objects.filter(assignment__profile=profile)
    require_groups_within(actor.user, included.order_by().values_list("group_id", flat=True))


def require_assignment_within(assignment: Assignment, actor: Actor) -> None:
    """Raise BeyondLimit where the assignment includes a group outside the limit of whoever acts."""
    require_groups_within(actor.user, assignment.include.order_by().values_list("pk", flat=True))


def require_included_within(groups: Iterable[Group], actor: Actor) -> None:
    """Raise BeyondLimit where a new assignment would include a group outside the limit of whoever acts."""
    require_groups_within(actor.user, [group.pk for group in groups])
