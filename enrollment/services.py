"""Enrollment profiles handed out, identities renewed, and the demo profile of a first run."""

from django.db import transaction

from apns.models import PushCertificate
from commands.models import Command
from devices.models import Enrollment, Identity
from devices.timeline import Actor
from enrollment import challenges
from enrollment.models import EnrollmentProfile
from enrollment.profiles import signed_enrollment_profile
from enrollment.renewals import renew
from mdm_project.errors import Conflict, NotFound

DEMO_SLUG = "demo"
DEMO_USES = 100_000
DEMO_DAYS = 365


class NotReady(Conflict):
    """Something that every enrollment profile needs is missing; the message says what."""

    code = "not_ready"


def enrollment_topic() -> str:
    """Return the topic that new enrollments get; raise NotReady while there is no push certificate."""
    certificates = PushCertificate.objects.order_by("-is_default", "-not_after", "id")
    topic = certificates.values_list("topic", flat=True).first()
    if topic is None:
        raise NotReady("no push certificate is uploaded yet: devices could not be woken")
    return topic


@transaction.atomic
def hand_out_profile(profile: EnrollmentProfile) -> bytes:
    """Return the signed enrollment profile with a challenge in it: a one-time one, or the profile's shared one."""
    if not profile.is_enabled:
        raise NotFound("this enrollment profile is switched off")
    topic = enrollment_topic()
    if profile.shared_challenge_uses:
        secret = challenges.shared_challenge(profile)
    else:
        secret = challenges.one_time_challenge(profile)
    return signed_enrollment_profile(profile, challenge=secret, topic=topic)


@transaction.atomic
def renew_identity(enrollment: Enrollment, *, actor: Actor, reason: str = "") -> Command:
    """Give a device a new client certificate before its own expires, by sending it its enrollment profile anew.

    The profile keeps topic and URLs of the enrollment, which may never change; only the challenge is new, and good for
    this enrollment alone. Raises Conflict for a device that is not enrolled, or that did not come by a profile of ours.
    """
    if enrollment.state != Enrollment.State.ENROLLED or not enrollment.is_current:
        raise Conflict("only an enrolled device can renew its certificate")
    identities = Identity.objects.filter(enrollment_key=enrollment.key, is_active=True)
    identity = identities.order_by("-not_after", "-id").first()
    if identity is None:
        raise Conflict("the device has no certificate that could be renewed")
    asked = renew([identity], actor=actor, reason=reason)
    if asked.command is None:
        raise Conflict(asked.refused.get(identity.pk, "the device cannot be asked"))
    return asked.command


def ensure_demo_profile() -> EnrollmentProfile:
    """Return the profile `demo` of a development run: no sign-in, one shared challenge for many devices."""
    profile, _ = EnrollmentProfile.objects.get_or_create(
        slug=DEMO_SLUG,
        defaults={
            "name": "Demo",
            "description": "Try Espalier with pretend devices.",
            "requires_sign_in": False,
            "shared_challenge_uses": DEMO_USES,
            "shared_challenge_days": DEMO_DAYS,
        },
    )
    return profile
