"""What lint looked at and what it did not, so that no finding is not taken for nothing wrong."""

from collections.abc import Collection
from dataclasses import dataclass

from profiles import catalogue, variables
from profiles.lint.document import Document, read
from profiles.lint.scope import Scope
from profiles.lint.semantics.certificates import PKCS12
from profiles.lint.semantics.kinds import CERTIFICATES
from profiles.models import Profile

_LISTED = 4
# Nothing here asks a server, or anybody.
_NEVER = "whether addresses answer, and names and passwords are right"


@dataclass(frozen=True)
class Coverage:
    """In words, each a part of a sentence."""

    checked: tuple[str, ...]
    not_checked: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return "checked: …; not checked: …"."""
        return f"checked: {', '.join(self.checked)}; not checked: {', '.join(self.not_checked)}"


def coverage(content: dict, profile: Profile | None = None, scope: Scope | None = None) -> Coverage:
    """Return what lint looks at in a content (JSON form), for the same arguments. One statement."""
    document = read(content, profile)
    is_scoped = scope is not None and bool(scope.channel_ids)
    return Coverage(tuple(_checked(document, scope if is_scoped else None)), tuple(_unchecked(document, is_scoped)))


def _checked(document: Document, scope: Scope | None):
    if any(payload.entry for payload in document.payloads):
        yield "types, values and required keys against Apple's schema"
    yield "identifiers and references between payloads"
    if any(payload.type in (*CERTIFICATES, PKCS12) for payload in document.payloads):
        yield "certificates and their dates"
    if any(payload.entry for payload in document.payloads):
        yield "keys that depend on each other, where Apple says so"
    if scope is not None:
        known = sum(cohort.count for cohort in scope.cohorts if cohort.target is not None)
        yield f"{known} device{'' if known == 1 else 's'} that it goes to"


def _unchecked(document: Document, is_scoped: bool):
    types = sorted({payload.type for payload in document.payloads if payload.entry is None and payload.type})
    if types:
        yield f"payloads that Apple's schema does not know ({_listed(types)})"
    unknown = sorted({name for payload in document.payloads for name in _unknown_keys(payload)})
    if unknown:
        yield f"keys that Apple's schema does not know ({_listed(unknown)})"
    if any(True for use in variables.uses(document.values)):
        yield "what variables stand for"
    if not is_scoped:
        yield "devices, because it goes to none"
    yield _NEVER


def _unknown_keys(payload) -> Collection[str]:
    if payload.entry is None:
        return ()
    problems = catalogue.validate(payload.entry, payload.values)
    return [str(problem.path[-1]) for problem in problems if problem.code == "unknown_key"]


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
