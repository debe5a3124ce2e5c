"""The secrets that entitle a device to ask for an identity, from making them to using them up.

A challenge travels in an enrollment profile and comes back inside the encrypted SCEP request. Only its hash is stored
(it is random, so a plain hash is enough), except that a shared one is also kept encrypted: it goes into many profiles.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from enrollment.models import EnrollmentProfile, ScepChallenge
from mdm_project.crypto import seal, unseal
from mdm_project.errors import Refused

SECRET_BYTES = 24
ONE_TIME_LIFETIME = timedelta(days=7)
RENEWAL_LIFETIME = timedelta(days=30)
# A device whose enrollment fails mid-way asks again with the challenge it has; only erasing it would give it another.
SAME_KEY_GRACE = timedelta(hours=1)


class ChallengeRefused(Refused):
    """One answer for a wrong, used, expired or revoked challenge."""

    code = "challenge_refused"


def one_time_challenge(profile: EnrollmentProfile) -> str:
    """Return a new secret for one enrollment with a profile."""
    return _create(profile=profile, expires_at=timezone.now() + ONE_TIME_LIFETIME)


def renewal_challenge(profile: EnrollmentProfile, enrollment_key: str) -> str:
    """Return a new secret with which one enrollment gets its next identity; earlier unused ones end."""
    return renewal_challenges([(profile, enrollment_key)])[0]


@transaction.atomic
def renewal_challenges(wanted: Iterable[tuple[EnrollmentProfile, str]]) -> list[str]:
    """Return new secrets with which enrollments get their next identities; earlier unused ones end. Two statements."""
    wanted, now = list(wanted), timezone.now()
    purpose = ScepChallenge.Purpose.RENEW
    keys = [key for _profile, key in wanted]
    earlier = ScepChallenge.objects.filter(purpose=purpose, bound_key__in=keys, uses=0, revoked_at=None)
    earlier.update(revoked_at=now)
    return _create_bound(wanted, purpose, now + RENEWAL_LIFETIME)


def return_challenges(wanted: Iterable[tuple[EnrollmentProfile, str]], expires_at: datetime) -> list[str]:
    """Return new secrets, each for one enrollment of the device that its key names; one statement."""
    return _create_bound(wanted, ScepChallenge.Purpose.ENROLL, expires_at)


def _create_bound(wanted: Iterable[tuple[EnrollmentProfile, str]], purpose: str, expires_at: datetime) -> list[str]:
    made = [(secrets.token_urlsafe(SECRET_BYTES), profile, key) for profile, key in wanted]
    ScepChallenge.objects.bulk_create(
        ScepChallenge(secret_hash=_hash(secret), profile=profile, purpose=purpose, bound_key=key, expires_at=expires_at)
        for secret, profile, key in made
    )
    return [secret for secret, _profile, _key in made]


@transaction.atomic
def shared_challenge(profile: EnrollmentProfile) -> str:
    """Return the secret that all downloads of a profile share, a new one when the last is used up or about to end."""
    EnrollmentProfile.objects.select_for_update().get(pk=profile.pk)
    now = timezone.now()
    usable = ScepChallenge.objects.filter(profile=profile, revoked_at=None, uses__lt=F("max_uses"))
    # A profile should be good for a while after its download.
    current = usable.exclude(secret_encrypted=None).filter(expires_at__gt=now + timedelta(hours=1)).first()
    if current:
        return unseal(bytes(current.secret_encrypted), _context(current.secret_hash)).decode()
    lifetime = timedelta(days=profile.shared_challenge_days)
    return _create(profile=profile, max_uses=profile.shared_challenge_uses, expires_at=now + lifetime, is_shared=True)


def _create(*, is_shared: bool = False, **fields) -> str:
    secret = secrets.token_urlsafe(SECRET_BYTES)
    secret_hash = _hash(secret)
    if is_shared:
        fields["secret_encrypted"] = seal(secret.encode(), _context(secret_hash))
    ScepChallenge.objects.create(secret_hash=secret_hash, **fields)
    return secret


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _context(secret_hash: bytes) -> str:
    return f"scep-challenge:{bytes(secret_hash).hex()}"


def use_challenge(secret: str, key_hash: bytes) -> ScepChallenge:
    """Take one use of a challenge for a public key and return it; raises ChallengeRefused.

    Call it in the transaction that issues the identity, so that a failure there gives the use back. The key that used
    it last may ask again for an hour without taking another use.
    """
    now = timezone.now()
    challenges = ScepChallenge.objects.filter(secret_hash=_hash(secret), revoked_at=None)
    challenge = challenges.first()
    if challenge and _used_just_now(challenge, key_hash, now):
        return challenge
    # One statement that both checks and takes: two devices cannot both get the last use.
    usable = challenges.filter(expires_at__gt=now, uses__lt=F("max_uses"))
    if challenge and usable.update(uses=F("uses") + 1, used_key_hash=key_hash, used_at=now):
        return challenge
    challenge = challenges.first()
    if challenge and _used_just_now(challenge, key_hash, now):  # the same request, twice at once
        return challenge
    raise ChallengeRefused("the challenge is unknown, used up or has expired")


def _used_just_now(challenge: ScepChallenge, key_hash: bytes, now: datetime) -> bool:
    is_same_key = bytes(challenge.used_key_hash or b"") == key_hash
    return is_same_key and challenge.used_at > now - SAME_KEY_GRACE


def bound_key_of(secret: str) -> str:
    """Return the enrollment that a challenge was made for (a renewal), whether or not it is good any more."""
    rows = ScepChallenge.objects.filter(secret_hash=_hash(secret)).order_by("pk").values_list("bound_key", flat=True)
    return rows.first() or ""
