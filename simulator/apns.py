"""A pretend APNs: HTTP/2 over TLS, as strict as Apple about certificate, headers and body, and able to misbehave.

Owns the tokens it knows, the last notification of a device that is away, the answers of Apple's table and the faults a
test asks for. It shares the asyncio loop of the fleet, which registers each device with a callable that wakes it. APNs
never learns a device's push magic, so a wrong one is accepted here and ignored by the device, as in life.
Apple: "Sending notification requests to APNs", "Handling notification responses from APNs".
"""

import asyncio
import json
import ssl
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509

from simulator import http2
from simulator.apns_faults import Fault, Refusal
from simulator.push_ca import PushCA, topic_of

MAX_BODY_BYTES = 4096
MDM_TOPIC_PREFIX = "com.apple.mgmt."
DEVICE_PATH = b"/3/device/"
ONCE_HEADERS = frozenset(
    [b"apns-id", b"apns-topic", b"apns-push-type", b"apns-priority", b"apns-expiration", b"apns-collapse-id"]
)


# --- devices ----------------------------------------------------------------------------------------------------------


@dataclass
class Device:
    """A token as APNs knows it."""

    topic: str
    push_magic: str
    wake: Callable[[], object]
    is_online: bool = True
    stored_until: float | None = None
    stored_magic: str | None = None


