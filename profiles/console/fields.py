"""The fields of a form, made from the catalogue and the tree of a payload's values; the other half of reading.

A dictionary shows all its keys, set or not; an array its items. What Apple's schema does not know, or knows with
another type, is a field with a choice of kinds, down to a piece of XML: nothing that is stored is ever lost or refused.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from devices.redaction import REDACTED
from profiles.catalogue.keys import Key, Role, Type
from profiles.console import raw_text
from profiles.console.badges import Badge, badges_of
from profiles.console.data_words import DataWords, words_of
from profiles.console.pointers import FREE, VARIANT, anchor_of, below, free_key
from profiles.console.references import makes_up_uuid
from profiles.console.values import (
    MISSING,
    BadName,
    Invalid,
    Kept,
    Names,
    Uploaded,
    digest_of,
    hidden,
    masked_values,
    resolved,
)


@dataclass
class Field:
    """One field: where it is, what it shows. ``kind`` names its template."""

    RAW_KINDS = (
        ("text", "text"),
        ("integer", "whole number"),
        ("real", "number"),
        ("boolean", "yes or no"),
        ("date", "date"),
        ("plist", "XML"),
    )

    pointer: str
    kind: str
    name: str = ""
    label: str = ""
    value: object = ""
    is_set: bool = False
    error: str = ""
    key: Key | None = None
    badges: list[Badge] = field(default_factory=list)
    help: str = ""
    default: str = ""
    options: list[tuple[str, str, bool]] = field(default_factory=list)
    fields: list["Field"] = field(default_factory=list)
    free: list["Field"] = field(default_factory=list)
    variants: tuple[Key, ...] = ()
    raw_kind: str = ""
    stored: str = ""
    token: str = ""
    note: str = ""
    is_secret: bool = False
    is_to_retype: bool = False
    is_empty_value: bool = False
    takes_free_keys: bool = False
    name_error: str = ""

    @property
    def anchor(self) -> str:
        return anchor_of(self.pointer)

    @property
    def is_required(self) -> bool:
        return self.key is not None and self.key.is_required and self.key.role is Role.MEMBER

    @property
    def makes_uuid(self) -> bool:
        return self.key is not None and makes_up_uuid(self.key)

    @property
    def data_words(self) -> DataWords:
        return words_of(self.value)

    @property
    def is_deprecated(self) -> bool:
        return any(badge.is_deprecation for badge in self.badges)

    @property
    def is_container(self) -> bool:
        return self.kind in ("dictionary", "array")

    @property
    def count(self) -> int:
        """How many keys or items are set in it."""
        return sum(each.is_set for each in (*self.fields, *self.free))

    @property
    def has_error(self) -> bool:
        return bool(self.error or self.name_error) or any(each.has_error for each in (*self.fields, *self.free))

    @property
    def find_text(self) -> str:
        return " ".join([self.name, self.label, self.help]).lower()

    @property
    def range_words(self) -> str:
        low, high = self.key.range if self.key and self.key.range else (None, None)
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"{low} or more" if low is not None else f"{high} or less" if high is not None else ""


@dataclass
class Builder:
    """Makes fields. ``helps`` gives our words by key path, ``values`` those on single values of a key.

    ``pickers`` gives the choices of a key that refers to another payload. Where the values were just submitted,
    ``kept`` are the digests of what is stored; secrets that are none of them are asked for again and not sent back.
    """

    helps: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    pickers: Callable[[Key, Key | None], list[tuple[str, str]] | None] = lambda key, outer: None
    kept: frozenset[str] | None = None

    # The names that lead to each field, for the digests of what is stored there.
    _names: dict[str, Names] = field(default_factory=dict)

    def _below(self, pointer: str, part: str, *names: str) -> str:
        place = below(pointer, part)
        self._names[place] = (*self._names.get(pointer, ()), *names)
        return place

    def dictionary(self, keys: Iterable[Key], tree: dict, pointer: str = "", support=None) -> list[Field]:
        """Return the fields of a dictionary's own keys."""
        return [
            self.member(key, tree.get(key.name, MISSING), pointer, support) for key in keys if key.role is Role.MEMBER
        ]

    def member(self, key: Key, value, pointer: str, support=None) -> Field:
        made = self.value(key, value, self._below(pointer, key.name, key.name), support)
        made.name, made.label = key.name, key.label
        return made

    def free_fields(self, keys: tuple[Key, ...], tree: dict, pointer: str = "") -> list[Field]:
        """Return the fields of keys that are in the dictionary but not in its list."""
        known = {key.name for key in keys if key.role is Role.MEMBER}
        names = [name for name in tree if isinstance(name, BadName) or name not in known]
        return [
            self.free(free_key(keys), name, tree[name], self._below(pointer, token, str(name)), token)
            for token, name in ((f"{FREE}{number}", name) for number, name in enumerate(names))
        ]

    def free(self, key: Key | None, name: str, value, pointer: str, token: str) -> Field:
        made = self.value(key, value, pointer) if key else self.raw(value, pointer)
        if made.kind == "raw":
            self._ask_again(made, str(name))
        made.name, made.token = str(name), token
        made.name_error = name.message if isinstance(name, BadName) else ""
        made.note = made.note or ("" if key else "not in Apple's schema")
        return made

    def value(self, key: Key, value, pointer: str, support=None, outer: Key | None = None) -> Field:
        """Return the field of a value, whatever type it has."""
        made = self._of_type(key, value, pointer, outer)
        made.key = key
        made.badges = badges_of(key.support, support) if support is not None else []
        made.help = self.helps.get(key.key_path) or self.helps.get(f"*.{key.name}", "")
        made.default = _default_words(key)
        return made

    def _of_type(self, key: Key, value, pointer: str, outer: Key | None) -> Field:
        if key.type is Type.ANY or not _fits(key, value):
            made = self.raw(value, pointer)
            made.note = "" if key.type is Type.ANY else f"Apple's schema has {key.type} here"
            return made
        if key.type is Type.DICTIONARY:
            return self._container(key, {} if value is MISSING else value, pointer, value is not MISSING)
        if key.type is Type.ARRAY:
            return self._array(key, [] if value is MISSING else value, pointer, value is not MISSING)
        return self._leaf(key, value, pointer, outer)

    def _container(self, key: Key, tree: dict, pointer: str, is_set: bool) -> Field:
        """Make the field of a dictionary; in a recursive structure only as far as something is set."""
        made = Field(pointer, "dictionary", is_set=is_set, is_empty_value=is_set and not tree)
        if key.recursion and not is_set:
            made.kind = "later"
            return made
        made.fields = self.dictionary(key.children, tree, pointer, key.support)
        made.free = self.free_fields(key.children, tree, pointer)
        made.takes_free_keys = free_key(key.children) is not None
        return made

    def _array(self, key: Key, items: list, pointer: str, is_set: bool) -> Field:
        made = Field(pointer, "array", is_set=is_set, is_empty_value=is_set and not items, variants=key.variants)
        made.fields = [self.item(key, item, pointer, str(number)) for number, item in enumerate(items)]
        return made

    def item(self, array: Key, value, pointer: str, token: str) -> Field:
        """Return the field of an array's item; a variant's token says which it is."""
        key = array.item
        if array.variants:
            key = array.variant_for(value)
            token = f"{token}{VARIANT}{key.name}" if key and VARIANT not in token else token
        place = self._below(pointer, token)
        made = self.value(key, value, place, array.support, outer=array) if key else self.raw(value, place)
        made.token, made.label = token, key.label if key and key.role is Role.VARIANT else ""
        made.name = key.name if key else ""
        return made

    def _leaf(self, key: Key, value, pointer: str, outer: Key | None) -> Field:
        made = Field(pointer, _KINDS[key.type], is_set=value is not MISSING)
        if isinstance(value, Invalid):
            made.value, made.error = value.text, value.message
        elif isinstance(value, Kept):
            made.stored = f"{value.digest}{'.s' if value.is_secret else ''}"
            made.is_secret = value.is_secret
            made.value = value.value if isinstance(value.value, bytes) else ""
        elif isinstance(value, Uploaded):
            made.stored, made.value = "", value.value
            made.token = value.token
        elif value is not MISSING:
            made.value, made.is_empty_value = _shown(value), value == ""
        made.is_secret = made.is_secret or raw_text.is_secret_name(key.name)
        self._ask_again(made, key.name)
        made.raw_kind = "integer" if key.type is Type.REAL and type(value) is int else ""
        choices = self._choices(key, outer)
        if choices is not None and made.kind in ("text", "number") and not made.stored:
            _offer(made, choices, key)
        return made

    def _ask_again(self, made: Field, name: str) -> None:
        """Take a secret that was just typed out of its field, which says that it has to be typed again."""
        if self.kept is None or not made.is_set or made.kind == "data" or not raw_text.is_secret_name(name):
            return
        digest = made.stored.partition(".")[0]
        if digest in self.kept:
            made.value = REDACTED if made.kind == "raw" else made.value
        else:
            made.value, made.is_to_retype, made.is_secret = "", not made.is_empty_value, True

    def _choices(self, key: Key, outer: Key | None) -> list[tuple[str, str]] | None:
        if key.allowed and key.is_closed:
            words = self.values.get(key.key_path, {})
            shown = [_shown(each) for each in key.allowed]
            return [(each, f"{each}: {words[each]}" if each in words else each) for each in shown]
        return self.pickers(key, outer) if key.type is Type.STRING else None

    def raw(self, value, pointer: str) -> Field:
        """Return a field with a choice of kinds."""
        made = Field(pointer, "raw", is_set=value is not MISSING)
        if isinstance(value, Invalid):
            made.value, made.error, made.raw_kind = value.text, value.message, value.kind
            if self.kept is not None:
                made.value = raw_text.without_secrets(value.text)
            return made
        if value is MISSING:
            return made
        made.stored = digest_of(resolved(value), self._names.get(pointer, ()))
        shown = masked_values(value) if self.kept is None else hidden(masked_values(value))
        made.raw_kind, made.value = _as_text(shown)
        return made


