"""Enrollment profiles for devices that erase themselves and come back (Return to Service).

Each device gets the profile that it enrolled with, with a challenge that only this device can use, once.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from apns.models import PushCertificate
from commands.meanings.return_to_service import provide_enrollment
from devices.models import Enrollment
from enrollment import challenges
from enrollment.models import EnrollmentProfile
from enrollment.profiles import signed_enrollment_profile

# A challenge outlives the command that brings it, so that a device given it at the last moment can still enroll.
MARGIN = timedelta(days=1)


def refusals(enrollment_ids: Iterable[int]) -> dict[int, str]:
    """Return why devices could not enroll again by themselves, by the ids of their enrollments: three statements."""
    topics, profiles = _topics(), _profiles()
    rows = Enrollment.objects.filter(pk__in=set(enrollment_ids)).order_by("id")
    said = {row.pk: _refusal(row, topics, profiles) for row in rows}
    return {pk: why for pk, why in said.items() if why}


def _topics() -> list[str]:
    """Return the topics that devices can be woken by, the one for new enrollments first."""
    usable = PushCertificate.objects.filter(not_after__gt=timezone.now())
    return list(usable.order_by("-is_default", "-not_after", "id").values_list("topic", flat=True))


def _profiles() -> dict[str, EnrollmentProfile]:
    return {profile.slug: profile for profile in EnrollmentProfile.objects.filter(is_enabled=True)}


def _refusal(enrollment: Enrollment, topics: list[str], profiles: dict[str, EnrollmentProfile]) -> str:
    if not topics:
        return "there is no valid push certificate, so nothing could wake it afterwards"
    if not enrollment.profile_slug:
        return "it did not enroll with a profile of this server; give an MDMProfileData of your own"
    if enrollment.profile_slug not in profiles:
        return f"its enrollment profile “{enrollment.profile_slug}” does not exist any more, or is switched off"
    return ""


def make_profiles(enrollment_ids: Iterable[int], lifetime: timedelta) -> dict[int, bytes]:
    """Return a signed enrollment profile for each enrollment, by id; those that `refusals` names are left out."""
    topics, profiles = _topics(), _profiles()
    rows = Enrollment.objects.filter(pk__in=set(enrollment_ids)).order_by("id")
    fit = [row for row in rows if not _refusal(row, topics, profiles)]
    secrets = challenges.return_challenges(
        [(profiles[row.profile_slug], row.key) for row in fit], timezone.now() + lifetime + MARGIN
    )
    return {
        row.pk: signed_enrollment_profile(
            profiles[row.profile_slug], challenge=secret, topic=row.topic if row.topic in topics else topics[0]
        )
        for row, secret in zip(fit, secrets, strict=True)
    }


provide_enrollment(refusals, make_profiles)
