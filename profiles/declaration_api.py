"""The API's declarations."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListCreateAPIView, RetrieveAPIView
from rest_framework.response import Response

from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView
from profiles.declarations import change_declaration, create_declaration, delete_declaration, payload_of
from profiles.masking import mask, restore
from profiles.models import Declaration
from profiles.serializers import VIEW_SECRETS

VIEW = "profiles.view_declaration"


class DeclarationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Declaration
        fields = [
            "id", "name", "identifier", "type", "description", "server_token", "revision", "created_at", "updated_at",
        ]  # fmt: skip


class DeclarationDetailSerializer(DeclarationSerializer):
    payload = serializers.SerializerMethodField(help_text="without secrets for who may not see them")

    class Meta(DeclarationSerializer.Meta):
        fields = [*DeclarationSerializer.Meta.fields, "payload"]

    @extend_schema_field(serializers.DictField())
    def get_payload(self, declaration) -> dict:
        payload = payload_of(declaration)
        return payload if self.context["request"].user.has_perm(VIEW_SECRETS) else mask(payload)


class NewDeclarationSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    type = serializers.CharField(max_length=200, help_text="a type of catalog/declarations/")
    identifier = serializers.CharField(required=False, allow_blank=True, default="", max_length=255)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=5000)
    payload = serializers.DictField(required=False, default=dict, help_text="checked against Apple's schema")


class ChangedDeclarationSerializer(serializers.Serializer):
    name = serializers.CharField(required=False, max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    payload = serializers.DictField(required=False)
    revision = serializers.IntegerField(required=False, allow_null=True, default=None, help_text="refused if stale")


class DeclarationList(ApiView, ListCreateAPIView):
    access = {"GET": reading(VIEW), "POST": Access(Scope.WRITE, ("profiles.add_declaration", VIEW))}
    queryset = Declaration.objects.all()
    serializer_class = DeclarationSerializer
    search_fields = ["name", "identifier", "type", "description"]
    ordering_fields = ["id", "name", "type", "updated_at"]
    ordering = ["name"]
    filterset_fields = ["type"]

    def get_queryset(self):
        return Declaration.objects.visible_to(self.request.user)

    @extend_schema(summary="List declarations")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Make a declaration", request=NewDeclarationSerializer, responses={201: DeclarationDetailSerializer}
    )
    def post(self, request, *args, **kwargs):
        form = NewDeclarationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        declaration = create_declaration(actor=actor_of(request), **form.validated_data)
        context = {"request": request}
        return Response(DeclarationDetailSerializer(declaration, context=context).data, status=201)


class DeclarationDetail(ApiView, RetrieveAPIView):
    access = {
        "GET": reading(VIEW),
        "PATCH": Access(Scope.WRITE, ("profiles.change_declaration", VIEW)),
        "DELETE": Access(Scope.WRITE, ("profiles.delete_declaration", VIEW)),
    }
    queryset = Declaration.objects.all()
    serializer_class = DeclarationDetailSerializer

    def get_queryset(self):
        return Declaration.objects.visible_to(self.request.user)

    @extend_schema(summary="Show a declaration")
    def get(self, request, *args, **kwargs):
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(summary="Change a declaration", request=ChangedDeclarationSerializer)
    def patch(self, request, pk):
        form = ChangedDeclarationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        declaration = get_object_or_404(self.get_queryset(), pk=pk)
        facts = dict(form.validated_data)
        if "payload" in facts:
            # What was masked when it was read stays what it is.
            facts["payload"] = restore(facts["payload"], payload_of(declaration))
        changed = change_declaration(declaration, facts.pop("revision"), actor=actor_of(request), **facts)
        return Response(self.get_serializer(changed).data)

    @extend_schema(summary="Delete a declaration", responses={204: None})
    def delete(self, request, pk):
        delete_declaration(get_object_or_404(self.get_queryset(), pk=pk), actor=actor_of(request))
        return Response(status=204)
