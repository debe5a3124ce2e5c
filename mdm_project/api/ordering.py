"""The order of lists: as asked, and always decided by the primary key in the end, so that pages never overlap."""

from django.db.models import F
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter


class StableOrdering(OrderingFilter):
    """``ordering=field,-other`` among the view's ``ordering_fields``; other names are refused, not ignored.

    A view may say ``ordering_columns`` (asked name -> column to sort by) and ``ordering_nulls_last`` (asked names
    whose missing values come last in either direction).
    """

    def get_ordering(self, request, queryset, view):
        asked = [name.strip() for name in request.query_params.get(self.ordering_param, "").split(",") if name.strip()]
        known = dict(self.get_valid_fields(queryset, view, {"request": request}))
        unknown = [name for name in asked if name.removeprefix("-") not in known]
        if unknown:
            message = f"cannot order by {', '.join(unknown)}; can by {', '.join(known)}"
            raise ValidationError({self.ordering_param: message})
        names = with_unique_end(asked or self.get_default_ordering(view) or queryset.model._meta.ordering)
        return [self._column(name, view) for name in names]

    def _column(self, name: str, view):
        field = name.removeprefix("-")
        column = getattr(view, "ordering_columns", {}).get(field, field)
        if field in getattr(view, "ordering_nulls_last", ()):
            return F(column).desc(nulls_last=True) if name != field else F(column).asc(nulls_last=True)
        return f"-{column}" if name != field else column


def with_unique_end(names) -> list[str]:
    """Return the ordering ended by the primary key, in the direction of what comes first."""
    if any(name.removeprefix("-") in ("id", "pk") for name in names):
        return list(names)
    descends = bool(names) and names[0].startswith("-")
    return [*names, "-pk" if descends else "pk"]
