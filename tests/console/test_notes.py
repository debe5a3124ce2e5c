"""Notes on the device page: the list, writing one, withdrawing one."""

from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group as Role
from django.urls import reverse

from devices.console.notes import SHOWN, notes_context, own_page
from devices.models import AccessLimit, Device, Note
from devices.notes import add_note, withdraw_note
from devices.timeline import SYSTEM, Actor
from mdm_project.models import User
from tests import factories
from tests.console.pages import page_of, statements, text_of

READING = ("devices.view_device", "devices.view_note")


@pytest.fixture
def device(db) -> Device:
    return factories.make_channel().device


def of_role(client, slug: str) -> User:
    user = factories.make_staff()
    user.groups.add(Role.objects.get(role__slug=slug))
    client.force_login(user)
    return user


def address(name: str, device: Device, *args) -> str:
    return reverse(f"admin:devices_device_{name}", args=[device.pk, *args])


def notes_tab(client, device: Device, **query) -> str:
    response = client.get(page_of(device), {"tab": "notes", **query})
    assert response.status_code == 200
    return text_of(response)


def test_the_helpdesk_notes_something_and_withdraws_it_again(client, device, settings):
    settings.TICKET_URL = "https://tickets.example/{}"
    user = of_role(client, "helpdesk")

    saved = client.post(address("note", device), {"text": "Screen replaced.", "ticket": "INC-4711"})

    assert (saved.status_code, saved["Location"]) == (302, f"{page_of(device)}?tab=notes")
    note, shown = Note.objects.get(), notes_tab(client, device)
    assert (note.author, note.user, note.ticket) == (user.username, user, "INC-4711")
    assert 'href="https://tickets.example/INC-4711" rel="noopener noreferrer" target="_blank"' in shown
    assert "Screen replaced." in text_of(client.get(address("withdraw_note", device, note.pk)))
    client.post(address("withdraw_note", device, note.pk))
    shown = notes_tab(client, device)
    assert '<del class="e-note-text" dir="auto">Screen replaced.</del>' in shown
    assert f"withdrawn by {user.username}" in shown
    assert address("withdraw_note", device, note.pk) not in shown


def test_a_note_is_text_and_nothing_in_it_becomes_a_link_or_markup(console, device):
    add_note(device, "<script>alert(1)</script> https://evil.example <b>", actor=SYSTEM)
    shown = notes_tab(console, device)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; https://evil.example &lt;b&gt;" in shown
    assert 'href="https://evil.example' not in shown


