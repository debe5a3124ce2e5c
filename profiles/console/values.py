"""Values of a payload while they are edited: what a form shows, keeps back, or could not read.

A payload in a form is a tree of plist values in which some leaves are stand-ins: secrets and binary data that the page
never carries (Kept, told apart by a digest), text that is no value (Invalid), a name that cannot be a key (BadName).
"""

import json
from dataclasses import dataclass

from django.utils.crypto import salted_hmac

from devices.redaction import REDACTED, redact
from mdm_project import plist
from profiles.console.raw_text import without_secrets, writable
from profiles.masking import mask

MISSING = object()
# The names of the keys that lead to a value, without the indices of arrays.
Names = tuple[str, ...]
IDENTITY = ("PayloadType", "PayloadVersion", "PayloadIdentifier", "PayloadUUID")


@dataclass(frozen=True)
class Kept:
    """A stored value that stays on the server; the form carries only its digest."""

    value: object
    is_secret: bool
    names: Names = ()

    @property
    def digest(self) -> str:
        return digest_of(self.value, self.names)


@dataclass(frozen=True)
class Uploaded:
    """Data that was uploaded and is not saved yet."""

    token: str
    value: bytes


@dataclass(frozen=True)
class Invalid:
    """What somebody typed, and why it is no value. ``kind`` is that of a field with a choice of kinds."""

    text: str
    message: str
    kind: str = ""


class BadName(str):
    """A name that was typed for a key and cannot be one; equal to nothing but itself, so that no entry is lost."""

    __slots__ = ("message",)
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __new__(cls, name: str, message: str):
        self = super().__new__(cls, name)
        self.message = message
        return self


def digest_of(value, names: Names) -> str:
    """Return a fingerprint of a value at its keys that nobody outside can compute.

    The keys are in it so that a secret cannot be moved to a key that is shown.
    """
    canonical = json.dumps([type(value).__name__, names, plist.to_json(value)], sort_keys=True)
    return salted_hmac("profiles.console.values", canonical, algorithm="sha256").hexdigest()[:32]


def values_by_digest(value, names: Names = ()) -> dict[str, object]:
    """Return every value at any depth by its digest."""
    found = {digest_of(value, names): value}
    if isinstance(value, dict):
        for name, item in value.items():
            found |= values_by_digest(item, (*names, name))
    elif isinstance(value, list):
        for item in value:
            found |= values_by_digest(item, names)
    return found


def form_tree(payload: dict) -> dict:
    """Return a stored payload, in JSON form, as a form shows it: without identity, secrets and data kept back."""
    (seen,) = mask({"PayloadContent": [payload]})["PayloadContent"]
    tree = _kept_back(plist.from_json(payload), plist.from_json(seen))
    return {name: value for name, value in tree.items() if name not in IDENTITY}


def _kept_back(value, seen, names: Names = ()):
    if seen == REDACTED and value != REDACTED:
        return Kept(value, is_secret=True, names=names)
    if isinstance(value, dict):
        return {name: _kept_back(item, seen[name], (*names, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_kept_back(item, other, names) for item, other in zip(value, seen, strict=True)]
    # Forms change line ends; a text that has other ones stays as it is until somebody replaces it.
    if isinstance(value, bytes) or (isinstance(value, str) and "\r" in value):
        return Kept(value, is_secret=False, names=names)
    return value


def resolved(tree):
    """Return the tree with real values for stand-ins; what is invalid is left out."""
    if isinstance(tree, dict):
        return {
            str(name): resolved(item)
            for name, item in tree.items()
            if not isinstance(name, BadName) and not isinstance(item, Invalid)
        }
    if isinstance(tree, list):
        return [resolved(item) for item in tree if not isinstance(item, Invalid)]
    return tree.value if isinstance(tree, Kept | Uploaded) else tree


def hidden(value):
    """Return plist values with REDACTED for texts and numbers that are secret by their names; data stays."""
    return _hidden(value, redact(value))


def _hidden(value, seen):
    if isinstance(value, dict):
        return {name: _hidden(item, seen[name]) for name, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, other) for item, other in zip(value, seen, strict=True)]
    return value if isinstance(value, bytes) else seen


def masked_values(tree):
    """Return the tree as plist values with REDACTED for secrets."""
    if isinstance(tree, dict):
        return {str(name): masked_values(item) for name, item in tree.items()}
    if isinstance(tree, list):
        return [masked_values(item) for item in tree]
    if isinstance(tree, Kept):
        return REDACTED if tree.is_secret else tree.value
    if isinstance(tree, Invalid):
        return writable(without_secrets(tree.text))
    return tree.value if isinstance(tree, Uploaded) else tree
