"""Filters of the console's device list."""

from datetime import timedelta

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from commands.models import QueuedCommand
from devices.models import ChannelContact, Device, Enrollment
from mdm_project.platforms import SYSTEMS

NEVER_ENROLLED = "none"
MAX_OS_CHOICES = 40


class EnrollmentStateFilter(SimpleListFilter):
    title, parameter_name = "enrollment", "enrollment"

    def lookups(self, request, model_admin):
        return [*Enrollment.State.choices, (NEVER_ENROLLED, "Never enrolled")]

    def queryset(self, request, queryset):
        current = Enrollment.objects.current().filter(device=OuterRef("pk"))
        if self.value() == NEVER_ENROLLED:
            return queryset.filter(~Exists(current))
        if self.value() in Enrollment.State.values:
            return queryset.filter(Exists(current.filter(state=self.value())))
        return queryset


class OSMajorFilter(SimpleListFilter):
    title, parameter_name = "OS", "os"

    def lookups(self, request, model_admin):
        """Offer the major versions that exist, per platform."""
        found = (
            Device.objects.visible_to(request.user)
            .exclude(os_version_parts=[])
            .order_by("platform", "-os_version_parts__0")
            .values_list("platform", "os_version_parts__0")
            .distinct()[:MAX_OS_CHOICES]
        )
        return [(f"{platform}-{major}", f"{SYSTEMS.get(platform, platform)} {major}") for platform, major in found]

    def queryset(self, request, queryset):
        platform, _, major = (self.value() or "").rpartition("-")
        if not major.isdecimal() or len(major) > 9:
            return queryset
        return queryset.filter(platform=platform, os_version_parts__0=int(major))


def _heard_within(hours: int) -> Exists:
    since = timezone.now() - timedelta(hours=hours)
    return Exists(ChannelContact.objects.filter(channel__device=OuterRef("pk"), seen_at__gte=since))


class LastSeenFilter(SimpleListFilter):
    title, parameter_name = "last seen", "seen"
    # Hours since the newest contact: from, to.
    SPANS = {"today": (0, 24), "hour": (0, 1), "day": (1, 24), "week": (24, 168), "longer": (168, None)}

    def lookups(self, request, model_admin):
        return [
            ("today", "Within 24 hours"),
            ("hour", "Under an hour ago"),
            ("day", "1 to 24 hours ago"),
            ("week", "1 to 7 days ago"),
            ("longer", "Longer ago, or never"),
        ]

    def queryset(self, request, queryset):
        if self.value() not in self.SPANS:
            return queryset
        start, end = self.SPANS[self.value()]
        if start:
            queryset = queryset.filter(~_heard_within(start))
        return queryset.filter(_heard_within(end)) if end else queryset


class CommandsFilter(SimpleListFilter):
    title, parameter_name = "commands", "commands"

    def lookups(self, request, model_admin):
        return [("waiting", "Something is waiting"), ("failed", "Something failed this week")]

    def queryset(self, request, queryset):
        queue = QueuedCommand.objects.filter(channel__device=OuterRef("pk"))
        if self.value() == "waiting":
            return queryset.filter(Exists(queue.waiting()))
        if self.value() == "failed":
            return queryset.filter(Exists(queue.failed_since(timezone.now() - timedelta(days=7))))
        return queryset


class PushFilter(SimpleListFilter):
    title, parameter_name = "push", "push"

    def lookups(self, request, model_admin):
        return [("gone", "Probably gone")]

    def queryset(self, request, queryset):
        if self.value() != "gone":
            return queryset
        return queryset.filter(Q(channels__user_key="", channels__push_gone_at__isnull=False)).distinct()
