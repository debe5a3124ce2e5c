"""The API's push certificates and what became of waking each channel: reading only."""

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from apns.models import PushCertificate, PushState
from devices.models import Channel
from mdm_project.api.permissions import reading
from mdm_project.api.views import ApiView


class PushCertificateSerializer(serializers.ModelSerializer):
    fingerprint = serializers.SerializerMethodField(help_text="SHA-256 of the certificate, hexadecimal")

    class Meta:
        model = PushCertificate
        fields = [
            "id",
            "name",
            "topic",
            "fingerprint",
            "not_before",
            "not_after",
            "apple_account",
            "is_default",
            "alarm",
            "alarm_at",
            "updated_at",
        ]

    def get_fingerprint(self, certificate) -> str:
        return bytes(certificate.fingerprint).hex()


class PushCertificateView(ApiView):
    access = {"GET": reading("apns.view_pushcertificate")}
    queryset = PushCertificate.objects.defer("certificate_pem", "key_encrypted")
    serializer_class = PushCertificateSerializer


@extend_schema(summary="List push certificates")
class PushCertificateList(PushCertificateView, ListAPIView):
    filterset_fields = ["topic", "is_default"]
    search_fields = ["name", "topic", "apple_account"]
    ordering_fields = ["id", "name", "not_after", "updated_at"]
    ordering = ["name", "id"]


@extend_schema(summary="Show a push certificate")
class PushCertificateDetail(PushCertificateView, RetrieveAPIView):
    pass


class PushStateSerializer(serializers.ModelSerializer):
    device_id = serializers.IntegerField(source="channel.device_id")
    enrollment_id = serializers.CharField(source="channel.enrollment_key")
    channel = serializers.SerializerMethodField(help_text="device or user")
    user_short_name = serializers.CharField(source="channel.user_short_name")
    gone_at = serializers.DateTimeField(
        source="channel.push_gone_at", allow_null=True, help_text="APNs said that the token is dead"
    )

    class Meta:
        model = PushState
        fields = [
            "device_id",
            "enrollment_id",
            "channel",
            "user_short_name",
            "requested_at",
            "attempted_at",
            "accepted_at",
            "next_attempt_at",
            "status",
            "reason",
            "apns_id",
            "failures",
            "gone_at",
        ]

    def get_channel(self, state) -> str:
        return "user" if state.channel.is_user_channel else "device"


class PushStateFilter(filters.FilterSet):
    device = filters.NumberFilter(field_name="channel__device_id", help_text="id of a device")
    is_failing = filters.BooleanFilter(field_name="failures", method="filter_failing")
    is_gone = filters.BooleanFilter(field_name="channel__push_gone_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = PushState
        fields = ["status", "reason"]

    def filter_failing(self, queryset, name, is_failing):
        return queryset.filter(failures__gt=0) if is_failing else queryset.filter(failures=0)


@extend_schema(summary="List the last attempts to wake devices")
class PushStateList(ApiView, ListAPIView):
    access = {"GET": reading("devices.view_device")}
    queryset = PushState.objects.all()
    serializer_class = PushStateSerializer
    filterset_class = PushStateFilter
    search_fields = ["channel__device__serial_number", "channel__device__name", "channel__enrollment_key"]
    ordering_fields = ["requested_at", "attempted_at", "accepted_at", "failures"]
    ordering = ["pk"]

    def get_queryset(self):
        visible = Channel.objects.visible_to(self.request.user)
        return PushState.objects.filter(channel__in=visible).select_related("channel")
