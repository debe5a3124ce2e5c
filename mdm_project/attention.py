"""What needs a person: the register of those who know of such things, and what an entry says.

Each app has a module `needs` (an interface, imported when Django starts) with one function per kind of thing; each is
registered with the permission that it takes to know. The dashboard shows what they return.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

BAD, ATTENTION = "bad", "attn"
TONES = (BAD, ATTENTION)


@dataclass(frozen=True)
class Need:
    """Something that needs a person: what, how bad (tone), and where to do something about it.

    ``key`` stays the same as long as it is the same thing, however many devices it concerns; ``more`` are other things
    that can be done about it, as words and addresses, ``posts`` those whose address wants a POST.
    """

    tone: str
    icon: str
    title: str
    detail: str
    link: str
    action: str
    key: str
    more: tuple[tuple[str, str], ...] = ()
    posts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Source:
    """Who knows of one kind of thing: returns what of it needs somebody, as far as they may see it, worst first."""

    permission: str
    find: Callable[[object], Iterable[Need]]

    @property
    def name(self) -> str:
        return self.find.__name__.replace("_", " ")


SOURCES: list[Source] = []


def needs(permission: str):
    """Register a function as a source of entries for those who have a permission."""

    def register(find: Callable[[object], Iterable[Need]]):
        SOURCES.append(Source(permission, find))
        return find

    return register


def sources_for(user) -> list[Source]:
    """Return the sources that somebody may be told by."""
    return [source for source in SOURCES if user.has_perm(source.permission)]


def worst_first(entries: Iterable[Need]) -> list[Need]:
    """Order entries by how bad they are; equally bad ones stay in their order."""
    return sorted(entries, key=lambda entry: TONES.index(entry.tone))


def devices_in_words(number: int) -> str:
    return "1 device" if number == 1 else f"{number:,} devices"