class ApnsServer:
    """The server; `start` listens, `register` makes a device known. Counters are for tests and benchmarks."""

    def __init__(
        self,
        push_ca: PushCA,
        host: str = "127.0.0.1",
        port: int = 0,
        max_concurrent_streams: int = 1000,
        stream_window_bytes: int = http2.DEFAULT_WINDOW,
    ) -> None:
        self.push_ca = push_ca
        self.host, self.port = host, port
        self.max_concurrent_streams = max_concurrent_streams
        self.stream_window_bytes = stream_window_bytes
        self.accepted = 0
        self.ignored_by_device = 0
        self.connections_made = 0
        self.refused: Counter[str] = Counter()
        self.pushes: Counter[bytes] = Counter()
        self.connections: set[ApnsConnection] = set()
        self._devices: dict[bytes, Device] = {}
        self._gone: dict[bytes, int] = {}
        self._next_faults: deque[Fault] = deque()
        self._token_faults: dict[bytes, deque[Fault] | Fault] = {}
        self.authorities: set[bytes] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; `port` 0 picks a free one and is then replaced by it."""
        self.loop = asyncio.get_running_loop()
        self._server = await self.loop.create_server(
            lambda: ApnsConnection(self), self.host, self.port, ssl=self._ssl_context(), backlog=256
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.authorities = {f"{name}:{self.port}".encode() for name in ("localhost", "127.0.0.1", "[::1]", self.host)}

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        await self._server.wait_closed()

    def _ssl_context(self) -> ssl.SSLContext:
        self.push_ca.server_identity()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, self.push_ca.identity_files("server")))
        context.load_verify_locations(str(self.push_ca.ca_file))
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(["h2"])
        return context

    # --- the fleet's side ---------------------------------------------------------------------------------------

    def register(self, token: bytes, topic: str, push_magic: str, wake: Callable[[], object]) -> None:
        """Make a token known, or renew it; `wake` is called in this loop for each notification and must not block."""
        known = self._devices.get(token)
        self._gone.pop(token, None)
        self._devices[token] = Device(topic, push_magic, wake, known.is_online if known else True)

    def unregister(self, token: bytes, gone_at: float | None = None) -> None:
        """Answer 410 for this token from now on, dead since `gone_at` (Unix seconds, default now)."""
        self._devices.pop(token, None)
        self._gone[token] = int((time.time() if gone_at is None else gone_at) * 1000)

    def set_online(self, token: bytes, is_online: bool) -> None:
        """Take a device off the network or back; coming back delivers the last notification if it has not expired."""
        device = self._devices[token]
        device.is_online = is_online
        if not is_online or device.stored_magic is None:
            return
        magic, until = device.stored_magic, device.stored_until
        device.stored_magic = device.stored_until = None
        if until is None or until > time.time():
            self._wake(device, magic)

    def deliver(self, token: bytes, push_magic: str, expires_at: int | None) -> None:
        """Wake the device, or keep this as its one stored notification; expiry 0 is never stored."""
        device = self._devices[token]
        self.accepted += 1
        self.pushes[token] += 1
        if device.is_online:
            self._wake(device, push_magic)
        elif expires_at != 0:
            device.stored_magic, device.stored_until = push_magic, expires_at

    def _wake(self, device: Device, push_magic: str) -> None:
        if push_magic == device.push_magic:
            device.wake()
        else:
            self.ignored_by_device += 1

    def check_token(self, token: bytes, topic: str) -> None:
        device = self._devices.get(token)
        if device is None:
            if token in self._gone:
                raise Refusal(410, "Unregistered", self._gone[token])
            raise Refusal(400, "BadDeviceToken")
        if device.topic != topic:
            raise Refusal(400, "DeviceTokenNotForTopic")

    # --- the tester's side --------------------------------------------------------------------------------------

    def fault_next(self, *faults: Fault, times: int = 1) -> None:
        """Let the next pushes, whatever their token, meet these faults; `times` repeats the list."""
        self._next_faults.extend(faults * times)

    def fault_for(self, token: bytes, fault: Fault, times: int | None = None) -> None:
        """Let pushes to one token meet a fault, always or `times` times."""
        self._token_faults[token] = fault if times is None else deque([fault] * times)

    def clear_faults(self) -> None:
        self._next_faults.clear()
        self._token_faults.clear()

    def take_fault(self, token: bytes) -> Fault | None:
        if self._next_faults:
            return self._next_faults.popleft()
        fault = self._token_faults.get(token)
        if isinstance(fault, deque):
            return fault.popleft() if fault else None
        return fault


# --- one connection ---------------------------------------------------------------------------------------------------


class ApnsConnection(http2.Http2Connection):
    """Check each request as Apple does and answer it."""

    def __init__(self, server: ApnsServer) -> None:
        super().__init__(server.max_concurrent_streams, server.stream_window_bytes)
        self.server = server
        self.topic = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.server.connections_made += 1
        self.server.connections.add(self)
        tls = transport.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() != "h2":
            self.server.refused["NoALPN"] += 1
            transport.abort()
            self._is_over = True
            return
        self.topic = topic_of(x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)))
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.connections.discard(self)
        super().connection_lost(exc)

    def on_excess_stream(self, stream_id: int) -> None:
        self.server.refused["TooManyStreams"] += 1
        super().on_excess_stream(stream_id)

    def on_malformed(self, stream_id: int, detail: str) -> None:
        self.server.refused["Malformed"] += 1
        super().on_malformed(stream_id, detail)

    def on_request(self, stream_id: int, stream: http2.Stream) -> None:
        self.answer(stream_id, stream, meets_faults=True)

    def answer(self, stream_id: int, stream: http2.Stream, meets_faults: bool) -> None:
        """Answer a push as Apple would, unless a planted fault does."""
        headers = dict(stream.headers)
        apns_id = b""
        try:
            apns_id = _apns_id(headers)
            token, magic, expires_at = self._check(headers, stream)
            fault = self.server.take_fault(token) if meets_faults else None
            if fault is not None:
                fault.strike(self, stream_id, apns_id)
                return
            self.server.check_token(token, self.topic)
        except Refusal as refusal:
            self.refuse(stream_id, apns_id or str(uuid.uuid4()).encode(), refusal)
            return
        self.server.deliver(token, magic, expires_at)
        self.respond(stream_id, 200, [(b"apns-id", apns_id)])

    def refuse(self, stream_id: int, apns_id: bytes, refusal: Refusal, body: bytes | None = None) -> None:
        self.server.refused[refusal.reason] += 1
        if body is None:
            answer = {"reason": refusal.reason}
            if refusal.timestamp_ms is not None:
                answer["timestamp"] = refusal.timestamp_ms
            body = json.dumps(answer).encode()
        headers = [(b"apns-id", apns_id), (b"content-type", b"application/json")]
        self.respond(stream_id, refusal.status, headers, body)

    def _check(self, headers: dict[bytes, bytes], stream: http2.Stream) -> tuple[bytes, str, int | None]:
        """Return token, push magic and expiry of a request that Apple would accept, or raise Refusal."""
        if not self.topic.startswith(MDM_TOPIC_PREFIX):
            raise Refusal(403, "BadCertificate")
        if headers[b":method"] != b"POST":
            raise Refusal(405, "MethodNotAllowed")
        if headers[b":authority"] not in self.server.authorities:
            raise Refusal(421, "MisdirectedRequest")
        if headers[b":scheme"] != b"https" or not headers[b":path"].startswith(DEVICE_PATH):
            raise Refusal(404, "BadPath")
        if len(headers) != len(stream.headers) and _has_duplicates(stream.headers):
            raise Refusal(400, "DuplicateHeaders")
        expires_at = _check_options(headers, self.topic)
        return _token(headers[b":path"]), _push_magic(stream.body), expires_at


def _apns_id(headers: dict[bytes, bytes]) -> bytes:
    value = headers.get(b"apns-id")
    if value is None:
        return str(uuid.uuid4()).encode()
    if len(value) != 36:
        raise Refusal(400, "BadMessageId")
    try:
        uuid.UUID(value.decode("ascii"))
    except ValueError as exc:
        raise Refusal(400, "BadMessageId") from exc
    return value


def _has_duplicates(headers: list[tuple[bytes, bytes]]) -> bool:
    counts = Counter(name for name, _ in headers)
    return any(counts[name] > 1 for name in ONCE_HEADERS)


def _check_options(headers: dict[bytes, bytes], topic: str) -> int | None:
    """Check the apns-* headers and return the expiry in Unix seconds."""
    if not headers.get(b"apns-topic"):
        raise Refusal(400, "MissingTopic")
    if headers[b"apns-topic"] != topic.encode():
        raise Refusal(400, "TopicDisallowed")
    if headers.get(b"apns-push-type") != b"mdm":
        raise Refusal(400, "InvalidPushType")
    if headers.get(b"apns-priority", b"10") not in (b"5", b"10"):
        raise Refusal(400, "BadPriority")
    if b"apns-collapse-id" in headers and len(headers[b"apns-collapse-id"]) > 64:
        raise Refusal(400, "BadCollapseId")
    expiration = headers.get(b"apns-expiration")
    if expiration is None:
        return None
    if not expiration.isdigit() or len(expiration) > 10:
        raise Refusal(400, "BadExpirationDate")
    return int(expiration)


def _token(path: bytes) -> bytes:
    text = path[len(DEVICE_PATH) :]
    if not text:
        raise Refusal(400, "MissingDeviceToken")
    try:
        token = bytes.fromhex(text.decode("ascii"))
    except ValueError as exc:
        raise Refusal(400, "BadDeviceToken") from exc
    if len(token) * 2 != len(text):
        raise Refusal(400, "BadDeviceToken")
    return token


def _push_magic(body: bytearray) -> str:
    if len(body) > MAX_BODY_BYTES:
        raise Refusal(413, "PayloadTooLarge")
    try:
        message = json.loads(body) if body else None
    except ValueError as exc:
        raise Refusal(400, "PayloadEmpty") from exc
    # Apple names no reason for a body of the wrong shape; an MDM push that lacks its one key carries nothing.
    if not isinstance(message, dict) or list(message) != ["mdm"] or not isinstance(message["mdm"], str):
        raise Refusal(400, "PayloadEmpty")
    return message["mdm"]
