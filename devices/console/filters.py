"""Filters of the console's device list."""

from datetime import timedelta

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from commands.models import QueuedCommand
from devices.models import ChannelContact, Device, Enrollment

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
        words = {**dict(Device.Platform.choices), "ios": "iOS", "ipados": "iPadOS", "macos": "macOS", "tvos": "tvOS"}
        words |= {"visionos": "visionOS", "watchos": "watchOS"}
        return [(f"{platform}-{major}", f"{words.get(platform, platform)} {major}") for platform, major in found]

    def queryset(self, request, queryset):
        platform, _, major = (self.value() or "").rpartition("-")
        if not major.isdecimal() or len(major) > 9:
            return queryset
        return queryset.filter(platform=platform, os_version_parts__0=int(major))


class LastSeenFilter(SimpleListFilter):
    title, parameter_name = "last seen", "seen"
    HOURS = {"hour": 1, "day": 24, "week": 168}

    def lookups(self, request, model_admin):
        return [
            ("hour", "Within an hour"),
            ("day", "Within a day"),
            ("week", "Within a week"),
            ("longer", "Longer ago, or never"),
        ]

    def queryset(self, request, queryset):
        if self.value() not in (*self.HOURS, "longer"):
            return queryset
        since = timezone.now() - timedelta(hours=self.HOURS.get(self.value(), 168))
        recent = Exists(ChannelContact.objects.filter(channel__device=OuterRef("pk"), seen_at__gte=since))
        return queryset.filter(~recent if self.value() == "longer" else recent)


class CommandsFilter(SimpleListFilter):
    title, parameter_name = "commands", "commands"

    def lookups(self, request, model_admin):
        return [("waiting", "Something is waiting"), ("failed", "Something failed this week")]

    def queryset(self, request, queryset):
        queue = QueuedCommand.objects.filter(channel__device=OuterRef("pk"))
        if self.value() == "waiting":
            return queryset.filter(Exists(queue.waiting()))
        if self.value() == "failed":
            return queryset.filter(Exists(queue.failed().filter(finished_at__gte=timezone.now() - timedelta(days=7))))
        return queryset


class PushFilter(SimpleListFilter):
    title, parameter_name = "push", "push"

    def lookups(self, request, model_admin):
        return [("gone", "Probably gone")]

    def queryset(self, request, queryset):
        if self.value() != "gone":
            return queryset
        return queryset.filter(Q(channels__user_key="", channels__push_gone_at__isnull=False)).distinct()
