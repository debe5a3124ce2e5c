"""API tokens: making, finding and revoking them. The text is shown once; its SHA-256 is what is kept.

Owns the rows of ApiToken. What a token may do is decided in mdm_project.api.permissions.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from mdm_project.errors import BadRequest
from mdm_project.models import ApiToken, User

PREFIX = "esp_"
HINT_CHARACTERS = 12
# A script polls every second; that its token is in use is worth one write a minute.
LAST_USED_INTERVAL = timedelta(minutes=1)
MAX_LIFETIME = timedelta(days=365)


def create_token(
    user: User, name: str, scopes: list[str] | None = None, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token and return it with its text, which cannot be had again; without scopes it gets all of them.

    It ends after a year at most, which is what it gets where no end is given.
    """
    scopes = list(dict.fromkeys(scopes or ApiToken.Scope.values))
    unknown = [scope for scope in scopes if scope not in ApiToken.Scope.values]
    if unknown:
        known = ", ".join(ApiToken.Scope.values)
        raise BadRequest(f"unknown scope {', '.join(unknown)}; the scopes are {known}", fields={"scopes": "unknown"})
    if expires_at is not None and expires_at <= timezone.now():
        raise BadRequest("the token would have expired already", fields={"expires_at": "must be in the future"})
    latest = timezone.now() + MAX_LIFETIME
    if expires_at is not None and expires_at > latest + timedelta(days=1):
        raise BadRequest("a token ends after a year at most", fields={"expires_at": "at most a year from now"})
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        token_hash=_hash(text),
        hint=text[:HINT_CHARACTERS],
        scopes=scopes,
        expires_at=expires_at or latest,
    )
    return token, text


def find_token(text: str) -> ApiToken | None:
    """Return the usable token with this text, with its user, and note that it was used; None: no such token."""
    now = timezone.now()
    usable = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    token = usable.select_related("user").filter(token_hash=_hash(text)).first()
    if token is not None and (token.last_used_at is None or now - token.last_used_at > LAST_USED_INTERVAL):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke(token: ApiToken) -> None:
    """End a token at once; a second call changes nothing."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    token.refresh_from_db(fields=["revoked_at"])


def revoke_all(user: User) -> int:
    """End every token of somebody; return how many worked until now."""
    now = timezone.now()
    usable = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), user=user, revoked_at=None)
    return usable.update(revoked_at=now)


def _hash(text: str) -> bytes:
    # The text has 256 random bits, so a plain digest is as good as a slow one and lets the index find it.
    return hashlib.sha256(text.encode()).digest()
