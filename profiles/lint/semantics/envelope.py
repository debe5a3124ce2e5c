"""The profile around its payloads: its consent text and its own end."""

from profiles.lint.document import Document
from profiles.lint.findings import Level, Report

_MIN_DURATION_S = 60


def check_envelope(document: Document, report: Report) -> None:
    values = document.values
    texts = values.get("ConsentText")
    if isinstance(texts, dict) and texts and "default" not in texts:
        message = "ConsentText needs a text named default, for devices in all other languages."
        report.add(Level.WARNING, "consent_text", ("ConsentText",), message)
    if "ConsentText" in values and not isinstance(texts, dict):
        message = "ConsentText must be a dictionary of texts by language, with one named default."
        report.add(Level.ERROR, "type", ("ConsentText",), message)
    duration = values.get("DurationUntilRemoval")
    if isinstance(duration, int | float) and not isinstance(duration, bool) and duration < _MIN_DURATION_S:
        message = (
            "DurationUntilRemoval is in seconds: devices would remove the profile "
            f"{'at once' if duration <= 0 else 'within a minute'}."
        )
        report.add(Level.ERROR, "removal_at_once", ("DurationUntilRemoval",), message)
    if "DurationUntilRemoval" in values and "RemovalDate" in values:
        message = "RemovalDate and DurationUntilRemoval are both set: whichever comes first counts."
        report.add(Level.WARNING, "removal_twice", ("DurationUntilRemoval",), message)
