"""Filters of the console's device list: what they offer is here, what they mean in devices.list_filters."""

from django.contrib.admin import SimpleListFilter

from commands.compliance import CHOICES as COMPLIANCE_CHOICES
from commands.device_filters import CHOICES as COMMAND_CHOICES
from commands.standing import Word
from devices.list_filters import FILTERS, LOCK_CHOICES, NEVER_ENROLLED, SEEN_CHOICES, narrow
from devices.models import Device, Enrollment
from mdm_project.platforms import SYSTEMS
from profiles.models import Profile

MAX_OS_CHOICES = 40
MAX_PROFILES = 200


class NamedFilter(SimpleListFilter):
    """A filter of devices.list_filters; a value that it does not have filters nothing."""

    offered: dict[str, str] = {}

    def lookups(self, request, model_admin):
        return list(self.offered.items())

    def queryset(self, request, queryset):
        return narrow(self.parameter_name, queryset, self.value(), request.user)


class EnrollmentStateFilter(NamedFilter):
    title, parameter_name = "enrollment", "enrollment"
    offered = dict(Enrollment.State.choices) | {NEVER_ENROLLED: "Never enrolled"}


class OSMajorFilter(NamedFilter):
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


class LastSeenFilter(NamedFilter):
    title, parameter_name, offered = "last seen", "seen", SEEN_CHOICES


class CommandsFilter(NamedFilter):
    title, parameter_name, offered = "commands", "commands", COMMAND_CHOICES


class ProfileFilter(NamedFilter):
    title, parameter_name = "profile", "profile"

    def lookups(self, request, model_admin):
        found = Profile.objects.visible_to(request.user).active().order_by("name", "id")
        return [(str(pk), name) for pk, name in found.values_list("pk", "name")[:MAX_PROFILES]]


class ProfileStateFilter(NamedFilter):
    title, parameter_name = "profile state", "profile_state"

    def lookups(self, request, model_admin):
        """Offer the states, of any profile and of the one that is chosen; the address may name another."""
        states = list(Word.choices)
        asked = request.GET.get(self.parameter_name, "")
        profile = request.GET.get("profile", "") or asked.rpartition("-")[0]
        values = [(f"{profile}-{word}" if profile else word) for word, _label in states]
        words = FILTERS[self.parameter_name].words(values, request.user)
        own = [(value, words[value]) for value in values if profile]
        return own + [(word, f"Any profile: {label}") for word, label in states]


class LeftFilter(NamedFilter):
    title, parameter_name, offered = "left", "left", {"week": "By itself, within 7 days"}


class PushFilter(NamedFilter):
    title, parameter_name, offered = "push", "push", {"gone": "Probably gone"}


class LockFilter(NamedFilter):
    title, parameter_name, offered = "lock", "lock", LOCK_CHOICES


class ComplianceFilter(NamedFilter):
    title, parameter_name, offered = "compliance", "compliance", COMPLIANCE_CHOICES
