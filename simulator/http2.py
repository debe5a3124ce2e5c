"""The server half of HTTP/2 (RFC 9113) that a pretend APNs needs, on plain frames.

Owns framing, flow control both ways, the limit on concurrent streams and the errors of RFC 9113; what a request means
is up to the subclass. Frames are read and written directly and hpack is used for decoding only, because h2 in Python
costs several times more per request than all of this and would make the pretend server the bottleneck of a benchmark.
Not here: server push, trailers, priorities (read and ignored), compression of response headers.
"""

import asyncio
import struct
from typing import ClassVar

from hpack import Decoder, HPACKError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, HAS_PRIORITY = 0x4, 0x8, 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9

SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_INITIAL_WINDOW_SIZE = 3, 4
DEFAULT_WINDOW = 65_535
MAX_WINDOW = 2**31 - 1
MAX_FRAME_BYTES = 16_384
MAX_REQUEST_BYTES = 1 << 20
FRAME_HEADER = struct.Struct(">HBBBL")
SETTING = struct.Struct(">HL")

# :status values of HPACK's static table (RFC 7541, appendix A): one byte instead of a literal.
_INDEXED_STATUS = {200: b"\x88", 400: b"\x8c", 404: b"\x8d", 500: b"\x8e"}


class ConnectionFault(Exception):
    """The peer broke the protocol: the connection ends with GOAWAY `code`."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Stream:
    __slots__ = ("body", "has_ended", "headers", "receive_window", "send_window", "unsent")

    def __init__(self, headers: list[tuple[bytes, bytes]], send_window: int, receive_window: int) -> None:
        self.headers = headers
        self.receive_window = receive_window
        self.body = bytearray()
        self.has_ended = False
        self.send_window = send_window
        self.unsent = b""


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    size = len(payload)
    return FRAME_HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream_id) + payload


def header_block(status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Encode response headers as HPACK literals without indexing (values up to 126 bytes)."""
    parts = [_INDEXED_STATUS.get(status) or b"\x08\x03%d" % status]
    for name, value in headers:
        parts.append(b"\x00%c%b%c%b" % (len(name), name, len(value), value))
    return b"".join(parts)


