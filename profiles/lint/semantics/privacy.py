"""Privacy preferences of a Mac: who may use which service, and what it takes to say so."""

from collections.abc import Iterator

from profiles.content import Path
from profiles.lint.document import Document, Payload
from profiles.lint.findings import Fix, Level, Operation, Report

PRIVACY = "tcc-configuration-profile-policy"
STANDARD_USERS = "AllowStandardUserToSetSystemService"
_FOR_STANDARD_USERS = ("ListenEvent", "ScreenCapture")
# Nobody but the person at the Mac can allow these; a profile can refuse them.
_NEVER_ALLOWED = frozenset({"Camera", "Microphone", *_FOR_STANDARD_USERS})
_RECEIVER = ("AEReceiverIdentifier", "AEReceiverIdentifierType", "AEReceiverCodeRequirement")


def check_privacy(document: Document, report: Report) -> None:
    for payload in document.payloads:
        if payload.entry is not None and payload.entry.slug == PRIVACY:
            for service, path, rule in _rules(payload):
                _check_decision(payload, service, path, rule, report)
                _check_receiver(payload, service, path, rule, report)
                _check_identifier(payload, path, rule, report)


def _rules(payload: Payload) -> Iterator[tuple[str, Path, dict]]:
    services = payload.values.get("Services")
    for service, rules in services.items() if isinstance(services, dict) else ():
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict):
                yield service, (*payload.path, "Services", service, index), rule


def _check_decision(payload: Payload, service: str, path: Path, rule: dict, report: Report) -> None:
    given = [key for key in ("Authorization", "Allowed") if key in rule]
    if not given:
        message = "It takes Authorization or Allowed, and has neither."
        report.add(Level.ERROR, "one_of", (*path, "Authorization"), message, **payload.about)
        return
    if len(given) == 2:
        message = "It takes Authorization or Allowed, and has both: macOS refuses the payload."
        fix = Fix(Operation.REMOVE, (*path, "Allowed"), "Remove Allowed")
        report.add(Level.ERROR, "one_of", (*path, "Allowed"), message, fix=fix, **payload.about)
    if rule.get("Authorization") == STANDARD_USERS and service not in _FOR_STANDARD_USERS:
        message = f"{STANDARD_USERS} is for {' and '.join(_FOR_STANDARD_USERS)} alone, not for {service}."
        report.add(Level.ERROR, "condition", (*path, "Authorization"), message, **payload.about)
    is_allowed = rule.get("Authorization", "Allow" if rule.get("Allowed") is True else "") == "Allow"
    if is_allowed and service in _NEVER_ALLOWED:
        message = f"{service} cannot be allowed by a profile, only refused: macOS ignores it."
        report.add(Level.WARNING, "condition", (*path, given[0]), message, **payload.about)


def _check_receiver(payload: Payload, service: str, path: Path, rule: dict, report: Report) -> None:
    for key in _RECEIVER:
        if service == "AppleEvents" and not rule.get(key):
            message = f"{key} is needed: AppleEvents names the app that receives them."
            report.add(Level.ERROR, "needed", (*path, key), message, **payload.about)
        elif service != "AppleEvents" and key in rule:
            message = f"{key} is for AppleEvents alone."
            fix = Fix(Operation.REMOVE, (*path, key), f"Remove {key}")
            report.add(Level.WARNING, "condition", (*path, key), message, fix=fix, **payload.about)


def _check_identifier(payload: Payload, path: Path, rule: dict, report: Report) -> None:
    for key in ("Identifier", "AEReceiverIdentifier"):
        name, kind = rule.get(key), rule.get(f"{key}Type")
        if isinstance(name, str) and name and kind in ("bundleID", "path") and name.startswith("/") != (kind == "path"):
            expected = "an absolute path" if kind == "path" else "a bundle identifier, not a path"
            message = f"{key} is {expected} where {key}Type is {kind}."
            report.add(Level.WARNING, "condition", (*path, key), message, **payload.about)
