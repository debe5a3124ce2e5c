"""Saved searches in the API: kept and changed, on the list of devices, and as targets of commands."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commands.governor.holding import release_due
from commands.governor.models import GovernorLimit, HeldAction
from commands.models import Command
from devices.groups import add_members, create_group, delete_group
from devices.models import AccessLimit, SavedSearch, Tag
from devices.timeline import SYSTEM
from tests import factories
from tests.api.client import Caller

pytestmark = pytest.mark.django_db
ASKING = ("devices.view_device", "commands.add_command")


@pytest.fixture
def phones():
    return [factories.make_channel(factories.make_device("ios", name=f"Phone {number}")).device for number in range(3)]


def save(**fields) -> SavedSearch:
    return SavedSearch.objects.create(**{"name": "Phones", "search": "phone", "is_shared": True} | fields)


def body(saved: SavedSearch, request_type="ProfileList", **more) -> dict:
    return {"request_type": request_type, "targets": {"saved_search": saved.pk}, **more}


def test_a_search_is_kept_changed_listed_and_deleted():
    caller = Caller("devices.view_device", scopes=["read", "write"])
    made = caller.post("saved-searches/", {"name": "Old", "search": "ada", "filters": {"platform": "ios"}})
    assert made.status_code == 201
    assert made.json()["words"] == ["\u201cada\u201d", "Platform: iPhone"]
    assert made.json()["owner"] == caller.user.username
    address = f"saved-searches/{made.json()['id']}/"
    assert caller.patch(address, {"name": "New"}).json()["name"] == "New"
    assert [each["name"] for each in caller.results("saved-searches/")] == ["New"]
    assert Caller("devices.view_device").get(address).status_code == 404
    assert caller.client.delete(f"/api/v1/{address}").status_code == 204
    assert not SavedSearch.objects.exists()


def test_a_page_takes_as_many_statements_for_many_searches_as_for_one(django_assert_num_queries):
    caller = Caller("devices.view_device", "devices.view_group", "devices.view_tag")
    for number in range(5):
        group, tag = create_group(f"Site {number}", actor=SYSTEM), Tag.objects.create(name=f"Red {number}")
        save(name=f"Search {number}", filters={"group": str(group.pk), "tag": str(tag.pk)})
    caller.get("saved-searches/", page_size=1)
    with CaptureQueriesContext(connection) as one:
        caller.get("saved-searches/", page_size=1)
    with django_assert_num_queries(len(one)):
        rows = caller.results("saved-searches/", page_size=5)
    assert [set(row["words"][1:]) for row in rows] == [{f"Group: Site {n}", f"Tag: Red {n}"} for n in range(5)]


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"name": "x", "filters": {"flavour": "1"}}, "filters.flavour"),
        ({"name": "x", "filters": {"platform": "amiga"}}, "filters.platform"),
        ({"name": "x"}, "filters"),
        ({"name": "x", "search": "a", "colour": 1}, "colour"),
        ({"search": "a"}, "name"),
    ],
)
def test_errors_name_their_key(content, path):
    response = Caller().post("saved-searches/", content)
    assert response.status_code == 400
    assert path in response.json()["fields"]


def test_sharing_without_the_permission_is_refused():
    caller = Caller("devices.view_device", scopes=["read", "write"])
    content = {"name": "x", "search": "a", "is_shared": True}
    assert caller.post("saved-searches/", content).status_code == 403
    assert not SavedSearch.objects.exists()


def test_the_list_of_devices_takes_a_saved_search_beside_its_own_filters(phones):
    factories.make_device("macos", name="Phone of a Mac")
    caller, saved = Caller(), save(search="phone", filters={"platform": "ios"})
    assert {each["id"] for each in caller.results("devices/", saved_search=saved.pk)} == {it.pk for it in phones}
    only = caller.results("devices/", saved_search=saved.pk, name="Phone 1")
    assert [each["id"] for each in only] == [phones[1].pk]


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "99999999999999999999", "7"])
def test_a_search_that_is_not_there_is_named(number):
    response = Caller().get("devices/", saved_search=number)
    assert response.status_code == 400
    assert "saved_search" in response.json()["fields"]


def test_a_broken_search_finds_nobody_but_says_what_is_wrong(phones):
    group = create_group("Lyon", actor=SYSTEM)
    saved = save(filters={"group": str(group.pk)})
    delete_group(group, actor=SYSTEM)
    listed = Caller().get("devices/", saved_search=saved.pk)
    assert listed.status_code == 400 and "there is no group" in listed.json()["fields"]["saved_search"]
    asked = Caller().post("commands/", body(saved))
    assert asked.status_code == 400 and "there is no group" in asked.json()["fields"]["targets.saved_search"]
    assert not Command.objects.exists()


# As the target of a command


def test_a_command_reaches_whom_the_search_finds_when_it_is_asked_and_keeps_its_name(phones):
    saved = save()
    later = factories.make_channel(factories.make_device("ios", name="Phone 9")).device
    factories.make_channel(factories.make_device("macos", name="Mac"))
    waiting = factories.make_device("ios", name="Phone that is not enrolled")
    response = Caller().post("commands/", body(saved))
    assert response.status_code == 201
    assert (response.json()["queued"], response.json()["skipped"]) == (4, [waiting.pk])
    saved.delete()
    command = Command.objects.get()
    reached = set(command.targets.values_list("channel__device", flat=True))
    assert reached == {it.pk for it in [*phones, later]}
    shown = Caller().get(f"commands/{command.pk}/").json()
    assert shown["meant_for"] == "saved search \u201cPhones\u201d"


def test_a_shared_search_never_reaches_beyond_the_limit_of_who_uses_it(phones):
    saved, caller = save(), Caller(*ASKING, scopes=["read", "commands"])
    site = create_group("Lyon", actor=SYSTEM)
    add_members(site, [phones[0].pk], actor=SYSTEM)
    AccessLimit.objects.create(user=caller.user).groups.add(site)
    assert caller.post("commands/", body(saved)).json()["queued"] == 1
    assert Command.objects.get().targets.get().channel.device == phones[0]


def test_a_search_of_somebody_else_is_no_target(phones):
    response = Caller().post("commands/", body(save(is_shared=False, owner=factories.make_staff())))
    assert response.status_code == 400
    assert "targets.saved_search" in response.json()["fields"]


def test_a_typing_error_sends_nothing_to_what_only_resembles(phones):
    response = Caller().post("commands/", body(save(search="Phoen 1")))
    assert response.status_code == 409
    assert not Command.objects.exists()


def test_what_is_destructive_wants_the_number_that_the_search_finds_now(phones):
    GovernorLimit.objects.filter(danger="lock").update(delay_above=None, second_person_above=None)
    caller, saved = Caller(), save()
    lock = body(saved, "DeviceLock", reason="stolen")
    assert caller.post("commands/", lock).json()["fields"] == {"confirm": "must be 3"}
    factories.make_channel(factories.make_device("ios", name="Phone 4"))
    assert caller.post("commands/", lock | {"confirm": 3}).json()["fields"] == {"confirm": "must be 4"}
    assert caller.post("commands/", lock | {"confirm": 4}).json()["queued"] == 4


def test_what_the_governor_holds_keeps_the_name_of_the_search(phones):
    GovernorLimit.objects.filter(danger="lock").update(delay_above=1, delay_minutes=5, second_person_above=None)
    lock = body(save(), "DeviceLock", reason="stolen", confirm=3)
    assert Caller().post("commands/", lock).status_code == 202
    HeldAction.objects.update(release_at=timezone.now() - timedelta(seconds=1))
    release_due()
    assert Command.objects.get().meant_for == "saved search \u201cPhones\u201d"
