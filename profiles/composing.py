"""Making profiles and editing their drafts.

Owns the draft: what is written to it, under which revision, and that identifiers and UUIDs stay what they are for
life. The columns of a profile repeat what its content says, for lists and for finding its channel; the content is what
devices get, and keys that nobody set are not in it. Publishing is in versions, reading files in importing.
"""

from copy import deepcopy

from django.db import IntegrityError, transaction
from django.utils import timezone

from devices import outbox
from devices.own_profiles import is_own
from devices.timeline import Actor, record_event
from mdm_project import plist
from mdm_project.errors import BadRequest, Conflict
from profiles import catalogue, content
from profiles.errors import IdentifierTaken, PayloadReferenced, StaleRevision
from profiles.models import Profile, RemovalPolicy
from profiles.models.profile import new_uuid
from profiles.reach import require_profile_within
from profiles.removal_passwords import ensure_removal_password

MAX_IDENTIFIER_CHARACTERS = 255
# Columns that repeat a top-level key.
_KEYS = {
    "name": "PayloadDisplayName",
    "description": "PayloadDescription",
    "organization": "PayloadOrganization",
    "scope": "PayloadScope",
}
_FACTS = frozenset({*_KEYS, "consent_text", "removal_policy", "is_archived", "payload_slugs"})


def create_profile(
    name: str,
    *,
    actor: Actor,
    identifier: str = "",
    scope: str = Profile.Scope.SYSTEM,
    organization: str = "",
    description: str = "",
    consent_text: str = "",
    removal_policy: RemovalPolicy | None = None,
    payloads: list[dict] | None = None,
) -> Profile:
    """Make a profile with a draft; without an identifier it gets one below this server's name.

    Raises IdentifierTaken, or BadRequest for payloads that are none.
    """
    draft = {
        "PayloadIdentifier": identifier or content.new_identifier(),
        "PayloadUUID": new_uuid(),
        "PayloadType": content.CONFIGURATION,
        "PayloadVersion": 1,
        "PayloadContent": deepcopy(payloads or []),  # it is completed in place; what was given stays as it was
    }
    facts = {"name": name, "scope": scope, "organization": organization, "description": description}
    _write_facts(draft, facts | {"consent_text": consent_text})
    content.complete_payloads(draft, draft["PayloadIdentifier"])
    content.refuse_equal_uuids(draft)
    return store_new(draft, actor=actor, removal_policy=removal_policy, kind="profile_created", said="made")


@transaction.atomic
def store_new(draft: dict, *, actor: Actor, kind: str, said: str, removal_policy=None) -> Profile:
    """Store a complete content as the draft of a new profile; one without a name goes by its identifier."""
    plist.from_json(draft)
    identifier = draft["PayloadIdentifier"]
    if len(identifier) > MAX_IDENTIFIER_CHARACTERS:
        raise _wrong("PayloadIdentifier", f"has more than {MAX_IDENTIFIER_CHARACTERS} characters")
    if is_own(identifier):
        raise _wrong("PayloadIdentifier", "is that of a profile of Espalier itself, which this one would replace")
    if len(draft["PayloadUUID"]) > 100:
        raise _wrong("PayloadUUID", "has more than 100 characters")
    profile = Profile(identifier=identifier, uuid=draft["PayloadUUID"], name=identifier)
    profile.removal_policy = removal_policy
    take_content(profile, draft)
    _insert(profile)
    ensure_removal_password(profile)
    record_event(kind, f"profile {profile.name} {said}", actor=actor.name, profile=profile.pk)
    return profile


def _insert(profile: Profile) -> None:
    try:
        with transaction.atomic():
            profile.save(force_insert=True)
    except IntegrityError:
        taken = Profile.objects.filter(identifier=profile.identifier).first()
        if taken is None:
            raise
        message = f"is that of the profile {taken.name} (id {taken.pk})"
        raise IdentifierTaken(
            f"The identifier {profile.identifier} {message}.", fields={"identifier": message}
        ) from None


def save_draft(profile: Profile, draft: dict, revision: int, actor: Actor) -> Profile:
    """Replace the draft that ``revision`` was read from; raises StaleRevision where another has been saved since."""
    return change_profile(profile, revision, actor, draft=draft)


@transaction.atomic
def change_profile(profile: Profile, revision: int, actor: Actor, *, draft: dict | None = None, **facts) -> Profile:
    """Replace the draft, or facts that are columns (name, scope, removal_policy, payload_slugs...), or both.

    A fact that is given wins over what the draft says. Raises StaleRevision, BadRequest, Conflict.
    """
    unknown = facts.keys() - _FACTS
    if unknown:
        raise TypeError(f"no facts of a profile: {unknown}")
    require_profile_within(profile, actor)
    profile = Profile.objects.select_for_update(of=("self",)).select_related("removal_policy").get(pk=profile.pk)
    if profile.draft_revision != revision:
        latest = f"revision {profile.draft_revision} is the newest"
        raise StaleRevision(f"The draft was changed meanwhile: {latest}.", fields={"revision": latest})
    stored = profile.draft
    new = _checked(profile, draft, stored) if draft is not None else stored
    _write_facts(new, {key: value for key, value in facts.items() if _is_changed(profile, key, value)})
    _set_columns(profile, facts)
    take_content(profile, new, facts.get("payload_slugs"))
    profile.draft_revision += 1
    profile.updated_at = timezone.now()
    profile.save()
    ensure_removal_password(profile)
    record_event(
        "profile_changed",
        f"draft of profile {profile.name} saved",
        actor=actor.name,
        profile=profile.pk,
        revision=profile.draft_revision,
    )
    return profile


