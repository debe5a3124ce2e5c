"""The console's admin site at /console/ (django-unfold), and what its pages share: base classes, dialogs, CSV.

Apps register their pages on it in their admin modules. It decides nothing about devices.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from functools import partial

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.sites import UnfoldAdminSite

from devices.staff import record_export
from mdm_project.roles import is_api_only
from mdm_project.row_ids import is_row_id

MAX_FOUND = 8


class ConsoleSite(UnfoldAdminSite):
    site_title = "Espalier"
    site_header = "Espalier"
    index_title = "Dashboard"
    enable_nav_sidebar = True
    index_template = "console/dashboard.html"

    def has_permission(self, request):
        """Active staff, but no programs; the helpdesk asks here, too."""
        return super().has_permission(request) and not is_api_only(request.user)

    def password_change(self, request, extra_context=None):
        """Set one's own password; API tokens end with it unless their box is ticked."""
        if request.method == "POST" and request.POST.get("keeps_tokens") == "on":
            request.user.keeps_tokens = True
        return super().password_change(request, extra_context)

    def index(self, request, extra_context=None):
        from mdm_project.dashboard import dashboard_context

        return super().index(request, {**dashboard_context(request.user), **(extra_context or {})})

    def get_urls(self):
        from mdm_project import needs_views

        def path_of(route, view, name):
            return path(route, self.admin_view(partial(view, self)), name=name)

        return [
            path_of("needs/", needs_views.needs_view, "needs"),
            path_of("needs/snooze/", needs_views.snooze_view, "needs_snooze"),
            path_of("needs/wake/", needs_views.wake_view, "needs_wake"),
            *super().get_urls(),
        ]

    def search(self, request, extra_context=None):
        """Answer the search of everything; never cached, so that what enrolled a second ago is found."""
        from mdm_project.search import find

        text = request.GET.get("s", "").replace("\x00", "").strip()
        if not text:
            return HttpResponse()
        context = {"found": find(request, self, text), "text": text}
        return TemplateResponse(request, "console/search_results.html", context)


