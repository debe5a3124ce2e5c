"""What Apple states in prose beside its schema, as rules of our own: one small rule for each statement.

A rule looks at one document, writes to one report, and reads no row. Values with a variable in them are known when the
profile is made for a device, so rules leave them alone. What was looked at, and what was not, is lint.coverage's.

Apple: developer.apple.com/documentation/devicemanagement/profile-specific-payload-keys
"""

from profiles.lint.document import Document
from profiles.lint.findings import Report
from profiles.lint.semantics.certificates import check_certificates
from profiles.lint.semantics.conditions import check_conditions
from profiles.lint.semantics.envelope import check_envelope
from profiles.lint.semantics.privacy import check_privacy
from profiles.lint.semantics.references import check_references
from profiles.lint.semantics.trust import check_trust
from profiles.lint.semantics.uuids import check_uuids

RULES = (
    check_certificates,
    check_references,
    check_conditions,
    check_trust,
    check_privacy,
    check_uuids,
    check_envelope,
)


def check_semantics(document: Document, report: Report) -> None:
    """Report what no schema tells and Apple says in words."""
    for rule in RULES:
        rule(document, report)
