"""What somebody may have meant by a name that Apple does not know: the one that is nearly spelt so."""

from collections.abc import Iterable
from difflib import get_close_matches

_LIKENESS = 0.8


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that differs least, upper and lower case aside; None where none is near."""
    if not isinstance(name, str) or len(name) > 200:
        return None
    by_lower = {each.lower(): each for each in names}
    found = get_close_matches(name.strip().lower(), by_lower, n=1, cutoff=_LIKENESS)
    return by_lower[found[0]] if found and by_lower[found[0]] != name else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return " Did you mean X?" to end a sentence with, or "" where nothing is near."""
    meant = nearest(name, names)
    return f" Did you mean {meant}?" if meant else ""
