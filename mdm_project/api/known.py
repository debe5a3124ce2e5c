"""What a list may be asked: a parameter that nobody reads is refused, since the answer would be another than meant."""

from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError

COMMON = ("page", "page_size", "search", "ordering", "format")


def refuse_unknown(request, queryset, view) -> None:
    """Raise ValidationError naming each query parameter that is neither common to lists, nor a filter of the view,
    nor among its ``parameters``."""
    known = {*COMMON, *getattr(view, "parameters", ()), *_filters(queryset, view)}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        can = ", ".join(sorted(known - {"format"}))
        raise ValidationError(dict.fromkeys(unknown, f"is no parameter of this list; there are {can}"))


def _filters(queryset, view) -> set[str]:
    for backend in view.filter_backends:
        if issubclass(backend, DjangoFilterBackend):
            found = backend().get_filterset_class(view, queryset)
            return set(found.base_filters) if found else set()
    return set()
