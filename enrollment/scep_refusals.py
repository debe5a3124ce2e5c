"""SCEP requests that were refused, kept and shown like refused messages of devices: why, for whom, from where.

The same refusal from the same address counts up instead of filling the list (devices.rejections), whatever keys and
nonces the requests have. A challenge is shown by its first characters only, the rest of a request is not kept.
"""

from devices.models import Identity
from devices.rejections import Refusal, keep_refusal
from enrollment.challenges import bound_key_of
from enrollment.scep import PkiMessage
from mdm_project import pki
from mdm_project.csr import CertificateRequest

CODE = "scep_request_refused"
HINT_CHARACTERS = 4


def keep_refused_request(
    environ: dict, message: PkiMessage, request: CertificateRequest | None, reason: str, size_bytes: int
) -> None:
    """Keep a request that is answered with a failure; ``request`` is None where it could not be opened."""
    subject = request.subject_text if request else message.signer.subject.rfc4514_string()
    words = f"a certificate for {subject or 'nobody'} was refused: {reason}"
    if request and request.challenge:
        words += f" (challenge {masked(request.challenge)})"
    keep_refusal(
        environ,
        Refusal(
            status=200, code=CODE, reason=words, claimed_key=subject, size_bytes=size_bytes,
            known_key=_enrollment_key(message, request),
        ),
    )  # fmt: skip


def masked(challenge: str) -> str:
    """Return the beginning of a challenge, enough to find the profile that somebody typed it from."""
    return f"{challenge[:HINT_CHARACTERS]}…" if len(challenge) > 2 * HINT_CHARACTERS else "…"


def _enrollment_key(message: PkiMessage, request: CertificateRequest | None) -> str:
    """Return which enrollment it is from, as far as its signer or its challenge tells."""
    identity = Identity.objects.filter(fingerprint=pki.fingerprint(message.signer)).only("enrollment_key").first()
    if identity is not None and identity.enrollment_key:
        return identity.enrollment_key
    return bound_key_of(request.challenge) if request and request.challenge else ""
