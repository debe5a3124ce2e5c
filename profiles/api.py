"""The API's catalogue: what Apple's schema says, readable by whoever may see the catalogue. It is not changed here."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from mdm_project.api.permissions import reading
from mdm_project.api.views import ApiView
from profiles import catalogue
from profiles.catalogue.availability import system_of
from profiles.catalogue.describe import describe
from profiles.catalogue.entries import Entry, Kind

VIEW_CATALOGUE = "profiles.view_cataloguetext"
_ORDERINGS = ("slug", "label", "type")
_KEYS = {"type": "array", "items": {"type": "object", "additionalProperties": True}}


@extend_schema_field(_KEYS)
class KeysField(serializers.ListField):
    """A tree of keys: each has name, path, label, type, role, what is known of it, and its own keys."""


class CatalogueEntrySerializer(serializers.Serializer):
    """The shape of an entry, for the OpenAPI document; the catalogue describes itself."""

    slug = serializers.CharField(help_text="unique within the kind, and its address")
    kind = serializers.ChoiceField([kind.value for kind in Kind])
    type = serializers.CharField(help_text="PayloadType, RequestType, declaration type or status item; not unique")
    group = serializers.CharField(help_text="the purpose of a payload")
    family = serializers.CharField(help_text="of a declaration: activation, asset, configuration or management")
    file = serializers.CharField(help_text="where Apple's schema has it")
    apply = serializers.CharField(help_text="how several configurations of the type apply: single, multiple, combined")
    support = serializers.DictField(help_text="by OS, what Apple states")
    related_status_items = serializers.ListField(child=serializers.CharField())
    reasons = serializers.ListField(child=serializers.DictField())
    keys = KeysField(help_text="left out of lists with keys=false")
    response_keys = KeysField(help_text="what a device adds to its answer")

    def get_fields(self):
        # Not declared like the others: every field has an attribute of this name.
        return {"label": serializers.CharField(help_text="our own name")} | super().get_fields()

    def to_representation(self, entry: Entry) -> dict:
        described = describe(entry)
        if self.context.get("with_keys", True):
            return described
        return {name: value for name, value in described.items() if name not in ("keys", "response_keys")}


def _parameter(name: str, about: str, **more) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=about, **more)


class CatalogueView(ApiView):
    """What views of the catalogue share: the kind they show, and who may read it."""

    access = {"GET": reading(VIEW_CATALOGUE)}
    serializer_class = CatalogueEntrySerializer
    filter_backends = []
    kind = Kind.PAYLOAD

    @property
    def entry(self) -> Entry:
        return catalogue.catalogue().entry(self.kind, self.kwargs["slug"])


@extend_schema(
    summary="List what Apple's schema describes",
    parameters=[
        _parameter("search", "in label, type, slug and names of keys"),
        _parameter("platform", "available there", enum=["ios", "ipados", "macos", "tvos", "visionos", "watchos"]),
        _parameter("group", "purpose of a payload, family of a declaration"),
        _parameter("keys", "false leaves the trees of keys out", enum=["true", "false"]),
        _parameter("ordering", "one of slug, label, type; - before it turns the order"),
    ],
)
class CatalogueList(CatalogueView, ListAPIView):
    parameters = ("platform", "group", "keys")

    def get_queryset(self) -> list[Entry]:
        asked = self.request.query_params
        entries = [entry for entry in catalogue.catalogue().entries(self.kind) if _matches(entry, asked)]
        return _in_order(entries, asked.get("ordering", "") or "slug")

    def get_serializer_context(self):
        with_keys = self.request is None or self.request.query_params.get("keys") != "false"
        return super().get_serializer_context() | {"with_keys": with_keys}


@extend_schema(summary="Show a type with its keys")
class CatalogueDetail(CatalogueView):
    def get(self, request, slug):
        return Response(self.get_serializer(self.entry).data)


@extend_schema(summary="Get the JSON Schema (2020-12) of a type", responses={200: OpenApiTypes.OBJECT})
class CatalogueSchema(CatalogueView):
    def get(self, request, slug):
        return Response(catalogue.json_schema(self.entry))


def _matches(entry: Entry, asked) -> bool:
    platform, group, words = asked.get("platform", ""), asked.get("group", ""), asked.get("search", "").lower().split()
    if platform and not _is_on(entry, platform):
        return False
    if group and group.lower() != entry.group.lower():
        return False
    return all(word in _searched(entry) for word in words)


def _is_on(entry: Entry, platform: str) -> bool:
    try:
        system = system_of(platform)
    except KeyError:
        raise ValidationError({"platform": f"{platform} is no platform"}) from None
    return not entry.support or system in entry.systems


def _searched(entry: Entry) -> str:
    names = [key.name for key in entry.walk()] if entry.kind is not Kind.STATUS_ITEM else []
    return " ".join([entry.label, entry.type, entry.slug, *names]).lower()


def _in_order(entries: list[Entry], ordering: str) -> list[Entry]:
    name = ordering.removeprefix("-")
    if name not in _ORDERINGS:
        raise ValidationError({"ordering": f"cannot order by {name}; can by {', '.join(_ORDERINGS)}"})
    return sorted(entries, key=lambda entry: (getattr(entry, name).lower(), entry.slug), reverse=ordering != name)
