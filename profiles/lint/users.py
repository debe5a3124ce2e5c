"""Lint of profiles for users: devices that have no user who could get it, of which nothing is heard otherwise."""

from django.db.models import Exists, OuterRef

from devices.models import Channel, Device, Membership
from profiles.lint.document import Document
from profiles.lint.findings import Affected, Level, Report
from profiles.lint.scope import SHOWN
from profiles.models import Profile


def check_users(document: Document, report: Report) -> None:
    """Report devices that the assignments mean and that have no user channel: two statements, for users' profiles."""
    profile = document.profile
    if profile is None or profile.pk is None or profile.scope != Profile.Scope.USER:
        return
    meant = _meant(profile)
    users = Channel.objects.reachable().user_channels().filter(device=OuterRef("pk"))
    without = meant.filter(~Exists(users)).order_by("id")
    number = without.count()
    if not number:
        return
    affected = Affected(number, meant.count(), tuple((device.pk, str(device)) for device in without[:SHOWN]))
    message = (
        f"{affected.verb('have', 'has')} no user who could get it, so nothing is installed there: "
        "a profile for users goes to Macs and Shared iPads, once somebody has logged in."
    )
    report.add(Level.WARNING, "no_user_channel", ("PayloadScope",), message, devices=affected)


def _meant(profile: Profile):
    """Return the enrolled devices in the groups of the profile's enabled assignments, less those left out."""
    assignments = profile.assignments.filter(is_enabled=True).order_by()
    included = Membership.objects.filter(device=OuterRef("pk"), group__included_in__in=assignments)
    excluded = Membership.objects.filter(device=OuterRef("pk"), group__excluded_from__in=assignments)
    return Device.objects.enrolled().filter(Exists(included), ~Exists(excluded))
