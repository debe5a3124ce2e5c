"""What differs between two states of the catalogue: entries by file, keys by path, facts by name."""

from collections.abc import Iterator
from dataclasses import dataclass

from profiles.catalogue.entries import Kind
from profiles.catalogue.tree import paths_of

ADDED = "added"
CHANGED = "changed"
REMOVED = "removed"
_HEAD_FACTS = ("slug", "type", "apply", "related", "reasons")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class FactChange:
    """One fact of a key (of the entry itself where ``key_path`` is ""); a key that comes or goes has no fact's name."""

    what: str
    key_path: str
    fact: str = ""
    before: object = None
    after: object = None

    def __str__(self):
        if not self.fact:
            return f"{self.key_path}: key {self.what}"
        where = f"{self.key_path}: {self.fact}" if self.key_path else self.fact
        if self.what == ADDED:
            return f"{where} is now {self.after}"
        if self.what == REMOVED:
            return f"{where} is no longer stated (was {self.before})"
        return f"{where} was {self.before}, is {self.after}"


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that came, went or changed."""

    what: str
    kind: Kind
    slug: str
    type: str
    file: str
    facts: tuple[FactChange, ...] = ()

    def __str__(self):
        return f"{self.what} {self.kind.replace('_', ' ')} {self.slug} ({self.type})"


def compare(before: list[dict], after: list[dict]) -> list[EntryChange]:
    """Return the changes between two lists of entries, each as the data files hold them, with their kind."""
    old = {entry["file"]: entry for entry in before}
    new = {entry["file"]: entry for entry in after}
    changes = [_change(REMOVED, old[file]) for file in old.keys() - new.keys()]
    changes += [_change(ADDED, new[file]) for file in new.keys() - old.keys()]
    for file in old.keys() & new.keys():
        facts = tuple(_differences(old[file], new[file]))
        if facts:
            changes.append(_change(CHANGED, new[file], facts))
    return sorted(changes, key=lambda change: (change.what, change.kind, change.file))


def _change(what: str, entry: dict, facts: tuple[FactChange, ...] = ()) -> EntryChange:
    return EntryChange(what, Kind(entry["kind"]), entry["slug"], entry["type"], entry["file"], facts)


def _differences(old: dict, new: dict) -> Iterator[FactChange]:
    yield from _fact_differences("", _head_facts(old), _head_facts(new))
    for part, prefix in (("keys", ""), ("response", "response:")):
        before, after = _facts_by_path(old.get(part, ())), _facts_by_path(new.get(part, ()))
        for path in [*before, *(path for path in after if path not in before)]:
            if path not in after:
                yield FactChange(REMOVED, prefix + path)
            elif path not in before:
                yield FactChange(ADDED, prefix + path)
            else:
                yield from _fact_differences(prefix + path, before[path], after[path])


def _head_facts(entry: dict) -> dict:
    return {name: entry[name] for name in _HEAD_FACTS if name in entry} | _flat_support(entry)


def _facts_by_path(rows) -> dict[str, dict]:
    facts = (row[2] for row in rows)
    return {
        ".".join(path): {name: value for name, value in fact.items() if name != "os"} | _flat_support(fact)
        for path, fact in zip(paths_of(rows), facts, strict=True)
    }


def _flat_support(holder: dict) -> dict:
    return {
        f"{system} {name}": value
        for system, attributes in holder.get("os", {}).items()
        for name, value in attributes.items()
    }


def _fact_differences(path: str, old: dict, new: dict) -> Iterator[FactChange]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, _MISSING), new.get(name, _MISSING)
        if before is _MISSING:
            yield FactChange(ADDED, path, name, after=after)
        elif after is _MISSING:
            yield FactChange(REMOVED, path, name, before=before)
        elif before != after or type(before) is not type(after):
            yield FactChange(CHANGED, path, name, before, after)
