"""The API's devices of a profile and of an assignment: how far each is, why, and what brings it."""

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.filters import SearchFilter
from rest_framework.generics import ListAPIView

from commands.standing import ItemStanding, Word
from commands.standing_rows import BAR, Row, counts_by, joined, rows_of
from devices.models import Device
from mdm_project.api.ordering import StableOrdering
from mdm_project.api.permissions import reading
from mdm_project.api.views import ApiView
from profiles import rollout
from profiles.models import Assignment, Profile

VIEW_PROFILE, VIEW_DEVICE = "profiles.view_profile", "devices.view_device"


class GroupOfItem(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class StandingSerializer(serializers.Serializer):
    """A profile on a channel of a device: how far it is and why."""

    device = serializers.IntegerField()
    device_name = serializers.CharField()
    serial_number = serializers.CharField(allow_null=True)
    channel = serializers.CharField(help_text="device, or the user's short name")
    version = serializers.IntegerField(allow_null=True, help_text="that it should have; null: none")
    sent_version = serializers.IntegerField(allow_null=True, help_text="that was sent last")
    state = serializers.ChoiceField(Word.choices)
    reason = serializers.CharField(help_text="why it stands so, in a sentence")
    cause = serializers.CharField(help_text="of a failure, of what is held or not for the device, as it was told")
    since = serializers.DateTimeField(allow_null=True)
    assignment = serializers.IntegerField(
        allow_null=True, help_text="that brings it; null: it is not assigned any more"
    )
    groups = GroupOfItem(many=True, help_text="by which the assignment brings it to this device")

    def to_representation(self, row: Row) -> dict:
        it = row.standing
        return {
            "device": it.device_id,
            "device_name": it.device.name,
            "serial_number": it.device.serial_number,
            "channel": row.channel,
            "version": it.version.number if it.wanted_id and it.version else None,
            "sent_version": it.sent_version.number if it.sent_version else None,
            "state": it.word,
            "reason": row.reason,
            "cause": it.cause,
            "since": serializers.DateTimeField().to_representation(it.since) if it.since else None,
            "assignment": it.assignment_id,
            "groups": [{"id": pk, "name": name} for pk, name in row.groups],
        }


class StandingFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(field_name="word", choices=Word.choices)

    class Meta:
        model = ItemStanding
        fields = ["device"]


class OfDevices(SearchFilter):
    """``search`` among what devices are found by."""

    def filter_queryset(self, request, queryset, view):
        text = request.query_params.get(self.search_param, "").replace("\x00", "").strip()
        if not text:
            return queryset
        found = Device.objects.visible_to(request.user).matching(text, forgiving=False)
        return queryset.filter(device__in=found.order_by().values("pk"))


class StandingList(ApiView, ListAPIView):
    """What both lists share; a page is explained in statements whose number does not depend on its length."""

    queryset = ItemStanding.objects.all()
    serializer_class = StandingSerializer
    filter_backends = [DjangoFilterBackend, OfDevices, StableOrdering]
    filterset_class = StandingFilter
    ordering_fields = ["id", "device", "name", "state", "since"]
    ordering_columns = {"name": "device__name", "state": "word"}
    ordering_nulls_last = ("since",)
    ordering = ["name", "device"]

    def paginate_queryset(self, queryset):
        return rows_of(super().paginate_queryset(queryset), self.request.user)


class ProfileDevices(StandingList):
    access = {"GET": reading(VIEW_PROFILE, VIEW_DEVICE)}

    def get_queryset(self):
        user = self.request.user
        profile = get_object_or_404(Profile.objects.visible_to(user).only("id"), pk=self.kwargs["pk"])
        return joined(ItemStanding.objects.visible_to(user).filter(profile=profile))

    @extend_schema(summary="List how far the devices of a profile are, those that it is being taken from as well")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)


class AssignmentDevices(StandingList):
    access = {"GET": reading("profiles.view_assignment", VIEW_PROFILE, VIEW_DEVICE)}

    def get_queryset(self):
        user = self.request.user
        assignment = get_object_or_404(Assignment.objects.visible_to(user).only("id"), pk=self.kwargs["pk"])
        return joined(ItemStanding.objects.visible_to(user).filter(assignment=assignment))

    @extend_schema(summary="List how far the devices of an assignment are")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)


def with_progress(assignments: list[Assignment], user) -> list[Assignment]:
    """Attach to rows how far their devices are, of rollouts those of the version rolled out; two statements."""
    keys = [assignment.pk for assignment in assignments]
    rollouts, states = rollout.progress_of(keys), counts_by("assignment", keys, user)
    for assignment in assignments:
        assignment.states = states.get(assignment.pk, {})
        is_rolled_out = assignment.rollout_state != Assignment.RolloutState.NONE
        assignment.progress = rollouts[assignment.pk] if is_rolled_out else _progress_of(assignment.states)
    return assignments


def _progress_of(states: dict[str, int]) -> rollout.Progress:
    meant = sum(number for word, number in states.items() if word in BAR)
    return rollout.Progress(meant, states.get(Word.VERIFIED, 0), states.get(Word.FAILED, 0))
