"""A lean HTTP/1.1 client on asyncio streams: keep-alive, TLS, client certificates, and ways to misbehave.

Owns bytes on the wire and nothing about MDM. It is strict where a device is (framing, sizes) and follows no redirect
unless asked to, since devices do so for downloads only. RFC 9110 and RFC 9112.
"""

import asyncio
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_REDIRECTS = 5


class TransportError(Exception):
    """The exchange failed before a whole response was read; the server may or may not have acted."""


@dataclass(frozen=True)
class Response:
    """One whole answer; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass
class _Connection:
    origin: tuple[str, str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answered: int = field(default=0)

    def close(self) -> None:
        self.writer.close()


def tls_context(*, extra_roots_pem: str = "", identity=None) -> ssl.SSLContext:
    """Build the trust of a device: the system's roots, those a profile brought, and its client certificate.

    identity has `key` and `certificate`; ssl loads key files only from disk, so they are written to a private
    folder for the moment of loading.
    """
    context = ssl.create_default_context()
    if extra_roots_pem:
        context.load_verify_locations(cadata=extra_roots_pem)
    if identity is None:
        return context
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "identity.pem"
        path.touch(mode=0o600)
        pem = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + identity.certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(path)
    return context


class Client:
    """Keep one connection open to the server last spoken to, as a device does during a session."""

    def __init__(
        self, tls: Callable[[], ssl.SSLContext] = tls_context, *, user_agent: str = "MDM/1.0", timeout_s: float = 30
    ):
        self._make_tls = tls  # a context costs memory and milliseconds: it is made when https is first spoken
        self._tls: ssl.SSLContext | None = None
        self.user_agent = user_agent
        self.timeout_s = timeout_s
        self._connection: _Connection | None = None

    async def request(self, method, url, *, headers=None, body: bytes = b"", lose_response=False) -> Response:
        """Send one request and read its answer; raise TransportError when there is none.

        lose_response sends the request and hangs up without reading, which raises TransportError too.
        """
        target = urlsplit(url)
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._attempt(method, target, headers or {}, body, lose_response)
        except TimeoutError as error:
            self.close()
            raise TransportError(f"no answer from {target.netloc} within {self.timeout_s} s") from error
        except BaseException:
            self.close()
            raise

    async def download(self, url: str) -> Response:
        """GET a URL and follow redirects, as Safari does for a profile."""
        for _ in range(MAX_REDIRECTS):
            response = await self.request("GET", url)
            if response.status not in (301, 302, 303, 307, 308) or "location" not in response.headers:
                return response
            url = urljoin(url, response.headers["location"])
        raise TransportError(f"more than {MAX_REDIRECTS} redirects")

    def close(self) -> None:
        """Hang up; the next request opens a new connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _attempt(self, method, target: SplitResult, headers, body, lose_response) -> Response:
        while True:
            connection = await self._connect(target)
            fresh = connection.answered == 0
            try:
                await _send(connection, method, target, self._headers(target, headers, body), body)
                if lose_response:
                    raise TransportError("hung up before reading the answer")
                response = await _read_response(connection.reader)
            except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError) as error:
                self.close()
                # A kept connection may have been closed by the server meanwhile: that alone is worth a second try.
                nothing_read = not isinstance(error, asyncio.IncompleteReadError) or not error.partial
                if fresh or not nothing_read:
                    raise TransportError(f"connection to {target.netloc} failed: {error!r}") from error
                continue
            connection.answered += 1
            if response.headers.get("connection", "").lower() == "close":
                self.close()
            return response

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls

    def _headers(self, target: SplitResult, headers: dict, body: bytes) -> dict:
        own = {"Host": target.netloc, "User-Agent": self.user_agent, "Accept": "*/*"}
        if body:
            own["Content-Length"] = str(len(body))
        return own | headers

    async def _connect(self, target: SplitResult) -> _Connection:
        port = target.port or (443 if target.scheme == "https" else 80)
        origin = (target.scheme, target.hostname or "", port)
        if self._connection is not None and self._connection.origin == origin:
            return self._connection
        self.close()
        tls = self._trust() if target.scheme == "https" else None
        try:
            reader, writer = await asyncio.open_connection(origin[1], port, ssl=tls, limit=MAX_HEAD_BYTES)
        except OSError as error:  # includes failed TLS handshakes
            raise TransportError(f"no connection to {target.netloc}: {error}") from error
        self._connection = _Connection(origin, reader, writer)
        return self._connection


async def _send(connection: _Connection, method: str, target: SplitResult, headers: dict, body: bytes) -> None:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection.writer.write(head.encode("latin-1") + b"\r\n" + body)
    await connection.writer.drain()


async def _read_response(reader: asyncio.StreamReader) -> Response:
    status, headers = await _read_head(reader)
    while 100 <= status < 200:
        status, headers = await _read_head(reader)
    return Response(status, headers, await _read_body(reader, status, headers))


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise TransportError("response head too large") from error
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise TransportError(f"no HTTP/1.1 status line: {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise TransportError(f"malformed header line: {line[:80]!r}")
        headers[name.lower()] = value.strip()
    return int(rest[:3]), headers


async def _read_body(reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> bytes:
    if status in (204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    if "content-length" not in headers:
        headers["connection"] = "close"  # the body ends where the connection does
        return await reader.read(-1)
    length = headers["content-length"]
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise TransportError(f"unusable Content-Length {length[:40]!r}")
    return await reader.readexactly(int(length))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size_bytes = int(line.split(b";")[0], 16)
        except ValueError as error:
            raise TransportError(f"malformed chunk size {line[:40]!r}") from error
        if len(body) + size_bytes > MAX_BODY_BYTES:
            raise TransportError("body is too large")
        chunk = await reader.readexactly(size_bytes + 2)
        if size_bytes == 0:
            return bytes(body)
        body += chunk[:-2]
