"""The API's secrets of devices: that they are there, and revealing one; custom attributes that are secret too."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from devices.models import AttributeValue, Device, EscrowedSecret
from devices.reveals import reveal_secret
from devices.secret_attributes import reveal_attribute
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView

VIEW = "devices.view_device"


class SecretSerializer(serializers.ModelSerializer):
    """A secret without its value."""

    class Meta:
        model = EscrowedSecret
        fields = [
            "id", "kind", "is_current", "is_pending", "source", "created_at", "ended_at", "revealed_at",
            "rotation_wished_at", "rotation_asked_at", "rotation_problem", "is_replaced",
        ]  # fmt: skip


class RevealSecretSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=1000)


class RevealedSerializer(serializers.Serializer):
    value = serializers.CharField()
    kind = serializers.CharField()


class RevealedAttributeSerializer(serializers.Serializer):
    value = serializers.CharField()
    attribute = serializers.CharField()


class DeviceSecrets(ApiView, ListAPIView):
    access = {"GET": reading(VIEW)}
    queryset = EscrowedSecret.objects.all()
    serializer_class = SecretSerializer
    filterset_fields = ["kind", "is_current"]
    ordering = ["-created_at"]

    def get_queryset(self):
        device = get_object_or_404(Device.objects.visible_to(self.request.user).only("id"), pk=self.kwargs["pk"])
        return EscrowedSecret.objects.filter(device=device).defer("value_encrypted")

    @extend_schema(summary="List the secrets of a device, without their values")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)


class RevealSecret(ApiView):
    access = {"POST": Access(Scope.WRITE, ("devices.reveal_secret", VIEW))}
    queryset = EscrowedSecret.objects.all()
    serializer_class = RevealSecretSerializer
    is_answer_secret = True

    @extend_schema(summary="Reveal a secret", request=RevealSecretSerializer, responses=RevealedSerializer)
    def post(self, request, pk, secret):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        device = get_object_or_404(Device.objects.visible_to(request.user).only("id"), pk=pk)
        found = get_object_or_404(EscrowedSecret, pk=secret, device=device)
        value = reveal_secret(found, actor=actor_of(request), reason=form.validated_data["reason"])
        answer = Response({"value": value, "kind": found.kind})
        answer["Cache-Control"] = "no-store"
        return answer


class RevealAttribute(ApiView):
    access = {"POST": Access(Scope.WRITE, ("devices.reveal_secret", VIEW))}
    queryset = AttributeValue.objects.all()
    serializer_class = RevealSecretSerializer
    is_answer_secret = True

    @extend_schema(
        summary="Reveal the value of a secret custom attribute",
        request=RevealSecretSerializer,
        responses=RevealedAttributeSerializer,
    )
    def post(self, request, pk, name):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        device = get_object_or_404(Device.objects.visible_to(request.user).only("id"), pk=pk)
        values = AttributeValue.objects.select_related("attribute")
        found = get_object_or_404(values, device=device, attribute__name=name)
        value = reveal_attribute(found, actor=actor_of(request), reason=form.validated_data["reason"])
        answer = Response({"value": value, "attribute": name})
        answer["Cache-Control"] = "no-store"
        return answer
