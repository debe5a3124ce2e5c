"""The API's assignments, rollouts and plans, and how far a device is with what it should have."""

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListCreateAPIView, RetrieveAPIView
from rest_framework.response import Response

from commands.configuration import WORDS, Item, items_of
from commands.reconcile import retry_items
from commands.serializers import MAX_ID, StrictSerializer
from devices.models import Device
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView
from profiles import assigning, rollout
from profiles.assigning import NUMBERS, STAGE
from profiles.changes import fields_of
from profiles.left_out import left_out_by
from profiles.left_out_serializers import ProfileLeftOutSerializer
from profiles.models import Assignment, ItemStatus, Plan, Profile
from profiles.plan import apply_plan, plan
from profiles.plan_serializers import PlanSerializer
from profiles.standing_api import with_progress

VIEW_PROFILE = "profiles.view_profile"
VIEW_DEVICE = "devices.view_device"
VIEW = "profiles.view_assignment"
CHANGE = "profiles.change_assignment"
CHANGING = Access(Scope.WRITE, (VIEW, CHANGE))
PLANNING = Access(Scope.WRITE, (VIEW_PROFILE, VIEW_DEVICE))
# What it takes to apply a plan is what it takes to make the change without one.
NEEDED = {
    "publish": "profiles.add_profileversion",
    "roll_back": "profiles.add_profileversion",
    "create_assignment": "profiles.add_assignment",
    "change_assignment": CHANGE,
    "delete_assignment": "profiles.delete_assignment",
    "rollout": CHANGE,
    "group_rule": "devices.change_group",
    "group_members": "devices.change_group",
    "remove_profile": "profiles.change_profile",
    "take_back_profile": "profiles.change_profile",
}
OF_PROFILES = ("publish", "roll_back", "create_assignment", "remove_profile", "take_back_profile")


# JSON


def _ids(**options) -> serializers.ListField:
    child = serializers.IntegerField(min_value=1, max_value=MAX_ID)
    return serializers.ListField(child=child, max_length=1000, **options)


class AssignmentFields(StrictSerializer):
    """What may be said of an assignment; groups by id, a version by its number."""

    include = _ids(required=False, help_text="ids of groups")
    exclude = _ids(required=False, help_text="ids of groups whose members do not get it")
    version = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1, help_text="number; null: always the newest"
    )
    priority = serializers.IntegerField(required=False, **NUMBERS["priority"].arguments())
    is_enabled = serializers.BooleanField(required=False)
    stages = serializers.ListField(
        child=serializers.IntegerField(**STAGE.arguments()), required=False, max_length=STAGE.maximum
    )
    stage_hours = serializers.IntegerField(required=False, allow_null=True, **NUMBERS["stage_hours"].arguments())
    failure_threshold_percent = serializers.IntegerField(
        required=False, **NUMBERS["failure_threshold_percent"].arguments()
    )
    sends_anyway = serializers.BooleanField(
        required=False, help_text="payload types that Apple's schema does not know go to others than Macs, too"
    )


class NewAssignment(AssignmentFields):
    profile = serializers.IntegerField(min_value=1, max_value=MAX_ID)
    include = _ids(help_text="ids of groups", allow_empty=False)


class ProgressSerializer(serializers.Serializer):
    channels = serializers.IntegerField(
        help_text="that should have the version being rolled out by now; without a rollout, the profile"
    )
    verified = serializers.IntegerField()
    failed = serializers.IntegerField()


def _number(source: str) -> serializers.IntegerField:
    return serializers.IntegerField(source=f"{source}.number", default=None, allow_null=True, read_only=True)


class AssignmentSerializer(serializers.ModelSerializer):
    profile_name = serializers.CharField(source="profile.name")
    version = _number("version")
    rollout_version = _number("rollout_version")
    previous_version = _number("previous_version")
    progress = ProgressSerializer(help_text="of the rollout, or of all its devices where there is none")
    states = serializers.DictField(
        child=serializers.IntegerField(), help_text="number of its devices at each state, as its devices are listed"
    )

    class Meta:
        model = Assignment
        fields = [
            *("id", "profile", "profile_name", "version", "include", "exclude", "priority", "is_enabled"),
            *("stages", "stage", "stage_hours", "stage_started_at", "rollout_state", "rollout_version"),
            *("previous_version", "failure_threshold_percent", "sends_anyway", "halt_reason", "progress"),
            "states",
            *("created_by", "created_at"),
        ]


class NewAssignmentAnswer(AssignmentSerializer):
    """An assignment that was just made, with whom it leaves out."""

    left_out = ProfileLeftOutSerializer(many=True)

    class Meta(AssignmentSerializer.Meta):
        fields = [*AssignmentSerializer.Meta.fields, "left_out"]


