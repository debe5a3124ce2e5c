"""Lint: what is wrong with a profile, or will not work on the very devices it goes to, before anything is sent.

Owns the findings and their fixes. What is possible at all is the catalogue's to say, what payloads come to together
profiles.merging's. Nothing is changed here, and a profile with errors can still be published: devices have the last
word, and Apple's schema is sometimes behind them.

Apple: developer.apple.com/documentation/devicemanagement/profile-specific-payload-keys
"""

from devices.models import Channel
from mdm_project import plist
from profiles import variables
from profiles.lint.coverage import Coverage, coverage
from profiles.lint.document import Document, read
from profiles.lint.findings import Affected, Finding, Fix, Level, Operation, Report, fixed
from profiles.lint.fleet import check_fleet
from profiles.lint.hardware import check_hardware
from profiles.lint.overlaps import check_overlaps
from profiles.lint.removal import check_removal
from profiles.lint.schema import check_schema
from profiles.lint.scope import SHOWN, Scope, channels_for, scope_of_channels, scope_of_profile
from profiles.lint.semantics import check_semantics
from profiles.lint.structure import check_structure
from profiles.lint.users import check_users
from profiles.models import Profile

__all__ = [
    "NO_DEVICES",
    "Affected",
    "Coverage",
    "Finding",
    "Fix",
    "Level",
    "Operation",
    "Scope",
    "apply_fix",
    "channels_for",
    "coverage",
    "lint",
    "scope_of_channels",
    "scope_of_profile",
]

NO_DEVICES = Scope((), ())
SHOWN_BY_DEVICES = frozenset({"PayloadDisplayName", "PayloadDescription", "PayloadOrganization", "ConsentText"})


def lint(content: dict, profile: Profile | None = None, scope: Scope | None = None) -> list[Finding]:
    """Return findings about a profile's content (JSON form): errors, then warnings, then notes, by place.

    ``profile`` tells the removal policy and the entries chosen for its payloads, and unless a scope is given the
    devices that its assignments reach. The number of statements does not depend on how many devices those are.
    """
    document, report = read(content, profile), Report()
    if scope is None:
        scope = scope_of_profile(profile) if profile is not None and profile.pk else NO_DEVICES
    known = variables.known_names()
    check_structure(document, known, report)
    check_schema(document, known, report)
    check_semantics(document, report)
    check_removal(document, scope, report)
    check_fleet(document, scope, report)
    check_hardware(document, scope, report)
    check_overlaps(document, scope, report)
    check_users(document, report)
    _check_shown(document, report)
    _check_values(document, known, scope, report)
    return report.sorted()


def apply_fix(content: dict, fix: Fix) -> dict:
    """Return the content (JSON form) with a fix applied; raises BadRequest where it no longer fits."""
    return plist.to_json(fixed(plist.from_json(content), fix))


def _check_shown(document: Document, report: Report) -> None:
    """Report secret variables in texts that a device shows, and tells the server in its list of profiles."""
    found = [use for use in variables.uses(document.values) if SHOWN_BY_DEVICES.intersection(use.path)]
    secret = variables.secret_names() if found else ()
    for use in found:
        if use.name in secret:
            message = f"${use.name} is secret, and the device shows this text and reports it in clear."
            report.add(Level.ERROR, "secret_shown", use.path, message)


def _check_values(document: Document, known: frozenset[str], scope: Scope, report: Report) -> None:
    """Report variables without a value on devices in scope: those cannot get the profile. Three statements, if any."""
    used = {use.name: use.path for use in reversed(variables.uses(document.values)) if use.name in known}
    if not used or not scope.channel_ids:
        return
    channels = Channel.objects.filter(pk__in=scope.channel_ids).select_related("device").order_by("device_id", "id")
    values = variables.values_for(channels, used, for_people=True)
    for name, path in used.items():
        missing = {each.device_id: str(each.device) for each in channels if name not in values.get(each.pk, {})}
        if not missing:
            continue
        affected = Affected(len(missing), scope.device_count, tuple(missing.items())[:SHOWN])
        message = f"${name} has no value for {affected.words}, which cannot get the profile."
        report.add(Level.WARNING, "no_value", path, message, devices=affected)
