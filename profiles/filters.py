"""Filters of the API's lists of profiles and versions."""

from django_filters import rest_framework as filters

from profiles.models import Profile, ProfileVersion


class ProfileFilter(filters.FilterSet):
    payload_type = filters.CharFilter(method="filter_payload_type", help_text="has a payload of this type")

    class Meta:
        model = Profile
        fields = ["identifier", "name", "scope", "organization", "removal_policy", "is_archived"]

    def filter_payload_type(self, queryset, name, payload_type):
        return queryset.filter(payload_types__contains=[payload_type])


class VersionFilter(filters.FilterSet):
    class Meta:
        model = ProfileVersion
        fields = ["number", "published_by"]
