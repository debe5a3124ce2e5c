"""Removal passwords: made when a policy asks for one, kept encrypted, revealed with a reason.

One profile has one password for life, since devices that got it once go on asking for it. Putting it into the content
is for rendering.
"""

import secrets

from django.db import transaction

from devices.models import Device
from devices.timeline import Actor, record_event
from mdm_project.crypto import seal, unseal
from mdm_project.errors import BadRequest
from profiles.errors import NoRemovalPassword
from profiles.models import Profile, RemovalPolicy

# Typed by hand from a screen: without letters and digits that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def ensure_removal_password(profile: Profile) -> None:
    """Make a password where the policy asks for one and there is none; the row must be locked or new."""
    policy = profile.removal_policy
    if policy is None or policy.kind != RemovalPolicy.Kind.PASSWORD or profile.removal_password_encrypted:
        return
    password = "".join(secrets.choice(_ALPHABET) for _ in range(policy.password_length))
    profile.removal_password_encrypted = seal(password.encode(), profile.password_context)
    profile.save(update_fields=["removal_password_encrypted"])


def removal_password(profile: Profile) -> str | None:
    """Return the password for what is sent to devices, None where there is none. People get it from reveal."""
    if not profile.removal_password_encrypted:
        return None
    return unseal(profile.removal_password_encrypted, profile.password_context).decode()


@transaction.atomic
def reveal_removal_password(profile: Profile, actor: Actor, reason: str, device: Device | None = None) -> str:
    """Return the password to a person and record who wanted it, why and for which device; raises NoRemovalPassword,
    BadRequest.
    """
    if not reason.strip():
        raise BadRequest("Say why the password is needed.", fields={"reason": "must not be empty"})
    password = removal_password(profile)
    if password is None:
        raise NoRemovalPassword("The profile has no removal password.")
    record_event(
        "removal_password_revealed",
        f"removal password of profile {profile.name} revealed: {reason}",
        device=device,
        actor=actor.name,
        profile=profile.pk,
        reason=reason,
    )
    return password
