"""The door to APNs: many pushes in, one result a channel out, over one lasting connection a certificate.

Owns results, the retries of what APNs did not process, and the synchronous front for Celery's workers. The wire is
apns.connection's, connecting is apns.pool's, and what a result means for a device is apns.services'.
Apple: "Sending notification requests to APNs", "Handling notification responses from APNs".
"""

import asyncio
import datetime as dt
import random
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from aioapns.common import NotificationRequest, PushType

from apns.connection import PushConnection
from apns.exchange import Exchange, reason_of, timestamp_ms_of
from apns.pool import (
    CERTIFICATE_REFUSED,
    CERTIFICATE_UNUSABLE,
    SERVER_UNTRUSTED,
    CannotConnect,
    ConnectionPool,
    PushIdentity,
)
from apns.runtime import runtime

MAX_ATTEMPTS = 3
CERTIFICATE_EXPIRED = "CertificateExpired"
CERTIFICATE_NOT_YET_VALID = "CertificateNotYetValid"

# Apple's reasons that blame the certificate, its topic or its environment (provider tokens are never used here), and
# ours for what is noticed before a push is sent.
CONFIGURATION_REASONS = frozenset(
    [
        "BadCertificate",
        "BadCertificateEnvironment",
        "BadTopic",
        "ExpiredProviderToken",
        "Forbidden",
        "InvalidProviderToken",
        "MissingProviderToken",
        "MissingTopic",
        "TopicDisallowed",
        CERTIFICATE_EXPIRED,
        CERTIFICATE_NOT_YET_VALID,
        CERTIFICATE_REFUSED,
        CERTIFICATE_UNUSABLE,
        SERVER_UNTRUSTED,
    ]
)
TOKEN_REASONS = frozenset(["BadDeviceToken", "DeviceTokenNotForTopic"])


@dataclass(frozen=True)
class PushRequest:
    """One channel to wake. Without `expires_at` APNs decides how long it keeps the push for a device that is away."""

    channel_id: Hashable
    token: bytes
    push_magic: str
    topic: str
    priority: int = 10
    expires_at: dt.datetime | None = None


@dataclass(frozen=True)
class PushResult:
    """What became of a push: APNs' status and reason, or why there is none (`transport_error`).

    `timestamp` comes with 410 only: since when APNs knows that the token is dead.
    """

    status: int | None
    reason: str = ""
    timestamp: dt.datetime | None = None
    apns_id: str = ""
    transport_error: str = ""

    @property
    def accepted(self) -> bool:
        """APNs took it; that the device got it shows only when the device connects."""
        return self.status == 200

    @property
    def gone(self) -> bool:
        return self.status == 410

    @property
    def is_token_error(self) -> bool:
        """This token will never work here; a new TokenUpdate brings another one."""
        return self.status == 400 and self.reason in TOKEN_REASONS

    @property
    def is_configuration_error(self) -> bool:
        """The certificate, its topic or a setting is wrong: no push of this topic can succeed."""
        return self.reason in CONFIGURATION_REASONS or self.status == 403

    @property
    def should_back_off(self) -> bool:
        """Trying again later is right: overload, a fault at APNs, or no answer at all."""
        if self.is_configuration_error:
            return False
        return self.status is None or self.status == 429 or self.status >= 500 or self.reason == "IdleTimeout"


