import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices import outbox
from devices.groups import set_members
from devices.models import Channel, Enrollment
from devices.timeline import SYSTEM
from profiles import assigning
from profiles.desired import recompute_desired
from profiles.models import Assignment, DesiredItem, ItemStatus
from tests.factories import make_channel, make_device, make_enrollment
from tests.profiles.assigned import assign, fill, make_channels, make_group, make_profile, publish_text

pytestmark = pytest.mark.django_db


def wanted() -> dict[int, int]:
    """Version numbers by channel id; for tests with one profile."""
    return dict(DesiredItem.objects.order_by("id").values_list("channel_id", "version__number"))


def test_members_of_included_groups_get_the_newest_version_less_those_of_excluded_ones():
    inside, both, outside = make_channels(3)
    profile = make_profile()
    publish_text(profile, "two")
    assign(profile, make_group(inside, both), exclude=[make_group(both, outside)])

    changed = recompute_desired()

    assert (changed.gains, changed.loses, changed.changes) == (1, 0, 0)
    assert wanted() == {inside.pk: 2}


def test_computing_again_changes_nothing():
    assign(make_profile(), make_group(*make_channels(2)))
    assert recompute_desired().gains == 2
    assert not recompute_desired()


def test_a_pinned_version_stays_when_a_newer_one_is_published():
    (channel,) = make_channels(1)
    profile = make_profile()
    assign(profile, make_group(channel), version=profile.versions.get())
    publish_text(profile, "two")
    recompute_desired()
    assert wanted() == {channel.pk: 1}


def test_a_new_version_changes_items_in_place():
    (channel,) = make_channels(1)
    profile = make_profile()
    assign(profile, make_group(channel))
    recompute_desired()
    item = DesiredItem.objects.get()
    publish_text(profile, "two")
    assert recompute_desired(profile_ids=[profile.pk]).changes == 1
    assert wanted() == {channel.pk: 2}
    assert DesiredItem.objects.get().pk == item.pk


def test_only_channels_of_enrolled_devices_are_meant():
    left = make_channel(enrollment=make_enrollment(state=Enrollment.State.UNENROLLED))
    begun = make_channel(enrollment=make_enrollment(state=Enrollment.State.PENDING))
    closed = make_channel(state=Channel.State.DISABLED)
    assign(make_profile(), make_group(left, begun, closed, make_device()))
    assert not recompute_desired()


def test_a_profile_of_user_scope_is_for_user_channels_only():
    mac = make_device("macos")
    device_channel = make_channel(mac)
    user_channel = make_channel(mac, user_key="USER-1")
    group = make_group(mac)
    system, user = make_profile(), make_profile(scope="User")
    assign(system, group)
    assign(user, group)
    recompute_desired()
    found = set(DesiredItem.objects.values_list("channel_id", "profile_id"))
    assert found == {(device_channel.pk, system.pk), (user_channel.pk, user.pk)}


def test_the_higher_priority_decides_then_the_older_assignment():
    (channel,) = make_channels(1)
    profile = make_profile()
    first = profile.versions.get()
    second = publish_text(profile, "two")
    group = make_group(channel)
    older = assign(profile, group, version=first)
    higher = assign(profile, group, version=second, priority=5)
    recompute_desired()
    assert DesiredItem.objects.get().assignment == higher
    assigning.change_assignment(higher, actor=SYSTEM, priority=0)
    recompute_desired()
    assert DesiredItem.objects.get().assignment == older
    assert wanted() == {channel.pk: 1}


def test_deleting_an_assignment_lets_another_take_over():
    (channel,) = make_channels(1)
    profile = make_profile()
    group = make_group(channel)
    first, second = assign(profile, group), assign(profile, group)
    recompute_desired()
    assigning.delete_assignment(first, actor=SYSTEM)
    assert DesiredItem.objects.get().assignment == second
    assigning.delete_assignment(second, actor=SYSTEM)
    assert wanted() == {}


def test_a_withdrawn_profile_is_wanted_nowhere():
    profile = make_profile()
    assign(profile, make_group(*make_channels(2)))
    recompute_desired()
    assigning.withdraw_profile(profile, actor=SYSTEM)
    outbox.drain()
    assert wanted() == {}


def test_a_computation_for_some_profiles_groups_or_devices_leaves_the_rest_alone():
    one, other = make_channels(2)
    group, elsewhere = make_group(one, other), make_group(one, other)
    profile, another = make_profile(), make_profile()
    assign(profile, group)
    assign(another, elsewhere)
    recompute_desired(profile_ids=[profile.pk])
    assert set(DesiredItem.objects.values_list("profile_id", flat=True)) == {profile.pk}
    recompute_desired(group_ids=[elsewhere.pk], device_ids=[one.device_id])
    assert DesiredItem.objects.get(profile=another).channel == one
    fill(group)
    fill(elsewhere)
    recompute_desired(device_ids=[one.device_id])
    assert set(DesiredItem.objects.values_list("channel_id", flat=True)) == {other.pk}


def test_what_changed_is_told_through_the_outbox():
    one, other = make_channels(2)
    group = make_group(one)
    assign(make_profile(), group)
    outbox.drain()
    assert set(wanted()) == {one.pk}
    set_members(group, [other.device_id], actor=SYSTEM)
    outbox.drain()
    assert set(wanted()) == {other.pk}


def test_a_new_membership_forgets_what_the_earlier_one_had():
    (channel,) = make_channels(1)
    profile = make_profile()
    assign(profile, make_group(channel))
    outbox.drain()
    status = ItemStatus.objects.create(
        channel=channel, identifier=profile.identifier, profile=profile, state=ItemStatus.State.VERIFIED, uuid="U"
    )
    outbox.post("enrolled", {"channel_id": channel.pk})
    outbox.drain()
    assert not ItemStatus.objects.filter(updated_at__lt=channel.enrollment.authenticated_at).exists()
    assert ItemStatus.objects.filter(pk=status.pk).exists(), "it belongs to this membership"
    Enrollment.objects.filter(pk=channel.enrollment_id).update(is_current=False)
    anew = make_enrollment(channel.device)
    Channel.objects.filter(pk=channel.pk).update(enrollment=anew)
    outbox.post("enrolled", {"channel_id": channel.pk})
    outbox.drain()
    assert not ItemStatus.objects.exists()


def test_a_user_channel_that_opens_gets_what_is_meant_for_users():
    mac = make_device("macos")
    make_channel(mac)
    assign(make_profile(scope="User"), make_group(mac))
    outbox.drain()
    assert wanted() == {}
    user_channel = make_channel(mac, user_key="USER-1")
    outbox.post("user_channel_opened", {"channel_id": user_channel.pk})
    outbox.drain()
    assert set(wanted()) == {user_channel.pk}


def test_the_number_of_statements_does_not_depend_on_the_number_of_devices_or_profiles():
    def statements():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            recompute_desired()
        return len(queries)

    assign(make_profile(), make_group(*make_channels(1)))
    few = statements()
    for _ in range(3):
        assign(make_profile(), make_group(*make_channels(4)))
    assert statements() == few
    assert DesiredItem.objects.count() == 13
    assert Assignment.objects.count() == 4
