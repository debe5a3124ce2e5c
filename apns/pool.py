"""The lasting connections to APNs: one for each topic and server, replaced when the certificate changes.

Owns connecting: TLS with the push certificate, ALPN, and saying precisely why it failed. What goes over a connection is
apns.connection's. Everything here runs in the event loop's thread.
Apple: "Establishing a certificate-based connection to APNs" (keep connections open, one certificate one connection).
"""

import asyncio
import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from apns.connection import PushConnection

PROBE_AFTER_S = 60.0
PROBE_TIMEOUT_S = 5.0

CERTIFICATE_REFUSED = "CertificateRefused"
CERTIFICATE_UNUSABLE = "CertificateUnusable"
SERVER_UNTRUSTED = "ServerUntrusted"


class CannotConnect(Exception):
    """There is no connection to APNs; `reason` is set when trying again cannot help."""

    def __init__(self, detail: str, reason: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class PushIdentity:
    """Who pushes and through which server; `ca_file` None trusts the system's authorities."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    topic: str
    host: str
    port: int
    ca_file: str | None
    connect_timeout_s: float
    answer_timeout_s: float

    @cached_property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_pem)

    @cached_property
    def fingerprint(self) -> bytes:
        return self.certificate.fingerprint(hashes.SHA256())

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Slot:
    """The place of one topic and server."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.connection: PushConnection | None = None
        self.owner: tuple[bytes, str | None] = (b"", None)


class ConnectionPool:
    """Hand out the connection of an identity, making it when there is none that works."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._slots: dict[tuple[str, str, int], _Slot] = {}
        self._open: set[PushConnection] = set()

    async def acquire(self, identity: PushIdentity) -> PushConnection:
        """Return a live connection or raise CannotConnect; callers share it."""
        slot = self._slots.setdefault((identity.topic, identity.host, identity.port), _Slot())
        owner = (identity.fingerprint, identity.ca_file)
        async with slot.lock:
            current = slot.connection
            if current is not None and slot.owner != owner:
                current.retire()
                current = None
            if current is not None and await _is_alive(current):
                return current
            slot.connection = None
            slot.connection = await self._connect(identity)
            slot.owner = owner
            return slot.connection

    async def close(self) -> None:
        """Close every connection; what waits on them finishes unanswered."""
        for connection in list(self._open):
            connection.end("the worker is stopping", at_once=True)
        while self._open:
            await asyncio.sleep(0.01)

    async def _connect(self, identity: PushIdentity) -> PushConnection:
        factory = partial(
            PushConnection,
            self.loop,
            identity.authority,
            identity.topic,
            identity.answer_timeout_s,
            self._open.discard,
        )
        context = _tls_context(identity)
        try:
            async with asyncio.timeout(identity.connect_timeout_s):
                transport, connection = await self.loop.create_connection(
                    factory, identity.host, identity.port, ssl=context, server_hostname=identity.host
                )
                await _until_usable(transport, connection)
        except TimeoutError as exc:
            raise CannotConnect(f"no connection within {identity.connect_timeout_s:g} s") from exc
        except ssl.SSLError as exc:
            raise CannotConnect(f"TLS failed: {exc.reason or exc}", _tls_reason(exc)) from exc
        except OSError as exc:
            raise CannotConnect(f"no connection to {identity.authority}: {exc}") from exc
        if connection.is_open:
            self._open.add(connection)
        return connection


async def _is_alive(connection: PushConnection) -> bool:
    if not connection.is_open:
        return False
    return connection.idle_s < PROBE_AFTER_S or await connection.probe(PROBE_TIMEOUT_S)


async def _until_usable(transport: asyncio.BaseTransport, connection: PushConnection) -> None:
    """Wait for the peer's settings: its limit on streams binds from the first push on."""
    try:
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            raise CannotConnect("the server does not offer HTTP/2 (ALPN h2)")
        await connection.ready
    except BaseException:
        connection.end("the connection could not be used", at_once=True)
        raise


def _tls_context(identity: PushIdentity) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=identity.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        _load_identity(context, identity)
    except (ssl.SSLError, ValueError, OSError) as exc:
        detail = f"the push certificate, its key or APNS_CA_FILE cannot be used: {exc}"
        raise CannotConnect(detail, CERTIFICATE_UNUSABLE) from exc
    return context


def _load_identity(context: ssl.SSLContext, identity: PushIdentity) -> None:
    """Load certificate and key. ssl reads only files: the key touches the disk encrypted with a one-time password."""
    password = secrets.token_hex(32).encode()
    key = serialization.load_pem_private_key(identity.key_pem, None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        path = Path(folder) / "push.pem"
        path.write_bytes(identity.certificate_pem.strip() + b"\n" + encrypted)
        context.load_cert_chain(path, password=password)


def _tls_reason(exc: ssl.SSLError) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return SERVER_UNTRUSTED
    alert = exc.reason or ""
    is_refusal = "ALERT" in alert and ("CERTIFICATE" in alert or "UNKNOWN_CA" in alert)
    return CERTIFICATE_REFUSED if is_refusal else ""