class PushClient:
    """Push with one certificate. Cheap to make: connections live in the process and are found by the certificate."""

    def __init__(
        self,
        certificate_pem: bytes,
        key_pem: bytes,
        topic: str,
        host: str,
        port: int,
        ca_file: str | None = None,
        *,
        connect_timeout_s: float = 15.0,
        answer_timeout_s: float = 30.0,
        retry_base_s: float = 0.5,
    ) -> None:
        self.identity = PushIdentity(
            certificate_pem, key_pem, topic, host, port, ca_file or None, connect_timeout_s, answer_timeout_s
        )
        self.retry_base_s = retry_base_s

    def push_many(self, requests: Iterable[PushRequest]) -> dict[Hashable, PushResult]:
        """Send every push and return the results by channel; a channel named twice is pushed once.

        Blocks until each has an answer, a failure, or no answer in time. Never raises for what APNs or the network
        does. May be called from several threads at once.
        """
        exchanges = {request.channel_id: _exchange(request) for request in requests}
        if not exchanges:
            return {}
        problem = self._certificate_problem()
        if problem is not None:
            return dict.fromkeys(exchanges, problem)
        now_running = runtime()
        now_running.run(_deliver(now_running.pool, self.identity, list(exchanges.values()), self.retry_base_s))
        return {channel_id: _result(exchange) for channel_id, exchange in exchanges.items()}

    def _certificate_problem(self) -> PushResult | None:
        """Notice an expired certificate here: APNs would only break the handshake with a meaningless alert."""
        now = dt.datetime.now(dt.UTC)
        certificate = self.identity.certificate
        if certificate.not_valid_after_utc <= now:
            detail = f"the push certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
            return PushResult(None, CERTIFICATE_EXPIRED, transport_error=detail)
        if certificate.not_valid_before_utc > now:
            detail = f"the push certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only"
            return PushResult(None, CERTIFICATE_NOT_YET_VALID, transport_error=detail)
        return None


async def _deliver(
    pool: ConnectionPool, identity: PushIdentity, exchanges: list[Exchange], retry_base_s: float
) -> None:
    """Send until each exchange is finished for good; what APNs did not process is sent again, a few times at most.

    Sending twice is harmless: APNs keeps one push a device, and waking a device that is awake does nothing.
    """
    todo = exchanges
    failures = 0
    while todo:
        try:
            connection = await pool.acquire(identity)
        except CannotConnect as exc:
            failures += 1
            if exc.reason or failures >= MAX_ATTEMPTS:
                _fail(todo, str(exc), exc.reason)
                return
        else:
            await _send_and_wait(connection, todo)
            again = [exchange for exchange in todo if exchange.is_unprocessed]
            # A round in which something was answered is progress: Apple may end a connection in the midst of a batch.
            failures = failures + 1 if len(again) == len(todo) else 0
            if failures >= MAX_ATTEMPTS:
                return
            todo = [exchange for exchange in again if exchange.attempts < MAX_ATTEMPTS]
            # If one of them makes APNs end the connection, it must not be ahead of the same others again.
            random.shuffle(todo)
        if todo:
            await asyncio.sleep(retry_base_s * 2**failures * random.uniform(0.5, 1.0))


async def _send_and_wait(connection: PushConnection, exchanges: list[Exchange]) -> None:
    done = asyncio.get_running_loop().create_future()
    unfinished = len(exchanges)

    def count_down(_: Exchange) -> None:
        nonlocal unfinished
        unfinished -= 1
        if not unfinished and not done.done():
            done.set_result(None)

    for exchange in exchanges:
        exchange.reset()
        exchange.on_finished = count_down
    try:
        connection.send(exchanges)
        await done
    finally:
        connection.abandon(exchanges)


def _fail(exchanges: list[Exchange], detail: str, reason: str) -> None:
    for exchange in exchanges:
        exchange.reset()
        exchange.finish(detail, reason=reason)


def _exchange(request: PushRequest) -> Exchange:
    notification = NotificationRequest(
        request.token.hex(),
        {"mdm": request.push_magic},
        priority=request.priority,
        push_type=PushType.MDM,
        apns_topic=request.topic,
    )
    return Exchange(notification, int(request.expires_at.timestamp()) if request.expires_at else None)


def _result(exchange: Exchange) -> PushResult:
    apns_id = exchange.request.notification_id
    if exchange.failure:
        return PushResult(None, exchange.reason, apns_id=apns_id, transport_error=exchange.failure)
    return PushResult(exchange.status, reason_of(exchange.body), _timestamp(exchange), apns_id)


def _timestamp(exchange: Exchange) -> dt.datetime | None:
    milliseconds = timestamp_ms_of(exchange.body) if exchange.status == 410 else None
    if milliseconds is None:
        return None
    try:
        return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
