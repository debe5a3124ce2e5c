"""Lint of what no schema tells: identity, scope, payloads that exclude each other, variables.

Apple: developer.apple.com/documentation/devicemanagement/toplevel, .../commonpayloadkeys
"""

from collections import defaultdict
from collections.abc import Collection

from profiles.catalogue import Entry, Target
from profiles.catalogue.availability import evaluate
from profiles.content import CONFIGURATION, Path
from profiles.lint.document import Document, Payload
from profiles.lint.findings import Fix, Level, Operation, Report
from profiles.merging import PASSCODE, RESTRICTIONS
from profiles.variables import uses

MDM_TYPE = "com.apple.mdm"


def check_structure(document: Document, known_variables: Collection[str], report: Report) -> None:
    """Report everything that can be said of a profile by itself and is not in Apple's schema."""
    for path in document.misfits:
        words = "PayloadContent must be a list of payloads." if len(path) == 1 else "Here is something, but no payload."
        report.add(Level.ERROR, "form", path, words)
    if not document.payloads and not document.misfits:
        report.add(Level.WARNING, "empty", ("PayloadContent",), "The profile has no payload, so it does nothing.")
    _check_identity(document, report)
    for payload in document.payloads:
        _check_mdm(payload, report)
        _check_scope(document, payload, report)
    _check_single(document, report)
    _check_set_twice(document, report)
    _check_variables(document, known_variables, report)


# Identity


def _check_identity(document: Document, report: Report) -> None:
    _check_own_identity(document, report)
    uuids: dict[str, Payload | None] = {}
    identifiers: dict[str, Payload | None] = {}
    if isinstance(document.values.get("PayloadUUID"), str):
        uuids[document.values["PayloadUUID"].upper()] = None
    for payload in document.payloads:
        _check_type_and_version(payload, report)
        _check_unique(payload, "PayloadUUID", uuids, Operation.NEW_UUID, report)
        _check_unique(payload, "PayloadIdentifier", identifiers, Operation.NEW_IDENTIFIER, report)


def _check_own_identity(document: Document, report: Report) -> None:
    values = document.values
    for key in ("PayloadIdentifier", "PayloadUUID"):
        if not _is_text(values.get(key)):
            fix = Fix(Operation.NEW_UUID, (key,), "Give it one") if key == "PayloadUUID" else None
            report.add(Level.ERROR, "required", (key,), f"The profile needs a {key}.", fix=fix)
    if values.get("PayloadType", CONFIGURATION) != CONFIGURATION:
        fix = Fix(Operation.SET, ("PayloadType",), f"Write {CONFIGURATION}", CONFIGURATION)
        report.add(
            Level.ERROR, "not_allowed", ("PayloadType",), f"PayloadType of a profile is {CONFIGURATION}.", fix=fix
        )


def _check_type_and_version(payload: Payload, report: Report) -> None:
    if not payload.type:
        path = (*payload.path, "PayloadType")
        report.add(Level.ERROR, "required", path, "A payload needs a PayloadType.", **payload.about)
    if "PayloadVersion" not in payload.values:
        path = (*payload.path, "PayloadVersion")
        fix = Fix(Operation.SET, path, "Set it to 1", 1)
        report.add(Level.ERROR, "required", path, "A payload needs a PayloadVersion.", fix=fix, **payload.about)


def _check_unique(
    payload: Payload, key: str, seen: dict[str, Payload | None], operation: Operation, report: Report
) -> None:
    path, value = (*payload.path, key), payload.values.get(key)
    word = "UUID" if key == "PayloadUUID" else "identifier"
    if not _is_text(value):
        fix = Fix(operation, path, f"Give it a new {word}")
        report.add(Level.ERROR, "required", path, f"A payload needs a {key}.", fix=fix, **payload.about)
        return
    known = value.upper() if key == "PayloadUUID" else value
    if known not in seen:
        seen[known] = payload
        return
    other = seen[known]
    whose = f"the payload {other.label}" if other else "the profile itself"
    fix = Fix(operation, path, f"Give it a new {word}")
    message = f"{key} is also that of {whose}: a device takes them for the same."
    report.add(Level.ERROR, "duplicate", path, message, fix=fix, **payload.about)


