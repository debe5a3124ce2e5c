"""The API's client certificates of devices: listing them with their renewals, and renewing them."""

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from commands.serializers import StrictSerializer
from devices.models import Enrollment, Identity
from enrollment.models import IdentityRenewal
from enrollment.renewals import BATCH, due, of_devices_seen, renew
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView
from mdm_project.errors import BadRequest

VIEW = ("devices.view_identity", "devices.view_device")
DUE = "due"


class RenewalSerializer(serializers.ModelSerializer):
    class Meta:
        model = IdentityRenewal
        fields = ["state", "tries", "asked_at", "next_at", "finished_at", "problem"]


class IdentitySerializer(serializers.ModelSerializer):
    origin = serializers.CharField(help_text="scep, outside")
    renewal = serializers.SerializerMethodField(help_text="null: not asked yet")

    class Meta:
        model = Identity
        fields = [
            "id", "serial_hex", "subject", "origin", "enrollment_key", "issued_at", "not_before", "not_after",
            "is_active", "ended_at", "end_reason", "is_renewal", "renewal",
        ]  # fmt: skip

    @extend_schema_field(RenewalSerializer(allow_null=True))
    def get_renewal(self, identity):
        renewal = getattr(identity, "renewal", None)
        return RenewalSerializer(renewal).data if renewal else None


class IdentityFilter(filters.FilterSet):
    renewal = filters.ChoiceFilter(
        choices=[(DUE, "Due now"), *IdentityRenewal.State.choices], method="filter_renewal",
        help_text="due: by its time, and not asked yet",
    )  # fmt: skip
    expires_before = filters.IsoDateTimeFilter(field_name="not_after", lookup_expr="lt")

    class Meta:
        model = Identity
        fields = ["is_active", "origin", "enrollment_key"]

    def filter_renewal(self, queryset, name, value):
        if value == DUE:
            return queryset.filter(pk__in=due().order_by().values("pk"))
        return queryset.filter(renewal__state=value)


@extend_schema(summary="List client certificates of devices")
class IdentityList(ApiView, ListAPIView):
    access = {"GET": reading(*VIEW)}
    queryset = Identity.objects.all()
    serializer_class = IdentitySerializer
    filterset_class = IdentityFilter
    search_fields = ["subject", "serial_hex", "enrollment_key"]
    ordering_fields = ["id", "not_after", "issued_at"]
    ordering = ["-id"]

    def get_queryset(self):
        seen = Enrollment.objects.visible_to(self.request.user).order_by().values("key")
        rows = Identity.objects.filter(enrollment_key__in=seen).select_related("renewal")
        return rows.defer("certificate_der")


class WishSerializer(StrictSerializer):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, max_length=BATCH
    )
    due = serializers.BooleanField(required=False, default=False, help_text=f"{BATCH} of those that are due, at most")
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class NotRenewedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    reason = serializers.CharField()


class RenewedSerializer(serializers.Serializer):
    command = serializers.IntegerField(allow_null=True, help_text="to follow it")
    asked = serializers.IntegerField()
    refused = NotRenewedSerializer(many=True)


class RenewIdentities(ApiView):
    """Devices that use these certificates are offered new ones."""

    access = {"POST": Access(Scope.COMMANDS, (*VIEW, "commands.add_command"))}
    queryset = Identity.objects.all()
    serializer_class = WishSerializer

    @extend_schema(summary="Renew client certificates", request=WishSerializer, responses=RenewedSerializer)
    def post(self, request):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        wish = form.validated_data
        if bool(wish.get("ids")) == wish["due"]:
            raise BadRequest("say which: ids, or due", fields={"ids": "either these or due"})
        chosen = due() if wish["due"] else Identity.objects.filter(pk__in=wish["ids"])
        rows = list(of_devices_seen(chosen, request.user).defer("certificate_der")[:BATCH])
        asked = renew(rows, actor=actor_of(request), reason=wish["reason"])
        refused = [{"id": pk, "reason": why} for pk, why in asked.refused.items()]
        command = asked.command
        return Response(
            {"command": command.pk if command else None, "asked": command.target_count if command else 0,
             "refused": refused}
        )  # fmt: skip
