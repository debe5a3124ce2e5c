"""Lint beside the composer's form: findings with the fields they are about, and fixes that a click applies.

What is wrong is profiles.lint's to say. A finding of the payload that is open leads to its field, another to its
payload. A fix is named by a digest of what it does, so that one that is no longer offered is refused.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass

from mdm_project.errors import BadRequest
from profiles.console.composer import PayloadForm
from profiles.console.references import name_of_payload
from profiles.content import dotted, payloads_of
from profiles.lint import Finding, Fix, Level, Scope, apply_fix, coverage, lint, scope_of_profile
from profiles.models import Profile

TONES = {Level.ERROR: ("bad", "cancel"), Level.WARNING: ("attn", "warning"), Level.NOTE: ("wait", "info")}
VIEW_DEVICE = "devices.view_device"


@dataclass(frozen=True)
class ShownFinding:
    """A finding as the panel has it; ``anchor`` is its field in the open form, ``payload`` the one to open instead."""

    finding: Finding
    where: str
    anchor: str = ""
    payload: str = ""
    payload_name: str = ""

    @property
    def tone(self) -> str:
        return TONES[self.finding.level][0]

    @property
    def icon(self) -> str:
        return TONES[self.finding.level][1]

    @property
    def fix_name(self) -> str:
        return name_of_fix(self.finding.fix) if self.finding.fix else ""


@dataclass(frozen=True)
class LintSummary:
    """How many findings of each level, as the header says it."""

    words: str
    tone: str
    icon: str


def lint_context(profile: Profile, draft: dict, user, form: PayloadForm | None = None) -> dict:
    """Return findings about a draft, those of the open payload first, and their summary."""
    scope = _scope(profile, user)
    findings = lint(draft, profile, scope)
    place = _place_of(draft, form)
    shown = [_shown(finding, draft, form, place) for finding in findings]
    here = [each for each in shown if form is not None and not each.payload]
    return {
        "lint_here": here,
        "lint_elsewhere": [each for each in shown if each not in here],
        "lint_summary": summary_of(findings),
        "lint_devices": scope.device_count,
        "lint_coverage": coverage(draft, profile, scope),
    }


def shown_findings(profile: Profile, findings: list[Finding]) -> list[ShownFinding]:
    """Return findings with the names of the payloads that they are in."""
    return [_shown(finding, profile.draft, None, None) for finding in findings]


def summary_of(findings: list[Finding]) -> LintSummary:
    """Return findings in a few words: "2 errors, 1 note"."""
    numbers = Counter(finding.level for finding in findings)
    if not numbers:
        return LintSummary("fits Apple's schema", "ok", "check")
    words = [f"{numbers[level]} {level}{'' if numbers[level] == 1 else 's'}" for level in TONES if numbers[level]]
    worst = next(level for level in TONES if numbers[level])
    return LintSummary(", ".join(words), *TONES[worst])


def fixed_draft(profile: Profile, draft: dict, user, name: str) -> dict:
    """Return the draft with the fix of that name applied; raises BadRequest where lint no longer offers it."""
    offered = (finding.fix for finding in lint(draft, profile, _scope(profile, user)) if finding.fix)
    fix = next((each for each in offered if name_of_fix(each) == name), None)
    if fix is None:
        raise BadRequest("This fix does not fit the draft any more.")
    return apply_fix(draft, fix)


def name_of_fix(fix: Fix) -> str:
    """Return what names a fix in a form."""
    return hashlib.sha256(repr((str(fix.operation), fix.path, fix.value)).encode()).hexdigest()[:16]


def _scope(profile: Profile, user) -> Scope:
    """Return the devices the profile goes to; none for who may not see devices."""
    return scope_of_profile(profile, user) if user.has_perm(VIEW_DEVICE) else Scope((), (), profile.pk)


def _place_of(draft: dict, form: PayloadForm | None) -> int | None:
    """Return where the open payload is in the draft."""
    if form is None:
        return None
    uuids = [payload.get("PayloadUUID") for payload in payloads_of(draft)]
    return uuids.index(form.uuid) if form.uuid in uuids else None


def _shown(finding: Finding, draft: dict, form: PayloadForm | None, place: int | None) -> ShownFinding:
    path = finding.path
    if len(path) < 2 or path[0] != "PayloadContent" or not isinstance(path[1], int):
        return ShownFinding(finding, dotted(path))
    key_path = dotted(path[2:])
    if form is not None and path[1] == place:
        return ShownFinding(finding, key_path, anchor=form.anchor_to(path[2:]))
    payloads = payloads_of(draft)
    if path[1] >= len(payloads):
        return ShownFinding(finding, dotted(path))
    payload = payloads[path[1]]
    return ShownFinding(
        finding, key_path, payload=str(payload.get("PayloadUUID", "")), payload_name=name_of_payload(payload)
    )