def test_a_ticket_without_an_address_is_shown_as_text(console, device, settings):
    settings.TICKET_URL = ""
    add_note(device, "Called.", ticket="INC-4711", actor=SYSTEM)
    shown = notes_tab(console, device)
    assert '<span class="e-mono" title="Ticket">INC-4711</span>' in shown


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"text": " "}, "This field is required."),
        ({"text": "x" * 4001}, "The note must have at most 4000 characters, and has 4001."),
        ({"text": "x", "ticket": "http://a.b"}, "The ticket must be a number such as INC-4711, or an address that"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_what_was_typed_stays(console, device, body, words):
    shown = text_of(console.post(address("note", device), body))
    assert words in shown
    assert body["text"].strip() in shown
    assert not Note.objects.exists()


def test_the_newest_are_listed_and_all_of_them_on_a_link(console, device):
    for number in range(SHOWN + 1):
        add_note(device, f"Note no. {number};", actor=SYSTEM)
    shown = notes_tab(console, device)
    assert shown.index(f"no. {SHOWN};") < shown.index("no. 1;")
    assert "no. 0;" not in shown
    assert "?tab=notes&amp;all=1#tabs" in shown
    shown = notes_tab(console, device, all=1)
    assert "no. 0;" in shown
    assert "?tab=notes&amp;all=1#tabs" not in shown


def test_the_tab_takes_as_many_statements_for_many_notes_as_for_one(console, device):
    add_note(device, "One", actor=SYSTEM)
    few = statements(console, page_of(device), tab="notes")
    for number in range(10):
        add_note(device, f"More {number}", ticket="INC-1", actor=Actor.staff(factories.make_staff()))
    assert statements(console, page_of(device), tab="notes") == few


def test_readers_see_notes_and_a_button_that_says_why_it_is_off(client, device):
    client.force_login(factories.make_staff(*READING))
    note = add_note(device, "Called.", actor=SYSTEM)
    shown = notes_tab(client, device)
    assert "Called." in shown
    assert "ask for the permission “Can add note”" in shown
    assert address("note", device) not in shown
    for method in (client.get, client.post):
        assert method(address("note", device), {"text": "x"}).status_code == 403
        assert method(address("withdraw_note", device, note.pk)).status_code == 403
    assert not Note.objects.get().is_withdrawn


def test_who_may_not_see_notes_sees_neither_tab_nor_text(client, device):
    add_note(device, "Called about the screen.", actor=SYSTEM)
    user = factories.make_staff("devices.view_device", "devices.add_note", "devices.change_note")
    client.force_login(user)
    assert "?tab=notes" not in text_of(client.get(page_of(device)))
    assert client.get(page_of(device), {"tab": "notes"}).status_code == 403
    assert client.post(address("note", device), {"text": "x"}).status_code == 403
    context = notes_context(device, user)
    assert (context["notes"], context["may_see_notes"], context["may_add_note"]) == ([], False, False)


def test_a_limited_person_neither_writes_nor_withdraws_beyond_the_limit(client, device):
    note = add_note(device, "Called.", actor=SYSTEM)
    AccessLimit.objects.create(user=of_role(client, "administrator"))
    assert client.post(address("note", device), {"text": "x"}).status_code == 404
    assert client.post(address("withdraw_note", device, note.pk)).status_code == 404
    assert list(Note.objects.values_list("text", "withdrawn_at")) == [("Called.", None)]


def test_a_note_is_not_withdrawn_by_the_address_of_another_device(console, device):
    note = add_note(factories.make_device(), "Called.", actor=SYSTEM)
    assert console.post(address("withdraw_note", device, note.pk)).status_code == 404
    assert not Note.objects.get().is_withdrawn


def test_a_dialog_that_is_a_page_of_its_own_has_a_way_back(console, device):
    note = add_note(device, "Called.", actor=SYSTEM)
    back = f"{page_of(device)}?tab=notes"
    for dialog in (address("note", device), address("withdraw_note", device, note.pk)):
        assert f'<a class="e-btn e-only-page" href="{back}">Back</a>' in console.get(dialog).content.decode()


def test_withdrawing_twice_is_told_in_words(client, device):
    user = of_role(client, "helpdesk")
    note = add_note(device, "Called.", actor=Actor.staff(user))
    withdraw_note(note, actor=Actor.staff(user))
    response = client.post(address("withdraw_note", device, note.pk), follow=True)
    assert "This note was withdrawn already." in text_of(response)


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/helpdesk/devices/1/", "/helpdesk/devices/1/"),
        ("/console/?a=1#tabs", "/console/?a=1"),
        ("https://evil.example/console/", ""),
        ("//evil.example/console/", ""),
        ("/\\evil.example/console/", ""),
        ("javascript:alert(1)", ""),
        ("/api/v1/devices/", ""),
        ("/console/\r\nX: y", ""),
        ("/console/é", ""),
        ("", ""),
    ],
)
def test_saving_leads_back_to_our_own_pages_only(console, device, wanted, goes_to):
    assert own_page(wanted) == goes_to
    saved = console.post(
        f"{address('note', device)}?{_query(wanted)}", {"text": "Called."}, headers={"HX-Request": "1"}
    )
    assert saved["HX-Redirect"] == (goes_to or f"{page_of(device)}?tab=notes")


def test_an_open_page_is_loaded_anew_where_it_is(console, device):
    page = f"{page_of(device)}?tab=notes"
    headers = {"HX-Request": "1", "HX-Current-URL": f"http://testserver{page}#tabs"}
    saved = console.post(f"{address('note', device)}?{_query(page)}", {"text": "Called."}, headers=headers)
    assert (saved.status_code, saved.get("HX-Refresh"), saved.get("HX-Redirect")) == (204, "true", None)
    headers["HX-Current-URL"] = f"http://testserver{address('note', device)}"
    saved = console.post(f"{address('note', device)}?{_query(page)}", {"text": "Called."}, headers=headers)
    assert saved["HX-Redirect"] == page


def _query(wanted: str) -> str:
    return urlencode({"next": wanted})
