"""One payload of a draft in the composer: its form, reading it back, and what is wrong with it.

Everything works on a copy of the draft; saving is profiles.composing's.
"""

import re
from dataclasses import dataclass, field

from mdm_project import plist
from profiles import catalogue, help_texts
from profiles.catalogue import Entry, Key
from profiles.console import raw_text
from profiles.console.badges import Badge, badges_of, systems_of
from profiles.console.data_words import line_of
from profiles.console.fields import Builder, Field
from profiles.console.keys_form import KeysForm, Section, Shown
from profiles.console.reading import Path
from profiles.console.references import name_of_payload, pickers_for, type_label
from profiles.console.values import (
    IDENTITY,
    Invalid,
    form_tree,
    hidden,
    masked_values,
    resolved,
)
from profiles.content import payloads_of
from profiles.models import Profile


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
class PayloadForm(KeysForm):
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
        pickers = pickers_for(payloads_of(self.draft), slug)
        return Builder(help_texts.helps(slug), help_texts.values(slug), pickers, self.kept)

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

    def _whole(self) -> Field:
        tree = self.tree.get("") if isinstance(self.tree.get(""), Invalid) else self.tree
        made = self.builder.raw(tree, "")
        made.kind = "whole"
        return made

    def read(self, request) -> None:
        """Take what was submitted in place of what is stored."""
        stored = {name: value for name, value in plist.from_json(self.payload).items() if name not in IDENTITY}
        self.read_values(request, stored, self.is_custom)

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

    def preview(self) -> str:
        """Return the payload as a property list to look at, secrets and data by words."""
        identity = {name: value for name, value in self.payload.items() if name in IDENTITY}
        tree = {name: value for name, value in self.tree.items() if name}
        return raw_text.preview(identity | hidden(masked_values(tree)), line_of)


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