class ConsoleAdmin(ModelAdmin):
    """Base of the console's lists: 50 a page, no count of what is filtered out, CSV of what is shown."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_filter_sheet = True
    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True
    list_title = ""
    empty_title = "Nothing here yet"
    empty_value_display = "–"
    empty_text = ""
    csv_columns: tuple[tuple[str, str], ...] = ()

    def get_urls(self):
        name = f"{self.opts.app_label}_{self.opts.model_name}_csv"
        return [path("csv/", self.admin_site.admin_view(self.csv_view), name=name), *super().get_urls()]

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """Stream the list as it is filtered and ordered, as CSV."""
        if not self.has_view_permission(request):
            return self.refuse(request)
        queryset = self.rows_of(request)
        name = f"{self.opts.verbose_name_plural.replace(' ', '-')}-{timezone.now():%Y-%m-%d}.csv"
        record_export(f"{self.opts.verbose_name_plural} as CSV", by=request.user, query=request.GET.urlencode())
        return stream_csv(name, queryset, self.csv_columns)

    def get_object(self, request, object_id, from_field=None):
        """Return the row of an address; what is no id is not found, as Django would take "+7" for 7."""
        if not is_row_id(object_id):
            raise Http404("no such row")
        return super().get_object(request, object_id, from_field)

    def get_changelist_instance(self, request):
        """Treat a filter by what no column can hold as Django treats one that does not exist."""
        if any("\x00" in value for name, values in request.GET.lists() if name != "q" for value in values):
            raise IncorrectLookupParameters
        return super().get_changelist_instance(request)

    def rows_of(self, request: HttpRequest):
        """Return what the list shows as the address filters it, all of it; raises BadRequest for an unknown filter."""
        self.request = request
        try:
            return self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters as error:
            raise BadRequest("there is no such filter") from error

    @staticmethod
    def refuse(request):
        from django.core.exceptions import PermissionDenied

        raise PermissionDenied

    def changelist_view(self, request, extra_context=None):
        empty = {"empty_title": self.empty_title, "empty_text": self.empty_text}
        exports = {"has_csv": bool(self.csv_columns)}
        # Django's own says "Select device to change", which nobody looks for among the tabs of a browser.
        title = {"title": self.list_title or capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**empty, **exports, **title, **(extra_context or {})})

    def render_change_form(self, request, context, *args, **kwargs):
        return super().render_change_form(request, {**context, "show_save_and_add_another": False}, *args, **kwargs)

    def page(self, request: HttpRequest, template: str, context: dict, *, status: int = 200) -> HttpResponse:
        """Render a page of our own inside the console's frame."""
        request.current_app = self.admin_site.name
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "model_admin": self}
        return render(request, template, {**frame, **context}, status=status)

    def route(self, name: str, *args) -> str:
        """Return the address of one of this model's pages: `changelist`, `change`, or a name of our own."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def view_path(self, route: str, view, name: str):
        """Return a URL pattern of a page of our own, behind the sign-in."""
        full_name = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        return path(route, self.admin_site.admin_view(view), name=full_name)

    def dialog(self, request: HttpRequest, template: str, context: dict, *, status: int = 200) -> HttpResponse:
        """Render a dialog: alone for htmx, inside a page of its own otherwise."""
        if request.headers.get("HX-Request"):
            return render(request, template, context)
        return self.page(request, "console/dialog_page.html", {**context, "dialog_template": template}, status=status)

    def done(self, request: HttpRequest, message: str, address: str, *, reload: bool = False) -> HttpResponse:
        """Answer an action that was carried out: tell the open page, or go to an address with a message."""
        if not request.headers.get("HX-Request"):
            messages.success(request, message)
            return HttpResponseRedirect(address)
        if reload:
            messages.success(request, message)
            return HttpResponse(status=204, headers={"HX-Redirect": address})
        trigger = json.dumps({"console:done": {"message": message}, "refresh-live": ""})
        return HttpResponse(status=204, headers={"HX-Trigger": trigger})

    def failed(self, request: HttpRequest, message: str, address: str) -> HttpResponse:
        """Answer an action that was refused, in words."""
        if not request.headers.get("HX-Request"):
            messages.error(request, message)
            return HttpResponseRedirect(address)
        trigger = json.dumps({"console:done": {"message": message}, "refresh-live": ""})
        return HttpResponse(status=204, headers={"HX-Trigger": trigger})


class ReadOnlyAdmin(ConsoleAdmin):
    """Rows that the product writes and people only read."""

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class LongListAdmin(ReadOnlyAdmin):
    """A list of so many rows that nobody waits for their number."""

    paginator = InfinitePaginator


def submitted(request: HttpRequest) -> tuple:
    """Return data and files for a form: those of a POST, even an empty one, and nothing for a form to be shown."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


# Where a cell begins, for us or for a spreadsheet with another separator (quotes do not hold it there), behind blanks.
_FORMULA = re.compile(r"((?:^|[,;|\t\r\n])\s*[\"']?\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])")


class Echo:
    """A file that hands back what is written to it."""

    def write(self, value: str) -> str:
        return value


def stream_csv(name: str, queryset, columns: Iterable[tuple[str, str]]) -> StreamingHttpResponse:
    """Return a CSV download of (heading, attribute path) columns, read in batches."""
    columns = tuple(columns)
    rows = ([_lookup(row, attribute) for _, attribute in columns] for row in queryset.iterator(chunk_size=2000))
    return stream_rows(name, [heading for heading, _ in columns], rows)


def stream_rows(name: str, headings: Iterable[str], rows: Iterable[Iterable]) -> StreamingHttpResponse:
    """Return a CSV download of rows, which are written as they come."""
    response = StreamingHttpResponse(_csv_lines(headings, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv_lines(headings: Iterable[str], rows: Iterable[Iterable]) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(headings)
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


def _lookup(row, attribute: str):
    for name in attribute.split("."):
        if row is None:
            return ""
        row = getattr(row, name)
    return row() if callable(row) else row


def _cell(value) -> str:
    """Return a value as text that no spreadsheet takes for a formula, whatever it takes for the end of a cell."""
    if value is None:
        return ""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return _FORMULA.sub(r"\1'\2", text)


class ChoiceFilter(admin.SimpleListFilter):
    """A filter with a fixed list of choices, each of which narrows the queryset by a method of its own."""

    choices_map: dict[str, str] = {}

    def lookups(self, request, model_admin):
        return list(self.choices_map.items())
