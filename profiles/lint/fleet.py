"""Lint against the very devices in scope: who ignores which key, who cannot have a payload at all, and why.

Each cohort of equal devices is asked once. What is true of a payload is said of it alone, not again of each key in it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from profiles import catalogue
from profiles.applicability import skips
from profiles.catalogue.availability import Availability, Target, evaluate
from profiles.catalogue.keys import Role, child_of
from profiles.catalogue.support import Support, version_of
from profiles.content import Path
from profiles.lint.document import Document, Payload, Place, gaps, places
from profiles.lint.findings import Affected, Level, Report
from profiles.lint.scope import Cohort, Scope

_LISTED = 3
# Said by the rules of removal, with better words.
_LEFT_OUT = frozenset({"PayloadRemovalDisallowed", "PayloadScope"})


@dataclass(frozen=True)
class _Subject:
    """A payload or key that is set, and the support of what it is in."""

    path: Path
    name: str
    support: Mapping[str, Support]
    around: Mapping[str, Support]
    about: tuple = ()
    is_payload: bool = False


def check_fleet(document: Document, scope: Scope, report: Report) -> None:
    """Report what the devices in scope make of the profile; nothing where it reaches none."""
    known = [cohort for cohort in scope.cohorts if cohort.target is not None]
    unknown = [cohort for cohort in scope.cohorts if cohort.target is None]
    if unknown:
        affected = scope.affected(unknown)
        message = f"The system of {affected.words} is not known yet, so nothing is said of them."
        report.add(Level.NOTE, "unknown_system", (), message, devices=affected)
    for subject in _subjects(document):
        _check_subject(subject, known, scope, report)
    for payload in document.payloads:
        _check_gaps(payload, known, scope, report)


def _subjects(document: Document) -> Iterator[_Subject]:
    envelope = catalogue.profile_envelope()
    for name in document.values:
        key = child_of(envelope.keys, name)
        if key is not None and name not in _LEFT_OUT and key.support is not envelope.support:
            yield _Subject((name,), name, key.support, envelope.support)
    for payload in document.payloads:
        if payload.entry is None:
            continue
        about = tuple(payload.about.items())
        yield _Subject(payload.path, payload.label, payload.entry.support, {}, about, is_payload=True)
        for place in places(payload):
            # A key that says nothing of its own has the answer of what it is in.
            if place.key.support is not place.around:
                yield _Subject(place.path, _name(place), place.key.support, place.around, about)


def _name(place: Place) -> str:
    """Return the key's name, and with it the value where that is what is not available."""
    name = next(part for part in reversed(place.path) if isinstance(part, str))
    return f"{name} “{place.value}”" if place.key.role is Role.CHOICE else name


def _check_subject(subject: _Subject, cohorts: Sequence[Cohort], scope: Scope, report: Report) -> None:
    blocked: dict[tuple, list[Cohort]] = defaultdict(list)
    ignored: dict[tuple, list[Cohort]] = defaultdict(list)
    old: dict[str, list[Cohort]] = defaultdict(list)
    for cohort in cohorts:
        found, above = evaluate(subject.support, cohort.target), evaluate(subject.around, cohort.target)
        if above.reasons:
            continue
        for reason in found.reasons:
            blocked[reason.code, reason.message].append(cohort)
        for reason in set(found.ignored) - set(above.ignored):
            ignored[reason.code, reason.message].append(cohort)
        if _is_newly_old(found, above):
            old[f"{cohort.target.system} {found.deprecated_since}"].append(cohort)
    for (code, message), some in sorted(blocked.items()):
        affected = scope.affected(some)
        words = _words(code, message, subject.name, some, affected, is_payload=subject.is_payload)
        is_skipped = all(skips(code, cohort.target) for cohort in some)
        level = _level(affected, subject, is_skipped=is_skipped)
        report.add(level, code, subject.path, words, devices=affected, **dict(subject.about))
    for (code, message), some in sorted(ignored.items()):
        affected = scope.affected(some)
        words = f"{subject.name} {message}: {affected.verb('are', 'is')} concerned."
        report.add(Level.NOTE, code, subject.path, words, devices=affected, **dict(subject.about))
    for since, some in sorted(old.items()):
        affected = scope.affected(some)
        words = f"{subject.name} is deprecated since {since}: {affected.verb('run', 'runs')} that or later."
        report.add(Level.NOTE, "deprecated_here", subject.path, words, devices=affected, **dict(subject.about))


def _is_newly_old(found: Availability, above: Availability) -> bool:
    return found.is_available and found.is_deprecated and not above.is_deprecated


def _level(affected: Affected, subject: _Subject, *, is_skipped: bool) -> Level:
    if not subject.is_payload:
        return Level.WARNING
    if is_skipped and affected.count < affected.of:
        return Level.WARNING
    return Level.ERROR


def _words(
    code: str, reason: str, name: str, cohorts: Sequence[Cohort], affected: Affected, *, is_payload: bool
) -> str:
    match code:
        case "too_old":
            does = "do not know" if is_payload else "will ignore"
            does_one = "does not know" if is_payload else "will ignore"
            systems = _systems([cohort.target for cohort in cohorts])
            does = does_one if affected.count == 1 else does
            return f"{affected.verb('run', 'runs')} {systems} and {does} {name}, which {reason}."
        case "removed":
            systems = _systems([cohort.target for cohort in cohorts])
            return f"{affected.verb('run', 'runs')} {systems} and will ignore {name}, which was {reason}."
        case "platform":
            return f"{name} is {reason}: {affected.verb('are', 'is')} concerned."
        case "supervision":
            return f"{name} needs supervision: {affected.verb('are', 'is')} not supervised."
        case "ade":
            return f"{name} needs Automated Device Enrollment: {affected.verb('have', 'has')} enrolled another way."
        case "user_approval":
            return f"{name} needs an enrollment that the user approved: {affected.verb('lack', 'lacks')} that."
        case "user_enrollment":
            return f"{name} is not allowed in User Enrollment: {affected.verb('are', 'is')} enrolled so."
        case "user_enrollment_only":
            return f"{name} is for User Enrollment only: {affected.verb('are', 'is')} not enrolled so."
        case "channel":
            return f"{name} is {reason}: {affected.words} would get it there."
    return f"{name} is {reason}: {affected.verb('are', 'is')} concerned."


def _systems(targets: Sequence[Target]) -> str:
    """Return the versions that devices run: "iOS 16.1, 16.4 and iPadOS 17.0", or from which to which."""
    by_system: dict[str, set[str]] = defaultdict(set)
    for target in targets:
        by_system[target.words].add(target.version)
    return " and ".join(_versions(system, sorted(found, key=version_of)) for system, found in sorted(by_system.items()))


def _versions(system: str, versions: list[str]) -> str:
    if len(versions) > _LISTED:
        return f"{system} {versions[0]} to {versions[-1]}"
    return f"{system} {', '.join(versions)}"


def _check_gaps(payload: Payload, cohorts: Sequence[Cohort], scope: Scope, report: Report) -> None:
    """Report keys that some devices require; on the others they may be missing."""
    if payload.entry is None:
        return
    usable = [cohort for cohort in cohorts if evaluate(payload.entry.support, cohort.target).is_available]
    for gap in gaps(payload):
        some = [cohort for cohort in usable if gap.key.is_required_on(cohort.target)]
        if not some:
            continue
        affected = scope.affected(some)
        message = f"{gap.key.name} is missing: {affected.verb('require', 'requires')} it."
        report.add(Level.ERROR, "required_here", gap.path, message, devices=affected, **payload.about)
