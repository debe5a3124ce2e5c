"""Saved searches above the device list: keeping, using, sharing, deleting; and sending a command to one."""

import pytest
from django.urls import reverse

from commands.models import Command
from devices.console.saved_searches import address_of, read_address
from devices.groups import add_members, create_group, delete_group
from devices.models import AccessLimit, DefaultSearch, Device, SavedSearch, Tag
from devices.saved_searches import devices_of
from devices.timeline import SYSTEM
from mdm_project.models import User
from tests import factories
from tests.console.pages import DEVICES, statements, text_of

ADD = f"{DEVICES}searches/add/"
QUERY = "q=phone&platform__exact=ios&p=2&o=1"


@pytest.fixture
def phones(db):
    factories.make_channel(factories.make_device("macos", name="Phone of a Mac"))
    return [factories.make_channel(factories.make_device("ios", name=f"Phone {number}")).device for number in range(3)]


def me() -> User:
    return User.objects.get()


def save(**fields) -> SavedSearch:
    query = {"search": "phone", "filters": {"platform": "ios"}}
    return SavedSearch.objects.create(**{"name": "Phones", "is_shared": True} | query | fields)


def page(name: str, saved: SavedSearch) -> str:
    return reverse(f"admin:devices_device_search_{name}", args=[saved.pk])


# Keeping and using


def test_what_the_list_shows_is_kept_and_found_again(console, phones):
    assert "Save this search" in text_of(console.get(f"{DEVICES}?{QUERY}"))
    dialog = text_of(console.get(f"{ADD}?{QUERY}"))
    assert "\u201cphone\u201d" in dialog and "Platform: iPhone" in dialog
    response = console.post(f"{ADD}?{QUERY}", {"name": "Phones"}, follow=True)
    saved = SavedSearch.objects.get()
    assert (saved.search, saved.filters, saved.owner, saved.is_shared) == ("phone", {"platform": "ios"}, me(), False)
    assert response.redirect_chain[-1][0] == f"{DEVICES}?q=phone&platform__exact=ios"
    assert set(response.context["cl"].queryset) == set(phones)
    text = text_of(response)
    assert 'aria-current="page"' in text and "Change this search" in text


def test_a_name_is_escaped(console, phones):
    saved = save(name="<script>alert(1)</script>")
    for address in (DEVICES, page("edit", saved), page("delete", saved)):
        assert "<script>alert(1)" not in text_of(console.get(address))


def test_a_filter_that_the_list_does_not_have_is_named_when_saving(console, phones):
    text = text_of(console.post(f"{ADD}?flavour=vanilla", {"name": "x"}))
    assert "flavour" in text and "there is no such filter" in text
    assert not SavedSearch.objects.exists()


def test_a_name_used_twice_is_said_at_its_field(console, phones):
    save(owner=me())
    form = console.post(f"{ADD}?{QUERY}", {"name": "Phones"}).context["form"]
    assert "name" in form.errors


def test_every_filter_of_the_list_survives_being_saved(console, phones):
    tag, group = Tag.objects.create(name="red"), create_group("Lyon", actor=SYSTEM)
    for query in (
        "platform__exact=macos", "os=ios-18", "enrollment=none", "is_supervised__exact=1", "is_supervised__exact=0",
        "is_supervised__isnull=True", "seen=today", "commands=failed", "push=gone", f"group={group.pk}",
        f"tag={tag.pk}",
    ):  # fmt: skip
        console.post(f"{ADD}?{query}", {"name": query})
        saved = SavedSearch.objects.get(name=query)
        assert address_of(saved) == query
        shown = set(console.get(f"{DEVICES}?{query}").context["cl"].queryset.values_list("pk", flat=True))
        assert shown == set(devices_of(saved, me()).values_list("pk", flat=True)), query


def test_one_that_cannot_be_used_any_more_says_why_and_shows_everything(console, phones):
    group = create_group("Lyon", actor=SYSTEM)
    saved = save(filters={"group": str(group.pk)})
    delete_group(group, actor=SYSTEM)
    text = text_of(console.get(page("open", saved), follow=True))
    assert "cannot be used: group: there is no group" in text


def test_the_csv_holds_what_the_search_finds(console, phones):
    response = console.get(f"{DEVICES}csv/?{address_of(save())}")
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert len(lines) == 1 + len(phones)


def test_the_list_says_when_it_shows_only_what_resembles(console, phones):
    text = text_of(console.get(DEVICES, {"q": "Phonne 1"}))
    assert "These devices resemble it most" in text and "Phone 1" in text
    assert "resemble it most" not in text_of(console.get(DEVICES, {"q": "phone"}))
    assert "resemble it most" not in text_of(console.get(DEVICES, {"q": "qqqqwwww"}))


def test_many_searches_take_as_many_statements_as_one(console, phones):
    save(owner=me())
    before = statements(console, DEVICES, q="phone")
    for number in range(20):
        save(name=f"Search {number}", owner=me(), filters={"tag": str(number)})
    assert statements(console, DEVICES, q="phone") == before


