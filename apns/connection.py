"""One HTTP/2 connection to APNs and the pushes on it.

Owns streams, flow control, the limit on concurrent streams, and what every way of ending means for a push. It does not
connect, retry or judge an answer (apns.client does). Everything here runs in the event loop's thread.

Built on aioapns 4.0. Kept from it: the protocol class (preface, transport, closing), its request value and its push
types. Replaced, each because of a defect seen against a strict server: it writes `host` instead of `:authority`, never
acknowledges received data (a peer stalls after 64 KiB of error bodies), has no answer for RST_STREAM or for an error
without a body, dies on a body that is not JSON, pairs answers with pushes by apns-id and leaks an entry for each error,
raises InvalidStateError once a caller has gone away, and closes after ten seconds of silence. Its connection pool stays
unused: it retries five times at once and reads the topic through a deprecated OpenSSL binding.
Apple: "Sending notification requests to APNs"; RFC 9113.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import takewhile
from typing import ClassVar

from aioapns.connection import APNsTLSClientProtocol
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import NoAvailableStreamIDError, ProtocolError
from hpack import NeverIndexedHeaderTuple

from apns.exchange import Exchange, nobody_waits, reason_of
from apns.lean_h2 import LeanH2

MAX_STREAMS = 1000
MAX_ANSWER_BYTES = 4096


class PushConnection(APNsTLSClientProtocol):
    """A connection that answers every exchange it is given exactly once, whatever the peer does.

    `authority` is host:port as it goes into `:authority`; `ready` completes when the peer's settings are known.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        authority: str,
        topic: str,
        answer_timeout_s: float,
        on_connection_lost: Callable[["PushConnection"], None],
    ) -> None:
        super().__init__(topic, loop, on_connection_lost)
        self.conn = LeanH2()
        self.authority = authority
        self.answer_timeout_s = answer_timeout_s
        self.ready: asyncio.Future[None] = loop.create_future()
        self.is_open = True
        self.ending = ""
        self.go_away_reason = ""
        self.heard_at = self.answered_at = self.opened_at = loop.time()
        self._queue: deque[Exchange] = deque()
        self._waiting: dict[int, Exchange] = {}
        self._blocked: dict[int, Exchange] = {}
        self._probe: asyncio.Future[None] | None = None
        self._watchdog: asyncio.TimerHandle | None = None

    # --- for the client -----------------------------------------------------------------------------------------

    def send(self, exchanges: Iterable[Exchange]) -> None:
        """Send these as the peer's limits allow; each one's `on_finished` is called."""
        self._queue.extend(exchanges)
        if not self.is_open:
            self._lose_everything()
            return
        self._pump()
        self._watch()

    def abandon(self, exchanges: Iterable[Exchange]) -> None:
        """Stop waiting for these without disturbing the others."""
        given_up = {exchange for exchange in exchanges if not exchange.is_finished}
        if not given_up:
            return
        for exchange in given_up:
            exchange.on_finished = nobody_waits
            self._cancel_stream(exchange)
            exchange.finish("the caller stopped waiting")
        self._queue = deque(exchange for exchange in self._queue if exchange not in given_up)
        if self.is_open:
            self._pump()

    async def probe(self, timeout_s: float) -> bool:
        """Say whether the peer still answers a PING: a firewall may have dropped an idle connection silently."""
        if not self.is_open:
            return False
        if self._probe is None:
            self._probe = self.loop.create_future()
            self.conn.ping(b"espalier")
            self.flush()
        # asyncio.wait leaves the shared future alone when this waiter times out or is cancelled.
        await asyncio.wait([self._probe], timeout=timeout_s)
        if self._probe is not None:
            self.end("the idle connection was dead", at_once=True)
        return self.is_open

    def end(self, why: str, at_once: bool = False) -> None:
        """Close; what is not answered yet finishes as unprocessed."""
        if not self.is_open:
            return
        self.is_open = False
        self.ending = self.ending or why
        if at_once:
            self.transport.abort()
        else:
            self.close()
        self._lose_everything()

    def retire(self) -> None:
        """Close once the pushes on it are answered; for a connection that has been replaced."""
        if self._waiting or self._queue:
            self.loop.call_later(self.answer_timeout_s, self.end, "replaced by a new connection")
        else:
            self.end("replaced by a new connection")

    @property
    def idle_s(self) -> float:
        return self.loop.time() - self.heard_at

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------

    def refresh_inactivity_timer(self) -> None:
        """Leave an idle connection open: Apple asks for long-lived ones, aioapns would close it after ten seconds."""

    def flush(self) -> None:
        data = self.conn.data_to_send()
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        try:
            events = self.conn.receive_data(data)
        except ProtocolError as exc:
            self.flush()
            self.end(f"APNs broke HTTP/2: {exc}")
            return
        for event in events:
            handler = self._HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        if self.is_open:
            self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self.ending = self.ending or (f"the connection was lost: {exc}" if exc else "APNs closed the connection")
        if not self.ready.done():
            # TLS 1.3 lets a server refuse the certificate after the client's handshake is done; some just hang up.
            hint = "APNs closed the connection before HTTP/2 began, as it may when it refuses the push certificate"
            self.ready.set_exception(exc or ConnectionResetError(hint))
            self.ready.exception()  # read once, so that asyncio does not complain when nobody waits for it
        self._lose_everything()
        super().connection_lost(exc)

    # --- events -------------------------------------------------------------------------------------------------

    def _on_settings(self, event: RemoteSettingsChanged) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def _on_response(self, event: ResponseReceived) -> None:
        exchange = self._waiting.get(event.stream_id)
        if exchange is None:
            return
        status = dict(event.headers).get(b":status", b"")
        exchange.status = int(status) if status.isdigit() else None

    def _on_data(self, event: DataReceived) -> None:
        # Without this the peer may send 64 KiB of error bodies in all and then has to fall silent.
        self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        exchange = self._waiting.get(event.stream_id)
        if exchange is not None and len(exchange.body) < MAX_ANSWER_BYTES:
            exchange.body += event.data

    def _on_stream_ended(self, event: StreamEnded) -> None:
        exchange = self._take(event.stream_id)
        if exchange is not None:
            self.answered_at = self.heard_at
            exchange.finish("" if exchange.status else "APNs answered without a status")

    def _on_stream_reset(self, event: StreamReset) -> None:
        exchange = self._take(event.stream_id)
        if exchange is None:
            return
        self.answered_at = self.heard_at
        if exchange.status:  # an answer whose stream was cut instead of ended is still an answer
            exchange.finish()
            return
        name = _error_name(event.error_code)
        exchange.finish(f"APNs reset the stream ({name})", is_unprocessed=name == "REFUSED_STREAM")

    def _on_go_away(self, event: ConnectionTerminated) -> None:
        self.go_away_reason = reason_of(event.additional_data or b"")
        self.end(f"APNs ended the connection ({self.go_away_reason or _error_name(event.error_code)})")

    def _on_ping_ack(self, event: PingAckReceived) -> None:
        if self._probe is not None:
            self._probe.set_result(None)
            self._probe = None

    # A WINDOW_UPDATE needs no handler: `_pump` follows every batch of events and asks h2 for the windows.
    _HANDLERS: ClassVar = {
        RemoteSettingsChanged: _on_settings,
        ResponseReceived: _on_response,
        DataReceived: _on_data,
        StreamEnded: _on_stream_ended,
        StreamReset: _on_stream_reset,
        ConnectionTerminated: _on_go_away,
        PingAckReceived: _on_ping_ack,
    }

    # --- sending ------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Send what the peer's limits on streams and data allow now."""
        for exchange in list(self._blocked.values()):
            self._write_body(exchange)
        limit = min(self.conn.remote_settings.max_concurrent_streams, MAX_STREAMS)
        while self._queue and len(self._waiting) < limit and not self._blocked:
            exchange = self._queue.popleft()
            if not exchange.is_finished:
                self._open_stream(exchange)
        self.flush()

    def _open_stream(self, exchange: Exchange) -> None:
        try:
            stream_id = self.conn.get_next_available_stream_id()
        except NoAvailableStreamIDError:
            self._queue.appendleft(exchange)
            self.end("the connection has used up its stream numbers")
            return
        self.conn.send_headers(stream_id, self._headers(exchange))
        self.opened_at = exchange.sent_at = self.loop.time()
        exchange.stream_id = stream_id
        exchange.attempts += 1
        exchange.unsent = json.dumps(exchange.request.message).encode()
        self._waiting[stream_id] = exchange
        self._write_body(exchange)

    def _headers(self, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        request = exchange.request
        headers = [
            _METHOD,
            _SCHEME,
            # Each is different: kept out of the compression table, which it would only flush.
            NeverIndexedHeaderTuple(b":path", b"/3/device/" + request.device_token.encode()),
            (b":authority", self.authority.encode()),
            (b"apns-topic", request.apns_topic.encode()),
            (b"apns-push-type", request.push_type.value.encode()),
            (b"apns-priority", str(request.priority).encode()),
            _CONTENT_TYPE,
            NeverIndexedHeaderTuple(b"apns-id", request.notification_id.encode()),
        ]
        if exchange.expires_at is not None:
            headers.append((b"apns-expiration", str(exchange.expires_at).encode()))
        return headers

    def _write_body(self, exchange: Exchange) -> None:
        stream_id = exchange.stream_id
        size = min(
            len(exchange.unsent), self.conn.local_flow_control_window(stream_id), self.conn.max_outbound_frame_size
        )
        if size > 0:
            piece, exchange.unsent = exchange.unsent[:size], exchange.unsent[size:]
            self.conn.send_data(stream_id, piece, end_stream=not exchange.unsent)
        if exchange.unsent:
            self._blocked[stream_id] = exchange
        else:
            self._blocked.pop(stream_id, None)

    # --- ending -------------------------------------------------------------------------------------------------

    def _take(self, stream_id: int) -> Exchange | None:
        """Forget a stream and return its exchange; the one place where entries leave."""
        self._blocked.pop(stream_id, None)
        exchange = self._waiting.pop(stream_id, None)
        if exchange is not None and exchange.unsent:
            self._reset_stream(stream_id)
        return exchange

    def _cancel_stream(self, exchange: Exchange) -> None:
        if self._waiting.get(exchange.stream_id) is not exchange:
            return
        exchange.unsent = b""
        self._take(exchange.stream_id)
        self._reset_stream(exchange.stream_id)

    def _reset_stream(self, stream_id: int) -> None:
        # The peer may have ended the stream in the meantime; then there is nothing left to reset.
        with suppress(ProtocolError):
            self.conn.reset_stream(stream_id, ErrorCodes.CANCEL)

    def _lose_everything(self) -> None:
        lost = [*self._waiting.values(), *self._queue]
        self._waiting.clear()
        self._blocked.clear()
        self._queue.clear()
        if self._probe is not None and not self._probe.done():
            self._probe.set_result(None)
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        for exchange in lost:
            exchange.finish(self.ending, is_unprocessed=True, reason=self.go_away_reason)

    # --- time ---------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._watchdog is None and self.is_open and (self._waiting or self._queue):
            self._watchdog = self.loop.call_later(self.answer_timeout_s / 4, self._on_watchdog)

    def _on_watchdog(self) -> None:
        """Give up on what is overdue: one timer for the connection instead of one for each push."""
        self._watchdog = None
        deadline = self.loop.time() - self.answer_timeout_s
        # Entries are in the order they were sent.
        overdue = list(takewhile(lambda exchange: exchange.sent_at <= deadline, self._waiting.values()))
        for exchange in overdue:
            self._cancel_stream(exchange)
            exchange.finish(f"APNs did not answer within {self.answer_timeout_s:g} s")
        if overdue and self.answered_at < overdue[0].sent_at:
            self.end("APNs no longer answers on this connection", at_once=True)
        elif self._queue and not self._waiting and self.opened_at <= deadline:
            self.end("APNs lets no push through on this connection", at_once=True)
        else:
            self._pump()
            self._watch()


_METHOD, _SCHEME = (b":method", b"POST"), (b":scheme", b"https")
_CONTENT_TYPE = (b"content-type", b"application/json")


def _error_name(code: int | ErrorCodes) -> str:
    return code.name if isinstance(code, ErrorCodes) else f"error {code}"
