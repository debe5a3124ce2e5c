"""A key of the catalogue: what Apple's schema says of one name in a payload, command or declaration.

Apple: github.com/apple/device-management, docs/schema.yaml
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from profiles.catalogue.availability import Availability, Target, evaluate
from profiles.catalogue.support import Support
from profiles.catalogue.words import words_of

Path = tuple[str, ...]


class Type(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    DATE = "date"
    DATA = "data"
    ARRAY = "array"
    DICTIONARY = "dictionary"
    ANY = "any"


class Role(StrEnum):
    """What a key is to the one above it.

    A member has its name on the wire. An item is what an array holds; variants are several sorts of items, told apart
    by a member that has one allowed value. ANY stands for every name that is not a member. A choice is an allowed value
    of a string that has support of its own; its type is that of the answer to it.
    """

    MEMBER = "member"
    ITEM = "item"
    VARIANT = "variant"
    ANY = "any"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """One key of an entry; compared by identity. ``path`` tells where it is: ``("Settings", "[]", "Item")``.

    In paths an array's item is ``[]``, a variant ``[Name]``, any name ``*``. ``support`` is effective (inherited and
    overlaid), ``stated`` only what the key itself says. ``repetition`` is minimum and maximum of an array's items;
    ``range`` is inclusive, either end may be None; values in ``allowed`` are then allowed
    besides it, otherwise they are the only ones.
    """

    name: str
    path: Path
    type: Type
    role: Role
    support: Mapping[str, Support]
    is_required: bool
    is_always_required: bool
    stated: Mapping[str, Mapping] = field(repr=False)
    default: object = None
    allowed: tuple = ()
    range: tuple | None = None
    repetition: tuple[int, int] | None = None
    format: str = ""
    subtype: str = ""
    structure: str = ""
    combine: str = ""
    asset_types: tuple[str, ...] = ()
    asset_content_types: tuple[str, ...] = ()
    subkeys: tuple["Key", ...] = field(default=(), repr=False)
    choices: tuple["Key", ...] = field(default=(), repr=False)
    # The ancestor whose subkeys come again below this key; set once, while the tree is built.
    recursion: "Key | None" = field(default=None, repr=False)

    @property
    def key_path(self) -> str:
        return ".".join(self.path)

    @property
    def label(self) -> str:
        """Our own words for the key, from its name."""
        return words_of(self.name)

    @property
    def is_deprecated_everywhere(self) -> bool:
        """Deprecated or removed, in any version, on every OS that has it."""
        offered = [support for support in self.support.values() if not support.is_absent]
        return bool(offered) and all(support.deprecated or support.removed for support in offered)

    @property
    def children(self) -> tuple["Key", ...]:
        """Subkeys, for ever in a recursive structure: paths and support are then those of the first round."""
        return self.recursion.subkeys if self.recursion else self.subkeys

    @property
    def is_any(self) -> bool:
        return self.role is Role.ANY

    @property
    def is_free_form(self) -> bool:
        """True if any value, or any dictionary, is taken."""
        return self.type is Type.ANY or (self.type is Type.DICTIONARY and not self.children)

    @property
    def is_closed(self) -> bool:
        """True if only the values in ``allowed`` are taken."""
        return bool(self.allowed) and self.range is None

    @property
    def has_default(self) -> bool:
        return self.default is not None

    @property
    def variants(self) -> tuple["Key", ...]:
        return tuple(child for child in self.children if child.role is Role.VARIANT)

    @property
    def item(self) -> "Key | None":
        """What an array holds; None where it holds variants or anything."""
        return next((child for child in self.children if child.role is Role.ITEM), None)

    @property
    def discriminator(self) -> str:
        """The member that tells an array's variants apart ("Item" in the command Settings), "" where there are none."""
        return next((key.name for variant in self.variants for key in variant.subkeys if len(key.allowed) == 1), "")

    @property
    def variant_value(self) -> str:
        """What the discriminator holds in this variant.

        Some releases of Apple's file forget it for one (DefaultApplications in Settings); its name is then the value,
        as it is in all others.
        """
        return next((key.allowed[0] for key in self.subkeys if len(key.allowed) == 1), self.name)

    def variant_for(self, value) -> "Key | None":
        """Return the variant that an item of this array is, None if it is none."""
        if not isinstance(value, dict):
            return None
        told = value.get(self.discriminator)
        return next((variant for variant in self.variants if variant.variant_value == told), None)

    def walk(self) -> Iterator["Key"]:
        """Yield this key and all below it, choices too; a recursive structure once."""
        yield self
        for child in (*self.choices, *self.subkeys):
            yield from child.walk()

    def child(self, part: str | int) -> "Key | None":
        """Return the key below for a part of a path, or of the place of a value (a name, an index)."""
        return child_of(self.children, part)

    def availability(self, os: str, version: str = "", **known) -> Availability:
        """Say whether this key can be used; arguments as of Target. What it is in has its own answer."""
        return evaluate(self.support, Target(os, version, **known))

    def is_required_on(self, target: Target) -> bool:
        return self.is_required and evaluate(self.support, target).is_available


def child_of(keys: tuple[Key, ...], part: str | int) -> Key | None:
    """Return the key that a part of a path means: by name first, then by what takes any."""
    fallback = None
    for key in keys:
        if key.path[-1] == part and key.role is not Role.ANY:
            return key
        if key.role is Role.ANY and isinstance(part, str):
            fallback = key
        elif key.role is Role.ITEM and (isinstance(part, int) or part.isdigit()):
            return key
    return fallback
