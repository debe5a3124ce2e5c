"""Reads a checkout of Apple's schema and keeps the facts of it: none of Apple's prose.

The YAML is a graph, not a tree: files share lists of keys by aliases, and three hold a list inside itself. Nothing is
annotated in place; a list met again below itself becomes the depth of the ancestor that owns it.

Apple: github.com/apple/device-management (docs/schema.yaml describes the files, incompletely)
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from mdm_project.errors import BadRequest
from profiles.catalogue.entries import Kind
from profiles.catalogue.keys import Type
from profiles.catalogue.support import KNOWN_ATTRIBUTES, SYSTEMS

# Folder, what may be in it, and the key of `payload` that names the type.
_FOLDERS = (
    ("mdm/profiles", Kind.PAYLOAD, "payloadtype"),
    ("mdm/commands", Kind.COMMAND, "requesttype"),
    ("mdm/checkin", Kind.CHECKIN, "requesttype"),
    ("mdm/errors", Kind.ERROR, ""),
    ("declarative/declarations", Kind.DECLARATION, "declarationtype"),
    ("declarative/status", Kind.STATUS_ITEM, "statusitemtype"),
    ("declarative/protocol", Kind.PROTOCOL, "requesttype"),
    ("other", Kind.OTHER, "payloadtype"),
)
_ENVELOPES = frozenset(
    {
        "mdm/profiles/TopLevel.yaml",
        "mdm/profiles/CommonPayloadKeys.yaml",
        "declarative/declarations/declarationbase.yaml",
    }
)
# Where the readable name of two files would be the same.
_SLUGS = {
    "mdm/profiles/loginwindow.yaml": "login-items-suppression",
    "mdm/profiles/com.apple.MCX(FileVault2).yaml": "mcx-filevault2-options",
    "mdm/profiles/com.apple.MCX.FileVault2.yaml": "filevault2",
}
_FAMILY_OF_FOLDER = {
    "activations": "activation",
    "assets": "asset",
    "configurations": "configuration",
    "management": "management",
}
# Facts that are copied as they are, under our names.
_COPIED = {
    "presence": "presence",
    "default": "default",
    "rangelist": "allowed",
    "format": "format",
    "subkeytype": "structure",
    "combinetype": "combine",
    "assettypes": "assets",
    "asset-content-types": "asset_content",
}
_PROSE = frozenset({"title", "content", "description"})
_KNOWN_KEY_FIELDS = frozenset(_COPIED) | _PROSE | {
    "key", "type", "supportedOS", "range", "repetition", "subtype", "subkeys",
}  # fmt: skip
_KNOWN_PAYLOAD_FIELDS = frozenset(
    {"payloadtype", "requesttype", "declarationtype", "statusitemtype", "credentialtype", "supportedOS", "apply"}
    | {"content", "beta"}
)
_KNOWN_TOP_FIELDS = frozenset(
    {"title", "description", "payload", "payloadkeys", "responsekeys", "reasons", "related-status-items"}
    | {"notes", "examples"}
)
_VERSION_FIELDS = frozenset({"introduced", "deprecated", "removed"})


class UnreadableSchema(BadRequest):
    """Not a checkout of Apple's schema, or a file of it that cannot be read."""

    code = "unreadable_schema"


@dataclass
class Schema:
    """What was read: entries as the data files hold them, files as Apple wrote them, and what was not understood."""

    entries: list[dict] = field(default_factory=list)
    documents: dict[str, dict] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_checkout(root: Path) -> Schema:
    """Read every file of a checkout; raises UnreadableSchema naming the file."""
    schema = Schema()
    for folder, kind, type_field in _FOLDERS:
        if not (root / folder).is_dir():
            raise UnreadableSchema(f"{root} is no checkout of Apple's schema: it has no folder {folder}.")
        for path in sorted((root / folder).rglob("*.yaml")):
            name = path.relative_to(root).as_posix()
            document = load_yaml(path, name)
            schema.documents[name] = document
            schema.entries.append(_Reader(name, schema.warnings).entry(document, kind, type_field))
    _give_slugs(schema.entries)
    return schema


