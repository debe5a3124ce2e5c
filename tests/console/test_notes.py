"""Notes on the device page, and how to tell the person who uses a device something."""

from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group as Role
from django.urls import reverse

from devices.console.messaging import MAC_LOCK, message_choices
from devices.console.notes import SHOWN, notes_context, own_page
from devices.console.sending import candidate_of
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


# Notes


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


# Telling somebody something


def choices(device: Device, user: User | None = None) -> dict[str, object]:
    found = Device.objects.select_related("person").get(pk=device.pk)
    user = user or factories.make_staff(is_superuser=True)
    return {choice.name: choice for choice in message_choices(found, candidate_of(found), user)}


def make(platform: str, **facts) -> Device:
    return factories.make_channel(factories.make_device(platform, **facts)).device


@pytest.mark.parametrize("platform", ["ios", "ipados"])
def test_a_phone_or_tablet_shows_a_message_when_it_is_locked_or_lost(db, platform):
    device = make(platform, is_supervised=True)
    found = choices(device)
    assert (found["lock"].refusal, found["lost"].refusal) == ("", "")
    assert found["lock"].address == reverse("admin:devices_device_command", args=[device.pk, "DeviceLock"])
    assert found["lost"].address == reverse("admin:commands_workflow_start", args=[device.pk, "lost_device"])


@pytest.mark.parametrize(
    ("platform", "lock", "lost"),
    [
        ("macos", MAC_LOCK, "Only iPhones and iPads have a Lost Mode."),
        ("tvos", "Only iPhones and iPads show a message when they are locked.", "Only iPhones and iPads have a Lost"),
        ("visionos", "Only iPhones and iPads show a message when they are locked.", "Only iPhones and iPads have"),
        ("watchos", "Only iPhones and iPads show a message when they are locked.", "Only iPhones and iPads have"),
        ("", "Only iPhones and iPads show a message when they are locked.", "Only iPhones and iPads have a Lost Mode."),
    ],
)
def test_other_systems_say_why_they_show_none(db, platform, lock, lost):
    found = choices(make(platform, is_supervised=True))
    assert found["lock"].refusal == lock
    assert found["lost"].refusal.startswith(lost)


@pytest.mark.parametrize(
    ("facts", "name", "refusal"),
    [
        ({"is_supervised": False}, "lost", "Lost Mode needs a supervised device."),
        ({"is_passcode_present": False}, "lock", "It has no passcode, and shows a message only with one."),
        ({"is_lost_mode_enabled": True}, "lock", "It is in Lost Mode, and shows the message of that."),
    ],
)
def test_what_stands_in_the_way_is_told(db, facts, name, refusal):
    assert choices(make("ios", **facts))[name].refusal == refusal


def test_a_device_that_is_not_enrolled_is_not_asked_anything(db):
    found = choices(factories.make_device("ios"))
    assert {found[name].refusal for name in ("lock", "lost")} == {
        "The device is not enrolled, so nothing can be asked of it."
    }


def test_who_may_send_nothing_may_still_write_and_call(db):
    person = factories.make_person(name="Ada", email="ada@example.com")
    device = make("ios", person=person, phone_number="+49 170 1234567")
    found = choices(device, factories.make_staff("devices.view_device", "devices.view_person"))
    assert found["lock"].refusal == "You may not send commands."
    assert found["lost"].refusal == "You may not start workflows."
    assert (found["mail"].refusal, found["call"].address) == ("", "tel:+491701234567")


def test_the_e_mail_is_quoted_so_that_no_name_adds_a_recipient_or_a_header(db):
    person = factories.make_person(name="Ada", email="ada+it&x@example.com")
    device = make("ios", person=person, name="Ada’s iPhone?bcc=evil@example.com&body=x\r\nBcc: y")
    assert choices(device)["mail"].address == (
        "mailto:ada%2Bit%26x@example.com?subject=Your%20Ada%E2%80%99s%20iPhone%3Fbcc%3Devil%40example.com%26body%3Dx"
        "%20Bcc%3A%20y"
    )


@pytest.mark.parametrize(
    ("email", "refusal"),
    [
        ("", "The address of Ada is not known."),
        ("ada@example.com,evil@example.com", "The address of Ada is not an e-mail address."),
        ("ada at example", "The address of Ada is not an e-mail address."),
    ],
)
def test_an_address_that_is_none_is_not_written_to(db, email, refusal):
    choice = choices(make("ios", person=factories.make_person(name="Ada", email=email)))["mail"]
    assert (choice.refusal, choice.address) == (refusal, "")


def test_nobody_is_written_to_by_who_may_not_see_people(db):
    device = make("ios", person=factories.make_person(email="ada@example.com"))
    choice = choices(device, factories.make_staff("devices.view_device"))["mail"]
    assert (choice.refusal, choice.address) == ("You may not see people.", "")
    assert "ada@" not in choice.tells
    assert choices(make("ios"))["mail"].refusal == "Nobody in particular uses the device."


@pytest.mark.parametrize(
    ("number", "refusal"),
    [("", "The device has told no phone number."), ("*#06#", "What the device told is not a phone number.")],
)
def test_without_a_phone_number_nobody_is_called(db, number, refusal):
    choice = choices(make("ios", phone_number=number))["call"]
    assert (choice.refusal, choice.address) == (refusal, "")


def test_the_dialog_shows_each_way_or_why_not(console):
    device = make("macos", person=factories.make_person(name="Ada", email="ada@example.com"), name="<b>Mac</b>")
    shown = text_of(console.get(address("message", device), headers={"HX-Request": "1"}))
    assert "Apple’s device management has no plain message." in shown
    assert MAC_LOCK in shown
    assert 'href="mailto:ada@example.com?subject=Your%20%3Cb%3EMac%3C%2Fb%3E"' in shown
    assert "<b>Mac" not in shown
