"""Limits to groups of devices: what a limited person sees, and what is refused to them."""

import pytest
from django.contrib.auth.models import Group as Role

from commands.models import Command, QueuedCommand
from devices.access import BeyondLimit, limit_of, require_groups_within, require_whole_fleet
from devices.models import AccessLimit, Channel, Device, Enrollment, EscrowedSecret, Event, Group, RejectedMessage
from mdm_project.models import User
from profiles.models import Assignment
from tests import factories

PERMISSIONS = (
    "devices.view_device", "devices.view_group", "devices.view_event", "commands.view_command",
    "profiles.view_assignment", "devices.view_rejectedmessage", "apns.view_pushcertificate", "devices.change_tag",
)  # fmt: skip


def limited(*groups: Group, permissions=PERMISSIONS) -> User:
    """Make somebody who is limited to groups; without groups to nothing."""
    user = factories.make_staff(*permissions)
    AccessLimit.objects.create(user=user).groups.set(groups)
    return user


@pytest.fixture
def site(db):
    """A group "Lyon" with one device, and a device outside."""
    group, inside, outside = Group.objects.create(name="Lyon"), factories.make_channel(), factories.make_channel()
    group.memberships.create(device=inside.device)
    return group, inside, outside


def test_devices_channels_and_enrollments_of_the_groups_alone_are_visible(site):
    group, inside, outside = site
    user = limited(group)

    assert list(Device.objects.visible_to(user)) == [inside.device]
    assert list(Channel.objects.visible_to(user)) == [inside]
    assert list(Enrollment.objects.visible_to(user)) == [inside.enrollment]


def test_what_is_about_devices_outside_or_about_none_is_hidden(site):
    group, inside, outside = site
    for device in (inside.device, outside.device, None):
        Event.objects.create(device=device, kind="enrolled", summary="enrolled")
        RejectedMessage.objects.create(
            device=device, path="/", status=403, code="refused", reason="", size_bytes=1,
            body_hash=device.serial_number.encode() if device else b"nobody",
        )  # fmt: skip
    for channel in (inside, outside):
        EscrowedSecret.objects.create(device=channel.device, kind="unlock_token", value_encrypted=b"")
    user = limited(group)

    for model in (Event, RejectedMessage, EscrowedSecret):
        assert [row.device for row in model.objects.visible_to(user)] == [inside.device]


def test_a_command_is_visible_with_the_targets_that_are(site):
    group, inside, outside = site
    both, other = factories.make_command(), factories.make_command()
    for channel in (inside, outside):
        factories.make_queued(channel, both)
    factories.make_queued(outside, other)
    user = limited(group)

    assert list(Command.objects.visible_to(user)) == [both]
    assert [row.channel for row in QueuedCommand.objects.visible_to(user)] == [inside]
    assert both.targets.visible_to(user).counts()["pending"] == 1


def test_groups_are_visible_where_a_visible_device_is_in_them_and_count_those_alone(site):
    group, inside, outside = site
    shared, foreign = Group.objects.create(name="All"), Group.objects.create(name="Paris")
    for channel in (inside, outside):
        shared.memberships.create(device=channel.device)
    foreign.memberships.create(device=outside.device)
    user = limited(group)

    rows = Group.objects.visible_to(user).with_member_count(user).order_by("name")
    assert [(row.name, row.member_count) for row in rows] == [("All", 1), ("Lyon", 1)]
    anybody = factories.make_staff(*PERMISSIONS)
    assert Group.objects.visible_to(anybody).with_member_count(anybody).get(name="All").member_count == 2


def test_assignments_are_visible_where_they_reach_a_visible_group(site):
    group, *_ = site
    foreign = Group.objects.create(name="Paris")
    mine, other = (Assignment.objects.create(profile=factories.make_profile()) for _ in range(2))
    mine.include.add(group)
    other.include.add(foreign)

    assert list(Assignment.objects.visible_to(limited(group))) == [mine]


def test_a_limit_of_a_role_holds_for_its_members_and_adds_to_their_own(site):
    group, inside, outside = site
    paris, role = Group.objects.create(name="Paris"), Role.objects.create(name="Helpdesk of Lyon")
    paris.memberships.create(device=outside.device)
    AccessLimit.objects.create(role=role).groups.add(group)
    member = factories.make_staff(*PERMISSIONS)
    member.groups.add(role)
    assert list(Device.objects.visible_to(member)) == [inside.device]

    AccessLimit.objects.create(user=member).groups.add(paris)
    again = User.objects.get(pk=member.pk)
    assert set(Device.objects.visible_to(again)) == {inside.device, outside.device}


def test_a_limit_that_has_lost_its_groups_shows_nothing(site):
    assert limit_of(limited()) == ()
    assert not Device.objects.visible_to(limited()).exists()


def test_superusers_and_people_without_a_limit_see_the_whole_fleet(site):
    boss = factories.make_staff(is_superuser=True)
    AccessLimit.objects.create(user=boss)
    for user in (boss, factories.make_staff(*PERMISSIONS)):
        assert limit_of(user) is None
        assert Device.objects.visible_to(user).count() == 2


def test_permissions_that_concern_the_whole_fleet_do_not_count_for_limited_people(site):
    user = limited(site[0])
    assert user.has_perm("devices.view_device")
    assert not user.has_perm("apns.view_pushcertificate")
    assert not user.has_perm("devices.change_tag")


def test_limited_people_act_on_their_own_groups_only(site):
    group, *_ = site
    user, foreign = limited(group), Group.objects.create(name="Paris")
    require_groups_within(user, [group.pk])
    with pytest.raises(BeyondLimit):
        require_groups_within(user, [group.pk, foreign.pk])
    with pytest.raises(BeyondLimit):
        require_whole_fleet(user)
    require_whole_fleet(factories.make_staff())


def test_the_limit_is_read_once_however_often_it_is_asked(site, django_assert_num_queries):
    user = limited(site[0])
    fresh = User.objects.get(pk=user.pk)
    with django_assert_num_queries(1):
        assert limit_of(fresh) == limit_of(fresh) == (site[0].pk,)