_KINDS = {
    Type.STRING: "text",
    Type.INTEGER: "number",
    Type.REAL: "number",
    Type.BOOLEAN: "boolean",
    Type.DATE: "date",
    Type.DATA: "data",
}
_TYPES = {
    Type.STRING: str,
    Type.INTEGER: int,
    Type.REAL: (int, float),
    Type.BOOLEAN: bool,
    Type.DATE: datetime,
    Type.DATA: bytes,
    Type.ARRAY: list,
    Type.DICTIONARY: dict,
}


def _fits(key: Key, value) -> bool:
    """Tell whether a field of the key's own type can hold the value."""
    if value is MISSING or isinstance(value, Uploaded):
        return True
    if isinstance(value, Invalid):
        return key.type not in (Type.ARRAY, Type.DICTIONARY) and not value.kind
    if isinstance(value, Kept):
        value = value.value
    if isinstance(value, bool):
        return key.type is Type.BOOLEAN
    if isinstance(value, float) and value != value:
        return False
    return isinstance(value, _TYPES[key.type])


def _shown(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return raw_text.date_text(value) if isinstance(value, datetime) else str(value)


def _as_text(value) -> tuple[str, str]:
    """Return the kind and the text of a value of any type."""
    kinds = ((bool, "boolean"), (int, "integer"), (float, "real"), (datetime, "date"))
    kind = next((kind for type_, kind in kinds if isinstance(value, type_)), "plist")
    if isinstance(value, str) and "\r" not in value:
        return "text", value
    return (kind, _shown(value)) if kind != "plist" else (kind, raw_text.to_text(value))


def _offer(made: Field, choices: list[tuple[str, str]], key: Key) -> None:
    """Make a field a choice; a stored value that is none of them stays, and says so."""
    made.kind = "choice"
    values = [value for value, _ in choices]
    made.options = [(value, label, value == made.value) for value, label in choices]
    if made.is_set and made.value and made.value not in values:
        why = "not in Apple's list" if key.allowed else "not in this profile"
        made.options.append((made.value, f"{made.value} ({why})", True))


def _default_words(key: Key) -> str:
    if not key.has_default or key.type in (Type.ARRAY, Type.DICTIONARY, Type.DATA):
        return ""
    if isinstance(key.default, bool):
        return "yes" if key.default else "no"
    return str(key.default)
