"""Filters of the device list by group and by tag."""

from devices.console.filters import NamedFilter
from devices.models import Group, Tag

MAX_CHOICES = 200


class GroupFilter(NamedFilter):
    title, parameter_name = "group", "group"

    def lookups(self, request, model_admin):
        return list(
            Group.objects.visible_to(request.user).order_by("name", "id").values_list("pk", "name")[:MAX_CHOICES]
        )


class TagFilter(NamedFilter):
    title, parameter_name = "tag", "tag"

    def lookups(self, request, model_admin):
        if not request.user.has_perm("devices.view_tag"):
            return []
        return list(Tag.objects.order_by("name", "id").values_list("pk", "name")[:MAX_CHOICES])