# The default


def test_the_list_opens_with_the_default_until_everything_is_asked_for(console, phones):
    saved = save()
    console.post(page("edit", saved), {"name": "Phones", "is_shared": "on", "is_default": "on"})
    assert console.get(DEVICES).url == page("open", saved) or console.get(DEVICES).url.endswith(address_of(saved))
    everything = console.get(DEVICES, {"q": ""})
    assert everything.context["cl"].queryset.count() == Device.objects.count()
    console.post(page("edit", saved), {"name": "Phones", "is_shared": "on"})
    assert not DefaultSearch.objects.exists()
    assert console.get(DEVICES).status_code == 200


def test_a_default_of_a_colleagues_search_is_chosen_without_changing_it(sign_in, phones):
    saved, client = save(), sign_in("viewer")
    dialog = text_of(client.get(page("edit", saved)))
    assert "Open my list" in dialog and "Delete this search" not in dialog
    client.post(page("edit", saved), {"name": "Taken over", "is_default": "on"})
    saved.refresh_from_db()
    assert saved.name == "Phones"
    assert DefaultSearch.objects.get().search == saved


# Sharing and deleting


def test_who_may_not_share_is_not_offered_it_and_cannot(sign_in, phones):
    client = sign_in("viewer")
    assert "is_shared" not in client.get(f"{ADD}?{QUERY}").context["form"].fields
    client.post(f"{ADD}?{QUERY}", {"name": "Phones", "is_shared": "on"})
    assert SavedSearch.objects.get().is_shared is False


def test_deleting_a_search_leaves_the_devices_and_the_list(console, phones):
    saved = save()
    assert "The devices stay" in text_of(console.get(page("delete", saved)))
    console.post(page("delete", saved))
    assert not SavedSearch.objects.exists() and Device.objects.count() == 4


def test_the_search_of_somebody_else_is_not_found(console, phones):
    saved = save(is_shared=False, owner=factories.make_staff())
    for name in ("open", "edit", "delete"):
        assert console.get(page(name, saved)).status_code == 404
    assert "Phones" not in text_of(console.get(DEVICES, {"q": "mac"}))


def test_reading_an_address_keeps_nothing_but_text_and_filters(rf):
    query = rf.get("/", {"q": " a\x00b ", "p": "3", "o": "1.2", "seen": ""}).GET
    assert read_address(query) == {"search": "ab", "filters": {}}


# Sending a command


COMPOSE = "/console/commands/command/compose/"


def send(client, slug: str, saved: SavedSearch, **more):
    return client.post(f"{COMPOSE}{slug}/", {"saved_search": saved.pk, "reason": "", **more})


def test_a_command_goes_to_whom_the_search_finds_now_and_its_page_names_it(console, phones):
    saved = save()
    reach = reverse("admin:commands_command_reach")
    assert reach in text_of(console.get(f"{COMPOSE}profile-list/?saved_search={saved.pk}"))
    assert "3 devices now" in text_of(console.get(reach, {"saved_search": saved.pk}))
    later = factories.make_channel(factories.make_device("ios", name="Phone 9")).device
    send(console, "profile-list", saved)
    saved.delete()
    command = Command.objects.get()
    assert set(command.targets.values_list("channel__device", flat=True)) == {it.pk for it in [*phones, later]}
    assert "saved search \u201cPhones\u201d" in text_of(console.get(f"/console/commands/command/{command.pk}/change/"))


def test_the_form_says_how_many_a_search_finds_for_the_person(sign_in, phones):
    saved, client = save(), sign_in("operator")
    site = create_group("Lyon", actor=SYSTEM)
    add_members(site, [phones[0].pk], actor=SYSTEM)
    AccessLimit.objects.create(user=me()).groups.add(site)
    address = reverse("admin:commands_command_reach")
    assert "1 device now" in text_of(client.get(address, {"saved_search": saved.pk}))
    send(client, "profile-list", saved)
    assert Command.objects.get().targets.get().channel.device == phones[0]


def test_the_typed_number_is_that_of_the_search(console, phones):
    saved = save()
    wrong = send(console, "device-lock", saved, reason="stolen", confirm="2")
    assert "meant for 3 devices" in text_of(wrong)
    right = send(console, "device-lock", saved, reason="stolen", confirm="3", follow=True)
    assert right.status_code == 302


def test_a_broken_search_is_refused_at_its_field(console, phones):
    saved = save(filters={"tag": "5"})
    form = send(console, "profile-list", saved).context["about"]
    assert "there is no tag 5" in str(form.errors["saved_search"])
    assert not Command.objects.exists()
    address = reverse("admin:commands_command_reach")
    assert "there is no tag 5" in text_of(console.get(address, {"saved_search": saved.pk}))


def test_a_command_goes_to_one_kind_of_target_only(console, phones):
    saved, group = save(), create_group("Lyon", actor=SYSTEM)
    form = send(console, "profile-list", saved, group=group.pk).context["about"]
    assert form.errors
    assert not Command.objects.exists()
