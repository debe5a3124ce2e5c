"""Filters of the device list by group and by tag."""

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef

from devices.models import Group, Membership, Tag

MAX_CHOICES = 200
_MAX_DIGITS = 18


class _ById(SimpleListFilter):
    """A filter whose choices are rows; anything that is no id filters nothing."""

    def chosen(self) -> int | None:
        text = self.value() or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None

    def queryset(self, request, queryset):
        pk = self.chosen()
        return queryset if pk is None else queryset.filter(self.having(request, pk))


class GroupFilter(_ById):
    title, parameter_name = "group", "group"

    def lookups(self, request, model_admin):
        return list(
            Group.objects.visible_to(request.user).order_by("name", "id").values_list("pk", "name")[:MAX_CHOICES]
        )

    def having(self, request, pk: int):
        visible = Group.objects.visible_to(request.user).order_by().values("pk")
        return Exists(Membership.objects.filter(device=OuterRef("pk"), group=pk, group__in=visible))


class TagFilter(_ById):
    title, parameter_name = "tag", "tag"

    def lookups(self, request, model_admin):
        if not request.user.has_perm("devices.view_tag"):
            return []
        return list(Tag.objects.order_by("name", "id").values_list("pk", "name")[:MAX_CHOICES])

    def having(self, request, pk: int):
        return Exists(Tag.devices.through.objects.filter(device=OuterRef("pk"), tag=pk))
