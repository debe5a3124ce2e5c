"""Why a device refused, in our own words: the deepest cause of its ErrorChain first, and what to do about it.

A chain begins with the outermost error ("the profile did not install"); what is wrong stands at its end. Codes that
commands.apple_errors knows are told in our own sentence with its remedy, and the device's own words follow with domain
and code; of others the device's words are all there is. Macs hide a deeper error in the words of another, as
``<MDMClientError:91>``.

Apple: developer.apple.com/documentation/devicemanagement/error-chain-item
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from commands.apple_errors import ERRORS, REMEDIES

MAX_LENGTH = 1000
MAX_LINKS = 8
MAX_TEXT = 300
FORMAT_ERROR = "CommandFormatError"
# How Apple's systems begin where there are no words for an error.
_NO_WORDS = "The operation couldn"
_HIDDEN = re.compile(r"\s*<([A-Za-z][\w.]*):(-?\d+)>")


@dataclass(frozen=True, slots=True)
class Link:
    """One error of a chain: what the device says of it, and its number."""

    text: str
    domain: str
    code: str

    @property
    def number(self) -> str:
        return f"{self.domain or 'error'}/{self.code}" if self.domain or self.code else ""

    @property
    def words(self) -> str:
        if self.number and not self.is_told:
            return self.number
        return f"{self.number}: {self.text}" if self.number else self.text

    @property
    def is_told(self) -> bool:
        """The device has words for it, other than those which stand for having none."""
        return bool(self.text) and not self.text.startswith(_NO_WORDS)

    @property
    def known(self) -> str:
        """Return our own sentences, or nothing."""
        told = ERRORS.get(self.domain, {}).get(self.code)
        return " ".join(filter(None, told)) if told else ""


def words_of(error_chain: list | None, status: str = "Error") -> str:
    """Return why a device refused, in one text of at most MAX_LENGTH characters."""
    links = list(_links(error_chain))
    if not links:
        if status == FORMAT_ERROR:
            return "The device could not make sense of the command (CommandFormatError)."
        return "The device gave no reason."
    deepest_first = links[::-1]
    cause = next((link for link in deepest_first if link.known or link.is_told), deepest_first[0])
    if cause.known:
        told = f"{cause.known} ({'; '.join(link.words for link in deepest_first)})"
    else:
        outer = next((link.known for link in deepest_first if link.known), "") or _remedy(deepest_first)
        others = "; ".join(link.words for link in deepest_first if link is not cause)
        told = " ".join(filter(None, (_plain(cause), outer, f"({others})" if others else "")))
    return f"{told} ({FORMAT_ERROR})"[:MAX_LENGTH] if status == FORMAT_ERROR else told[:MAX_LENGTH]


def _plain(link: Link) -> str:
    return f"{link.text} ({link.number})" if link.text and link.number else link.words


def _remedy(links: list[Link]) -> str:
    """Return what helps with errors of a domain, whatever their number."""
    return next((REMEDIES[link.domain] for link in links if link.domain in REMEDIES), "")


def _links(error_chain) -> Iterator[Link]:
    """Yield the readable errors of a chain, outermost first, with those that are hidden in words."""
    chain = error_chain if isinstance(error_chain, list) else []
    errors = [error for error in chain if isinstance(error, dict)]
    for error in errors[:MAX_LINKS]:
        described = (error.get(key) for key in ("USEnglishDescription", "LocalizedDescription"))
        text = next((text.strip() for text in described if isinstance(text, str) and text.strip()), "")
        link = Link(text[:MAX_TEXT], _part(error.get("ErrorDomain")), _part(error.get("ErrorCode")))
        hidden = [Link("", *found) for found in _HIDDEN.findall(text)]
        if link.words:
            yield Link(_HIDDEN.sub("", link.text).strip(), link.domain, link.code) if hidden else link
        yield from (deeper for deeper in hidden if deeper.number != link.number)


def _part(value) -> str:
    return str(value)[:100] if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
