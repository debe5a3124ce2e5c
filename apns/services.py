"""Waking devices: wishes are rows, claimed in sets, pushed over one connection, and every answer of APNs is acted on.

Owns when a channel is pushed and what an outcome means for it; how a push travels is apns.client's, the statements are
in apns.statements. Nothing here waits for APNs inside a transaction, and losing a worker in the midst only means that
its claims are taken up again two minutes later: pushing twice is harmless.
Apple: "Handling notification responses from APNs".
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apns import statements
from apns.client import PushClient, PushRequest, PushResult
from apns.models import PushCertificate
from apns.querysets import waiting_channels
from devices.models import Event
from devices.timeline import record_event
from mdm_project.crypto import unseal
from mdm_project.kicker import Kicker

logger = logging.getLogger(__name__)

CLAIM_LIMIT = 2000
SWEEP_LIMIT = 5000
PUSH_LIFETIME = timedelta(days=7)
FIRST_WAKE_AFTER_S = 3600
LATER_WAKES_AFTER_S = 6 * 3600

# First pause and longest pause, doubling in between. Too many pushes to one device is that device's business; the rest
# is APNs or the network, which come back for all at once.
TOO_MANY_BACKOFF_S = (60.0, 3600.0)
FAULT_BACKOFF_S = (15.0, 900.0)

_pusher = Kicker("apns.push_due")


@dataclass(frozen=True)
class Claim:
    """A channel that this worker is to push to now."""

    channel_id: int
    token: bytes
    push_magic: str
    claimed_at: datetime


# Asking


def request_wake(channels) -> int:
    """Ask that every channel of a ChannelQuerySet be woken, after commit and once, however often it is asked.

    Left out are channels that cannot be woken: unenrolled, gone, or with a token that APNs refused. Returns the number
    of wishes. Call it in the transaction of what there is to fetch.
    """
    sql, parameters = channels.order_by().values("id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(statements.REQUEST.format(channels=sql), parameters)
        wished = cursor.rowcount
    if wished:
        transaction.on_commit(_pusher.kick)
    return wished


def sweep_wakes() -> int:
    """Ask anew for channels that have commands waiting and stay silent; return how many.

    An hour after the last push or contact, then every six hours until the device is heard of.
    """
    sql, parameters = waiting_channels().query.sql_with_params()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements.CLEAR_HOPELESS)
        cursor.execute(
            statements.SWEEP.format(waiting=sql),
            [FIRST_WAKE_AFTER_S, LATER_WAKES_AFTER_S, *parameters, SWEEP_LIMIT],
        )
        wished = cursor.rowcount
        if wished:
            transaction.on_commit(_pusher.kick)
    return wished


# Pushing


def push_due(limit: int = CLAIM_LIMIT) -> int:
    """Push to up to `limit` channels of each topic that are due; return how many were claimed.

    A certificate with an alarm gets one push now and then, to learn whether it is solved.
    """
    claimed = 0
    for certificate in PushCertificate.objects.pushing().order_by("id"):
        claims = _claim(certificate.topic, 1 if certificate.alarm else limit)
        if not claims:
            continue
        claimed += len(claims)
        results = _push(certificate, claims)
        _act_on(certificate, claims, results)
    return claimed


def _claim(topic: str, limit: int) -> list[Claim]:
    with connection.cursor() as cursor:
        cursor.execute(statements.CLAIM, {"topic": topic, "limit": limit})
        return [Claim(id_, bytes(token), magic, at) for id_, token, magic, at in cursor.fetchall()]


def _push(certificate: PushCertificate, claims: list[Claim]) -> dict[int, PushResult]:
    client = PushClient(
        certificate.certificate_pem.encode(),
        unseal(certificate.key_encrypted, certificate.key_context),
        certificate.topic,
        settings.APNS_HOST,
        settings.APNS_PORT,
        settings.APNS_CA_FILE,
    )
    expires_at = timezone.now() + PUSH_LIFETIME
    return client.push_many(
        PushRequest(claim.channel_id, claim.token, claim.push_magic, certificate.topic, expires_at=expires_at)
        for claim in claims
    )


# Acting on outcomes


@transaction.atomic
def _act_on(certificate: PushCertificate, claims: list[Claim], results: dict[int, PushResult]) -> None:
    # Channel rows before push states, the order in which a TokenUpdate locks them.
    _mark_gone(claims, results)
    _record(claims, results)
    _judge_certificate(certificate, results)


def _record(claims: list[Claim], results: dict[int, PushResult]) -> None:
    ordered = sorted(claims, key=lambda claim: claim.channel_id)
    outcomes = [results[claim.channel_id] for claim in ordered]
    backoffs = [_backoff_s(outcome) for outcome in outcomes]
    with connection.cursor() as cursor:
        cursor.execute(
            statements.RECORD,
            {
                "channel_ids": [claim.channel_id for claim in ordered],
                "statuses": [outcome.status for outcome in outcomes],
                "reasons": [outcome.reason or outcome.transport_error for outcome in outcomes],
                "apns_ids": [outcome.apns_id for outcome in outcomes],
                "backoffs_s": [first for first, _ in backoffs],
                "backoffs_max_s": [longest for _, longest in backoffs],
                "are_still_wanted": [outcome.should_back_off or outcome.is_configuration_error for outcome in outcomes],
                "claimed_at": claims[0].claimed_at,
            },
        )
    _log_mistakes(outcomes)


def _backoff_s(outcome: PushResult) -> tuple[float | None, float | None]:
    if not outcome.should_back_off:
        return None, None
    return TOO_MANY_BACKOFF_S if outcome.status == 429 else FAULT_BACKOFF_S


def _log_mistakes(outcomes: list[PushResult]) -> None:
    """Log the answers that only a mistake of ours explains: they are not tried again."""
    expected = ("accepted", "gone", "is_token_error", "is_configuration_error", "should_back_off")
    mistakes = {(one.status, one.reason) for one in outcomes if not any(getattr(one, name) for name in expected)}
    for status, reason in sorted(mistakes):
        logger.error("APNs refuses a push as malformed: %s %s", status, reason)


def _mark_gone(claims: list[Claim], results: dict[int, PushResult]) -> None:
    dead = [claim for claim in claims if results[claim.channel_id].gone]
    if not dead:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            statements.MARK_GONE,
            {
                "channel_ids": [claim.channel_id for claim in dead],
                "tokens": [claim.token for claim in dead],
                "gone_at": [results[claim.channel_id].timestamp for claim in dead],
                "claimed_at": dead[0].claimed_at,
            },
        )
        marked = cursor.fetchall()
    Event.objects.bulk_create(
        Event(
            kind="push_gone",
            actor="APNs",
            device_id=device_id,
            summary=f"{'a user channel' if is_user else 'the device'} is probably gone: its push token is dead",
            data={"channel_id": channel_id},
        )
        for channel_id, device_id, is_user in sorted(marked)
    )


def _judge_certificate(certificate: PushCertificate, results: dict[int, PushResult]) -> None:
    """Raise the alarm of the certificate, or end it, unless it was replaced while we pushed."""
    this_one = PushCertificate.objects.filter(pk=certificate.pk, fingerprint=bytes(certificate.fingerprint))
    wrong = next((result for result in results.values() if result.is_configuration_error), None)
    if wrong is not None:
        alarm = wrong.transport_error or f"APNs answers {wrong.status} {wrong.reason}".strip()
        if this_one.update(alarm=alarm, alarm_at=timezone.now()) and not certificate.alarm:
            record_event("push_alarm", f"pushing stopped for {certificate.topic}: {alarm}", actor="APNs")
    elif certificate.alarm and any(result.accepted for result in results.values()):
        this_one.update(alarm="", alarm_at=None)
        record_event("push_alarm_solved", f"pushing works again for {certificate.topic}", actor="APNs")
