"""What a pretend APNs can be told to do wrong, one small class each.

Owns refusals (Apple's status and reason) and the faults a test plants; where they are planted is ApnsServer's business.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator import http2

if TYPE_CHECKING:
    from simulator.apns import ApnsConnection


class Refusal(Exception):
    """An answer other than 200; `timestamp_ms` only with 410."""

    def __init__(self, status: int, reason: str, timestamp_ms: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.timestamp_ms = status, reason, timestamp_ms


@dataclass(frozen=True)
class Answer:
    """Refuse with this status; `body` replaces Apple's JSON (empty bytes: no body at all)."""

    status: int
    reason: str = ""
    timestamp_ms: int | None = None
    body: bytes | None = None

    def strike(self, connection: "ApnsConnection", stream_id: int, apns_id: bytes) -> None:
        connection.refuse(stream_id, apns_id, Refusal(self.status, self.reason, self.timestamp_ms), self.body)


@dataclass(frozen=True)
class GoAway:
    """End the connection with GOAWAY; this push and all after it are not processed."""

    reason: str = "Shutdown"
    code: int = http2.NO_ERROR

    def strike(self, connection: "ApnsConnection", stream_id: int, apns_id: bytes) -> None:
        connection.go_away(self.code, json.dumps({"reason": self.reason}).encode(), max(stream_id - 2, 0))


@dataclass(frozen=True)
class Reset:
    """Answer the stream with RST_STREAM."""

    code: int = http2.INTERNAL_ERROR

    def strike(self, connection: "ApnsConnection", stream_id: int, apns_id: bytes) -> None:
        connection.reset(stream_id, self.code)


@dataclass(frozen=True)
class Silence:
    """Never answer the stream; `whole_connection` also stops reading, as a dead peer would."""

    whole_connection: bool = False

    def strike(self, connection: "ApnsConnection", stream_id: int, apns_id: bytes) -> None:
        if self.whole_connection:
            connection.transport.pause_reading()


@dataclass(frozen=True)
class Late:
    """Answer as usual, but only after a while, so that streams stay open."""

    delay_s: float = 0.01

    def strike(self, connection: "ApnsConnection", stream_id: int, apns_id: bytes) -> None:
        asyncio.get_running_loop().call_later(self.delay_s, self._answer, connection, stream_id)

    def _answer(self, connection: "ApnsConnection", stream_id: int) -> None:
        stream = connection.streams.get(stream_id)
        if stream is not None:
            connection.answer(stream_id, stream, meets_faults=False)
            connection.flush()


@dataclass(frozen=True)
class Close:
    """Drop the connection without a word; what was answered before still goes out."""

    def strike(self, connection: "ApnsConnection", stream_id: int, apns_id: bytes) -> None:
        connection.close()


Fault = Answer | GoAway | Reset | Silence | Late | Close
