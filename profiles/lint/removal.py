"""Lint of who may remove the profile: what a removal policy cannot do, and what it does that one may not expect.

Apple: developer.apple.com/documentation/devicemanagement/toplevel, .../profileremovalpassword
"""

from datetime import datetime

from django.utils import timezone

from profiles.lint.document import Document
from profiles.lint.findings import Fix, Level, Operation, Report
from profiles.lint.scope import Cohort, Scope
from profiles.models import RemovalPolicy
from profiles.rendering import REMOVAL_PASSWORD_TYPE

Kind = RemovalPolicy.Kind
# Where PayloadRemovalDisallowed and removal passwords count on supervised devices alone.
_SUPERVISED_ONLY = frozenset({"ios", "ipados", "tvos"})
_NOT_AT_ALL = frozenset({"visionos", "watchos"})


def check_removal(document: Document, scope: Scope, report: Report) -> None:
    """Report what the profile's removal policy, or without one its own keys, come to."""
    policy = document.profile.removal_policy if document.profile else None
    if policy is None:
        kind = _kind_in(document)
        _check_password_keys(document, report)
    else:
        kind = policy.kind
        _check_overridden(document, policy, report)
        _check_facts(policy, report)
    path = _path_of(kind)
    match kind:
        case Kind.MDM_ONLY | Kind.PASSWORD:
            _report_inert(kind, path, scope, report)
            _check_preconditions(kind, path, scope, report)
        case Kind.DATE | Kind.DURATION:
            _check_end(document, policy, kind, path, scope, report)
        case Kind.USER if policy is not None and scope.device_count:
            message = (
                f"The policy {policy.name} lets the user remove the profile, but MDM delivers it to "
                f"{scope.affected(scope.cohorts).words}: there only MDM removes it, or unenrolling."
            )
            devices = scope.affected(scope.cohorts)
            report.add(Level.NOTE, "removal_inert", path, message, devices=devices)


def _kind_in(document: Document) -> str | None:
    values = document.values
    if _has_password(document):
        return Kind.PASSWORD
    if "RemovalDate" in values:
        return Kind.DATE
    if "DurationUntilRemoval" in values:
        return Kind.DURATION
    return Kind.MDM_ONLY if values.get("PayloadRemovalDisallowed") is True else None


def _path_of(kind: str | None) -> tuple:
    names = {Kind.DATE: "RemovalDate", Kind.DURATION: "DurationUntilRemoval"}
    return (names.get(kind, "PayloadRemovalDisallowed"),)


def _has_password(document: Document) -> bool:
    return any(payload.type == REMOVAL_PASSWORD_TYPE for payload in document.payloads)


def _check_password_keys(document: Document, report: Report) -> None:
    says, has = document.values.get("HasRemovalPasscode") is True, _has_password(document)
    path = ("HasRemovalPasscode",)
    if says and not has:
        fix = Fix(Operation.REMOVE, path, "Take HasRemovalPasscode away")
        message = "HasRemovalPasscode says that there is a removal password, and the profile has none."
        report.add(Level.WARNING, "removal_password", path, message, fix=fix)
    if has and not says:
        fix = Fix(Operation.SET, path, "Set HasRemovalPasscode", True)
        message = "The profile has a removal password, and HasRemovalPasscode does not say so."
        report.add(Level.WARNING, "removal_password", path, message, fix=fix)


def _check_overridden(document: Document, policy: RemovalPolicy, report: Report) -> None:
    """What the profile itself says about removal gives way to its policy when it is published."""
    keys = ["PayloadRemovalDisallowed", "HasRemovalPasscode", "RemovalDate", "DurationUntilRemoval"]
    paths = [(key,) for key in keys if key in document.values]
    paths += [each.path for each in document.payloads if each.type == REMOVAL_PASSWORD_TYPE]
    for path in paths:
        what = path[0] if len(path) == 1 else "The removal password"
        message = f"{what} gives way to the removal policy {policy.name}."
        report.add(Level.NOTE, "removal_overridden", path, message)


def _check_facts(policy: RemovalPolicy, report: Report) -> None:
    lacks = {Kind.DATE: not policy.removal_date, Kind.DURATION: not policy.duration_s}
    if lacks.get(policy.kind):
        fact = "a date" if policy.kind == Kind.DATE else "a time"
        message = f"The removal policy {policy.name} has no {fact[2:]}, so it does nothing: give it {fact}."
        report.add(Level.ERROR, "removal_incomplete", _path_of(policy.kind), message)


def _report_inert(kind: str, path: tuple, scope: Scope, report: Report) -> None:
    what = "The removal password" if kind == Kind.PASSWORD else "That it may not be removed"
    devices = scope.affected(scope.cohorts) if scope.device_count else None
    where = f" It makes no difference on {devices.words} that get it from MDM." if devices else ""
    message = (
        f"{what} counts only where a person or Apple Configurator installs the profile: what MDM delivers is removed "
        f"by MDM alone, or by unenrolling.{where}"
    )
    report.add(Level.NOTE, "removal_inert", path, message, devices=devices)


def _check_preconditions(kind: str, path: tuple, scope: Scope, report: Report) -> None:
    """Say on which devices it would not count even if the profile were installed by hand."""
    what = "A removal password" if kind == Kind.PASSWORD else "PayloadRemovalDisallowed"
    found = {
        "removal_supervision": ("needs supervision", ("are", "is"), "not supervised", _is_unsupervised),
        "removal_user_enrollment": ("is not allowed in User Enrollment", ("are", "is"), "enrolled so", _is_user),
        "removal_platform": (
            "does not exist on visionOS and watchOS", ("have", "has"), "that system",
            lambda cohort: cohort.target.os in _NOT_AT_ALL,
        ),
    }  # fmt: skip
    for code, (rule, (plural, singular), rest, is_meant) in found.items():
        some = [cohort for cohort in scope.cohorts if cohort.target is not None and is_meant(cohort)]
        if not some:
            continue
        devices = scope.affected(some)
        message = f"{what} {rule}: {devices.verb(plural, singular)} {rest}."
        report.add(Level.WARNING, code, path, message, devices=devices)


def _is_user(cohort: Cohort) -> bool:
    return cohort.target.enrollment_kind == "user"


def _is_unsupervised(cohort: Cohort) -> bool:
    is_concerned = cohort.target.os in _SUPERVISED_ONLY and not _is_user(cohort)
    return is_concerned and cohort.target.supervised is False


def _check_end(
    document: Document, policy: RemovalPolicy | None, kind: str, path: tuple, scope: Scope, report: Report
) -> None:
    """A profile that ends by itself ends on all devices, and is put back where it is still assigned."""
    ends_at = policy.removal_date if policy else document.values.get("RemovalDate")
    if kind == Kind.DATE and isinstance(ends_at, datetime) and ends_at <= timezone.now():
        message = f"The date of removal, {ends_at:%Y-%m-%d %H:%M} UTC, is past: devices would remove it at once."
        report.add(Level.ERROR, "removal_past", path, message)
    devices = scope.affected(scope.cohorts) if scope.device_count else None
    if devices:
        message = (
            "Devices remove the profile by themselves, and it is not installed again until another version is "
            f"published. {devices.verb('are', 'is')} concerned."
        )
        report.add(Level.WARNING, "removal_comes_back", path, message, devices=devices)
