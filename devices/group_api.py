"""The API's groups, tags and custom attributes, and what staff may change about a device."""

from django.db import transaction
from django.db.models import Count
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, ListCreateAPIView, RetrieveAPIView
from rest_framework.response import Response

from devices import api, attributes, filters, groups, rules, services
from devices import group_serializers as serializers
from devices.access import within
from devices.attribute_import import import_attributes
from devices.models import CustomAttribute, Device, Group, Person, Tag
from mdm_project.api.auth import actor_of
from mdm_project.api.ordering import StableOrdering
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView
from mdm_project.errors import BadRequest

VIEW_GROUP, VIEW_DEVICE, VIEW_ATTRIBUTE = "devices.view_group", "devices.view_device", "devices.view_customattribute"
PREVIEW_SIZE = 20


def writing(*permissions: str) -> Access:
    return Access(Scope.WRITE, permissions)


class GroupView(ApiView):
    """What views of groups share: groups that the requester may see, with the number of their members."""

    queryset = Group.objects.all()
    serializer_class = serializers.GroupSerializer

    def get_queryset(self):
        return self.counted(Group.objects.visible_to(self.request.user))

    def counted(self, queryset):
        return queryset.with_member_count(self.request.user)

    def get_serializer_context(self):
        return super().get_serializer_context() | {"vocabulary": rules.Vocabulary()}

    def shown(self, group: Group, **options) -> Response:
        return Response(self.get_serializer(self.counted(Group.objects.all()).get(pk=group.pk)).data, **options)


class GroupList(GroupView, ListCreateAPIView):
    access = {"GET": reading(VIEW_GROUP), "POST": writing("devices.add_group", VIEW_GROUP)}
    filterset_fields = ["kind"]
    search_fields = ["name", "description"]
    ordering_fields = ["id", "name", "created_at", "evaluated_at"]
    ordering = ["name", "id"]

    def get_queryset(self):
        return Group.objects.visible_to(self.request.user)

    def page_queryset(self, keys):
        return self.counted(self.get_queryset().filter(pk__in=keys))

    @extend_schema(summary="List groups")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Make a group", request=serializers.NewGroupSerializer, responses={201: serializers.GroupSerializer}
    )
    def post(self, request, *args, **kwargs):
        form = serializers.NewGroupSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self.shown(groups.create_group(**form.validated_data, actor=actor_of(request)), status=201)


class GroupDetail(GroupView, RetrieveAPIView):
    access = {
        "GET": reading(VIEW_GROUP),
        "PATCH": writing("devices.change_group", VIEW_GROUP),
        "DELETE": writing("devices.delete_group", VIEW_GROUP),
    }

    @extend_schema(summary="Show a group")
    def get(self, request, *args, **kwargs):
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        summary="Change a group", request=serializers.GroupChangeSerializer, responses=serializers.GroupSerializer
    )
    def patch(self, request, *args, **kwargs):
        form = serializers.GroupChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self.shown(groups.change_group(self.get_object(), actor=actor_of(request), **form.validated_data))

    @extend_schema(summary="Delete a group that nothing uses", responses={204: None})
    def delete(self, request, *args, **kwargs):
        groups.delete_group(self.get_object(), actor=actor_of(request))
        return Response(status=204)


@extend_schema(summary="List the devices of a group")
class GroupDevices(api.DeviceView, ListAPIView):
    access = {"GET": reading(VIEW_GROUP, VIEW_DEVICE)}
    filter_backends = [DjangoFilterBackend, filters.DeviceSearch, StableOrdering]
    filterset_class = filters.DeviceFilter
    ordering_fields = ["id", "name", "serial_number", "platform", "os_version"]
    ordering_columns = {"os_version": "os_version_parts"}
    ordering = ["id"]

    def get_queryset(self):
        user = self.request.user
        group = get_object_or_404(Group.objects.visible_to(user).only("id"), pk=self.kwargs["pk"])
        return super().get_queryset().filter(memberships__group=group)

    def page_queryset(self, keys):
        return self.complete(super().get_queryset().filter(pk__in=keys))