def _is_changed(profile: Profile, key: str, value) -> bool:
    """Tell whether a fact is news: what was only repeated is not written into content that lacks the key."""
    return getattr(profile, key) != value


def _checked(profile: Profile, draft: dict, stored: dict) -> dict:
    """Return the draft with what identifies it, or raise BadRequest."""
    if not isinstance(draft, dict):
        raise _wrong("draft", "must be a dictionary")
    plist.from_json(draft)
    fixed = {"PayloadIdentifier": profile.identifier, "PayloadUUID": profile.uuid}
    fixed["PayloadType"] = content.CONFIGURATION
    for key, value in fixed.items():
        if draft.get(key, value) != value:
            raise _wrong(key, f"is {value} for the life of the profile")
    new = draft | {key: value for key, value in fixed.items() if key not in draft}
    if "PayloadVersion" in stored:
        new.setdefault("PayloadVersion", stored["PayloadVersion"])
    content.complete_payloads(new, profile.identifier, stored)
    content.refuse_equal_uuids(new)
    return new


def _write_facts(draft: dict, facts: dict) -> None:
    for column, key in _KEYS.items():
        if column in facts:
            _set_or_drop(draft, key, facts[column])
    if "consent_text" in facts:
        texts = draft.get("ConsentText")
        others = {k: v for k, v in texts.items() if k != "default"} if isinstance(texts, dict) else {}
        text = {"default": facts["consent_text"]} if facts["consent_text"] else {}
        _set_or_drop(draft, "ConsentText", text | others)


def _set_or_drop(draft: dict, key: str, value) -> None:
    if value:
        draft[key] = value
    else:
        draft.pop(key, None)


def _set_columns(profile: Profile, facts: dict) -> None:
    if "removal_policy" in facts:
        profile.removal_policy = facts["removal_policy"]
    if "is_archived" in facts and facts["is_archived"] != profile.is_archived:
        if facts["is_archived"] and profile.assignments.filter(is_enabled=True).exists():
            raise Conflict("The profile is assigned; end its assignments first.")
        profile.is_archived = facts["is_archived"]
        outbox.post("desired_changed", {"profile_ids": [profile.pk]})


def take_content(profile: Profile, draft: dict, slugs: dict[str, str] | None = None) -> None:
    """Set the draft and the columns that repeat it, unsaved.

    The scope stays once a version is published: it decides on which channel devices have the profile.
    """
    profile.name = (_text(draft, "PayloadDisplayName") or profile.name)[:200]
    profile.description = _text(draft, "PayloadDescription")
    profile.organization = _text(draft, "PayloadOrganization")[:200]
    scope = _text(draft, "PayloadScope")
    scope = scope if scope in Profile.Scope.values else Profile.Scope.SYSTEM
    if profile.pk and scope != profile.scope and profile.versions.exists():
        raise Conflict("The scope cannot change after publishing.", fields={"PayloadScope": f"is {profile.scope}"})
    profile.scope = scope
    texts = draft.get("ConsentText")
    consent = next(iter([texts.get("default"), *texts.values()]), "") if isinstance(texts, dict) else ""
    profile.consent_text = consent if isinstance(consent, str) else ""
    profile.payload_slugs = content.slugs_of(draft, profile.payload_slugs | (slugs or {}))
    profile.draft = draft


def _text(draft: dict, key: str) -> str:
    value = draft.get(key)
    return value if isinstance(value, str) else ""


def _wrong(path: str, message: str) -> BadRequest:
    return BadRequest(f"{path} {message}.", fields={path: message})


# Payloads of a draft


def add_payload(draft: dict, kind: str, values: dict | None = None) -> dict:
    """Append a payload to a draft and return it; save_draft makes it stay.

    ``kind`` is a slug of the catalogue, or for a custom payload its PayloadType.
    """
    try:
        payload_type = catalogue.payload(kind).type
    except catalogue.UnknownEntry:
        payload_type = kind
    uuid = new_uuid()
    identity = {
        "PayloadType": payload_type,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{draft['PayloadIdentifier']}.{uuid}",
        "PayloadUUID": uuid,
    }
    payload = (values or {}) | identity
    draft.setdefault("PayloadContent", []).append(payload)
    return payload


def remove_payload(draft: dict, uuid: str) -> None:
    """Take a payload out of a draft; raises PayloadReferenced while others refer to it."""
    uses = content.references(draft).get(uuid, [])
    if uses:
        fields = {content.dotted(path): "refers to the payload" for path in uses}
        raise PayloadReferenced("Other payloads use this one.", fields=fields)
    draft["PayloadContent"] = [each for each in content.payloads_of(draft) if each.get("PayloadUUID") != uuid]
