"""Keys that are none: what production refuses to start with. Imports nothing of Django's, for settings.py asks."""

import base64

MIN_SECRET_KEY_CHARACTERS = 50
MIN_DIFFERENT_BYTES = 8


def problems_of_encryption_keys(texts: list[str]) -> list[str]:
    """Say what is wrong with entries of ENCRYPTION_KEYS, by their place; nothing of a key is repeated."""
    found = [_problem_of_key(text) for text in texts]
    problems = [f"ENCRYPTION_KEYS: key {number} {why}" for number, why in enumerate(found, start=1) if why]
    if len(set(texts)) < len(texts):
        problems.append("ENCRYPTION_KEYS: the same key stands there twice")
    return problems


def _problem_of_key(text: str) -> str:
    try:
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except ValueError:
        return "is neither base64 nor hex of 32 bytes"
    if len(raw) != 32:
        return f"has {len(raw)} bytes, not 32"
    # 32 random bytes have fewer than eight different ones about never; zeros and repeated words do.
    return "" if len(set(raw)) >= MIN_DIFFERENT_BYTES else "is not random: make one with openssl rand -hex 32"


def problems_of_secret_key(text: str) -> list[str]:
    """Say what is wrong with SECRET_KEY, which signs sessions."""
    if len(text) < MIN_SECRET_KEY_CHARACTERS or len(set(text)) < MIN_DIFFERENT_BYTES:
        return [f"SECRET_KEY: needs {MIN_SECRET_KEY_CHARACTERS} random characters or more"]
    return []