class GroupMembers(GroupView):
    access = {"POST": writing("devices.change_group", VIEW_GROUP, VIEW_DEVICE)}
    actions = {"add": groups.add_members, "remove": groups.remove_members, "set": groups.set_members}

    @extend_schema(
        summary="Change who is in a static group",
        request=serializers.MembersSerializer,
        responses={200: serializers.ShiftSerializer},
    )
    def post(self, request, pk):
        form = serializers.MembersSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        group, asked = self.get_object(), form.validated_data
        device_ids = _find(asked, Device.objects.visible_to(request.user))
        shift = self.actions[asked["action"]](group, device_ids, actor=actor_of(request))
        number = Device.objects.visible_to(request.user).filter(memberships__group=group).count()
        return Response({"joined": len(shift.joined), "left": len(shift.left), "member_count": number})


def _find(asked: dict, visible) -> set[int]:
    """Return the ids of the named devices; raise BadRequest, which names those that do not exist."""
    found, unknown = set(), {}
    for name, column in (("device_ids", "id"), ("serial_numbers", "serial_number")):
        named = asked.get(name, [])
        rows = visible.filter(**{f"{column}__in": set(named)}).order_by().values_list(column, "id") if named else []
        pairs = list(rows)
        known = {value for value, _id in pairs}
        found |= {device_id for _value, device_id in pairs}
        unknown |= {f"{name}.{n}": f"no such device: {value}" for n, value in enumerate(named) if value not in known}
    if unknown:
        raise BadRequest(f"{len(unknown)} of the named devices do not exist", fields=unknown)
    return found


class GroupPreview(api.DeviceView):
    access = {"POST": reading(VIEW_GROUP, VIEW_DEVICE)}
    serializer_class = serializers.PreviewSerializer

    @extend_schema(
        summary="Show which devices a rule would gather",
        request=serializers.RuleSerializer,
        responses={200: serializers.PreviewSerializer},
    )
    def post(self, request):
        form = serializers.RuleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        rule = form.validated_data["rule"]
        found = groups.preview(rule, request.user)
        first = self.complete(found)[:PREVIEW_SIZE]
        preview = {"sentence": rules.describe(rule), "count": found.count(), "devices": first}
        return Response(self.get_serializer(preview).data)


@extend_schema(summary="List what rules can look at")
class FactList(ApiView, ListAPIView):
    access = {"GET": reading(VIEW_GROUP)}
    serializer_class = serializers.FactSerializer
    filter_backends = []

    def get_queryset(self):
        return rules.Vocabulary(self.request.user).facts()


class GroupExplanation(GroupView):
    access = {"GET": reading(VIEW_GROUP, VIEW_DEVICE)}
    serializer_class = serializers.ExplanationSerializer

    @extend_schema(summary="Say why a device is in a smart group or not")
    def get(self, request, pk, device_id):
        group = self.get_object()
        if group.rule is None:
            raise BadRequest("a static group has no rule")
        device = get_object_or_404(Device.objects.visible_to(request.user).only("id"), pk=device_id)
        return Response(self.get_serializer(rules.explain(group.rule, device)).data)


@extend_schema(summary="List tags")
class TagList(ApiView, ListAPIView):
    access = {"GET": reading("devices.view_tag", VIEW_DEVICE)}
    queryset = Tag.objects.all()
    serializer_class = serializers.TagSerializer
    search_fields = ["name"]
    ordering_fields = ["id", "name", "device_count"]
    ordering = ["name", "id"]

    def get_queryset(self):
        seen = within(self.request.user, "devices")
        return Tag.objects.annotate(device_count=Count("devices", filter=seen))


class AttributeView(ApiView):
    queryset = CustomAttribute.objects.all()
    serializer_class = serializers.AttributeSerializer


class AttributeList(AttributeView, ListCreateAPIView):
    access = {"GET": reading(VIEW_ATTRIBUTE), "POST": writing("devices.add_customattribute", VIEW_ATTRIBUTE)}
    filterset_fields = ["kind", "is_secret"]
    search_fields = ["name", "label"]
    ordering_fields = ["id", "name", "label"]
    ordering = ["name", "id"]

    @extend_schema(summary="List custom attributes")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Define a custom attribute",
        request=serializers.NewAttributeSerializer,
        responses={201: serializers.AttributeSerializer},
    )
    def post(self, request, *args, **kwargs):
        form = serializers.NewAttributeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        attribute = attributes.define_attribute(**form.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(attribute).data, status=201)


