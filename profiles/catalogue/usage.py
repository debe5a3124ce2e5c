"""The seam between an import and what is stored: who uses entries that change.

The catalogue does not know profiles or declarations; whoever stores content of its types plugs in a function that names
its objects, so that an import can say what it touches.
"""

from collections.abc import Callable, Iterable, Sequence

from profiles.catalogue.changes import EntryChange

Finder = Callable[[Sequence[EntryChange]], Iterable[str]]
_finders: list[Finder] = []


def plug_in(finder: Finder) -> Finder:
    """Add a function that returns the names of stored objects that changes touch; usable as a decorator.

    To be called when the module of the models is imported; the same function is added once.
    """
    if finder not in _finders:
        _finders.append(finder)
    return finder


def stored_uses(changes: Sequence[EntryChange]) -> list[str]:
    """Return the names of the stored objects that these changes touch, sorted."""
    return sorted({name for finder in _finders for name in finder(changes)})
