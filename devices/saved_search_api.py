"""The API's saved searches of devices."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListCreateAPIView, RetrieveAPIView
from rest_framework.response import Response

from commands.serializers import StrictSerializer
from devices.models import SavedSearch
from devices.saved_searches import (
    MAX_NAME,
    SHARE,
    change_search,
    delete_search,
    may_change,
    save_search,
    words_of,
    words_of_each,
)
from devices.search import MAX_TEXT
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView

VIEW_DEVICE = "devices.view_device"
WRITING = Access(Scope.WRITE, (VIEW_DEVICE,))


class _SearchesSerializer(serializers.ListSerializer):
    """Finds the words of all searches of a page together."""

    def to_representation(self, data):
        rows = list(data)
        for saved, words in zip(rows, words_of_each(rows, self.context["request"].user), strict=True):
            saved.words = words
        return super().to_representation(rows)


class SavedSearchSerializer(serializers.ModelSerializer):
    owner = serializers.CharField(source="owner.username", default=None, allow_null=True)
    words = serializers.SerializerMethodField(help_text="what it looks for, in words")

    class Meta:
        model = SavedSearch
        list_serializer_class = _SearchesSerializer
        fields = ["id", "name", "search", "filters", "words", "owner", "is_shared", "created_at", "changed_at"]

    def get_words(self, saved) -> list[str]:
        return saved.words if hasattr(saved, "words") else words_of(saved, self.context["request"].user)


class _Filters(serializers.DictField):
    """Names and values of filters; devices.saved_searches says which there are."""

    child = serializers.CharField(max_length=100)


class NewSearchSerializer(StrictSerializer):
    name = serializers.CharField(max_length=MAX_NAME)
    search = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_TEXT)
    filters = _Filters(required=False, default=dict, help_text="by name: platform, os, enrollment, group, tag...")
    is_shared = serializers.BooleanField(default=False, help_text="for everybody who sees devices")


class SearchChangeSerializer(StrictSerializer):
    name = serializers.CharField(required=False, max_length=MAX_NAME)
    search = serializers.CharField(required=False, allow_blank=True, max_length=MAX_TEXT)
    filters = _Filters(required=False)
    is_shared = serializers.BooleanField(required=False)


class SearchView(ApiView):
    """Searches of the requester and shared ones."""

    queryset = SavedSearch.objects.all()
    serializer_class = SavedSearchSerializer

    def get_queryset(self):
        return SavedSearch.objects.visible_to(self.request.user).select_related("owner")


class SavedSearchList(SearchView, ListCreateAPIView):
    access = {"GET": reading(VIEW_DEVICE), "POST": WRITING}
    filterset_fields = ["is_shared"]
    search_fields = ["name"]
    ordering_fields = ["id", "name", "created_at", "changed_at"]
    ordering = ["name", "id"]

    @extend_schema(summary="List saved searches of devices")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Save a search of devices", request=NewSearchSerializer, responses={201: SavedSearchSerializer}
    )
    def post(self, request, *args, **kwargs):
        form = NewSearchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        saved = save_search(**form.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(saved).data, status=201)


class SavedSearchDetail(SearchView, RetrieveAPIView):
    access = {"GET": reading(VIEW_DEVICE), "PATCH": WRITING, "DELETE": WRITING}

    def changeable(self) -> SavedSearch:
        saved, user = self.get_object(), self.request.user
        if not may_change(saved, user):
            lacks = f"{user.get_username()} lacks {SHARE}, or is limited to some groups"
            raise PermissionDenied(f"This search belongs to somebody else: {lacks}.")
        return saved

    @extend_schema(summary="Show a saved search of devices")
    def get(self, request, *args, **kwargs):
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        summary="Change a saved search of devices", request=SearchChangeSerializer, responses=SavedSearchSerializer
    )
    def patch(self, request, *args, **kwargs):
        form = SearchChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        saved = change_search(self.changeable(), **form.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(saved).data)

    @extend_schema(summary="Delete a saved search of devices", responses={204: None})
    def delete(self, request, *args, **kwargs):
        delete_search(self.changeable(), actor=actor_of(request))
        return Response(status=204)
