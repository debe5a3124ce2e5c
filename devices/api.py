"""The API's devices and what they reported. Reading only; what is asked of devices is in commands.api."""

from functools import cached_property

from django.db.models import Case, Value, When
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.response import Response

from devices import filters, serializers
from devices.models import Device, Event, InstalledApplication, InstalledCertificate, InstalledProfile
from mdm_project.api.ordering import StableOrdering
from mdm_project.api.permissions import reading
from mdm_project.api.views import ApiView

VIEW_DEVICE = "devices.view_device"


class DeviceView(ApiView):
    """What views of devices share: complete rows, of devices that the requester may see."""

    access = {"GET": reading(VIEW_DEVICE)}
    queryset = Device.objects.all()
    serializer_class = serializers.DeviceSerializer

    def get_queryset(self):
        return Device.objects.visible_to(self.request.user)

    def complete(self, devices):
        own = ("tags", "attribute_values__attribute")
        return devices.select_related("person").prefetch_related(*own).with_enrollment().with_last_seen()


@extend_schema(summary="List devices")
class DeviceList(DeviceView, ListAPIView):
    filter_backends = [DjangoFilterBackend, filters.DeviceSearch, StableOrdering]
    filterset_class = filters.DeviceFilter
    ordering = ["id"]
    ordering_fields = [
        "id",
        "name",
        "serial_number",
        "udid",
        "platform",
        "model",
        "os_version",
        "asset_tag",
        "battery_level",
        "created_at",
        "last_answer_at",
        "last_seen_at",
    ]
    ordering_columns = {"os_version": "os_version_parts"}
    ordering_nulls_last = ["last_seen_at", "last_answer_at", "battery_level"]

    def get_queryset(self):
        queryset = super().get_queryset()
        # Computed for every row, so only where the order needs it.
        is_needed = "last_seen_at" in self.request.query_params.get("ordering", "")
        return queryset.with_last_seen() if is_needed else queryset

    def page_queryset(self, keys):
        return self.complete(super().get_queryset().filter(pk__in=keys))


@extend_schema(summary="Show a device")
class DeviceDetail(DeviceView, RetrieveAPIView):
    def get_queryset(self):
        return self.complete(super().get_queryset())


@extend_schema(summary="Show everything a device answered about itself")
class DeviceInventory(DeviceDetail):
    serializer_class = serializers.InventorySerializer

    def retrieve(self, request, *args, **kwargs):
        device = self.get_object()
        inventory = {
            "device": device,
            "answers": device.answers.order_by("request_type", "user_key", "id"),
            "available_updates": device.available_updates.order_by("name", "id"),
        }
        return Response(self.get_serializer(inventory).data)


class OfDevice(ApiView):
    """Base of the lists below devices/<id>/: a device that may not be seen is not found."""

    access = {"GET": reading(VIEW_DEVICE)}

    @cached_property
    def device(self) -> Device:
        return get_object_or_404(Device.objects.visible_to(self.request.user).only("id"), pk=self.kwargs["pk"])


@extend_schema(summary="List the applications of a device")
class DeviceApplications(OfDevice, ListAPIView):
    queryset = InstalledApplication.objects.all()
    serializer_class = serializers.InstalledApplicationSerializer
    filterset_class = filters.ApplicationFilter
    search_fields = ["name", "identifier"]
    ordering_fields = ["id", "name", "identifier", "short_version", "bundle_size_bytes", "first_seen_at"]
    ordering = ["name", "id"]

    def get_queryset(self):
        return self.device.applications.all()


@extend_schema(summary="List the profiles of a device")
class DeviceProfiles(OfDevice, ListAPIView):
    queryset = InstalledProfile.objects.all()
    serializer_class = serializers.InstalledProfileSerializer
    filterset_class = filters.ProfileFilter
    search_fields = ["display_name", "identifier", "organization"]
    ordering_fields = ["id", "display_name", "identifier", "reported_at"]
    ordering = ["display_name", "id"]

    def get_queryset(self):
        channel_name = Case(When(channel__user_key="", then=Value("device")), default=Value("user"))
        return self.device.installed_profiles.select_related("channel").annotate(channel_name=channel_name)


@extend_schema(summary="List the certificates of a device")
class DeviceCertificates(OfDevice, ListAPIView):
    queryset = InstalledCertificate.objects.all()
    serializer_class = serializers.InstalledCertificateSerializer
    filterset_class = filters.CertificateFilter
    search_fields = ["common_name", "issuer", "serial_hex"]
    ordering_fields = ["id", "common_name", "issuer", "not_before", "not_after"]
    ordering = ["common_name", "id"]

    def get_queryset(self):
        return self.device.certificates.all()


@extend_schema(summary="Read the timeline of a device")
class DeviceTimeline(OfDevice, ListAPIView):
    queryset = Event.objects.all()
    serializer_class = serializers.EventSerializer
    filterset_class = filters.EventFilter
    search_fields = ["summary", "actor"]
    ordering_fields = ["id", "at"]
    ordering = ["-id"]

    def get_queryset(self):
        return self.device.events.all()
