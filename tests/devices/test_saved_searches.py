"""Saved searches of devices: kept, checked when they are saved and when they are used, and whom they find."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from commands.compliance import CHOICES as COMPLIANCE
from devices.groups import add_members, create_group, delete_group
from devices.list_filters import FILTERS
from devices.models import AccessLimit, DefaultSearch, Event, SavedSearch, Tag
from devices.saved_searches import (
    BrokenSearch,
    change_search,
    default_of,
    delete_search,
    devices_of,
    save_search,
    set_default,
    words_of,
)
from devices.timeline import SYSTEM, Actor
from mdm_project.errors import BadRequest, Conflict, Refused
from tests import factories

pytestmark = pytest.mark.django_db
SHARING = ("devices.view_device", "devices.share_savedsearch")


@pytest.fixture
def user():
    return factories.make_staff("devices.view_device", "devices.view_group", "profiles.view_profile")


@pytest.fixture
def actor(user):
    return Actor.staff(user)


def save(actor, name="Phones", **query) -> SavedSearch:
    return save_search(name, **(query or {"filters": {"platform": "ios"}}), actor=actor)


def test_it_finds_what_the_text_and_every_filter_find_now(user, actor):
    phone = factories.make_device("ios", name="José")
    factories.make_device("ios", name="Ada")
    factories.make_device("macos", name="Jose")
    saved = save(actor, search="jose", filters={"platform": "ios", "enrollment": "none"})
    assert list(devices_of(saved, user)) == [phone]
    later = factories.make_device("ios", name="Jose again")
    assert set(devices_of(saved, user)) == {phone, later}
    assert words_of(saved, user) == ["\u201cjose\u201d", "Platform: iPhone", "Enrollment: Never enrolled"]


def test_typing_errors_are_not_forgiven_where_commands_may_follow(user, actor):
    factories.make_device("ios", serial_number="F2LXK7Q7HG")
    saved = save(actor, search="F2LXK7O7HG")
    assert not devices_of(saved, user).exists()


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ({"filters": {"flavour": "vanilla"}}, {"filters.flavour"}),
        ({"filters": {"platform": "amiga", "tag": "0"}}, {"filters.platform", "filters.tag"}),
        ({"filters": {"group": "1", "os": "ios-x"}}, {"filters.group", "filters.os"}),
        ({"filters": {"seen": "", "is_supervised": "1"}}, {"filters.seen", "filters.is_supervised"}),
        ({"filters": {"commands": "all"}}, {"filters.commands"}),
        ({"search": ""}, {"filters"}),
        ({"search": "\u0301"}, {"search"}),
        ({"search": "x" * 101}, {"search"}),
    ],
)  # fmt: skip
def test_what_a_search_cannot_mean_is_named_when_it_is_saved(actor, query, paths):
    with pytest.raises(BadRequest) as refused:
        save(actor, **query)
    assert set(refused.value.fields) == paths
    assert not SavedSearch.objects.exists()


def test_a_filter_that_no_longer_exists_is_named_when_the_search_is_used(user, actor):
    factories.make_device("ios")
    group = create_group("Lyon", actor=SYSTEM)
    saved = save(actor, filters={"platform": "ios", "group": str(group.pk)})
    delete_group(group, actor=SYSTEM)
    with pytest.raises(BrokenSearch) as broken:
        devices_of(saved, user)
    assert set(broken.value.fields) == {"filters.group"}
    SavedSearch.objects.filter(pk=saved.pk).update(filters={"gone": "1"})
    saved.refresh_from_db()
    with pytest.raises(BrokenSearch, match="there is no such filter"):
        devices_of(saved, user)


def test_a_deleted_tag_and_an_unseen_group_are_named_too(user, actor):
    tag, group = Tag.objects.create(name="red"), create_group("Lyon", actor=SYSTEM)
    saved = save(actor, filters={"tag": str(tag.pk), "group": str(group.pk)})
    tag.delete()
    nobody = factories.make_staff("devices.view_device")
    with pytest.raises(BrokenSearch) as broken:
        devices_of(saved, nobody)
    assert set(broken.value.fields) == {"filters.tag", "filters.group"}


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_filter_can_be_used_with_each_of_its_values(user, name):
    from devices.models import Device

    tag, group = Tag.objects.create(name="red"), create_group("Lyon", actor=SYSTEM)
    profile = factories.make_profile()
    values = {
        "platform": ["ios", "unknown"], "os": ["ios-18"], "enrollment": ["enrolled", "none"], "push": ["gone"],
        "lock": ["locked"], "compliance": list(COMPLIANCE),
        "is_supervised": ["yes", "no", "unknown"], "seen": ["today", "hour", "day", "week", "longer"],
        "commands": ["waiting", "failed"], "group": [str(group.pk)], "tag": [str(tag.pk)],
        "left": ["week"], "profile": [str(profile.pk)], "profile_state": ["failed", f"{profile.pk}-not_applicable"],
    }[name]  # fmt: skip
    for value in values:
        assert FILTERS[name].problem(value, user) == ""
        assert FILTERS[name].words(value, user)
        assert FILTERS[name].narrow(Device.objects.all(), value, user).count() == 0


# Whose it is


def test_a_shared_search_finds_within_the_limit_of_who_uses_it(user):
    lyon, other = factories.make_device("ios"), factories.make_device("ios")
    owner = Actor.staff(factories.make_staff(*SHARING))
    saved = save_search("Phones", filters={"platform": "ios"}, is_shared=True, actor=owner)
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [lyon.pk], actor=SYSTEM)
    AccessLimit.objects.create(user=user).groups.add(group)
    assert list(devices_of(saved, user)) == [lyon]
    assert set(devices_of(saved, owner.user)) == {lyon, other}
    assert not devices_of(saved, factories.make_staff()).exists()


def test_the_name_of_a_group_or_tag_is_for_who_may_see_it(db):
    lyon, secret = create_group("Lyon", actor=SYSTEM), create_group("Secret merger", actor=SYSTEM)
    tag = Tag.objects.create(name="layoff")
    saved = SavedSearch(name="x", filters={"group": str(secret.pk), "tag": str(tag.pk)})
    assert words_of(saved, factories.make_staff(is_superuser=True)) == ["Group: Secret merger", "Tag: layoff"]
    limited = factories.make_staff("devices.view_device", "devices.view_group")
    AccessLimit.objects.create(user=limited).groups.add(lyon)
    for somebody in (factories.make_staff("devices.view_device"), limited):
        assert words_of(saved, somebody) == [f"Group: {secret.pk}", f"Tag: {tag.pk}"]


def test_who_is_limited_to_some_groups_changes_no_search_that_others_use(actor):
    saved = save(actor)
    SavedSearch.objects.filter(pk=saved.pk).update(is_shared=True)
    saved.refresh_from_db()
    limited = factories.make_staff(*SHARING)
    AccessLimit.objects.create(user=limited).groups.add(create_group("Lyon", actor=SYSTEM))
    with pytest.raises(Refused):
        change_search(saved, filters={"platform": "macos"}, actor=Actor.staff(limited))
    own = save_search("Own", search="a", is_shared=True, actor=Actor.staff(limited))
    assert change_search(own, search="b", actor=Actor.staff(limited)).search == "b"


def test_own_searches_are_seen_by_nobody_else_and_shared_ones_by_everybody_who_sees_devices(user, actor):
    own = save(actor)
    shared = save_search(
        "All", search="a", is_shared=True, actor=Actor.staff(factories.make_staff(*SHARING))
    )  # fmt: skip
    assert set(SavedSearch.objects.visible_to(user)) == {own, shared}
    assert set(SavedSearch.objects.visible_to(factories.make_staff("devices.view_device"))) == {shared}
    assert not SavedSearch.objects.visible_to(factories.make_staff()).exists()


def test_sharing_needs_its_permission_and_is_told_in_the_timeline(actor):
    with pytest.raises(Refused):
        save_search("Phones", search="a", is_shared=True, actor=actor)
    saved = save(actor)
    with pytest.raises(Refused):
        change_search(saved, is_shared=True, actor=actor)
    sharer = Actor.staff(factories.make_staff(*SHARING))
    shared = save_search("Phones", search="a", is_shared=True, actor=sharer)
    delete_search(shared, actor=sharer)
    kinds = list(Event.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["saved_search_changed", "saved_search_deleted"]


def test_who_may_no_longer_share_can_still_take_it_back(actor):
    saved = save(actor)
    SavedSearch.objects.filter(pk=saved.pk).update(is_shared=True)
    saved.refresh_from_db()
    with pytest.raises(Refused):
        change_search(saved, name="Other", actor=actor)
    saved.refresh_from_db()
    assert change_search(saved, is_shared=False, actor=actor).is_shared is False


def test_only_its_owner_changes_a_search_or_for_shared_ones_who_may_share(actor):
    other = Actor.staff(factories.make_staff("devices.view_device"))
    saved = save(actor)
    for attempt in (lambda: change_search(saved, name="Mine", actor=other), lambda: delete_search(saved, actor=other)):
        with pytest.raises(Refused):
            attempt()
    sharer = Actor.staff(factories.make_staff(*SHARING))
    with pytest.raises(Refused):
        delete_search(saved, actor=sharer)
    SavedSearch.objects.filter(pk=saved.pk).update(is_shared=True)
    saved.refresh_from_db()
    delete_search(saved, actor=sharer)
    assert not SavedSearch.objects.exists()


def test_a_name_is_used_once_by_a_person(actor):
    save(actor)
    with pytest.raises(Conflict) as twice:
        save(actor)
    assert set(twice.value.fields) == {"name"}
    save(Actor.staff(factories.make_staff("devices.view_device")))
    assert SavedSearch.objects.count() == 2


def test_an_account_that_is_deleted_leaves_its_shared_searches_to_the_others():
    sharer = factories.make_staff(*SHARING)
    save_search("Shared", search="a", is_shared=True, actor=Actor.staff(sharer))
    save_search("Own", search="a", actor=Actor.staff(sharer))
    sharer.delete()
    assert list(SavedSearch.objects.values_list("name", "owner")) == [("Shared", None)]


def test_the_list_opens_with_the_default_of_the_person_while_they_may_use_it(user, actor):
    saved = save(actor)
    assert default_of(user) is None
    set_default(user, saved)
    assert default_of(user) == saved
    SavedSearch.objects.filter(pk=saved.pk).update(owner=factories.make_staff())
    assert default_of(user) is None
    set_default(user, None)
    assert not DefaultSearch.objects.exists()


def test_using_a_search_takes_as_many_statements_however_many_devices_it_finds(user, actor):
    saved = save(actor, search="phone", filters={"platform": "ios"})
    counts = [devices_of(saved, user).count()]
    for _ in range(2):
        for _number in range(5):
            factories.make_device("ios")
        with CaptureQueriesContext(connection) as captured:
            assert devices_of(saved, user).count()
        counts.append(len(captured))
    assert counts[1] == counts[2]


def test_thousands_of_filters_are_one_problem(actor):
    with pytest.raises(BadRequest) as refused:
        save(actor, filters={f"k{number}": "x" for number in range(20_000)})
    assert set(refused.value.fields) == {"filters"}
