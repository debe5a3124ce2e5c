"""Pages of lists: ``results``, ``next``, ``previous``, ``count``, ``page_size``."""

from rest_framework.exceptions import NotFound
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response

from mdm_project.api.known import refuse_unknown


class Pages(PageNumberPagination):
    """Pages by number; ``page_size`` may be asked for, up to 1,000.

    A view with ``page_queryset(keys)`` gets its rows in two steps: the keys of the page first, then those rows with
    whatever is computed for each. So the count and the rows that a deep page skips cost nothing of that.
    """

    page_size = 100
    max_page_size = 1000
    page_size_query_param = "page_size"

    def paginate_queryset(self, queryset, request, view=None):
        refuse_unknown(request, queryset, view)
        complete = getattr(view, "page_queryset", None)
        if complete is None:
            return super().paginate_queryset(queryset, request, view)
        keys = super().paginate_queryset(queryset.values_list("pk", flat=True), request, view)
        rows = {row.pk: row for row in complete(keys)}
        # A row may have gone between the two statements.
        return [rows[key] for key in keys if key in rows]

    def get_paginated_response(self, data):
        return Response(
            {
                "count": self.page.paginator.count,
                "page_size": self.page.paginator.per_page,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema):
        document = super().get_paginated_response_schema(schema)
        document["properties"]["page_size"] = {"type": "integer", "example": self.page_size}
        document["required"] = ["count", "page_size", "next", "previous", "results"]
        return document

    def get_page_number(self, request, paginator):
        number = super().get_page_number(request, paginator)
        if not str(number).isdecimal() and number not in self.last_page_strings:
            raise NotFound("The page must be a number from 1 on.")
        return number
