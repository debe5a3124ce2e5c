"""A form for any keys of the catalogue: payloads, commands, declarations. What they share, whatever is done with it.

Apple's schema says which fields there are (profiles.console.fields) and reading gives their values back
(profiles.console.reading).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from mdm_project import plist
from profiles import catalogue, help_texts
from profiles.catalogue import Entry, Key, Kind, Problem
from profiles.console import raw_text, uploads
from profiles.console.badges import Badge, badges_of, systems_of
from profiles.console.data_words import line_of
from profiles.console.fields import Builder, Field
from profiles.console.pointers import FREE, anchor_of, below, free_key, key_at, new_token
from profiles.console.reading import Path, Reader
from profiles.console.values import (
    MISSING,
    BadName,
    Invalid,
    form_tree,
    hidden,
    masked_values,
    resolved,
    values_by_digest,
)


@dataclass
class Section:
    title: str
    fields: list[Field]
    is_open: bool = True
    text: str = ""


@dataclass
class Shown:
    """A problem with the field that it is about; without one it is about the payload."""

    message: str
    key_path: str
    anchor: str
    level: str

    @property
    def tone(self) -> str:
        return {"error": "bad", "note": "wait"}.get(self.level, "attn")

    @property
    def icon(self) -> str:
        return {"error": "cancel", "note": "info"}.get(self.level, "warning")


class KeysForm:
    """Base of forms over keys: has ``entry``, ``keys``, ``builder``, ``tree`` (the values) and ``places``.

    ``kept`` are the digests of what is stored, once values were submitted; other secrets are not shown.
    """

    entry: Entry | None
    keys: tuple[Key, ...]
    builder: Builder
    tree: dict
    places: dict[Path, str]
    kept: frozenset[str] | None = None

    def _free_section(self, builder: Builder) -> Section:
        free = builder.free_fields(self.keys, self.tree)
        any_key = free_key(self.entry.keys)
        title = "Keys of your own" if any_key else "Keys that are not in Apple's schema"
        whole = Field("", "free", free=free, is_set=bool(free), takes_free_keys=any_key is not None)
        return Section(title, [whole], is_open=bool(free) or any_key is not None)

    def read_values(self, request, stored: dict, is_custom: bool = False) -> None:
        """Take what was submitted; ``stored`` are the plist values that it may leave as they are."""
        data = request.POST.copy()
        for name, file in request.FILES.items():
            if name.startswith("f:"):
                data[f"u:{name[2:]}"] = uploads.keep(request.user, file.read())
        kept = values_by_digest(stored)
        reader = Reader(data, kept, lambda token: uploads.fetch(request.user, token))
        self.kept = frozenset(kept)
        self.tree = reader.payload(self.keys, is_custom)
        self.places = reader.places

    def errors(self) -> list[str]:
        """Return what cannot be saved, in words."""
        return list(_errors(self.tree, ()))

    def _shown(self, problem: Problem) -> Shown:
        return Shown(problem.message, problem.key_path, self.anchor_to(problem.path), problem.level)

    def anchor_to(self, path: Path) -> str:
        """Return the id of the field at a key path, or of the nearest one around it; "" where there is none."""
        for length in range(len(path), 0, -1):
            place = self.places.get(path[:length])
            if place is None and not self.places:
                place = _stored_place(self.keys, self.tree, path[:length])
            if place is not None:
                return anchor_of(place)
        return ""

    # Parts that are added

    def added(self, pointer: str, variant: str = "") -> Field | None:
        """Return a new item of the array, or a new free key of the dictionary, at a pointer."""
        key = key_at(self.keys, pointer) if pointer else None
        if pointer and key is None:
            return None
        if key is not None and key.type == "array":
            return self.builder.item(key, _start_of(key, variant), pointer, new_token(variant=variant))
        keys = key.children if key is not None else self.keys
        token = new_token(FREE)
        return self.builder.free(free_key(keys), "", MISSING, below(pointer, token), token)

    def part(self, pointer: str) -> Field | None:
        """Return the field of a recursive dictionary that is to be filled."""
        key = key_at(self.keys, pointer)
        if key is None or key.type != "dictionary":
            return None
        made = self.builder.value(key, {}, pointer)
        made.name, made.label = key.name, key.label
        return made


@dataclass
class EntryForm(KeysForm):
    """The form of a command or a declaration, with plist values; ``filled`` are keys that are not asked for.

    ``check`` says what is wrong beyond the schema, by key path: rules that Apple states in prose.
    """

    entry: Entry
    content: dict = field(default_factory=dict)
    filled: tuple[str, ...] = ()
    check: Callable[[dict], dict[str, str]] = lambda values: {}
    tree: dict = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)

    def __post_init__(self):
        self.tree = form_tree(plist.to_json(self.content))

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(key for key in self.entry.keys if key.name not in self.filled)

    @property
    def builder(self) -> Builder:
        return Builder(help_texts.helps(self.entry.slug, self.entry.kind), kept=self.kept)

    @property
    def about(self) -> str:
        return help_texts.about(self.entry.slug, self.entry.kind)

    @property
    def warning(self) -> str:
        return help_texts.warning(self.entry.slug) if self.entry.kind is Kind.COMMAND else ""

    @property
    def replaced_by(self) -> str:
        return help_texts.replaced_by(self.entry.slug) if self.entry.kind is Kind.COMMAND else ""

    @property
    def badges(self) -> list[Badge]:
        return badges_of(self.entry.support)

    @property
    def systems(self) -> list[str]:
        return systems_of(self.entry.support)

    def sections(self) -> list[Section]:
        """Return the fields in sections, what is required first."""
        builder = self.builder
        made = builder.dictionary(self.keys, self.tree, "", self.entry.support)
        old = [each for each in made if each.is_deprecated and not each.is_set and not each.is_required]
        current = sorted((each for each in made if each not in old), key=lambda each: not each.is_required)
        sections = [Section("Settings", current)] if current else []
        free = self._free_section(builder)
        sections += [free] if self.keys or free.is_open else []
        return sections + ([Section("Deprecated by Apple", old, is_open=False)] if old else [])

    def read(self, request) -> None:
        """Take what was submitted in place of what is stored."""
        self.read_values(request, self.content)

    def result(self) -> dict:
        """Return the plist values as they are now."""
        return resolved(self.tree)

    def problems(self) -> list[Shown]:
        """Return what the catalogue has against them, or else the rules beside it."""
        values = self.result()
        found = catalogue.validate(self.entry, values)
        found = [each for each in found if not (each.code == "required" and each.path[0] in self.filled)]
        if not any(each.is_error for each in found):
            found += [Problem(_place(path), why, "rule") for path, why in self.check(values).items()]
        return [self._shown(each) for each in found]

    def preview(self) -> str:
        """Return the values as a property list to look at, secrets and data by words."""
        return raw_text.preview(hidden(masked_values(self.tree)), line_of)


def _start_of(array: Key, variant: str):
    """Return what a new item of an array holds: the name of its sort, where there are several."""
    chosen = next((each for each in array.variants if each.name == variant), None)
    return {array.discriminator: chosen.variant_value} if chosen is not None else MISSING


def _place(key_path: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdecimal() else part for part in key_path.split("."))


def _errors(value, path: Path):
    if isinstance(value, Invalid):
        yield f"{'.'.join(map(str, path)) or 'The content'}: {value.message}"
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(name, BadName):
                yield f"{'.'.join(map(str, (*path, str(name))))}: the name {name.message}"
            yield from _errors(item, (*path, str(name)) if name else path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _errors(item, (*path, index))


def _stored_place(keys: tuple[Key, ...], tree, path: Path) -> str | None:
    """Return the pointer of a value in a form that shows what is stored, where tokens are indices."""
    pointer, members = "", keys
    for part in path:
        token = part
        if isinstance(part, str) and all(key.name != part for key in members):
            token = _free_token(members, tree, part)
        if token is None:
            return None
        pointer = below(pointer, token)
        tree = tree[part] if _has(tree, part) else None
        key = key_at(keys, pointer)
        members = key.children if key else ()
    return pointer


def _free_token(members: tuple[Key, ...], tree, name: str) -> str | None:
    free = [each for each in tree if all(key.name != each for key in members)] if isinstance(tree, dict) else []
    return f"{FREE}{free.index(name)}" if name in free else None


def _has(tree, part: str | int) -> bool:
    return part in tree if isinstance(tree, dict) else isinstance(tree, list) and part < len(tree)