class AttributeDetail(AttributeView, RetrieveAPIView):
    access = {
        "GET": reading(VIEW_ATTRIBUTE),
        "PATCH": writing("devices.change_customattribute", VIEW_ATTRIBUTE),
        "DELETE": writing("devices.delete_customattribute", VIEW_ATTRIBUTE),
    }

    @extend_schema(summary="Show a custom attribute")
    def get(self, request, *args, **kwargs):
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        summary="Change the label of a custom attribute, or make it secret",
        request=serializers.AttributeChangeSerializer,
        responses=serializers.AttributeSerializer,
    )
    def patch(self, request, *args, **kwargs):
        form = serializers.AttributeChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        attribute = attributes.change_attribute(self.get_object(), **form.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(attribute).data)

    @extend_schema(summary="Delete a custom attribute that no rule uses, with its values", responses={204: None})
    def delete(self, request, *args, **kwargs):
        attributes.delete_attribute(self.get_object(), actor=actor_of(request))
        return Response(status=204)


class AttributeImport(ApiView):
    access = {"POST": writing("devices.change_device", VIEW_DEVICE, VIEW_ATTRIBUTE)}
    serializer_class = serializers.ImportedSerializer

    @extend_schema(
        summary="Set custom attributes of many devices from CSV",
        request=serializers.AttributeImportSerializer,
        responses={200: serializers.ImportedSerializer},
    )
    def post(self, request):
        form = serializers.AttributeImportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        visible = Device.objects.visible_to(request.user)
        imported = import_attributes(form.validated_data["csv"], visible, actor=actor_of(request))
        return Response(self.get_serializer(imported).data)


class DeviceList(api.DeviceList):
    """The devices, and adding one ahead of its enrollment."""

    access = api.DeviceList.access | {"POST": writing("devices.add_device", VIEW_DEVICE)}

    @extend_schema(summary="List devices")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Add a device ahead of its enrollment, by its serial number",
        description="It is pre_assigned until a device enrolls with this number; 409 where there is one already.",
        request=serializers.NewDeviceSerializer,
        responses={201: api.serializers.DeviceSerializer},
    )
    def post(self, request, *args, **kwargs):
        form = serializers.NewDeviceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        actor, asked = actor_of(request), form.validated_data
        person = _person(asked["person"], actor.user)
        device = services.pre_assign(asked["serial_number"], actor=actor, asset_tag=asked["asset_tag"], person=person)
        made = self.complete(Device.objects.filter(pk=device.pk)).get()
        return Response(self.get_serializer(made).data, status=201)


class DeviceDetail(api.DeviceDetail):
    """A device, and what staff may change about it."""

    access = api.DeviceDetail.access | {"PATCH": writing("devices.change_device", VIEW_DEVICE)}

    @extend_schema(
        summary="Change what staff say of a device: asset tag, user, tags, custom attributes",
        request=serializers.DeviceChangeSerializer,
        responses=api.serializers.DeviceSerializer,
    )
    @transaction.atomic
    def patch(self, request, *args, **kwargs):
        form = serializers.DeviceChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        _change(self.get_object(), form.validated_data, actor_of(request))
        return self.retrieve(request, *args, **kwargs)


def _change(device: Device, changes: dict, actor) -> None:
    if "asset_tag" in changes:
        services.set_asset_tag(device, changes["asset_tag"], actor=actor)
    if "person" in changes:
        services.assign_person(device, _person(changes["person"], actor.user), actor=actor)
    if "tags" in changes:
        attributes.set_tags(device, changes["tags"], actor=actor)
    if "attributes" in changes:
        try:
            attributes.set_attributes({device.pk: changes["attributes"]}, actor=actor)
        except BadRequest as error:
            fields = {f"attributes.{path.partition('.')[2]}": problem for path, problem in error.fields.items()}
            raise BadRequest(error.detail, fields=fields) from error


def _person(person_id: int | None, user) -> Person | None:
    person = Person.objects.visible_to(user).filter(pk=person_id).first() if person_id else None
    if person_id and person is None:
        raise BadRequest("there is no such person", fields={"person": f"there is no person {person_id}"})
    return person
