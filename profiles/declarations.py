"""Making and changing declarations. Sending them is declarative management's, which does not exist here yet.

Apple: developer.apple.com/documentation/devicemanagement/declarations
"""

import hashlib
import json
import re
import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.timeline import Actor, record_event
from mdm_project import plist
from mdm_project.crypto import seal, unseal
from mdm_project.errors import BadRequest, Conflict
from profiles import catalogue
from profiles.catalogue import UnknownEntry
from profiles.errors import IdentifierTaken, StaleRevision
from profiles.models import Declaration

_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,255}\Z")
MAX_PAYLOAD_BYTES = 1024 * 1024


class InvalidDeclaration(BadRequest):
    code = "invalid_declaration"


def payload_of(declaration: Declaration) -> dict:
    """Return the payload, in JSON form."""
    return json.loads(unseal(bytes(declaration.payload_encrypted), declaration.payload_context))


def document_of(declaration: Declaration) -> dict:
    """Return the declaration as a device would get it."""
    return {
        "Type": declaration.type,
        "Identifier": declaration.identifier,
        "ServerToken": declaration.server_token,
        "Payload": payload_of(declaration),
    }


def create_declaration(
    name: str, type: str, payload: dict, *, actor: Actor, identifier: str = "", description: str = ""
) -> Declaration:
    """Make a declaration; without an identifier it gets a UUID. Raises InvalidDeclaration or IdentifierTaken."""
    identifier = identifier or str(uuid.uuid4()).upper()
    if not _IDENTIFIER.match(identifier):
        raise InvalidDeclaration(
            "the identifier cannot be used", fields={"identifier": "must be visible characters without spaces"}
        )
    check_payload(type, payload)
    declaration = Declaration(name=name, identifier=identifier, type=type, description=description)
    _write(declaration, payload)
    try:
        with transaction.atomic():
            declaration.save(force_insert=True)
            record_event("declaration_created", f"declaration {name} made", actor=actor.name, declaration=identifier)
    except IntegrityError as error:
        raise IdentifierTaken("another declaration has this identifier", fields={"identifier": "is taken"}) from error
    return declaration


def change_declaration(
    declaration: Declaration, revision: int | None, *, actor: Actor, payload: dict | None = None, **facts
) -> Declaration:
    """Change the payload, the name or the description; the type and the identifier stay.

    ``revision`` is the one that the change was made from, None not to look; raises StaleRevision.
    """
    if payload is not None:
        check_payload(declaration.type, payload)
    with transaction.atomic():
        row = Declaration.objects.select_for_update().get(pk=declaration.pk)
        if revision is not None and row.revision != revision:
            raise StaleRevision("somebody else has changed this declaration meanwhile")
        for name in ("name", "description"):
            if name in facts:
                setattr(row, name, facts[name])
        if payload is not None:
            _write(row, payload)
        row.revision += 1
        row.updated_at = timezone.now()
        row.save()
        record_event(
            "declaration_changed", f"declaration {row.name} changed", actor=actor.name, declaration=row.identifier
        )
    return row


def delete_declaration(declaration: Declaration, *, actor: Actor) -> None:
    """Delete a declaration that no other refers to; raises Conflict naming those that do."""
    with transaction.atomic():
        others = Declaration.objects.exclude(pk=declaration.pk).order_by("id")
        referring = [other.name for other in others if _refers(payload_of(other), declaration.identifier)]
        if referring:
            raise Conflict(f"{', '.join(referring[:5])} refers to it")
        record_event(
            "declaration_deleted", f"declaration {declaration.name} deleted",
            actor=actor.name, declaration=declaration.identifier,
        )  # fmt: skip
        declaration.delete()


def _refers(value, identifier: str) -> bool:
    if isinstance(value, dict):
        return any(_refers(item, identifier) for item in value.values())
    if isinstance(value, list):
        return any(_refers(item, identifier) for item in value)
    return value == identifier


def check_payload(type: str, payload: dict) -> None:
    """Raise InvalidDeclaration with every key path that is wrong by Apple's schema."""
    try:
        entry = catalogue.declaration(type)
    except UnknownEntry:
        raise InvalidDeclaration(
            "Apple's schema has no such declaration", fields={"type": "must be a type of Apple's schema"}
        ) from None
    if entry.type != type:
        raise InvalidDeclaration("the type is spelled another way", fields={"type": f"must be {entry.type}"})
    if not isinstance(payload, dict):
        raise InvalidDeclaration("the payload must be a dictionary", fields={"payload": "must be a dictionary"})
    fields = {f"payload.{path}": why for path, why in catalogue.errors_of(entry, plist.from_json(payload)).items()}
    if fields:
        raise InvalidDeclaration("this declaration is not valid", fields=fields)


def _write(declaration: Declaration, payload: dict) -> None:
    """Seal the payload and derive the token: equal content, equal token, whatever the order of its keys."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
    if len(canonical) > MAX_PAYLOAD_BYTES:
        raise InvalidDeclaration("the payload is larger than 1 MB", fields={"payload": "is too large"})
    declaration.payload_encrypted = seal(canonical, declaration.payload_context)
    named = b"\0".join([declaration.type.encode(), declaration.identifier.encode(), canonical])
    declaration.server_token = hashlib.sha256(named).hexdigest()