class ReasonSerializer(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class ChangeSerializer(serializers.Serializer):
    """A change; which keys it has depends on its kind (see the documentation of plans)."""

    kind = serializers.ChoiceField(sorted(NEEDED))


class AppliedSerializer(serializers.Serializer):
    gains = serializers.IntegerField()
    loses = serializers.IntegerField()
    changes = serializers.IntegerField()


class ItemSerializer(serializers.Serializer):
    """A profile on a channel of the device: what is wanted, what was sent, and how far it is."""

    identifier = serializers.CharField()
    profile = serializers.IntegerField(allow_null=True)
    profile_name = serializers.CharField(allow_null=True)
    channel = serializers.CharField(help_text="device, or the user's short name")
    wanted_version = serializers.IntegerField(allow_null=True, help_text="null: not wanted")
    sent_version = serializers.IntegerField(allow_null=True)
    assignment = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(WORDS)
    reason = serializers.CharField()
    attempts = serializers.IntegerField(help_text="failed ones with this version")
    is_stopped = serializers.BooleanField()
    updated_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, item: Item) -> dict:
        wanted, status, profile = item.wanted, item.status, item.profile
        user = item.channel.user_short_name or item.channel.user_key
        return {
            "identifier": item.identifier,
            "profile": profile.pk if profile else None,
            "profile_name": profile.name if profile else None,
            "channel": user or "device",
            "wanted_version": wanted.version.number if wanted else None,
            "sent_version": status.version.number if status and status.uuid and status.version else None,
            "assignment": wanted.assignment_id if wanted else None,
            "status": item.words.word,
            "reason": item.words.reason,
            "attempts": status.attempts if status else 0,
            "is_stopped": status.is_stopped if status else False,
            "updated_at": status.updated_at if status else None,
        }


class RetriedSerializer(serializers.Serializer):
    retried = serializers.IntegerField()


# Views


class AssignmentFilter(filters.FilterSet):
    group = filters.NumberFilter(field_name="include", help_text="id of a group it includes")

    class Meta:
        model = Assignment
        fields = ["profile", "rollout_state", "is_enabled"]


class AssignmentView(ApiView):
    """What views of assignments share: rows with their progress, for whoever may see assignments."""

    queryset = Assignment.objects.all()
    serializer_class = AssignmentSerializer

    def get_queryset(self):
        joined = ("profile", "version", "rollout_version", "previous_version")
        visible = Assignment.objects.visible_to(self.request.user)
        return visible.select_related(*joined).prefetch_related("include", "exclude")

    def answer(self, pk: int, status: int = 200) -> Response:
        assignment = with_progress([self.get_queryset().get(pk=pk)], self.request.user)[0]
        return Response(AssignmentSerializer(assignment).data, status=status)

    def find(self) -> Assignment:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])


class AssignmentList(AssignmentView, ListCreateAPIView):
    access = {"GET": reading(VIEW), "POST": Access(Scope.WRITE, (VIEW, VIEW_PROFILE, "profiles.add_assignment"))}
    filterset_class = AssignmentFilter
    search_fields = ["profile__name", "profile__identifier"]
    ordering_fields = ["id", "priority", "created_at"]
    ordering = ["-priority", "id"]

    def paginate_queryset(self, queryset):
        return with_progress(super().paginate_queryset(queryset), self.request.user)

    @extend_schema(summary="List assignments")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(summary="Assign a profile", request=NewAssignment, responses={201: NewAssignmentAnswer})
    def post(self, request, *args, **kwargs):
        form = NewAssignment(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        profile = get_object_or_404(Profile.objects.visible_to(request.user), pk=fields.pop("profile"))
        assignment = assigning.create_assignment(profile, actor=actor_of(request), **fields_of(fields, profile))
        made = with_progress([self.get_queryset().get(pk=assignment.pk)], request.user)[0]
        made.left_out = left_out_by(made)
        return Response(NewAssignmentAnswer(made).data, status=201)


class AssignmentDetail(AssignmentView, RetrieveAPIView):
    access = {
        "GET": reading(VIEW),
        "PATCH": CHANGING,
        "DELETE": Access(Scope.WRITE, (VIEW, "profiles.delete_assignment")),
    }

    @extend_schema(summary="Show an assignment and its rollout")
    def get(self, request, pk):
        return self.answer(self.find().pk)

    @extend_schema(summary="Change an assignment", request=AssignmentFields, responses={200: AssignmentSerializer})
    def patch(self, request, pk):
        assignment = self.find()
        form = AssignmentFields(data=request.data)
        form.is_valid(raise_exception=True)
        fields = fields_of(dict(form.validated_data), assignment.profile)
        assigning.change_assignment(assignment, actor=actor_of(request), **fields)
        return self.answer(pk)

    @extend_schema(summary="End an assignment", responses={204: None})
    def delete(self, request, pk):
        assigning.delete_assignment(self.find(), actor=actor_of(request))
        return Response(status=204)


class RolloutStep(AssignmentView):
    """One step of a rollout; ``step`` is its name in profiles.rollout."""

    access = {"POST": CHANGING}
    step = "advance"
    serializer_class = ReasonSerializer

    @extend_schema(summary="Take a step of a rollout", request=ReasonSerializer, responses={200: AssignmentSerializer})
    def post(self, request, pk):
        assignment, actor = self.find(), actor_of(request)
        form = ReasonSerializer(data=request.data or {})
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]
        match self.step:
            case "advance":
                rollout.advance(assignment, actor=actor)
            case "halt":
                rollout.halt(assignment, reason, actor=actor)
            case "resume":
                rollout.resume(assignment, actor=actor)
            case "roll-back":
                rollout.roll_back(assignment, actor=actor, reason=reason)
        return self.answer(pk)


