"""Where a field of a composer's form is: JSON pointers, whose parts may be tokens instead of indices.

Items of arrays and keys with free names go by tokens, since they can be moved, taken out and renamed before anything is
saved. A token of a free key begins with ``*``, that of a variant's item ends with ``!`` and the variant's name.

RFC 6901
"""

import hashlib
import secrets

from profiles.catalogue.keys import Key, Role, Type

FREE = "*"
VARIANT = "!"


def below(pointer: str, part: str | int) -> str:
    """Return the pointer of a part of what a pointer leads to."""
    return f"{pointer}/{str(part).replace('~', '~0').replace('/', '~1')}"


def parts_of(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def anchor_of(pointer: str) -> str:
    """Return the id of a field's element, which no name of a key can break."""
    return "k" + hashlib.sha256(pointer.encode()).hexdigest()[:12]


def new_token(prefix: str = "", variant: str = "") -> str:
    return f"{prefix}n{secrets.token_hex(4)}{VARIANT + variant if variant else ''}"


def item_key(array: Key | None, token: str) -> Key | None:
    """Return what an item of an array is; None where anything may be."""
    if array is None:
        return None
    _, _, variant = token.partition(VARIANT)
    if variant:
        return next((key for key in array.variants if key.name == variant), None)
    return array.item


def free_key(keys: tuple[Key, ...]) -> Key | None:
    """Return the key that stands for every name that is not listed."""
    return next((key for key in keys if key.role is Role.ANY), None)


def key_at(keys: tuple[Key, ...], pointer: str) -> Key | None:
    """Return the key of a field; None where Apple's schema says nothing of it."""
    key = None
    for part in parts_of(pointer):
        if key is not None and key.type is Type.ARRAY:
            key = item_key(key, part)
        elif part.startswith(FREE):
            key = free_key(keys)
        else:
            key = next((each for each in keys if each.name == part and each.role is Role.MEMBER), None)
        if key is None:
            return None
        keys = key.children
    return key
