"""One payload of a draft in the composer: its form, reading it back, and what is wrong with it.

Everything works on a copy of the draft; saving is profiles.composing's.
"""

import re
from dataclasses import dataclass, field

from mdm_project import plist
from profiles import catalogue, help_texts
from profiles.catalogue import Entry, Key, Problem
from profiles.console import raw_text, uploads
from profiles.console.badges import Badge, badges_of, systems_of
from profiles.console.data_words import line_of
from profiles.console.fields import Builder, Field
from profiles.console.pointers import FREE, anchor_of, below, free_key, key_at, new_token
from profiles.console.reading import Path, Reader
from profiles.console.references import name_of_payload, pickers_for, type_label
from profiles.console.values import (
    IDENTITY,
    MISSING,
    BadName,
    Invalid,
    form_tree,
    masked_values,
    resolved,
    values_by_digest,
)
from profiles.content import payloads_of
from profiles.models import Profile


@dataclass
class Section:
    title: str
    fields: list[Field]
    is_open: bool = True
    text: str = ""


@dataclass
class Listed:
    """A line of the list of payloads."""

    uuid: str
    name: str
    label: str
    icon: str
    is_custom: bool
    is_current: bool = False


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


@dataclass
class PayloadForm:
    """The form of one payload: made from what is stored, or from what was submitted."""

    profile: Profile
    payload: dict
    draft: dict
    user: object
    tree: dict = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)

    def __post_init__(self):
        self.tree = form_tree(self.payload)

    @property
    def uuid(self) -> str:
        return str(self.payload["PayloadUUID"])

    @property
    def slug(self) -> str:
        return self.profile.payload_slugs.get(self.uuid, "")

    @property
    def entry(self) -> Entry | None:
        """What the catalogue says of it; None for a custom payload."""
        kind = str(self.payload.get("PayloadType"))
        entries = catalogue.payloads_of_type(kind)
        known = next((each for each in entries if each.slug == self.slug), None)
        return known or catalogue.payload_for(kind, plist.from_json(self.payload))

    @property
    def is_custom(self) -> bool:
        return self.entry is None

    @property
    def common_keys(self) -> tuple[Key, ...]:
        own = {key.name for key in self.entry.keys} if self.entry else set()
        keys = catalogue.common_payload_keys().keys
        return tuple(key for key in keys if key.name not in IDENTITY and key.name not in own)

    @property
    def keys(self) -> tuple[Key, ...]:
        return (*self.entry.keys, *self.common_keys) if self.entry else ()

    @property
    def name(self) -> str:
        return name_of_payload(self.payload)

    @property
    def label(self) -> str:
        return self.entry.label if self.entry else str(self.payload.get("PayloadType"))

    @property
    def badges(self) -> list[Badge]:
        return badges_of(self.entry.support) if self.entry else []

    @property
    def systems(self) -> list[str]:
        return systems_of(self.entry.support) if self.entry else []

    @property
    def about(self) -> str:
        return help_texts.about(self.entry.slug) if self.entry else ""

    @property
    def builder(self) -> Builder:
        slug = self.entry.slug if self.entry else ""
        return Builder(help_texts.helps(slug), help_texts.values(slug), pickers_for(payloads_of(self.draft), slug))

    # The form

    def sections(self) -> list[Section]:
        """Return the fields of the whole payload in sections."""
        if self.entry is None:
            return [Section("Content", [self._whole()], text="As a property list, without what identifies it.")]
        builder, support = self.builder, self.entry.support
        made = builder.dictionary(self.entry.keys, self.tree, "", support)
        old = [each for each in made if each.is_deprecated and not each.is_set]
        current = [each for each in made if each not in old]
        sections = [Section(title, fields) for title, fields in _by_topic(self.entry.slug, current)]
        sections.append(self._free_section(builder))
        if old:
            sections.append(Section("Deprecated by Apple", old, is_open=False))
        common = builder.dictionary(self.common_keys, self.tree)
        sections.append(Section("About this payload", common, is_open=any(each.is_set for each in common)))
        return sections

    def _free_section(self, builder: Builder) -> Section:
        free = builder.free_fields(self.keys, self.tree)
        any_key = free_key(self.entry.keys)
        title = "Keys of your own" if any_key else "Keys that are not in Apple's schema"
        whole = Field("", "free", free=free, is_set=bool(free), takes_free_keys=any_key is not None)
        return Section(title, [whole], is_open=bool(free) or any_key is not None)

    def _whole(self) -> Field:
        tree = self.tree.get("") if isinstance(self.tree.get(""), Invalid) else self.tree
        made = self.builder.raw(tree, "")
        made.kind = "whole"
        return made

    def read(self, request) -> None:
        """Take what was submitted in place of what is stored."""
        stored = {name: value for name, value in plist.from_json(self.payload).items() if name not in IDENTITY}
        data = request.POST.copy()
        for name, file in request.FILES.items():
            if name.startswith("f:"):
                data[f"u:{name[2:]}"] = uploads.keep(request.user, file.read())
        reader = Reader(data, values_by_digest(stored), lambda token: uploads.fetch(request.user, token))
        self.tree = reader.payload(self.keys, self.is_custom)
        self.places = reader.places

    def errors(self) -> list[str]:
        """Return what cannot be saved, in words."""
        return list(_errors(self.tree, ()))

    def result(self) -> dict:
        """Return the payload as it would be saved, in JSON form."""
        identity = {name: value for name, value in self.payload.items() if name in IDENTITY}
        return identity | plist.to_json(resolved(self.tree))

    def new_draft(self) -> dict:
        """Return the draft with this payload in it."""
        result = self.result()
        return self.draft | {
            "PayloadContent": [result if each is self.payload else each for each in payloads_of(self.draft)]
        }

    # Beside the form

    def problems(self) -> list[Shown]:
        """Return what the catalogue has against it."""
        if self.entry is None:
            return []
        value = plist.from_json(self.result())
        return [self._shown(problem) for problem in catalogue.validate(self.entry, value)]

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

    def preview(self) -> str:
        """Return the payload as a property list to look at, secrets and data by words."""
        identity = {name: value for name, value in self.payload.items() if name in IDENTITY}
        tree = {name: value for name, value in self.tree.items() if name}
        return raw_text.preview(identity | masked_values(tree), line_of)

    # Parts that are added

    def added(self, pointer: str, variant: str = "") -> Field | None:
        """Return a new item of the array, or a new free key of the dictionary, at a pointer."""
        key = key_at(self.keys, pointer) if pointer else None
        if pointer and key is None:
            return None
        if key is not None and key.type == "array":
            return self.builder.item(key, MISSING, pointer, new_token(variant=variant))
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


