"""Filters of the API's lists of devices and of what they reported."""

from django.db.models import Exists, OuterRef, Q
from django_filters import rest_framework as filters
from rest_framework.filters import SearchFilter

from devices.list_filters import FILTERS
from devices.models import (
    ChannelContact,
    Device,
    Enrollment,
    Event,
    Group,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
    Membership,
    SavedSearch,
)
from devices.saved_searches import BrokenSearch, narrowed
from mdm_project.errors import BadRequest

PRE_ASSIGNED = "pre_assigned"
ENROLLMENT_STATES = [(PRE_ASSIGNED, "Pre-assigned"), *Enrollment.State.choices]


class DeviceSearch(SearchFilter):
    """``search`` among serial number, UDID, name, user, IMEI, MAC addresses, phone number and asset tag.

    What only resembles is not found: scripts act on what they find.
    """

    def filter_queryset(self, request, queryset, view):
        text = request.query_params.get(self.search_param, "").replace("\x00", "").strip()
        return queryset.matching(text, forgiving=False) if text else queryset


def current_enrollment(**conditions) -> Exists:
    """Whether the device's current enrollment (the newest, should it have several) meets the conditions."""
    current = Enrollment.objects.current()
    newer = current.filter(device=OuterRef("device"), id__gt=OuterRef("id"))
    return Exists(current.filter(device=OuterRef("pk"), **conditions).exclude(Exists(newer)))


class DeviceFilter(filters.FilterSet):
    enrollment_state = filters.MultipleChoiceFilter(choices=ENROLLMENT_STATES, method="filter_state")
    enrollment_type = filters.MultipleChoiceFilter(choices=Enrollment.Kind.choices, method="filter_type")
    enrollment_id = filters.CharFilter(method="filter_enrollment_id")
    platform = filters.MultipleChoiceFilter(choices=Device.Platform.choices[:-1])
    os_version_from = filters.CharFilter(method="filter_os_version_from", help_text="this version or a later one")
    os_version_below = filters.CharFilter(method="filter_os_version_below", help_text="an earlier version")
    last_seen_after = filters.IsoDateTimeFilter(method="filter_seen_after")
    last_seen_before = filters.IsoDateTimeFilter(method="filter_seen_before", help_text="also those never seen")
    group = filters.NumberFilter(method="filter_group", help_text="id: who is in it now")
    saved_search = filters.NumberFilter(method="filter_saved_search", help_text="id: what it finds for you now")
    profile = filters.CharFilter(method="filter_profile", help_text="id: that should have it or had it from us")
    profile_state = filters.CharFilter(
        method="filter_profile_state", help_text="such as failed, of the profile asked for or of any; or 5-failed"
    )
    compliance = filters.CharFilter(method="_narrowed", help_text="such as not_compliant, no_passcode, not_checked")
    is_locked = filters.BooleanFilter(method="filter_locked", help_text="Macs that wait for the PIN of their lock")
    battery_level_below = filters.NumberFilter(field_name="battery_level", lookup_expr="lt")

    class Meta:
        model = Device
        fields = [
            "udid",
            "serial_number",
            "name",
            "model",
            "os_version",
            "build_version",
            "asset_tag",
            "imei",
            "person",
            "is_supervised",
            "is_encrypted",
            "is_passcode_present",
            "is_passcode_compliant",
            "is_activation_lock_enabled",
            "is_lost_mode_enabled",
            "is_firewall_enabled",
            "is_user_enrollment",
            "is_ade_enrolled",
        ]

    def filter_state(self, queryset, name, states):
        if not states:
            return queryset
        condition = Q(current_enrollment(state__in=[state for state in states if state != PRE_ASSIGNED]))
        if PRE_ASSIGNED in states:
            condition |= ~Exists(Enrollment.objects.current().filter(device=OuterRef("pk")))
        return queryset.filter(condition)

    def filter_type(self, queryset, name, kinds):
        return queryset.filter(current_enrollment(kind__in=kinds)) if kinds else queryset

    def filter_enrollment_id(self, queryset, name, key):
        return queryset.filter(Exists(Enrollment.objects.current().filter(device=OuterRef("pk"), key=key)))

    def filter_group(self, queryset, name, number):
        group = _row(Group.objects.visible_to(self.request.user), number)
        if group is None:
            raise BadRequest("there is no such group", fields={name: f"there is no group {number}"})
        return queryset.filter(Exists(Membership.objects.filter(device=OuterRef("pk"), group=group)))

    def filter_profile(self, queryset, name, value):
        return self._narrowed(queryset, name, value)

    def filter_profile_state(self, queryset, name, value):
        profile = self.data.get("profile", "")
        return self._narrowed(queryset, name, f"{profile}-{value}" if profile and "-" not in value else value)

    def _narrowed(self, queryset, name, value):
        problem = FILTERS[name].problem(value, self.request.user)
        if problem:
            raise BadRequest(f"{name}: {problem}", fields={name: problem})
        return FILTERS[name].narrow(queryset, value, self.request.user)

    def filter_saved_search(self, queryset, name, number):
        saved = _row(SavedSearch.objects.visible_to(self.request.user), number)
        if saved is None:
            raise BadRequest("there is no such saved search", fields={name: f"there is no saved search {number}"})
        try:
            return narrowed(queryset, saved, self.request.user)
        except BrokenSearch as error:
            raise BadRequest(error.detail, fields={name: error.detail}) from error

    def filter_locked(self, queryset, name, is_locked):
        locked = Device.objects.locked()
        return queryset.filter(pk__in=locked) if is_locked else queryset.exclude(pk__in=locked)

    def filter_os_version_from(self, queryset, name, version):
        return queryset.filter(os_version_parts__gte=_parts(version))

    def filter_os_version_below(self, queryset, name, version):
        # A device of which no version is known has an empty list, which sorts before all others.
        return queryset.filter(os_version_parts__lt=_parts(version)).exclude(os_version_parts=[])

    def filter_seen_after(self, queryset, name, moment):
        return queryset.filter(_seen_since(moment))

    def filter_seen_before(self, queryset, name, moment):
        return queryset.exclude(_seen_since(moment))


def _row(queryset, number):
    """Return the row with an id that somebody sent, which may be any number at all, or None."""
    return queryset.filter(pk=int(number)).first() if 0 < number < 2**63 and number == int(number) else None


def _seen_since(moment) -> Exists:
    return Exists(ChannelContact.objects.filter(channel__device=OuterRef("pk"), seen_at__gte=moment))


def _parts(version: str) -> list[int]:
    return [min(int(part), 2**31 - 1) for part in version.split(".") if part.isdecimal()]


class ApplicationFilter(filters.FilterSet):
    class Meta:
        model = InstalledApplication
        fields = ["identifier", "is_managed"]


class ProfileFilter(filters.FilterSet):
    class Meta:
        model = InstalledProfile
        fields = ["identifier", "uuid", "is_managed"]


class CertificateFilter(filters.FilterSet):
    expires_before = filters.IsoDateTimeFilter(field_name="not_after", lookup_expr="lt")

    class Meta:
        model = InstalledCertificate
        fields = ["is_identity", "common_name"]


class EventFilter(filters.FilterSet):
    after = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    before = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = Event
        fields = ["kind", "actor"]
