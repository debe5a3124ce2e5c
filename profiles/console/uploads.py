"""Files that were chosen in a form and are not saved yet: sealed, in the cache, for a day and one person."""

import secrets

from django.core.cache import cache

from mdm_project.crypto import seal, unseal
from mdm_project.errors import TooLarge

MAX_BYTES = 16 * 1024 * 1024
KEPT_S = 24 * 3600


def keep(user, data: bytes) -> str:
    """Keep bytes and return the token that fetches them; raises TooLarge."""
    if len(data) > MAX_BYTES:
        raise TooLarge(f"The file has {len(data)} bytes; at most {MAX_BYTES} are taken.")
    token = secrets.token_urlsafe(16)
    cache.set(_name(user, token), seal(data, _name(user, token)), KEPT_S)
    return token


def fetch(user, token: str) -> bytes | None:
    """Return the bytes of a token, None if they are gone or somebody else's."""
    blob = cache.get(_name(user, token))
    return None if blob is None else unseal(blob, _name(user, token))


def _name(user, token: str) -> str:
    return f"composer-upload:{user.pk}:{token[:64]}"
