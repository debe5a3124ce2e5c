"""Apple's schema as values: every payload, command, check-in message, declaration and status item, with its keys.

Owns what Apple publishes as facts, and our own names for it. What is made of it (profiles, forms, lint) is elsewhere.
Everything returned is shared and read-only. See docs/catalogue.md.

Apple: github.com/apple/device-management
"""

from profiles.catalogue.availability import Availability, Reason, Target
from profiles.catalogue.entries import Entry, Kind
from profiles.catalogue.keys import Key, Role, Type
from profiles.catalogue.schema import json_schema
from profiles.catalogue.store import Catalogue, UnknownEntry, catalogue, forget
from profiles.catalogue.support import SYSTEMS, Support, version_of
from profiles.catalogue.validation import Problem, errors_of, validate

__all__ = [
    "SYSTEMS",
    "Availability",
    "Catalogue",
    "Entry",
    "Key",
    "Kind",
    "Problem",
    "Reason",
    "Role",
    "Support",
    "Target",
    "Type",
    "UnknownEntry",
    "catalogue",
    "checkins",
    "command",
    "commands",
    "common_payload_keys",
    "declaration",
    "declaration_envelope",
    "declarations",
    "errors_of",
    "forget",
    "json_schema",
    "payload",
    "payload_for",
    "payload_types",
    "payloads_of_type",
    "profile_envelope",
    "status_item",
    "status_items",
    "validate",
    "version_of",
]


def payload_types() -> tuple[Entry, ...]:
    """Return what a profile can contain, by slug; the envelopes are not among them."""
    return catalogue().entries(Kind.PAYLOAD)


def payload(slug: str) -> Entry:
    """Return a payload by slug, or by payload type where only one file has it; raises UnknownEntry."""
    return catalogue().entry(Kind.PAYLOAD, slug)


def payloads_of_type(payload_type: str) -> tuple[Entry, ...]:
    """Return the entries of a PayloadType: none for what Apple does not define, several for com.apple.MCX."""
    return catalogue().of_type(Kind.PAYLOAD, payload_type)


def payload_for(payload_type: str, content: dict) -> Entry | None:
    """Return the entry that fits a payload's content best, None for a type that Apple does not define."""
    return max(payloads_of_type(payload_type), key=lambda entry: _fit(entry, content), default=None)


def _fit(entry: Entry, content: dict) -> tuple[bool, int, int]:
    """Rank by agreement with keys of one allowed value (the extension of single sign-on), then by keys known."""
    fixed = [key for key in entry.keys if len(key.allowed) == 1 and key.name in content]
    agrees = all(content[key.name] in key.allowed for key in fixed)
    return agrees, len(fixed), sum(entry.find((name,)) is not None for name in content)


def commands() -> tuple[Entry, ...]:
    return catalogue().entries(Kind.COMMAND)


def command(request_type: str) -> Entry:
    """Return a command by RequestType or slug; raises UnknownEntry."""
    return catalogue().entry(Kind.COMMAND, request_type)


def checkins() -> tuple[Entry, ...]:
    return catalogue().entries(Kind.CHECKIN)


def declarations() -> tuple[Entry, ...]:
    return catalogue().entries(Kind.DECLARATION)


def declaration(name: str) -> Entry:
    """Return a declaration by its type or slug; raises UnknownEntry."""
    return catalogue().entry(Kind.DECLARATION, name)


def status_items() -> tuple[Entry, ...]:
    return catalogue().entries(Kind.STATUS_ITEM)


def status_item(name: str) -> Entry:
    """Return a status item by name ("device.model.family") or slug; raises UnknownEntry."""
    return catalogue().entry(Kind.STATUS_ITEM, name)


def profile_envelope() -> Entry:
    """Return the keys of a profile itself, around its payloads."""
    return catalogue().entry(Kind.ENVELOPE, "toplevel")


def common_payload_keys() -> Entry:
    """Return the keys that every payload has besides its own: PayloadType, PayloadUUID..."""
    return catalogue().entry(Kind.ENVELOPE, "commonpayloadkeys")


def declaration_envelope() -> Entry:
    """Return the keys of a declaration around its Payload."""
    return catalogue().entry(Kind.ENVELOPE, "declarationbase")