def _is_text(value) -> bool:
    return isinstance(value, str) and bool(value)


# Payloads by themselves


def _check_mdm(payload: Payload, report: Report) -> None:
    if payload.type == MDM_TYPE:
        message = "An enrollment belongs in an enrollment profile: no device takes it from MDM."
        report.add(Level.ERROR, "mdm_payload", payload.path, message, **payload.about)


def _check_scope(document: Document, payload: Payload, report: Report) -> None:
    if payload.entry is None:
        return
    channel = "user" if document.scope == "User" else "device"
    if any(_is_carried(payload.entry, system, channel) for system in payload.entry.systems):
        return
    is_for_user = channel == "user"
    message = (
        f"{payload.label} is for devices, never for users: give the profile the scope System."
        if is_for_user
        else f"{payload.label} is for users only: give the profile the scope User."
    )
    report.add(Level.ERROR, "scope", payload.path, message, **payload.about)


def _is_carried(entry: Entry, system: str, channel: str) -> bool:
    """Say whether the payload is ever taken on this channel: on an iPad users have one where it is shared."""
    for is_shared in (False, True) if system == "iOS" else (None,):
        found = evaluate(entry.support, Target(system, channel=channel, shared_ipad=is_shared))
        if not any(reason.code == "channel" for reason in found.reasons):
            return True
    return False


# Several of a kind


def _check_single(document: Document, report: Report) -> None:
    for same in _by_slug(document).values():
        systems = systems_with_one(same[0].entry)
        if not systems:
            continue
        everywhere = len(systems) == len(same[0].entry.systems)
        for payload in same[1:]:
            where = "" if everywhere else f" on {' and '.join(systems)}"
            message = f"Only one {same[0].entry.label} payload per device{where}: this profile has {len(same)}."
            level = Level.ERROR if everywhere else Level.WARNING
            report.add(level, "only_one", payload.path, message, **payload.about)


def systems_with_one(entry: Entry) -> list[str]:
    """Return the systems on which only one payload of this kind may be installed."""
    return [system for system in entry.systems if entry.support[system].allows_multiple is False]


def _check_set_twice(document: Document, report: Report) -> None:
    common = {"PayloadType", "PayloadVersion", "PayloadIdentifier", "PayloadUUID", "PayloadDisplayName"}
    common |= {"PayloadDescription", "PayloadOrganization"}
    for slug, same in _by_slug(document).items():
        if slug not in (RESTRICTIONS, PASSCODE):
            continue
        first: dict[str, Payload] = {}
        for payload in same:
            for key in payload.values.keys() - common:
                other = first.setdefault(key, payload)
                if other is not payload:
                    message = f"{key} is set in two payloads of this profile, {other.label} and {payload.label}."
                    path = (*payload.path, key)
                    report.add(Level.WARNING, "set_twice", path, message, **payload.about)


def _by_slug(document: Document) -> dict[str, list[Payload]]:
    by_slug = defaultdict(list)
    for payload in document.payloads:
        if payload.entry is not None:
            by_slug[payload.entry.slug].append(payload)
    return by_slug


# Variables


def _check_variables(document: Document, known: Collection[str], report: Report) -> None:
    for use in uses(document.values):
        if use.name in known:
            continue
        about = _about(document, use.path)
        message = f"${use.name} is no variable: it is sent as it is written. Write $${use.name} if that is meant."
        report.add(Level.WARNING, "unknown_variable", use.path, message, **about)


def _about(document: Document, path: Path) -> dict:
    if len(path) > 1 and path[0] == "PayloadContent":
        for payload in document.payloads:
            if payload.index == path[1]:
                return payload.about
    return {}
