"""UUIDs are UUIDs: those that identify, and those that payloads make up for others to name."""

import uuid

from profiles.content import strings
from profiles.lint.document import Document
from profiles.lint.findings import Level, Report
from profiles.lint.semantics.kinds import kind_of
from profiles.lint.semantics.references import key_name
from profiles.variables import uses


def check_uuids(document: Document, report: Report) -> None:
    own = document.values.get("PayloadUUID")
    if isinstance(own, str) and own and not is_uuid(own):
        report.add(Level.WARNING, "uuid", ("PayloadUUID",), "PayloadUUID of the profile is no UUID.")
    for payload in document.payloads:
        if payload.uuid and not is_uuid(payload.uuid):
            report.add(
                Level.WARNING, "uuid", (*payload.path, "PayloadUUID"), "PayloadUUID is no UUID.", **payload.about
            )
        if payload.entry is None:
            continue
        for path, text in strings(payload.values, payload.path):
            name = key_name(path)
            is_named = name.endswith("UUID") and kind_of(name, payload.entry.slug) is None
            if is_named and text and not is_uuid(text) and not any(True for _ in uses({"value": text})):
                report.add(Level.WARNING, "uuid", path, f"{name} is no UUID.", **payload.about)


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in the form with hyphens, as Apple writes it."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
