"""The API of the governor: what is left, what is held, the kill switch."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from commands.governor import holding, switch
from commands.governor.admission import budget_of
from commands.governor.models import HeldAction
from commands.meanings import Danger
from commands.serializers import HeldSerializer, StrictSerializer
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView

VIEW = "commands.view_heldaction"


class GovernorReasonSerializer(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class BudgetSerializer(serializers.Serializer):
    danger = serializers.CharField()
    per_person = serializers.IntegerField(source="limit.per_person", help_text="devices an hour")
    in_all = serializers.IntegerField(source="limit.in_all", help_text="devices an hour, by everybody")
    used_by_you = serializers.IntegerField(source="used_by_person")
    used_in_all = serializers.IntegerField()
    left = serializers.IntegerField()


class GovernorSerializer(serializers.Serializer):
    is_stopped = serializers.BooleanField()
    stopped_because = serializers.CharField()
    budgets = BudgetSerializer(many=True)


class Governor(ApiView):
    access = {"GET": reading(VIEW)}
    queryset = HeldAction.objects.all()

    @extend_schema(summary="Show the limits of destructive commands and what is left", responses=GovernorSerializer)
    def get(self, request):
        stopped = switch.current()
        actor = actor_of(request)
        budgets = [(danger, budget_of(danger, actor)) for danger in Danger]
        answer = {
            "is_stopped": stopped is not None,
            "stopped_because": stopped.reason if stopped else "",
            "budgets": [{"danger": danger.value, **_plain(budget)} for danger, budget in budgets],
        }
        return Response(answer)


def _plain(budget) -> dict:
    return {
        "per_person": budget.limit.per_person, "in_all": budget.limit.in_all, "used_by_you": budget.used_by_person,
        "used_in_all": budget.used_in_all, "left": budget.left,
    }  # fmt: skip


@extend_schema(summary="List destructive actions that were held")
class HeldActionList(ApiView, ListAPIView):
    access = {"GET": reading(VIEW)}
    queryset = HeldAction.objects.all()
    serializer_class = HeldSerializer
    ordering = ["-id"]

    def get_queryset(self):
        return HeldAction.objects.visible_to(self.request.user)


class HeldStep(ApiView):
    """Base of what is done to a held action."""

    queryset = HeldAction.objects.all()
    serializer_class = GovernorReasonSerializer

    def read(self, request, pk) -> tuple[HeldAction, str]:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        return get_object_or_404(HeldAction.objects.visible_to(request.user), pk=pk), form.validated_data["reason"]

    def answer(self, request, pk) -> Response:
        return Response(HeldSerializer(HeldAction.objects.visible_to(request.user).get(pk=pk)).data)


class ApproveHeld(HeldStep):
    access = {"POST": Access(Scope.COMMANDS, ("commands.approve_destructive", VIEW))}

    @extend_schema(
        summary="Approve what somebody else asked", request=GovernorReasonSerializer, responses=HeldSerializer
    )
    def post(self, request, pk):
        held, _reason = self.read(request, pk)
        holding.approve(held, actor=actor_of(request))
        return self.answer(request, pk)


class CancelHeld(HeldStep):
    access = {"POST": Access(Scope.COMMANDS, ("commands.change_command", VIEW))}

    @extend_schema(summary="Cancel a held action", request=GovernorReasonSerializer, responses=HeldSerializer)
    def post(self, request, pk):
        held, reason = self.read(request, pk)
        holding.cancel(held, actor=actor_of(request), reason=reason)
        return self.answer(request, pk)


class StopDestructive(HeldStep):
    access = {"POST": Access(Scope.COMMANDS, ("commands.stop_destructive",))}

    @extend_schema(summary="Stop all destructive commands", request=GovernorReasonSerializer)
    def post(self, request):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        number = switch.stop(actor=actor_of(request), reason=form.validated_data["reason"])
        return Response({"cancelled": number})


class ResumeDestructive(HeldStep):
    access = {"POST": Access(Scope.COMMANDS, ("commands.resume_destructive",))}

    @extend_schema(summary="Let destructive commands go out again", request=GovernorReasonSerializer)
    def post(self, request):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        switch.resume(actor=actor_of(request), reason=form.validated_data["reason"])
        return Response({"resumed": True})
