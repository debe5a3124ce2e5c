"""The API of workflows on many devices: starting, following, cancelling, and deciding on what is held of them."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.response import Response

from commands.serializers import RefusedSerializer, StrictSerializer, TargetsSerializer
from commands.targets import find_channels
from commands.workflow_api import ENDING, STARTING, VIEW, VIEW_DEVICE, WorkflowReasonSerializer
from commands.workflows.batches import cancel_batch, plan_batch, start_batch
from commands.workflows.definitions import definition_of
from commands.workflows.held import approve_held, cancel_held, waiting_of
from commands.workflows.models import WorkflowBatch
from commands.workflows.overview import batch_overview
from devices.models import Device
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView

VIEW_HELD = "commands.view_heldaction"


class NewBatchSerializer(StrictSerializer):
    kind = serializers.CharField(max_length=40, help_text="one of workflows/kinds/")
    targets = TargetsSerializer()
    parameters = serializers.DictField(required=False, default=dict)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)
    confirm = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=2**31 - 1,
        help_text="dangerous ones: the number of devices it is started on",
    )  # fmt: skip
    check_only = serializers.BooleanField(
        required=False, default=False, help_text="say who would be left out, and start nothing"
    )


class WorkflowBatchSerializer(serializers.ModelSerializer):
    class Meta:
        model = WorkflowBatch
        fields = ["id", "kind", "actor", "reason", "created_at"]


class StateCountsSerializer(serializers.Serializer):
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class WorkflowCauseSerializer(serializers.Serializer):
    cause = serializers.CharField()
    count = serializers.IntegerField()
    device_ids = serializers.ListField(child=serializers.IntegerField(), help_text="some of them")


class LeftOutOfWorkflowSerializer(serializers.Serializer):
    reason = serializers.CharField()
    count = serializers.IntegerField()
    device_ids = serializers.ListField(child=serializers.IntegerField(), help_text="some of them")


class HeldOfBatchSerializer(serializers.Serializer):
    """Devices for which the governor holds something; 0 for who may not see what is held."""

    needs_approval = serializers.IntegerField(help_text="wait for a second person")
    delayed = serializers.IntegerField(help_text="wait for their time")


class BatchOverviewSerializer(serializers.Serializer):
    """How a workflow stands on the devices that you may see."""

    counts = StateCountsSerializer()
    total = serializers.IntegerField()
    failures = WorkflowCauseSerializer(many=True)
    for_person = WorkflowCauseSerializer(many=True, help_text="running, and only a person can bring them further")
    waiting = WorkflowCauseSerializer(many=True, help_text="running, and going on by themselves")
    left_out = LeftOutOfWorkflowSerializer(many=True)
    held = HeldOfBatchSerializer()


class WorkflowBatchDetailSerializer(WorkflowBatchSerializer):
    overview = serializers.SerializerMethodField(help_text="of the devices that you may see")

    class Meta(WorkflowBatchSerializer.Meta):
        fields = [*WorkflowBatchSerializer.Meta.fields, "overview"]

    @extend_schema_field(BatchOverviewSerializer)
    def get_overview(self, batch):
        user = self.context["request"].user
        overview = batch_overview(batch, user)
        for name in ("failures", "for_person", "waiting"):
            overview[name] = [
                {"cause": it["cause"], "count": it["count"], "device_ids": [row.device_id for row in it["workflows"]]}
                for it in overview[name]
            ]
        overview["left_out"] = [
            {"reason": it.reason, "count": it.count, "device_ids": [row.pk for row in it.devices]}
            for it in overview["left_out"]
        ]
        held = waiting_of(batch, user)
        overview["held"] = {"needs_approval": held.number_to_approve, "delayed": held.number_with_time}
        return overview


class StartedBatchSerializer(WorkflowBatchDetailSerializer):
    skipped = serializers.ListField(
        child=serializers.IntegerField(), help_text="ids of named devices that cannot be asked: not enrolled"
    )

    class Meta(WorkflowBatchDetailSerializer.Meta):
        fields = [*WorkflowBatchDetailSerializer.Meta.fields, "skipped"]


class BatchCheckSerializer(serializers.Serializer):
    """Who would take a workflow, and who not: the answer to ``check_only``."""

    devices = serializers.IntegerField(help_text="number of those that would take it")
    refused = RefusedSerializer(many=True)
    skipped = serializers.ListField(
        child=serializers.IntegerField(), help_text="ids of named devices that cannot be asked: not enrolled"
    )


class ApprovalRequestSerializer(WorkflowReasonSerializer):
    confirm = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=2**31 - 1,
        help_text="the number of devices that wait for a second person, where it is more than one",
    )  # fmt: skip


class DecisionSerializer(serializers.Serializer):
    decided = serializers.IntegerField(help_text="on how many devices was decided")
    left = serializers.IntegerField(help_text="on how many not, because you may not see them")


class CancelledWorkflowsSerializer(serializers.Serializer):
    cancelled = serializers.IntegerField(help_text="how many still ran, on devices that you may see")


class WorkflowBulk(ApiView):
    access = {"POST": STARTING}
    queryset = WorkflowBatch.objects.all()

    @extend_schema(
        summary="Start a workflow on many devices",
        request=NewBatchSerializer, responses={200: BatchCheckSerializer, 201: StartedBatchSerializer},
    )  # fmt: skip
    def post(self, request):
        form = NewBatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        definition_of(asked["kind"]).clean(asked["parameters"])
        reach = find_channels(asked["targets"], request.user)
        devices = Device.objects.visible_to(request.user).filter(pk__in=reach.channels.order_by().values("device"))
        if asked["check_only"]:
            plan = plan_batch(asked["kind"], devices)
            refused = [
                {"device_id": it.device_id, "serial_number": it.serial_number, "reason": it.reason}
                for it in plan.refused
            ]
            return Response({"devices": len(plan.devices), "refused": refused, "skipped": reach.skipped_device_ids})
        batch = start_batch(
            asked["kind"], devices, asked["parameters"], actor=actor_of(request), reason=asked["reason"],
            confirmed=asked["confirm"],
        )  # fmt: skip
        shown = WorkflowBatchDetailSerializer(batch, context={"request": request}).data
        return Response({**shown, "skipped": reach.skipped_device_ids}, status=201)


class WorkflowBatches(ApiView, ListAPIView):
    access = {"GET": reading(VIEW)}
    queryset = WorkflowBatch.objects.all()
    serializer_class = WorkflowBatchSerializer
    filterset_fields = ["kind"]
    ordering = ["-id"]

    def get_queryset(self):
        return WorkflowBatch.objects.visible_to(self.request.user).defer("parameters_encrypted", "left_out")

    @extend_schema(summary="List the workflows that were started on many devices")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)


@extend_schema(summary="Show how a workflow stands on many devices")
class WorkflowBatchDetail(ApiView, RetrieveAPIView):
    access = {"GET": reading(VIEW, VIEW_DEVICE)}
    queryset = WorkflowBatch.objects.all()
    serializer_class = WorkflowBatchDetailSerializer

    def get_queryset(self):
        return WorkflowBatch.objects.visible_to(self.request.user)


class WorkflowBatchCancel(ApiView):
    access = {"POST": ENDING}
    queryset = WorkflowBatch.objects.all()
    serializer_class = WorkflowReasonSerializer

    @extend_schema(
        summary="Cancel a workflow on all devices where it still runs",
        request=WorkflowReasonSerializer, responses=CancelledWorkflowsSerializer,
    )  # fmt: skip
    def post(self, request, pk):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        batch = get_object_or_404(WorkflowBatch.objects.visible_to(request.user), pk=pk)
        number = cancel_batch(batch, request.user, actor=actor_of(request), reason=form.validated_data["reason"])
        return Response({"cancelled": number})


class HeldOfBatch(ApiView):
    """Base of what is done to all that the governor holds of a workflow on many devices."""

    queryset = WorkflowBatch.objects.all()

    def read(self, request, pk: int, serializer_class) -> tuple[WorkflowBatch, dict]:
        form = serializer_class(data=request.data)
        form.is_valid(raise_exception=True)
        return get_object_or_404(WorkflowBatch.objects.visible_to(request.user), pk=pk), form.validated_data


class ApproveHeldOfBatch(HeldOfBatch):
    access = {"POST": Access(Scope.COMMANDS, (VIEW, VIEW_DEVICE, VIEW_HELD, "commands.approve_destructive"))}

    @extend_schema(
        summary="Approve all that somebody else asked for and that is held of a workflow on many devices",
        request=ApprovalRequestSerializer, responses=DecisionSerializer,
    )  # fmt: skip
    def post(self, request, pk):
        batch, asked = self.read(request, pk, ApprovalRequestSerializer)
        decision = approve_held(
            batch, request.user, actor=actor_of(request), confirmed=asked["confirm"], reason=asked["reason"]
        )
        return Response(DecisionSerializer(decision).data)


class CancelHeldOfBatch(HeldOfBatch):
    access = {"POST": Access(Scope.COMMANDS, (VIEW, VIEW_DEVICE, VIEW_HELD, "commands.change_command"))}

    @extend_schema(
        summary="Cancel all that is held of a workflow on many devices",
        request=WorkflowReasonSerializer, responses=DecisionSerializer,
    )  # fmt: skip
    def post(self, request, pk):
        batch, asked = self.read(request, pk, WorkflowReasonSerializer)
        decision = cancel_held(batch, request.user, actor=actor_of(request), reason=asked["reason"])
        return Response(DecisionSerializer(decision).data)
