"""What of the certificates of devices needs a person: renewals that failed, and those that expire all the same."""

from datetime import timedelta

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from devices.models import Identity
from enrollment.models import IdentityRenewal
from mdm_project.attention import ATTENTION, BAD, Need, needs

EXPIRING = timedelta(days=30)


def _link(query: str) -> str:
    return f"{reverse('admin:devices_identity_changelist')}?{query}"


def _certificates(number: int) -> str:
    return "1 device certificate" if number == 1 else f"{number:,} device certificates"


@needs("devices.view_identity")
def failed_renewals(_user) -> list[Need]:
    """Return which certificates could not be renewed, by the reason that most have."""
    failed = IdentityRenewal.objects.filter(state=IdentityRenewal.State.FAILED, identity__is_active=True).order_by()
    number = failed.count()
    if not number:
        return []
    worst = failed.values("problem").annotate(number=Count("pk")).order_by("-number", "problem").first()
    given_up = failed.filter(next_at=None).count()
    again = "It is asked again by itself." if not given_up else f"{given_up:,} were asked often enough: renew by hand."
    title = f"{_certificates(number)} could not be renewed"
    detail = f"{worst['problem'][:1].upper()}{worst['problem'][1:]} ({worst['number']:,}). {again}"
    tone = BAD if given_up else ATTENTION
    return [Need(tone, "badge", title, detail, _link("renewal=failed"), "Show", "renewals-failed")]


@needs("devices.view_identity")
def expiring_identities(_user) -> list[Need]:
    """Return that devices will soon be unable to connect, and what is being done about it."""
    soon = timezone.now() + EXPIRING
    expiring = Identity.objects.filter(is_active=True, not_after__lt=soon).exclude(enrollment_key="")
    number = expiring.count()
    if not number:
        return []
    asked = expiring.filter(renewal__state=IdentityRenewal.State.ASKED).count()
    title = f"{_certificates(number)} {'expire' if number != 1 else 'expires'} within {EXPIRING.days} days"
    detail = f"{asked:,} of them were asked to renew and have not done it yet." if asked else "None was asked to renew."
    detail += " Certificates of an outside authority are renewed there."
    return [Need(ATTENTION, "badge", title, detail, _link("state=expiring"), "Show", "identities-expiring")]
