"""The console's fleet-wide timeline: the list with its filters, exports, and a page for each event."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from unfold.contrib.filters.admin import RangeDateFilter, TextFilter
from unfold.decorators import display

from devices.console.links import device_link
from devices.models import Device, Event
from devices.redaction import redact
from devices.staff import record_export
from mdm_project.console import LongListAdmin
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age

MAX_KINDS = 200


class KindFilter(admin.SimpleListFilter):
    title, parameter_name = "kind", "kind"

    def lookups(self, request, model_admin):
        kinds = Event.objects.visible_to(request.user).order_by("kind").values_list("kind", flat=True).distinct()
        return [(kind, words_of(kind)) for kind in kinds[:MAX_KINDS]]

    def queryset(self, request, queryset):
        return queryset.filter(kind=self.value()) if self.value() else queryset


class ActorFilter(TextFilter):
    title, parameter_name = "who", "actor"

    def queryset(self, request, queryset):
        text = (self.value() or "").replace("\x00", "").strip()
        return queryset.filter(actor__icontains=text) if text else queryset


class DeviceFilter(admin.SimpleListFilter):
    """One device, as its page links here; otherwise there is nothing to choose."""

    title, parameter_name = "device", "device"

    def lookups(self, request, model_admin):
        pk = request.GET.get(self.parameter_name, "")
        if not is_row_id(pk):
            return []
        found = Device.objects.visible_to(request.user).filter(pk=pk)
        return [(str(device.pk), str(device)) for device in found]

    def has_output(self):
        return bool(self.lookup_choices)

    def queryset(self, request, queryset):
        pk = self.value()
        if not pk:
            return queryset
        return queryset.filter(device=pk) if is_row_id(pk) else queryset.none()


class PeriodFilter(RangeDateFilter):
    """From one day to another, both of them included; UTC."""

    def queryset(self, request, queryset):
        first, last = (_day(self.used_parameters.get(f"{self.parameter_name}_{end}")) for end in ("from", "to"))
        if first:
            queryset = queryset.filter(at__gte=first)
        return queryset.filter(at__lt=last + timedelta(days=1)) if last else queryset


def _day(text) -> datetime | None:
    try:
        day = parse_date(text or "")
    except ValueError:
        return None
    # Nothing comes after the last day that there is, so it bounds nothing.
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day and day < date.max else None


def words_of(kind: str) -> str:
    """Return a kind of event as people read it."""
    return kind.replace("_", " ").capitalize()


@admin.register(Event)
class EventAdmin(LongListAdmin):
    """Everything that happened, newest first. Rows are only ever added."""

    list_title = "Timeline"
    list_display = ("at_column", "summary_column", "device_column", "actor", "kind_column")
    list_display_links = None
    list_select_related = ("device",)
    list_filter = (KindFilter, ActorFilter, DeviceFilter, ("at", PeriodFilter))
    list_filter_submit = True
    search_fields = ("summary",)  # that there is a search; what it finds is EventQuerySet.search
    search_help_text = "Text, who, serial number"
    ordering = ("-id",)
    empty_title = "Nothing has happened yet"
    empty_text = "Enrollments, commands and what staff do are written here, and are not changed afterwards."
    csv_columns = (
        ("id", "pk"), ("at", "at"), ("what", "summary"), ("kind", "kind"), ("who", "actor"), ("device", "device"),
        ("serial number", "device.serial_number"),
    )  # fmt: skip

    def get_urls(self):
        return [self.view_path("jsonl/", self.jsonl_view, "jsonl"), *super().get_urls()]

    def get_queryset(self, request):
        return Event.objects.visible_to(request.user)

    def get_search_results(self, request, queryset, search_term):
        text = search_term.replace("\x00", "").strip()
        return (queryset.search(text) if text else queryset), False

    @display(description="When", ordering="-id")
    def at_column(self, event):
        return age(event.at)

    @display(description="What")
    def summary_column(self, event):
        summary = f"{event.summary[:1].upper()}{event.summary[1:]}"
        address = self.route("change", event.pk)
        return format_html('<a class="e-link" style="white-space:normal" href="{}">{}</a>', address, summary)

    @display(description="Kind")
    def kind_column(self, event):
        return words_of(event.kind)

    @display(description="Device")
    def device_column(self, event):
        return device_link(event.device)

    def jsonl_view(self, request):
        """Stream the list as it is filtered, a JSON object a line."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.rows_of(request)
        record_export("events as lines of JSON", by=request.user, query=request.GET.urlencode())
        return lines_answer(f"timeline-{timezone.now():%Y-%m-%d}.jsonl", rows)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show an event: its address stays, so that a ticket or a mail can name it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not is_row_id(object_id):
            raise Http404("there is no such event")
        event = get_object_or_404(self.get_queryset(request).select_related("device"), pk=object_id)
        context = {"title": words_of(event.kind), "event": event, "facts": _facts(event)}
        context["may_see_device"] = event.device_id and request.user.has_perm("devices.view_device")
        return self.page(request, "console/event.html", context)


def _facts(event: Event) -> list[tuple[str, str]]:
    """Return what is kept beside the summary, as names and text."""
    data = redact(event.data) if isinstance(event.data, dict) else {"data": event.data}
    return [
        (name.replace("_", " ").capitalize(), value if isinstance(value, str) else json.dumps(value))
        for name, value in data.items()
    ]


def lines_answer(name: str, rows) -> StreamingHttpResponse:
    """Return a download of events, a JSON object a line; ``rows`` have their device loaded."""
    response = StreamingHttpResponse(_lines(rows), content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _lines(rows) -> Iterator[str]:
    for event in rows.iterator(chunk_size=2000):
        row = {"id": event.pk, "at": event.at.isoformat(), "kind": event.kind, "actor": event.actor}
        device = event.device
        row |= {"summary": event.summary, "device": event.device_id, "data": redact(event.data)}
        row["serial_number"] = device.serial_number if device else None
        yield json.dumps(row) + "\n"
