"""What limited people may not change: whatever reaches a device outside their groups."""

import pytest

from devices.models import Group
from devices.timeline import SYSTEM
from profiles import versions
from profiles.assigning import create_assignment
from tests import factories
from tests.api.client import Caller
from tests.test_limits import make_limited


@pytest.fixture
def lyon(db):
    group, paris = Group.objects.create(name="Lyon"), Group.objects.create(name="Paris")
    for each in (group, paris):
        each.memberships.create(device=factories.make_channel().device)
    return group, paris, Caller(user=make_limited("administrator", group))


def test_assigning_reaches_groups_of_the_limit_only(lyon):
    group, paris, caller = lyon
    profile = factories.make_profile()
    assert caller.post("assignments/", {"profile": profile.pk, "include": [group.pk]}).status_code == 201
    for include in ([paris.pk], [group.pk, paris.pk]):
        refused = caller.post("assignments/", {"profile": profile.pk, "include": include})
        assert refused.status_code in (400, 403, 404), refused.content


def test_a_profile_that_is_in_force_elsewhere_is_not_changed_or_published(lyon):
    group, paris, caller = lyon
    profile = factories.make_profile()
    versions.publish(profile, SYSTEM)
    assignment = create_assignment(profile, include=[paris], actor=SYSTEM)
    assert caller.patch(f"profiles/{profile.pk}/", {"revision": profile.draft_revision, "name": "X"}).status_code == 403
    assert caller.post(f"profiles/{profile.pk}/versions/", {}).status_code == 403
    assert caller.client.delete(f"/api/v1/assignments/{assignment.pk}/").status_code == 404
    assert caller.post("plans/", {"kind": "remove_profile", "profile": profile.pk}).status_code == 403
    assert caller.post("plans/", {"kind": "take_back_profile", "profile": profile.pk}).status_code == 403
    assert caller.post("plans/", {"kind": "delete_assignment", "assignment": assignment.pk}).status_code == 403


def test_groups_are_not_changed_nor_their_change_planned(lyon):
    group, paris, caller = lyon
    rule = {"fact": "name", "is": "is set"}
    smart = Group.objects.create(name="Smart", kind="smart", rule=rule)
    for change in (
        {"kind": "group_members", "group": group.pk, "device_ids": []},
        {"kind": "group_rule", "group": smart.pk, "rule": {"fact": "platform", "is": "is", "value": "ios"}},
    ):
        assert caller.post("plans/", change).status_code == 403, change
    assert caller.post(f"groups/{group.pk}/members/", {"action": "set", "device_ids": []}).status_code == 403
    assert caller.post("groups/", {"name": "Mine"}).status_code == 403