def load_yaml(path: Path, name: str) -> dict:
    """Read one file. Versions are text whether or not they were quoted: 10.10 is not 10.1."""
    try:
        loader = _LOADER(path.read_text("utf-8"))
        node = loader.get_single_node()
        _keep_versions_as_text(node, set())
        document = loader.construct_document(node) if node else None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableSchema(f"{name} cannot be read: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("payload"), dict):
        raise UnreadableSchema(f"{name} does not describe anything: it has no payload.")
    return document


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _keep_versions_as_text(node, seen: set[int]) -> None:
    if id(node) in seen or isinstance(node, yaml.ScalarNode | None):
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _keep_versions_as_text(item, seen)
        return
    for key, value in node.value:
        if key.value in _VERSION_FIELDS and isinstance(value, yaml.ScalarNode):
            value.tag = "tag:yaml.org,2002:str"
        _keep_versions_as_text(value, seen)


class _Reader:
    """Reads one file; knows its name for what it complains about."""

    def __init__(self, name: str, warnings: list[str]):
        self.name = name
        self.warnings = warnings

    def entry(self, document: dict, kind: Kind, type_field: str) -> dict:
        payload = document["payload"]
        self._warn_unknown(document, _KNOWN_TOP_FIELDS, "the file")
        self._warn_unknown(payload, _KNOWN_PAYLOAD_FIELDS, "payload")
        kind, type_name = self._identify(payload, kind, type_field)
        entry = {"kind": kind.value, "type": type_name, "file": self.name, "os": self._support(payload, "payload")}
        if "apply" in payload:
            entry["apply"] = payload["apply"]
        related = [name for group in document.get("related-status-items") or () for name in group["status-items"]]
        if related:
            entry["related"] = sorted(set(related))
        if document.get("reasons"):
            entry["reasons"] = [self._reason(reason) for reason in document["reasons"]]
        for source, name in (("payloadkeys", "keys"), ("responsekeys", "response")):
            if document.get(source):
                entry[name] = list(self._rows(document[source], (), 0))
        return entry

    def _identify(self, payload: dict, kind: Kind, type_field: str) -> tuple[Kind, str]:
        if self.name in _ENVELOPES:
            kind = Kind.ENVELOPE
        elif "credentialtype" in payload:
            kind, type_field = Kind.CREDENTIAL, "credentialtype"
        elif kind is Kind.STATUS_ITEM and type_field not in payload:
            kind, type_field = Kind.PROTOCOL, "declarationtype"  # the reason object that status reports hold
        if not type_field:
            return kind, Path(self.name).stem
        if not isinstance(payload.get(type_field), str):
            raise UnreadableSchema(f"{self.name} has no {type_field}.")
        return kind, payload[type_field]

    def _support(self, holder: dict, where: str) -> dict:
        stated = {}
        for system, attributes in (holder.get("supportedOS") or {}).items():
            if system not in SYSTEMS:
                self.warnings.append(f"{self.name}: {where} names the unknown system {system}")
                continue
            flat = dict(self._flat_attributes(attributes or {}))
            self._warn_unknown(flat, KNOWN_ATTRIBUTES, f"{where} on {system}")
            if flat:
                stated[system] = {name: flat[name] for name in sorted(flat) if name in KNOWN_ATTRIBUTES}
        return stated

    def _flat_attributes(self, attributes: dict):
        for name, value in attributes.items():
            if isinstance(value, dict):
                # "behavior" is prose about User Enrollment.
                yield from ((f"{name}.{inner}", v) for inner, v in value.items() if inner != "behavior")
            else:
                yield name, value

    def _reason(self, reason: dict) -> dict:
        details = [[detail["key"], self._type(detail, "a reason")] for detail in reason.get("details") or ()]
        return {"code": reason["value"], "details": details}

    def _rows(self, keys: list, owners: tuple, depth: int):
        """Yield depth, name and facts of each key. ``owners`` are the lists we are inside of, by identity."""
        for key in keys:
            facts = self._facts(key)
            below = key.get("subkeys")
            repeats = next((at for at, owner in enumerate(owners) if owner is below), None) if below else None
            if repeats is not None:
                facts["recursion"] = repeats
            yield [depth, key["key"], facts]
            if below and repeats is None:
                yield from self._rows(below, (*owners, below), depth + 1)

    def _facts(self, key: dict) -> dict:
        if not isinstance(key.get("key"), str):
            raise UnreadableSchema(f"{self.name} has a key without a name.")
        where = f"the key {key['key']}"
        self._warn_unknown(key, _KNOWN_KEY_FIELDS, where)
        facts = {"type": self._type(key, where)}
        facts |= {ours: key[theirs] for theirs, ours in _COPIED.items() if theirs in key}
        if "range" in key:
            facts["range"] = [key["range"].get("min"), key["range"].get("max")]
        if "repetition" in key:
            facts["repetition"] = [key["repetition"]["min"], key["repetition"]["max"]]
        if "subtype" in key:
            facts["subtype"] = key["subtype"].strip("<>")
        support = self._support(key, where)
        return facts | {"os": support} if support else facts

    def _type(self, holder: dict, where: str) -> str:
        name = str(holder.get("type", "")).strip("<>")
        if name not in list(Type):
            raise UnreadableSchema(f"{self.name}: {where} has the unknown type {holder.get('type')}.")
        return name

    def _warn_unknown(self, holder: dict, known: frozenset, where: str) -> None:
        for name in sorted(set(holder) - known):
            self.warnings.append(f"{self.name}: {where} has the unknown field {name}")


def _give_slugs(entries: list[dict]) -> None:
    """Name the entries of each kind readably and uniquely, from their files."""
    wanted = {entry["file"]: _slug(entry) for entry in entries}
    taken: Counter = Counter()
    for entry in entries:
        slug = wanted[entry["file"]]
        taken[entry["kind"], slug] += 1
        number = taken[entry["kind"], slug]
        entry["slug"] = slug if number == 1 else f"{slug}-{number}"


def _slug(entry: dict) -> str:
    if entry["file"] in _SLUGS:
        return _SLUGS[entry["file"]]
    path = Path(entry["file"])
    name = path.stem.removeprefix("com.apple.")
    if entry["kind"] == Kind.DECLARATION:
        name = f"{_FAMILY_OF_FOLDER.get(path.parent.name, '')}-{name}"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
