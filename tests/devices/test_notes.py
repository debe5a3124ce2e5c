"""Notes about devices and their tickets: what is kept, who sees and withdraws one, where a ticket leads; the API."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as project
from django.contrib.auth.models import Group as Role
from django.db import IntegrityError, transaction

from devices.models import AccessLimit, Event, Group, Note
from devices.notes import MAX_TEXT, NotYourNote, add_note, link_of, withdraw_note
from devices.timeline import SYSTEM, Actor
from mdm_project.errors import BadRequest, Conflict
from tests import factories
from tests.api.client import Caller

SEE = ("devices.view_device", "devices.view_note")
WRITE = (*SEE, "devices.add_note")


@pytest.fixture
def device(db):
    return factories.make_device(name="Anna’s iPhone")


def write(device, text="Screen replaced.", *, user=None, **fields) -> Note:
    return add_note(device, text, actor=Actor.staff(user) if user else SYSTEM, **fields)


# What is kept


def test_a_note_keeps_its_author_as_text_when_the_account_is_gone(device):
    user = factories.make_staff(*WRITE, username="anna")
    note = write(device, "  Screen replaced.\r\nWarranty. \n", user=user)
    assert (note.text, note.author, note.user) == ("Screen replaced.\nWarranty.", "anna", user)

    user.delete()

    note.refresh_from_db()
    assert (note.author, note.user) == ("anna", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [(" \n ", "must not be empty"), ("a\x00b", "NUL"), ("x" * (MAX_TEXT + 1), f"at most {MAX_TEXT} characters")],
)
def test_a_note_that_cannot_be_kept_is_refused_with_its_key(device, text, words):
    with pytest.raises(BadRequest) as refused:
        write(device, text)
    assert list(refused.value.fields) == ["text"]
    assert words in refused.value.fields["text"]
    assert not Note.objects.exists()


def test_the_longest_note_is_kept_though_browsers_send_two_characters_for_a_new_line(device):
    lines = "\r\n".join("x" * (MAX_TEXT // 2))
    assert len(write(device, lines).text) == MAX_TEXT - 1


def test_the_timeline_tells_of_a_note_and_its_ticket_and_never_what_it_says(device):
    note = write(device, "The owner is on sick leave.", ticket="INC-4711")
    withdraw_note(note, actor=Actor.staff(factories.make_staff(*SEE, "devices.change_note", username="boss")))

    events = list(Event.objects.filter(device=device).order_by("id").values_list("kind", "summary", "actor"))
    assert events == [
        ("note_added", "note added, ticket INC-4711", "Espalier"),
        ("note_withdrawn", "note of Espalier withdrawn, ticket INC-4711", "boss"),
    ]
    assert "sick" not in repr(list(Event.objects.values()))


def test_the_timeline_tells_an_address_without_its_query(device):
    write(device, ticket="https://tickets.example/browse/INC-1?session=geheim#x")
    assert "geheim" not in repr(list(Event.objects.values()))


@pytest.mark.parametrize("change", [{"text": "other"}, {"ticket": "INC-1"}, {"author": "somebody"}])
def test_the_database_refuses_to_change_what_was_written(device, change):
    note = write(device)
    with pytest.raises(IntegrityError), transaction.atomic():
        Note.objects.filter(pk=note.pk).update(**change)
    note.refresh_from_db()
    assert note.text == "Screen replaced."


def test_the_database_refuses_to_take_back_a_withdrawal(device):
    user = factories.make_staff(*WRITE)
    note = write(device, user=user)
    withdraw_note(note, actor=Actor.staff(user))
    with pytest.raises(IntegrityError), transaction.atomic():
        Note.objects.filter(pk=note.pk).update(withdrawn_at=None)
    assert Note.objects.get(pk=note.pk).is_withdrawn


# Who


def test_who_wrote_a_note_withdraws_it_once_and_its_text_stays(device):
    user = factories.make_staff(*WRITE, username="anna")
    note = write(device, user=user)

    withdraw_note(note, actor=Actor.staff(user))

    note.refresh_from_db()
    assert (note.is_withdrawn, note.withdrawn_by, note.text) == (True, "anna", "Screen replaced.")
    with pytest.raises(Conflict):
        withdraw_note(note, actor=Actor.staff(user))


def test_nobody_else_withdraws_it_without_the_permission_to_change_notes(device):
    note = write(device, user=factories.make_staff(*WRITE))
    for actor in (Actor.staff(factories.make_staff(*WRITE)), SYSTEM):
        with pytest.raises(NotYourNote):
            withdraw_note(note, actor=actor)
    withdraw_note(note, actor=Actor.staff(factories.make_staff(*SEE, "devices.change_note")))
    assert Note.objects.get().is_withdrawn


def test_an_author_who_only_reads_by_now_changes_nothing(device):
    user = factories.make_staff(*WRITE)
    note = write(device, user=user)
    user.user_permissions.clear()
    user.groups.add(Role.objects.get(role__slug="auditor"))
    reader = type(user).objects.get(pk=user.pk)
    assert list(Note.objects.visible_to(reader)) == [note]
    with pytest.raises(NotYourNote):
        withdraw_note(note, actor=Actor.staff(reader))


def test_notes_are_seen_with_both_permissions_and_within_the_limit(device):
    other = factories.make_device()
    note, outside = write(device), write(other)
    for permissions in ((), SEE[:1], SEE[1:]):
        assert not Note.objects.visible_to(factories.make_staff(*permissions)).exists()
    assert set(Note.objects.visible_to(factories.make_staff(*SEE))) == {note, outside}

    site = Group.objects.create(name="Site")
    site.memberships.create(device=device)
    limited = factories.make_staff(*SEE, "devices.change_note")
    AccessLimit.objects.create(user=limited).groups.add(site)
    assert list(Note.objects.visible_to(limited)) == list(Note.objects.withdrawable_by(limited)) == [note]


# Tickets


@pytest.mark.parametrize(
    "ticket",
    [
        "http://tickets.example/1", "javascript:alert(1)", "//tickets.example/1", "https://", "https:///1", "..",
        "../1", "https://tickets.example/a\nb", "https://tickets.example/\x00",
        "https://user:pass@tickets.example/1", "https://tickets.example@evil.example/", "https://evil.example\\@a.b/",
        "https://tickets.example/a b", "https://tickéts.example/", "INC 4711", "<b>",
        '"onclick="', "x" * 51, "https://tickets.example/" + "x" * 500,
    ],
)  # fmt: skip
def test_what_is_neither_a_number_nor_an_https_address_is_refused(device, ticket):
    with pytest.raises(BadRequest) as refused:
        write(device, ticket=ticket)
    assert list(refused.value.fields) == ["ticket"]


@pytest.mark.parametrize(
    ("ticket", "words", "address"),
    [
        ("INC-4711", "INC-4711", "https://tickets.example/browse/INC-4711"),
        ("#12/a", "#12/a", "https://tickets.example/browse/%2312%2Fa"),
        ("https://jira/browse/INC-1/?x=1#y", "jira/browse/INC-1", "https://jira/browse/INC-1/?x=1#y"),
        ("HTTPS://Jira.example:8443", "Jira.example:8443", "HTTPS://Jira.example:8443"),
    ],
)
def test_a_ticket_leads_to_its_address(device, settings, ticket, words, address):
    settings.TICKET_URL = "https://tickets.example/browse/{}"
    link = link_of(write(device, ticket=ticket).ticket)
    assert (link.words, link.address) == (words, address)


def test_a_number_leads_nowhere_when_nobody_said_where(settings):
    settings.TICKET_URL = ""
    assert link_of("INC-4711").address == ""
    assert link_of("") is None


def start(url: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"TICKET_URL": url, "DATA_DIR": str(project.DATA_DIR)}
    command = [sys.executable, "-c", "import mdm_project.settings as s; print(s.TICKET_URL)"]
    return subprocess.run(command, env=environment, cwd=project.BASE_DIR, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://tickets.example/{}", "https://tickets.example/", "https://tickets.example/{}/{}", "https://{}.example/",
        "https://tickets.example{}", "https:///{}", "{}",
    ],
)  # fmt: skip
def test_the_product_does_not_start_with_a_ticket_address_that_it_cannot_use(url):
    started = start(url)
    assert started.returncode != 0
    assert "TICKET_URL must be an https address with {} once" in started.stderr


def test_the_product_starts_with_a_good_ticket_address():
    assert start("https://tickets.example/browse/{}").stdout.strip() == "https://tickets.example/browse/{}"


# The API


def address(device, note: Note | None = None) -> str:
    return f"devices/{device.pk}/notes/" + (f"{note.pk}/withdraw/" if note else "")


def test_a_note_is_written_read_and_withdrawn_by_the_api(device, settings):
    settings.TICKET_URL = "https://tickets.example/{}"
    caller = Caller(*WRITE)

    made = caller.post(address(device), {"text": "Screen replaced.", "ticket": "INC-4711"})

    assert made.status_code == 201
    shown, note = made.json(), Note.objects.get()
    assert shown["ticket_url"] == "https://tickets.example/INC-4711"
    assert (shown["author"], note.user) == (f"{caller.user.username} (token test)", caller.user)
    assert caller.results(address(device)) == [shown]
    withdrawn = caller.post(address(device, note)).json()
    assert (withdrawn["text"], withdrawn["withdrawn_by"]) == ("Screen replaced.", shown["author"])
    again = caller.post(address(device, note))
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_the_newest_note_comes_first_and_lists_have_pages(device):
    for number in range(3):
        write(device, f"Note {number}")
    page = Caller(*SEE).get(address(device), page_size=2).json()
    assert [row["text"] for row in page["results"]] == ["Note 2", "Note 1"]
    assert page["next"]


@pytest.mark.parametrize(
    ("content", "key"),
    [({}, "text"), ({"text": ""}, "text"), ({"text": "x" * 4001}, "text"), ({"text": "a\x00"}, "text"),
     ({"text": "x", "ticket": "http://a.b/"}, "ticket"), ({"text": "x", "author": "me"}, "author")],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_key(device, content, key):
    answer = Caller(*WRITE).post(address(device), content)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [key]
    assert not Note.objects.exists()


def test_a_note_of_another_device_or_of_one_outside_the_limit_is_not_found(device):
    other = factories.make_device()
    note = write(other)
    assert Caller(*SEE, "devices.change_note").post(address(device, note)).status_code == 404
    user = factories.make_staff(*WRITE, "devices.change_note")
    AccessLimit.objects.create(user=user)
    limited = Caller(user=user)
    for answer in (
        limited.get(address(other)), limited.post(address(other), {"text": "x"}), limited.post(address(other, note))
    ):  # fmt: skip
        assert answer.status_code == 404
    note.refresh_from_db()
    assert not note.is_withdrawn
