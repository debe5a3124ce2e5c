"""Notes about devices: writing one, withdrawing one, and the address of its ticket.

Notes are plain text. Nothing in one becomes a link or markup: a ticket has a field of its own.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from devices.models import Device, Note
from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest, Conflict, Refused

MAX_TEXT = 4000
MAX_TICKET = 500
# What is quoted into TICKET_URL: it begins with a letter or digit, so that no path goes upwards.
_NUMBER = re.compile(r"#?[A-Za-z0-9][A-Za-z0-9._/-]{0,49}\Z")
# A host (and a port), then what may stand in an address: no user name before the host, no backslash, nothing unseen.
_ADDRESS = re.compile(
    r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][!-\[\]-~]*)?\Z", re.IGNORECASE
)
_NOT_A_TICKET = "must be a number such as INC-4711, or an address that begins with https://"


class NotYourNote(Refused):
    code = "not_your_note"


@dataclass(frozen=True)
class TicketLink:
    """A ticket in words (a number, or host and path); ``address`` is empty when its number leads nowhere."""

    words: str
    address: str


def add_note(device: Device, text: str, *, ticket: str = "", actor: Actor) -> Note:
    """Write a note about a device. The timeline tells that there is one, not what it says.

    Raises BadRequest with the key at fault. A ticket is a number or an https address.
    """
    text, ticket = _cleaned(text), clean_ticket(ticket)
    with transaction.atomic():
        note = Note.objects.create(
            device_id=device.pk, text=text, ticket=ticket, author=actor.name[:200], user=actor.user
        )
        _record("note_added", "note added", note, actor)
    return note


def withdraw_note(note: Note, *, actor: Actor) -> None:
    """Strike a note, once: who may is for `NoteQuerySet.withdrawable_by` to say, asked of the actor's account.

    Raises NotYourNote, and Conflict the second time.
    """
    if note.is_withdrawn:
        raise Conflict("this note was withdrawn already")
    with transaction.atomic():
        own = Note.objects.withdrawable_by(actor.user) if actor.user else Note.objects.none()
        notes = own.filter(pk=note.pk)
        if not notes.update(withdrawn_at=timezone.now(), withdrawn_by=actor.name[:200]):
            raise NotYourNote("only who wrote a note, or who may change notes, withdraws it")
        _record("note_withdrawn", f"note of {note.author} withdrawn", note, actor)


def clean_ticket(ticket: str) -> str:
    """Return a ticket as it is kept, without spaces around it; raise BadRequest for what is none."""
    ticket = ticket.strip()
    if ticket and not (_NUMBER.match(ticket) or _is_address(ticket)):
        raise BadRequest("the ticket cannot be read", fields={"ticket": _NOT_A_TICKET})
    return ticket


def link_of(ticket: str) -> TicketLink | None:
    """Return where a ticket leads: an https address as it is, a number through the setting TICKET_URL."""
    if not ticket:
        return None
    if _is_address(ticket):
        parts = urlsplit(ticket)
        return TicketLink(f"{parts.netloc}{parts.path.rstrip('/')}", ticket)
    number = quote(ticket, safe="")
    return TicketLink(ticket, settings.TICKET_URL.replace("{}", number) if settings.TICKET_URL else "")


def _is_address(ticket: str) -> bool:
    return len(ticket) <= MAX_TICKET and _ADDRESS.match(ticket) is not None


def _cleaned(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise BadRequest("the note is empty", fields={"text": "must not be empty"})
    if "\x00" in text:
        raise BadRequest("the note cannot be kept", fields={"text": "must not hold the character NUL"})
    if len(text) > MAX_TEXT:
        why = f"must have at most {MAX_TEXT} characters, and has {len(text)}"
        raise BadRequest("the note is too long", fields={"text": why})
    return text


def _record(kind: str, words: str, note: Note, actor: Actor) -> None:
    link = link_of(note.ticket)
    about = f", ticket {link.words}" if link else ""
    data = {"note_id": note.pk} | ({"ticket": link.words} if link else {})
    record_event(kind, f"{words}{about}", device=note.device_id, actor=actor.name, **data)