class Http2Connection(asyncio.Protocol):
    """One connection of a client; a subclass implements `on_request` and answers with `respond` or `reset`."""

    def __init__(self, max_concurrent_streams: int, stream_window_bytes: int = DEFAULT_WINDOW) -> None:
        self.max_concurrent_streams = max_concurrent_streams
        self.stream_window_bytes = stream_window_bytes
        self.transport: asyncio.Transport | None = None
        self.streams: dict[int, Stream] = {}
        self.last_stream_id = 0
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._decoder = Decoder()
        self._had_preface = False
        self._is_over = False
        self._open_block: tuple[int, int, bytearray] | None = None
        self._send_window = DEFAULT_WINDOW
        self._peer_initial_window = DEFAULT_WINDOW
        self._receive_window = DEFAULT_WINDOW

    def on_request(self, stream_id: int, stream: Stream) -> None:
        raise NotImplementedError

    def on_malformed(self, stream_id: int, detail: str) -> None:
        """Answer a request that RFC 9113 calls malformed (section 8.1.1)."""
        self.reset(stream_id, PROTOCOL_ERROR)

    # --- what the subclass may do -------------------------------------------------------------------------------

    def respond(self, stream_id: int, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> None:
        """Answer a stream; a body waits for the peer's flow-control window, headers do not."""
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        flags = END_HEADERS if body else END_HEADERS | END_STREAM
        self._out.append(frame(HEADERS, flags, stream_id, header_block(status, headers)))
        if not body:
            self._finish(stream_id, stream)
            return
        stream.unsent = body
        self._send_body(stream_id, stream)

    def reset(self, stream_id: int, code: int) -> None:
        self.streams.pop(stream_id, None)
        self._out.append(frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big")))

    def go_away(self, code: int, debug: bytes = b"", last_stream_id: int | None = None) -> None:
        """Send GOAWAY and close; streams above `last_stream_id` were not processed."""
        last = self.last_stream_id if last_stream_id is None else last_stream_id
        self._out.append(frame(GOAWAY, 0, 0, struct.pack(">LL", last, code) + debug))
        self.close()

    def close(self) -> None:
        self.flush()
        self._is_over = True
        if self.transport is not None:
            self.transport.close()

    def flush(self) -> None:
        if self._out and self.transport is not None:
            self.transport.write(b"".join(self._out))
        self._out.clear()

    # --- asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        settings = SETTING.pack(SETTINGS_MAX_CONCURRENT_STREAMS, self.max_concurrent_streams)
        settings += SETTING.pack(SETTINGS_INITIAL_WINDOW_SIZE, self.stream_window_bytes)
        self._out.append(frame(SETTINGS, 0, 0, settings))
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self.streams.clear()

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._buffer += data
        try:
            self._read_frames()
        except ConnectionFault as fault:
            self.go_away(fault.code, str(fault).encode())
        self.flush()

    # --- frames -------------------------------------------------------------------------------------------------

    def _read_frames(self) -> None:
        buffer = self._buffer
        at = 0 if self._had_preface else self._read_preface()
        end = len(buffer)
        while end - at >= 9 and not self._is_over:
            high, low, kind, flags, stream_id = FRAME_HEADER.unpack_from(buffer, at)
            size = (high << 8) | low
            if size > MAX_FRAME_BYTES:
                raise ConnectionFault(FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            if end - at - 9 < size:
                break
            payload = bytes(buffer[at + 9 : at + 9 + size])
            at += 9 + size
            self._on_frame(kind, flags, stream_id & MAX_WINDOW, payload)
        del buffer[:at]

    def _read_preface(self) -> int:
        if not PREFACE.startswith(self._buffer[: len(PREFACE)]):
            raise ConnectionFault(PROTOCOL_ERROR, "this port speaks HTTP/2 only")
        if len(self._buffer) < len(PREFACE):
            return 0
        self._had_preface = True
        return len(PREFACE)

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._open_block is not None and kind != CONTINUATION:
            raise ConnectionFault(PROTOCOL_ERROR, "a header block was interrupted")
        handler = self._HANDLERS.get(kind)
        if handler is not None:  # unknown kinds of frame must be ignored (section 4.1)
            handler(self, flags, stream_id, payload)

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = _without_padding(flags, payload)
        if flags & HAS_PRIORITY:
            block = block[5:]
        if flags & END_HEADERS:
            self._open_stream(flags, stream_id, block)
        else:
            self._open_block = (stream_id, flags, bytearray(block))

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._open_block is None or self._open_block[0] != stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "a continuation of nothing")
        _, first_flags, block = self._open_block
        block += payload
        if len(block) > 4 * MAX_FRAME_BYTES:
            raise ConnectionFault(PROTOCOL_ERROR, "the header block is too large")
        if flags & END_HEADERS:
            self._open_block = None
            self._open_stream(first_flags, stream_id, bytes(block))

    def _open_stream(self, flags: int, stream_id: int, block: bytes) -> None:
        try:
            # Decoded even for a stream that is refused: the compression state belongs to the connection.
            headers = self._decoder.decode(block, raw=True)
        except HPACKError as exc:
            raise ConnectionFault(COMPRESSION_ERROR, "the header block cannot be decoded") from exc
        if stream_id % 2 == 0 or stream_id <= self.last_stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, f"stream {stream_id} cannot be opened")
        self.last_stream_id = stream_id
        if len(self.streams) >= self.max_concurrent_streams:
            self.on_excess_stream(stream_id)
            return
        stream = self.streams[stream_id] = Stream(headers, self._peer_initial_window, self.stream_window_bytes)
        problem = _malformed(headers)
        if problem:
            self.on_malformed(stream_id, problem)
        elif flags & END_STREAM:
            stream.has_ended = True
            self.on_request(stream_id, stream)

    def on_excess_stream(self, stream_id: int) -> None:
        """Refuse a stream above the announced limit (section 5.1.2)."""
        self.reset(stream_id, REFUSED_STREAM)

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0 or stream_id > self.last_stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, "data on an idle stream")
        self._receive_window -= len(payload)
        if self._receive_window < 0:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more data than the connection's window")
        if self._receive_window < DEFAULT_WINDOW // 2:
            grant = DEFAULT_WINDOW - self._receive_window
            self._receive_window = DEFAULT_WINDOW
            self._out.append(frame(WINDOW_UPDATE, 0, 0, grant.to_bytes(4, "big")))
        stream = self.streams.get(stream_id)
        if stream is None or stream.has_ended:
            return
        stream.receive_window -= len(payload)
        if stream.receive_window < 0:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more data than the stream's window")
        stream.body += _without_padding(flags, payload)
        if flags & END_STREAM:
            stream.has_ended = True
            self.on_request(stream_id, stream)
        elif len(stream.body) > MAX_REQUEST_BYTES:
            self.reset(stream_id, CANCEL)
        elif payload:
            self._out.append(frame(WINDOW_UPDATE, 0, stream_id, len(payload).to_bytes(4, "big")))
            stream.receive_window += len(payload)

    def _on_reset(self, flags: int, stream_id: int, payload: bytes) -> None:
        self.streams.pop(stream_id, None)

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if flags & ACK:
            return
        if len(payload) % 6:
            raise ConnectionFault(FRAME_SIZE_ERROR, "settings come in six bytes")
        for identifier, value in SETTING.iter_unpack(payload):
            if identifier == SETTINGS_INITIAL_WINDOW_SIZE:
                self._change_initial_window(value)
        self._out.append(frame(SETTINGS, ACK, 0, b""))

    def _change_initial_window(self, value: int) -> None:
        if value > MAX_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "the initial window is too large")
        change = value - self._peer_initial_window
        self._peer_initial_window = value
        for stream in self.streams.values():
            stream.send_window += change

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not flags & ACK:
            self._out.append(frame(PING, ACK, 0, payload))

    def _on_go_away(self, flags: int, stream_id: int, payload: bytes) -> None:
        self.close()

    def _on_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        increment = int.from_bytes(payload, "big") & MAX_WINDOW
        if increment == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "a window update of nothing")
        if stream_id == 0:
            self._send_window += increment
            if self._send_window > MAX_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "the connection's window is too large")
        elif stream_id in self.streams:
            self.streams[stream_id].send_window += increment
        for waiting_id, stream in list(self.streams.items()):
            if stream.unsent:
                self._send_body(waiting_id, stream)

    _HANDLERS: ClassVar = {
        DATA: _on_data,
        HEADERS: _on_headers,
        RST_STREAM: _on_reset,
        SETTINGS: _on_settings,
        PING: _on_ping,
        GOAWAY: _on_go_away,
        WINDOW_UPDATE: _on_window_update,
        CONTINUATION: _on_continuation,
    }

    # --- sending ------------------------------------------------------------------------------------------------

    def _send_body(self, stream_id: int, stream: Stream) -> None:
        size = min(len(stream.unsent), stream.send_window, self._send_window, MAX_FRAME_BYTES)
        if size <= 0:
            return
        piece, stream.unsent = stream.unsent[:size], stream.unsent[size:]
        stream.send_window -= size
        self._send_window -= size
        self._out.append(frame(DATA, 0 if stream.unsent else END_STREAM, stream_id, piece))
        if not stream.unsent:
            self._finish(stream_id, stream)

    def _finish(self, stream_id: int, stream: Stream) -> None:
        del self.streams[stream_id]
        if not stream.has_ended:  # an early answer: the rest of the request is not wanted (section 8.1)
            self._out.append(frame(RST_STREAM, 0, stream_id, NO_ERROR.to_bytes(4, "big")))


def _without_padding(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]


def _malformed(headers: list[tuple[bytes, bytes]]) -> str:
    """Say what makes a request malformed (RFC 9113, 8.2 and 8.3), or an empty string."""
    seen: set[bytes] = set()
    had_regular = False
    for name, _ in headers:
        if name != name.lower():
            return "a header name in upper case"
        if not name.startswith(b":"):
            had_regular = True
            continue
        if had_regular or name in seen:
            return "a pseudo-header repeated or after a header"
        seen.add(name)
    return "" if seen == {b":method", b":scheme", b":path", b":authority"} else "a pseudo-header missing or unknown"
