"""Deciding on a SCEP request: whether its sender is entitled to an identity, and the answer it gets.

Owns the policy; the message format is in scep, the secrets in challenges, the identities in devices.authorities.
"""

import logging

from cryptography import x509
from django.db import transaction

from devices import authorities
from devices.authorities import KeyPair
from enrollment import scep
from enrollment.challenges import ChallengeRefused, use_challenge
from enrollment.models import ScepChallenge
from enrollment.scep_refusals import keep_refused_request
from mdm_project import pki
from mdm_project.csr import CertificateRequest
from mdm_project.enveloped import Recipient

log = logging.getLogger(__name__)


def answer_request(der: bytes, environ: dict) -> bytes:
    """Return the CertRep to a request, success or failure.

    Raises BadRequest for what is no SCEP message at all. A failure is kept with its reason and where it came from
    (``environ``), never with the whole challenge.
    """
    message = scep.read_message(der)
    ours = authorities.our_authorities()
    recipients = [Recipient(own.certificate, own.key) for own in ours]
    issuer = replier = recipients[0]
    opened = None
    try:
        opened = scep.open_request(message, recipients)
        # Signed by the authority that was asked: a client knows that one, though it may have been rotated since.
        replier = recipients[opened.recipient_index]
        certificates = [_issue(message, opened.request, ours[0])]
        if replier is not issuer:
            certificates.append(issuer.certificate)
        return scep.success(message, certificates, opened.cipher, replier)
    except scep.RequestFailed as failed:
        log.warning("SCEP request refused: %s", failed.reason)
        keep_refused_request(environ, message, opened.request if opened else None, failed.reason, len(der))
        return scep.failure(message, failed.fail_info, replier)


@transaction.atomic
def _issue(message: scep.PkiMessage, request: CertificateRequest, issuer: KeyPair) -> x509.Certificate:
    """Issue to whoever signed the message: a device with its active identity, or a holder of a challenge.

    Clients older than RFC 8894 renew with a PKCSReq, too, so the signer decides, not the kind of message.
    """
    is_self_signed = message.signer.issuer == message.signer.subject
    identity = None if is_self_signed else authorities.renewable_identity(pki.fingerprint(message.signer))
    if identity:
        return authorities.issue_identity(
            request, issuer, challenge_id=identity.challenge_id, bound_key=identity.enrollment_key, is_renewal=True
        )
    challenge = _used_challenge(message, request)
    known = _issued_before(challenge, request)
    if known is not None:
        return known
    if challenge.bound_key and authorities.was_revoked(challenge.bound_key):
        reason = "the enrollment that this renewal is for has no certificate any more: it was revoked"
        raise scep.RequestFailed(scep.BAD_REQUEST, reason)
    return authorities.issue_identity(
        request,
        issuer,
        challenge_id=challenge.pk,
        bound_key=challenge.bound_key,
        is_renewal=challenge.purpose == ScepChallenge.Purpose.RENEW,
    )


def _issued_before(challenge: ScepChallenge, request: CertificateRequest) -> x509.Certificate | None:
    """Return the certificate that this key got with this challenge: a device that asks again gets no second one.

    Raises RequestFailed where that one was revoked or has ended.
    """
    identity = authorities.identity_of_challenge(challenge.pk, pki.key_hash(request.public_key))
    if identity is None:
        return None
    if not identity.is_active:
        raise scep.RequestFailed(
            scep.BAD_REQUEST, f"the certificate of this challenge was ended: {identity.end_reason}"
        )
    return x509.load_der_x509_certificate(bytes(identity.certificate_der))


def _used_challenge(message: scep.PkiMessage, request: CertificateRequest) -> ScepChallenge:
    if message.message_type != scep.PKCS_REQ:
        raise scep.RequestFailed(scep.BAD_REQUEST, "the request is not signed by an active identity of a device")
    if not request.challenge:
        raise scep.RequestFailed(scep.BAD_REQUEST, "the request has no challenge")
    # The signer need not have the key that is certified: some clients sign with a key made for the transaction alone.
    # The request's own signature proves possession, and the challenge entitles.
    try:
        return use_challenge(request.challenge, pki.key_hash(request.public_key))
    except ChallengeRefused as error:
        raise scep.RequestFailed(scep.BAD_REQUEST, error.detail) from None
