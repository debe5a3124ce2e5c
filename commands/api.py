"""The API's commands: asking, following what became of it, cancelling."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, ListCreateAPIView, RetrieveAPIView
from rest_framework.response import Response

from commands import filters, serializers
from commands.asking import Asked, NoneCanTake, ask, ask_again
from commands.models import Command, QueuedCommand
from commands.queue import cancel_commands
from commands.reports import attach_outcomes
from commands.targets import find_channels
from devices.models import Device
from mdm_project import plist
from mdm_project.api.auth import actor_of
from mdm_project.api.errors import error_body
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView

VIEW_COMMAND = "commands.view_command"
VIEW_DEVICE = "devices.view_device"
ASKING = Access(Scope.COMMANDS, ("commands.add_command", VIEW_DEVICE))
RETRYING = Access(Scope.COMMANDS, ("commands.add_command", VIEW_COMMAND, VIEW_DEVICE))
CANCELLING = Access(Scope.COMMANDS, ("commands.change_command", VIEW_COMMAND, VIEW_DEVICE))


class CommandList(ApiView, ListCreateAPIView):
    access = {"GET": reading(VIEW_COMMAND), "POST": ASKING}
    queryset = Command.objects.all()
    serializer_class = serializers.CommandSerializer
    filterset_class = filters.CommandFilter
    search_fields = ["request_type", "uuid", "actor", "reason"]
    ordering_fields = ["id", "created_at", "request_type", "target_count", "priority"]
    ordering_columns = {"target_count": "reach"}
    ordering = ["-id"]

    def get_queryset(self):
        user = self.request.user
        return Command.objects.visible_to(user).with_reach(user).defer("body_encrypted")

    @extend_schema(summary="List commands")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Queue a command",
        request=serializers.NewCommandSerializer,
        responses={201: serializers.QueuedSerializer, 202: serializers.HeldSerializer},
    )
    def post(self, request, *args, **kwargs):
        form = serializers.NewCommandSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = dict(form.validated_data)
        payload = plist.from_json(asked.pop("payload", None) or {}, ("payload",))
        reach = find_channels(asked.pop("targets"), request.user)
        try:
            asked["meant_for"] = reach.meant_for
            outcome = ask(asked.pop("request_type"), payload, reach.channels, actor=actor_of(request), **asked)
        except NoneCanTake as error:
            body = error_body(error.code, error.detail)
            return Response(body | {"refused": _refused(error.refused)}, status=error.status)
        return answer_of(outcome, reach.skipped_device_ids)


def answer_of(outcome: Asked, skipped: list[int]) -> Response:
    """Say what became of a wish: 201 with the command, 202 with what the governor holds."""
    left_out = {"skipped": skipped, "refused": _refused(outcome.refused), "warnings": outcome.warnings}
    if outcome.held is not None:
        return Response({**serializers.HeldSerializer(outcome.held).data, **left_out}, status=202)
    command = outcome.command
    queued = {"id": command.pk, "command_uuid": command.uuid, "queued": command.target_count}
    return Response({**queued, **left_out}, status=201)


def _refused(refusals) -> list[dict]:
    return [{"device_id": it.device_id, "serial_number": it.serial_number, "reason": it.reason} for it in refusals]


@extend_schema(summary="Show a command and how many targets are in which state")
class CommandDetail(ApiView, RetrieveAPIView):
    access = {"GET": reading(VIEW_COMMAND)}
    queryset = Command.objects.all()
    serializer_class = serializers.CommandDetailSerializer

    def get_queryset(self):
        user = self.request.user
        return Command.objects.visible_to(user).with_reach(user).defer("body_encrypted")


class CancelCommand(ApiView):
    access = {"POST": CANCELLING}
    queryset = Command.objects.all()
    serializer_class = serializers.CancelSerializer

    @extend_schema(
        summary="Cancel a command where it has not been answered yet",
        request=serializers.CancelSerializer,
        responses={200: serializers.CancelledSerializer},
    )
    def post(self, request, pk):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        command = get_object_or_404(Command.objects.visible_to(request.user).only("id"), pk=pk)
        targets = command.targets.visible_to(request.user)
        number = cancel_commands(targets, actor=actor_of(request), reason=form.validated_data["reason"])
        return Response({"cancelled": number})


class RetryCommand(ApiView):
    access = {"POST": RETRYING}
    queryset = Command.objects.all()
    serializer_class = serializers.RetrySerializer

    @extend_schema(
        summary="Ask those that failed again, as a new command",
        request=serializers.RetrySerializer,
        responses={201: serializers.QueuedSerializer, 202: serializers.HeldSerializer},
    )
    def post(self, request, pk):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        command = get_object_or_404(Command.objects.visible_to(request.user).only("id"), pk=pk)
        failed = command.targets.visible_to(request.user).failed()
        return answer_of(ask_again(failed, actor=actor_of(request), **form.validated_data), [])


class QueueRows(ApiView, ListAPIView):
    """Base of lists of queue rows: what is joined, is joined to the rows of the page only; then come their reports."""

    access = {"GET": reading(VIEW_COMMAND, VIEW_DEVICE)}
    queryset = QueuedCommand.objects.all()
    search_fields: list[str] = []
    ordering = ["-id"]
    joined: tuple[str, ...] = ()
    opens_reports = False

    def page_queryset(self, keys):
        rows = QueuedCommand.objects.visible_to(self.request.user).filter(pk__in=keys)
        return rows.select_related(*self.joined).defer("command__body_encrypted")

    def paginate_queryset(self, queryset):
        rows = super().paginate_queryset(queryset)
        return attach_outcomes(rows, with_result=self.opens_reports)


@extend_schema(summary="Read what each device answered")
class CommandResults(QueueRows):
    serializer_class = serializers.ResultSerializer
    filterset_class = filters.ResultFilter
    search_fields = ["channel__device__serial_number", "channel__device__udid", "channel__device__name"]
    ordering_fields = ["id", "state", "finished_at"]
    ordering = ["id"]
    joined = ("channel__device", "command")
    opens_reports = True

    def get_queryset(self):
        user = self.request.user
        command = get_object_or_404(Command.objects.visible_to(user).only("id"), pk=self.kwargs["pk"])
        return command.targets.visible_to(user)


@extend_schema(summary="List the commands of a device")
class DeviceCommands(QueueRows):
    serializer_class = serializers.DeviceCommandSerializer
    filterset_class = filters.DeviceCommandFilter
    joined = ("channel", "command")
    search_fields = ["command__request_type", "command__uuid", "command__reason", "command__actor"]
    ordering_fields = ["id", "state", "queued_at", "finished_at"]

    def get_queryset(self):
        user = self.request.user
        device = get_object_or_404(Device.objects.visible_to(user).only("id"), pk=self.kwargs["pk"])
        return QueuedCommand.objects.visible_to(user).for_device(device)
