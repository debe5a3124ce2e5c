"""The API's timeline of the whole fleet: a list with filters and keyset pages, one event, and the export."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.pagination import CursorPagination

from devices.event_admin import EventAdmin, lines_answer
from devices.models import Event
from devices.redaction import redact
from devices.staff import record_export
from mdm_project.api.known import refuse_unknown
from mdm_project.api.permissions import reading
from mdm_project.api.views import ApiView
from mdm_project.console import stream_csv
from mdm_project.errors import BadRequest
from mdm_project.row_ids import is_row_id

READING = reading("devices.view_event")
CSV, JSON_LINES = "csv", "jsonl"


class EventPages(CursorPagination):
    """Pages by key, newest first: what comes meanwhile moves none of them, and deep ones cost what the first does."""

    page_size = 100
    max_page_size = 1000
    page_size_query_param = "page_size"
    ordering = "-id"

    def paginate_queryset(self, queryset, request, view=None):
        refuse_unknown(request, queryset, view)
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request):
        """Refuse a cursor that was made up: the database would not take its position for an id."""
        cursor = super().decode_cursor(request)
        position = cursor.position if cursor else None
        if position is not None and not is_row_id(position):
            raise NotFound(self.invalid_cursor_message)
        return cursor


class FleetEventFilter(filters.FilterSet):
    device = filters.NumberFilter(field_name="device", min_value=1, max_value=2**63 - 1, help_text="id of a device")
    kind = filters.CharFilter()
    actor = filters.CharFilter(lookup_expr="icontains", help_text="part of who acted")
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")
    search = filters.CharFilter(method="filter_search", help_text="words, actor, kind, name or serial number")

    class Meta:
        model = Event
        fields = []

    def filter_search(self, queryset, name, value):
        return queryset.search(value)


class FleetEventSerializer(serializers.ModelSerializer):
    device_id = serializers.IntegerField(allow_null=True)
    serial_number = serializers.SerializerMethodField()
    data = serializers.SerializerMethodField()
    link = serializers.SerializerMethodField(help_text="its page in the console; it stays")

    class Meta:
        model = Event
        fields = ["id", "at", "kind", "actor", "summary", "device_id", "serial_number", "data", "link"]

    def get_serial_number(self, event) -> str | None:
        return event.device.serial_number if event.device_id else None

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_data(self, event):
        return redact(event.data)

    def get_link(self, event) -> str:
        return settings.PUBLIC_URL + reverse("admin:devices_event_change", args=[event.pk])


class EventView(ApiView):
    access = {"GET": READING}
    queryset = Event.objects.all()
    serializer_class = FleetEventSerializer

    def get_queryset(self):
        return Event.objects.visible_to(self.request.user).select_related("device")


@extend_schema(summary="Read the timeline of the whole fleet, newest first")
class EventList(EventView, ListAPIView):
    filterset_class = FleetEventFilter
    filter_backends = [filters.DjangoFilterBackend]
    pagination_class = EventPages
    parameters = ("cursor",)


@extend_schema(summary="Show an event")
class EventDetail(EventView, RetrieveAPIView):
    pass


class EventExport(EventView):
    """All that the filters of the list leave, as a stream."""

    filterset_class = FleetEventFilter
    filter_backends = [filters.DjangoFilterBackend]
    parameters = ("as",)

    @extend_schema(
        summary="Export the timeline as CSV or as lines of JSON",
        parameters=[OpenApiParameter("as", str, enum=[CSV, JSON_LINES], description="csv without it")],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/x-ndjson"): OpenApiTypes.STR},
    )
    def get(self, request):
        wanted = request.query_params.get("as", CSV)
        if wanted not in (CSV, JSON_LINES):
            raise BadRequest("the export is csv or jsonl", fields={"as": "must be csv or jsonl"})
        refuse_unknown(request, self.queryset, self)
        rows = self.filter_queryset(self.get_queryset()).order_by("-id")
        record_export(f"events as {wanted} by API", by=request.user, query=request.query_params.urlencode())
        name = f"timeline-{timezone.now():%Y-%m-%d}.{wanted}"
        return stream_csv(name, rows, EventAdmin.csv_columns) if wanted == CSV else lines_answer(name, rows)
