"""Where the catalogue's data is, and its loading: once a process, one file a kind, when first asked for.

The data that ships lies beside this module. An installation that imported a later checkout has its own below DATA_DIR,
which counts unless the product has meanwhile been upgraded to something newer, or writes the files another way.

The files hold one key a line, so that two imports compare well.
"""

import json
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path

from django.conf import settings

from mdm_project.errors import NotFound
from profiles.catalogue.corrections import corrected
from profiles.catalogue.entries import Entry, Kind, StatusReason
from profiles.catalogue.keys import Type
from profiles.catalogue.support import overlay, version_of

# Raised when the files are written differently: data of another format is not read.
FORMAT = 1
SHIPPED = Path(__file__).parent / "data"
MANIFEST = "manifest.json"


class UnknownEntry(NotFound):
    code = "not_in_catalogue"


def imported_folder() -> Path:
    """Return where an installation keeps the catalogue it imported."""
    return Path(settings.DATA_DIR) / "catalogue"


def current_folder() -> Path:
    """Return the folder whose data counts: the imported one, where it is present, readable and not older."""
    ours, shipped = read_manifest(imported_folder()), read_manifest(SHIPPED)
    is_usable = ours.get("format") == FORMAT and level_of(ours) >= level_of(shipped)
    return imported_folder() if is_usable else SHIPPED


def read_manifest(folder: Path) -> dict:
    """Return a folder's manifest, {} where there is none."""
    path = folder / MANIFEST
    return json.loads(path.read_text()) if path.is_file() else {}


def level_of(manifest: dict) -> tuple[int, ...]:
    """Return how new the data is: the newest version of any OS that it mentions."""
    return version_of(manifest.get("newest_version", ""))


def read_rows(folder: Path, kind: Kind) -> list[dict]:
    """Return the entries of a kind as the file holds them, [] where there is no such file."""
    path = folder / f"{kind}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else []


class Catalogue:
    """The entries of one folder; everything is read when it is first asked for.

    Without corrections it is what Apple's files say, word for word.
    """

    def __init__(self, folder: Path, *, with_corrections: bool = True):
        self.folder = folder
        self.with_corrections = with_corrections
        self._entries: dict[Kind, tuple[Entry, ...]] = {}

    @cached_property
    def level(self) -> str:
        """The newest version of any OS that the data mentions: how new Apple's schema was."""
        return read_manifest(self.folder).get("newest_version", "")

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        """Return all entries of a kind, by slug."""
        if kind not in self._entries:
            rows = read_rows(self.folder, kind)
            rows = corrected(kind, rows) if self.with_corrections else rows
            self._entries[kind] = tuple(_entry(kind, row) for row in rows)
        return self._entries[kind]

    def entry(self, kind: Kind, name: str) -> Entry:
        """Return an entry by slug, or by type name where only one has it; raises UnknownEntry."""
        found = self._by_name(kind).get(name)
        if found is None:
            raise UnknownEntry(f"Apple's schema has no {kind.replace('_', ' ')} {name!r}.")
        return found

    def of_type(self, kind: Kind, type_name: str) -> tuple[Entry, ...]:
        """Return the entries with this type name, several for com.apple.MCX."""
        return tuple(entry for entry in self.entries(kind) if entry.type == type_name)

    def _by_name(self, kind: Kind) -> dict[str, Entry]:
        index = self._indexes.get(kind)
        if index is None:
            entries = self.entries(kind)
            types = [entry.type for entry in entries]
            index = {entry.type: entry for entry in entries if types.count(entry.type) == 1}
            index |= {entry.slug: entry for entry in entries}
            self._indexes[kind] = index
        return index

    @cached_property
    def _indexes(self) -> dict[Kind, dict[str, Entry]]:
        return {}


def _entry(kind: Kind, row: dict) -> Entry:
    return Entry(
        kind=kind,
        slug=row["slug"],
        type=row["type"],
        file=row["file"],
        support=overlay({}, row["os"]),
        apply=row.get("apply", ""),
        related_status_items=tuple(row.get("related", ())),
        reasons=tuple(_reasons(row.get("reasons", ()))),
        _rows={"keys": row.get("keys", ()), "response": row.get("response", ())},
    )


def _reasons(rows: Iterable[dict]) -> Iterable[StatusReason]:
    for row in rows:
        yield StatusReason(row["code"], tuple((name, Type(type_name)) for name, type_name in row["details"]))


@cache
def catalogue() -> Catalogue:
    """Return the catalogue of this process; one that is imported meanwhile counts after ``forget`` or a restart."""
    return Catalogue(current_folder())


def forget() -> None:
    """Read the data again when it is next asked for."""
    catalogue.cache_clear()
