"""The API of workflows: which there are, starting one on a device, following, ending and cancelling."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListCreateAPIView, RetrieveAPIView
from rest_framework.response import Response

from commands.serializers import StrictSerializer
from commands.workflows.definitions import definition_of, definitions
from commands.workflows.models import Workflow
from commands.workflows.services import cancel_workflow, end_workflow, start_workflow
from devices.models import Device
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView

VIEW = "commands.view_workflow"
VIEW_DEVICE = "devices.view_device"
STARTING = Access(Scope.COMMANDS, (VIEW, VIEW_DEVICE, "commands.add_command", "commands.add_workflow"))
ENDING = Access(Scope.COMMANDS, (VIEW, VIEW_DEVICE, "commands.change_workflow"))


class WorkflowStepSerializer(serializers.Serializer):
    name = serializers.CharField()
    title = serializers.SerializerMethodField()
    state = serializers.CharField()
    note = serializers.CharField()
    times = serializers.IntegerField()
    finished_at = serializers.DateTimeField()

    def get_title(self, step) -> str:
        return definition_of(step.workflow.kind).step(step.name).title


class WorkflowSerializer(serializers.ModelSerializer):
    state = serializers.CharField(help_text="running, done, failed, cancelled")
    device_id = serializers.IntegerField()
    waits_for_person = serializers.BooleanField(
        source="is_waiting_for_person", help_text="it goes on only when a person does something; the note says what"
    )

    class Meta:
        model = Workflow
        fields = [
            "id",
            "kind",
            "device_id",
            "batch",
            "state",
            "waits_for_person",
            "note",
            "actor",
            "reason",
            "started_at",
            "finished_at",
        ]


class WorkflowDetailSerializer(WorkflowSerializer):
    steps = serializers.SerializerMethodField()

    class Meta(WorkflowSerializer.Meta):
        fields = [*WorkflowSerializer.Meta.fields, "steps"]

    @extend_schema_field(WorkflowStepSerializer(many=True))
    def get_steps(self, workflow):
        return WorkflowStepSerializer(workflow.steps.select_related("workflow").order_by("position"), many=True).data


class NewWorkflowSerializer(StrictSerializer):
    kind = serializers.CharField(max_length=40, help_text="one of workflows/kinds/")
    device_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    parameters = serializers.DictField(required=False, default=dict)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class WorkflowReasonSerializer(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class ParameterSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()
    kind = serializers.CharField(help_text="text, lines, number, switch, choice")
    default = serializers.JSONField(allow_null=True)
    is_required = serializers.BooleanField()
    choices = serializers.ListField(child=serializers.CharField())
    minimum = serializers.IntegerField(allow_null=True)
    maximum = serializers.IntegerField(allow_null=True)


class WorkflowKindSerializer(serializers.Serializer):
    kind = serializers.CharField()
    title = serializers.CharField()
    tells = serializers.CharField(help_text="what it does, in a sentence")
    parameters = ParameterSerializer(many=True)
    is_dangerous = serializers.BooleanField(help_text="needs a reason, and the number of devices")
    steps = serializers.ListField(child=serializers.CharField())


class WorkflowKinds(ApiView):
    access = {"GET": reading(VIEW)}
    queryset = Workflow.objects.all()
    pagination_class = None

    @extend_schema(
        summary="List the workflows there are, with their parameters", responses=WorkflowKindSerializer(many=True)
    )
    def get(self, request):
        return Response([_described(definition) for definition in definitions().values()])


def _described(definition) -> dict:
    parameters = [
        {
            "name": it.name, "label": it.label, "kind": it.kind, "default": it.default, "is_required": it.is_required,
            "choices": [name for name, _ in it.choices], "minimum": it.minimum, "maximum": it.maximum,
        }
        for it in definition.parameters
    ]  # fmt: skip
    return {
        "kind": definition.kind, "title": definition.title, "tells": definition.tells, "parameters": parameters,
        "is_dangerous": definition.is_dangerous, "steps": [step.title for step in definition.steps],
    }  # fmt: skip


class WorkflowList(ApiView, ListCreateAPIView):
    access = {"GET": reading(VIEW), "POST": STARTING}
    queryset = Workflow.objects.all()
    serializer_class = WorkflowSerializer
    filterset_fields = ["kind", "state", "waits_for_person", "device", "batch"]
    ordering = ["-id"]

    def get_queryset(self):
        return Workflow.objects.visible_to(self.request.user)

    @extend_schema(summary="List workflows")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(summary="Start a workflow", request=NewWorkflowSerializer, responses={201: WorkflowDetailSerializer})
    def post(self, request, *args, **kwargs):
        form = NewWorkflowSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        device = get_object_or_404(Device.objects.visible_to(request.user), pk=asked["device_id"])
        workflow = start_workflow(
            asked["kind"], device, asked["parameters"], actor=actor_of(request), reason=asked["reason"]
        )
        return Response(WorkflowDetailSerializer(workflow).data, status=201)


@extend_schema(summary="Show a workflow with its steps")
class WorkflowDetail(ApiView, RetrieveAPIView):
    access = {"GET": reading(VIEW, VIEW_DEVICE)}
    queryset = Workflow.objects.all()
    serializer_class = WorkflowDetailSerializer

    def get_queryset(self):
        return Workflow.objects.visible_to(self.request.user)


class WorkflowEnd(ApiView):
    """End or cancel: ``act`` says which."""

    access = {"POST": ENDING}
    queryset = Workflow.objects.all()
    serializer_class = WorkflowReasonSerializer
    act = "cancel"

    @extend_schema(
        summary="End or cancel a workflow", request=WorkflowReasonSerializer, responses=WorkflowDetailSerializer
    )
    def post(self, request, pk):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        workflow = get_object_or_404(Workflow.objects.visible_to(request.user), pk=pk)
        function = {"cancel": cancel_workflow, "end": end_workflow}[self.act]
        function(workflow, actor=actor_of(request), reason=form.validated_data["reason"])
        workflow.refresh_from_db()
        return Response(WorkflowDetailSerializer(workflow).data)