class PlanList(ApiView):
    access = {"POST": PLANNING}
    queryset = Plan.objects.all()
    serializer_class = PlanSerializer

    @extend_schema(
        summary="Show what a change would do",
        description="The change is an object with its kind and further keys; nothing is changed.",
        request=ChangeSerializer,
        responses={201: PlanSerializer},
    )
    def post(self, request):
        return self.answer(_change(request))

    def answer(self, change: dict) -> Response:
        row = plan(change, actor=actor_of(self.request))
        return Response(PlanSerializer(row, context={"request": self.request}).data, status=201)


class ProfilePlan(PlanList):
    @extend_schema(
        summary="Show what a change of a profile would do",
        description="As for plans; without a kind it is the draft that would be published.",
        request=ChangeSerializer,
        responses={201: PlanSerializer},
    )
    def post(self, request, pk):
        profile = get_object_or_404(Profile.objects.visible_to(request.user).only("id"), pk=pk)
        change = {"kind": "publish"} | _change(request)
        if change["kind"] in OF_PROFILES:
            change["profile"] = profile.pk
        elif not profile.assignments.filter(pk=_id_in(change, "assignment")).exists():
            raise serializers.ValidationError({"assignment": "is not an assignment of this profile"})
        return self.answer(change)


class ApplyPlan(ApiView):
    access = {"POST": PLANNING}
    queryset = Plan.objects.all()
    serializer_class = AppliedSerializer

    @extend_schema(
        summary="Do what a plan showed, or refuse it as stale", request=None, responses={200: AppliedSerializer}
    )
    def post(self, request, token):
        row = get_object_or_404(Plan.objects.visible_to(request.user), token=token)
        needed = NEEDED[row.change["kind"]]
        if not request.user.has_perm(needed):
            raise PermissionDenied(f"{request.user.get_username()} lacks the permission {needed}.")
        return Response(AppliedSerializer(apply_plan(row.token, actor=actor_of(request))).data)


class DeviceItems(ApiView):
    """Base of what concerns the items of one device."""

    queryset = ItemStatus.objects.all()
    pagination_class = None
    filter_backends = []

    def device(self) -> Device:
        return get_object_or_404(Device.objects.visible_to(self.request.user).only("id"), pk=self.kwargs["pk"])


class DeviceConfiguration(DeviceItems):
    access = {"GET": reading(VIEW_DEVICE, VIEW_PROFILE)}
    serializer_class = ItemSerializer

    @extend_schema(
        summary="Show how far a device is with everything it should have", responses={200: ItemSerializer(many=True)}
    )
    def get(self, request, pk):
        return Response(ItemSerializer(items_of(self.device()), many=True).data)


class RetryConfiguration(DeviceItems):
    access = {"POST": Access(Scope.COMMANDS, (VIEW_DEVICE, "commands.add_command"))}
    serializer_class = RetriedSerializer

    @extend_schema(
        summary="Try again what failed or stopped on a device", request=None, responses={200: RetriedSerializer}
    )
    def post(self, request, pk):
        statuses = ItemStatus.objects.filter(channel__device=self.device())
        return Response({"retried": retry_items(statuses, actor=actor_of(request))})


def _change(request) -> dict:
    if not isinstance(request.data, dict):
        raise serializers.ValidationError({"kind": "a change is an object"})
    return dict(request.data)


def _id_in(change: dict, name: str) -> int:
    value = change.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID else 0