def form_of(profile: Profile, uuid: str, user) -> PayloadForm | None:
    """Return the form of a payload by UUID, None where the draft has none of it."""
    draft = profile.draft
    for payload in payloads_of(draft):
        if payload.get("PayloadUUID") == uuid:
            return PayloadForm(profile, payload, draft, user)
    return None


def listed(profile: Profile, draft: dict, current: str = "") -> list[Listed]:
    """Return the lines of the list of payloads."""
    lines = []
    for payload in payloads_of(draft):
        uuid, kind = str(payload.get("PayloadUUID")), str(payload.get("PayloadType"))
        entries = catalogue.payloads_of_type(kind)
        label = type_label(payload, profile.payload_slugs.get(uuid, ""))
        name = name_of_payload(payload) if payload.get("PayloadDisplayName") else label
        icon = icon_of(entries[0].group if entries else "")
        lines.append(Listed(uuid, name, label, icon, not entries, uuid == current))
    return lines


ICONS = {
    "Network": "wifi",
    "Security": "shield",
    "Certificates": "workspace_premium",
    "Accounts": "alternate_email",
    "Sign-in": "login",
    "Restrictions": "block",
    "Privacy": "visibility_lock",
    "Apps": "apps",
    "Home Screen and desktop": "dock_to_bottom",
    "Media and sharing": "cast",
    "Updates": "system_update_alt",
    "Education": "school",
    "Parental controls": "family_restroom",
    "Mac settings": "desktop_mac",
    "Management": "settings_remote",
}


def icon_of(group: str) -> str:
    return ICONS.get(group, "extension")


def _by_topic(slug: str, fields: list[Field]):
    """Yield sections of a long list of keys; required keys come first."""
    fields = sorted(fields, key=lambda each: not each.is_required)
    topics = help_texts.TOPICS.get(slug)
    if topics is None:
        yield "Settings", fields
        return
    left = list(fields)
    for title, pattern in topics:
        found = [each for each in left if re.search(pattern, each.name, re.IGNORECASE)]
        left = [each for each in left if each not in found]
        if found:
            yield title, found
    if left:
        yield "Other", left


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
