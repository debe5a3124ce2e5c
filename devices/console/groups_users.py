"""What uses a group: rules of other groups, and rows of apps to the right, known by their relations only."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from devices.models import Group, Membership
from devices.rules import mentions

MAX_USERS = 50


@dataclass(frozen=True)
class User:
    """One that uses a group; ``how`` is the relation in words, ``address`` its page, or ""."""

    name: str
    how: str
    address: str


def users_of(group: Group, user) -> list[User]:
    """Return what uses a group, as far as the person may see it."""
    return [*_related(group, user), *_rules(group)]


def _related(group: Group, user):
    for relation in Group._meta.related_objects:
        model = relation.related_model
        if model is Membership or model._meta.auto_created:
            continue
        if not user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}"):
            continue
        name = relation.get_accessor_name()
        how = f"{model._meta.verbose_name}, {name.replace('_', ' ')}"
        for row in getattr(group, name).order_by("pk")[:MAX_USERS]:
            yield User(str(row), how, _page_of(row))


def _rules(group: Group):
    for other in Group.objects.filter(kind=Group.Kind.SMART).order_by("name", "id"):
        if mentions(other.rule, "group", value=group.pk):
            yield User(other.name, "group, its rule looks at this one", _page_of(other))


def _page_of(row) -> str:
    try:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""
