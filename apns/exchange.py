"""One push between being asked for and being answered, and how to read the answer's body.

Owns the state of one request on the wire; which connection carries it and what its outcome means is not known here.
Apple: "Handling notification responses from APNs".
"""

import json
from collections.abc import Callable

from aioapns.common import NotificationRequest


class Exchange:
    """One push on its way: the request, then either an answer (`status`) or why there is none (`failure`).

    `is_unprocessed` says that sending it again, on a new connection, is the thing to do. `on_finished` is called once
    for each time the exchange was handed to a connection.
    """

    __slots__ = (
        "attempts",
        "body",
        "expires_at",
        "failure",
        "is_finished",
        "is_unprocessed",
        "on_finished",
        "reason",
        "request",
        "sent_at",
        "status",
        "stream_id",
        "unsent",
    )

    def __init__(self, request: NotificationRequest, expires_at: int | None) -> None:
        self.request = request
        self.expires_at = expires_at
        self.attempts = 0
        self.on_finished: Callable[[Exchange], None] = nobody_waits
        self.reset()

    def reset(self) -> None:
        """Make it ready to be sent (again)."""
        self.status: int | None = None
        self.body = b""
        self.failure = ""
        self.reason = ""
        self.is_unprocessed = False
        self.is_finished = False
        self.stream_id = 0
        self.sent_at = 0.0
        self.unsent = b""

    def finish(self, failure: str = "", is_unprocessed: bool = False, reason: str = "") -> None:
        if self.is_finished:
            return
        self.is_finished = True
        self.failure = failure
        self.reason = reason
        self.is_unprocessed = is_unprocessed
        self.on_finished(self)


def nobody_waits(exchange: Exchange) -> None:
    """Stand in for a caller that has gone away."""


def reason_of(body: bytes) -> str:
    """Return Apple's `reason` from an error body or GOAWAY data, empty when there is none to read."""
    reason = _json_object(body).get("reason")
    return reason if isinstance(reason, str) else ""


def timestamp_ms_of(body: bytes) -> int | None:
    """Return the `timestamp` of a 410 body in milliseconds."""
    value = _json_object(body).get("timestamp")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _json_object(body: bytes) -> dict:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
