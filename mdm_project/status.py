"""The status words of the console, each with its tone and icon, so that they look the same everywhere.

Tones: ok (green, proven), info (blue, answered or on its way), wait (grey, always with why), attn (apricot, needs a
person), bad (red, failed or destructive), gone (grey, struck).
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Status:
    """A word with a tone and an icon (Material Symbols); ``why`` is one plain sentence."""

    word: str
    tone: str
    icon: str
    why: str = ""

    def because(self, why: str) -> "Status":
        return replace(self, why=why)


VERIFIED = Status("Verified", "ok", "verified")
ENROLLED = Status("Enrolled", "ok", "check_circle")
ENROLLING = Status("Enrolling", "wait", "hourglass_top")
UNENROLLED = Status("Unenrolled", "gone", "link_off")
ERASED = Status("Erased, waits for enrollment", "gone", "delete_sweep")
NEVER_ENROLLED = Status("Not enrolled", "wait", "radio_button_unchecked")
ACKNOWLEDGED = Status("Acknowledged", "info", "check")
PARTLY = Status("Partly done", "attn", "rule")
SENT = Status("Sent", "info", "arrow_outward")
PUSHED = Status("Pushed", "wait", "notifications")
PENDING = Status("Pending", "wait", "schedule")
NOT_NOW = Status("Not now", "wait", "pause_circle")
ATTENTION = Status("Attention", "attn", "error")
FAILED = Status("Failed", "bad", "cancel")
QUARANTINED = Status("Quarantined", "bad", "report")
CANCELLED = Status("Cancelled", "gone", "block")
EXPIRED = Status("Expired", "gone", "timer_off")
VALID = Status("Valid", "ok", "check_circle")
EXPIRES_SOON = Status("Expires soon", "attn", "event_upcoming")
ENDED = Status("Expired", "bad", "event_busy")
REVOKED = Status("Revoked", "gone", "block")
ON = Status("On", "ok", "check_circle")
OFF = Status("Off", "wait", "radio_button_unchecked")
