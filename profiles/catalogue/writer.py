"""Writes what was read of Apple's schema as the catalogue's data files: the same bytes for the same facts."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from profiles.catalogue.entries import Kind
from profiles.catalogue.store import FORMAT, MANIFEST
from profiles.catalogue.support import version_of

_HEAD = ("slug", "type", "file", "os", "apply", "related", "reasons")


def render(entries: list[dict]) -> dict[str, bytes]:
    """Return the content of every data file by its name."""
    files = {}
    for kind in Kind:
        chosen = sorted((entry for entry in entries if entry["kind"] == kind), key=lambda entry: entry["slug"])
        files[f"{kind}.json"] = ("[\n" + ",\n".join(map(_render_entry, chosen)) + "\n]\n").encode()
    manifest = {"format": FORMAT, "newest_version": newest_version(entries)}
    return files | {MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode()}


def write(files: dict[str, bytes], folder: Path) -> None:
    """Put the files in place; the manifest last, since without it the folder does not count."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for name, content in sorted(files.items(), key=lambda file: file[0] == MANIFEST):
        draft = folder / f".{name}"
        draft.write_bytes(content)
        os.replace(draft, folder / name)


def newest_version(entries: list[dict]) -> str:
    """Return the highest version in which anything was introduced, deprecated or removed."""
    return max(_versions(entries), key=version_of, default="")


def _versions(entries: list[dict]) -> Iterator[str]:
    for entry in entries:
        stated = [entry["os"], *(row[2].get("os", {}) for row in entry.get("keys", ()))]
        for attributes in (a for systems in stated for a in systems.values()):
            yield from (attributes[name] for name in ("introduced", "deprecated", "removed") if name in attributes)


def _render_entry(entry: dict) -> str:
    """One line for the entry and one a key, so that a later import compares line by line."""
    head = {
        name: entry[name] for name in ("slug", "type", "file", "os", "apply", "related", "reasons") if name in entry
    }
    parts = [_compact(head)[:-1]]
    for name in ("keys", "response"):
        if entry.get(name):
            rows = ",\n".join(map(_compact, entry[name]))
            parts.append(f'"{name}":[\n{rows}\n]')
    return ",\n".join(parts) + "}"


def _compact(value) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
