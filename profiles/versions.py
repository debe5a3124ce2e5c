"""Versions: publishing a draft, going back to an earlier one, and what is published.

A version never changes. It is the whole profile, removal policy applied, variables as written; which variables it uses
is recorded, so that an attribute made later changes nothing about it. Numbers rise under a lock on the profile.
"""

import json

from django.db import transaction

from devices import outbox
from devices.timeline import Actor, record_event
from mdm_project.crypto import seal_body
from profiles.composing import take_content
from profiles.content import content_hash, payloads_of
from profiles.errors import NothingToPublish, UnknownVersion
from profiles.models import Profile, ProfileVersion
from profiles.reach import require_profile_within
from profiles.removal_passwords import ensure_removal_password
from profiles.rendering import composed
from profiles.variables import used_variables


def latest_version(profile: Profile) -> ProfileVersion | None:
    return profile.versions.select_related("profile").order_by("-number").first()


def version_of(profile: Profile, number: int) -> ProfileVersion:
    """Return a version by number; raises UnknownVersion."""
    version = profile.versions.select_related("profile").filter(number=number).first()
    if version is None:
        raise UnknownVersion(f"The profile has no version {number}.")
    return version


def has_unpublished_changes(profile: Profile) -> bool:
    """Tell whether publishing now would make a new version."""
    latest = latest_version(profile)
    return latest is None or bytes(latest.content_hash) != content_hash(composed(profile))


@transaction.atomic
def publish(profile: Profile, actor: Actor, note: str = "", *, reason: str = "") -> ProfileVersion:
    """Make the draft a version; raises NothingToPublish where the newest one has the same content.

    ``reason`` is why it is published although lint finds errors (profiles.publishing); the timeline keeps it.
    """
    require_profile_within(profile, actor)
    profile = _locked(profile)
    ensure_removal_password(profile)
    content = composed(profile)
    version = _append(profile, content, used_variables(content), actor, note)
    record_event(
        "profile_published",
        f"profile {profile.name} published as version {version.number}"
        + (f", in spite of lint: {reason}" if reason else ""),
        actor=actor.name,
        profile=profile.pk,
        version=version.number,
        **({"reason": reason} if reason else {}),
    )
    return version


@transaction.atomic
def roll_back(profile: Profile, number: int, actor: Actor, note: str = "") -> ProfileVersion:
    """Publish the content of an earlier version as a new one.

    The draft follows unless it holds unpublished changes. Raises UnknownVersion, NothingToPublish.
    """
    require_profile_within(profile, actor)
    profile = _locked(profile)
    old = version_of(profile, number)
    content = old.content
    is_draft_idle = not has_unpublished_changes(profile)
    version = _append(profile, content, old.variables, actor, note or f"Back to version {number}")
    if is_draft_idle:
        take_content(profile, content)
        profile.draft_revision += 1
        profile.save()
    record_event(
        "profile_rolled_back",
        f"profile {profile.name} back to version {number}, as version {version.number}",
        actor=actor.name,
        profile=profile.pk,
        version=version.number,
        restored=number,
    )
    return version


def _locked(profile: Profile) -> Profile:
    return Profile.objects.select_for_update(of=("self",)).select_related("removal_policy").get(pk=profile.pk)


def _append(profile: Profile, content: dict, variables: list[str], actor: Actor, note: str) -> ProfileVersion:
    latest = latest_version(profile)
    digest = content_hash(content)
    if latest is not None and bytes(latest.content_hash) == digest:
        raise NothingToPublish(f"Version {latest.number} has this content already.")
    version = ProfileVersion(profile=profile, number=latest.number + 1 if latest else 1, content_hash=digest)
    version.content_encrypted = seal_body(json.dumps(content).encode(), version.content_context)
    version.payload_types = sorted({str(each.get("PayloadType", "")) for each in payloads_of(content)})
    version.variables = variables
    version.note = note
    version.published_by = actor.name[:200]
    version.save(force_insert=True)
    outbox.post("desired_changed", {"profile_ids": [profile.pk]})
    return version
