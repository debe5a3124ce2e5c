"""The API of the governor: what is left, what is held, the kill switch."""

from django.contrib.auth.models import Group as Role
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.response import Response

from commands.governor import holding, limits, switch
from commands.governor.admission import budget_of
from commands.governor.models import GovernorLimit, HeldAction, LimitChange
from commands.meanings import Danger
from commands.serializers import HeldSerializer, StrictSerializer
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView
from mdm_project.errors import BadRequest

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
    delivered = serializers.IntegerField(help_text="while stopped: delivered before, and not answered yet")
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
            "delivered": switch.delivered_before(stopped) if stopped else 0,
            "budgets": [{"danger": danger.value, **_plain(budget)} for danger, budget in budgets],
        }
        return Response(answer)


class PendingSerializer(serializers.ModelSerializer):
    class Meta:
        model = LimitChange
        fields = ["id", "values", "removes", "effective_at", "actor", "reason"]


class LimitSerializer(serializers.ModelSerializer):
    """A limit as it holds now; ``pending`` is the change that waits for its time, or null."""

    role = serializers.CharField(source="role.name", allow_null=True, default=None, help_text="null: everybody")
    pending = serializers.SerializerMethodField()

    class Meta:
        model = GovernorLimit
        fields = ["id", "danger", "role", *limits.FIELDS, "pending"]

    @extend_schema_field(PendingSerializer(allow_null=True))
    def get_pending(self, limit):
        waiting = next((change for change in limit.changes.all() if change.ended_at is None), None)
        return PendingSerializer(waiting).data if waiting else None


def _number(name: str, **options) -> serializers.IntegerField:
    bound = limits.BOUNDS[name]
    options |= {"allow_null": True} if bound.may_be_empty else {}
    return serializers.IntegerField(required=False, **bound.arguments(), **options)


class LimitChangeSerializer(StrictSerializer):
    per_person = _number("per_person", help_text="devices an hour")
    in_all = _number("in_all", help_text="devices an hour, by everybody together")
    second_person_above = _number("second_person_above", help_text="devices at once; null: never")
    delay_above = _number("delay_above", help_text="devices at once; null: never")
    delay_minutes = _number("delay_minutes")
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class NewLimitSerializer(LimitChangeSerializer):
    danger = serializers.ChoiceField(choices=Danger.choices)
    role = serializers.CharField(max_length=150, help_text="name of a role")


class LimitView(ApiView):
    """Base of the addresses of limits. What tightens holds at once, what loosens a day later (``pending``)."""

    queryset = GovernorLimit.objects.all()
    serializer_class = LimitSerializer

    def get_queryset(self):
        return GovernorLimit.objects.select_related("role").prefetch_related("changes")

    def read(self, serializer_class) -> dict:
        form = serializer_class(data=self.request.data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def shown(self, pk: int, status: int = 200) -> Response:
        return Response(LimitSerializer(get_object_or_404(self.get_queryset(), pk=pk)).data, status=status)


class LimitList(LimitView, ListAPIView):
    access = {"GET": reading(VIEW), "POST": Access(Scope.WRITE, ("commands.add_governorlimit", VIEW))}
    ordering = ["danger", "id"]

    @extend_schema(summary="List the limits of destructive commands, of everybody and of roles")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Give a role a limit of its own", request=NewLimitSerializer, responses={201: LimitSerializer}
    )
    def post(self, request):
        asked = self.read(NewLimitSerializer)
        reason, danger, name = asked.pop("reason"), asked.pop("danger"), asked.pop("role")
        role = Role.objects.filter(name=name).first()
        if role is None:
            raise BadRequest("there is no such role", fields={"role": f"there is no role called {name}"})
        limit, _pending = limits.add_limit(danger, role, asked, actor=actor_of(request), reason=reason)
        return self.shown(limit.pk, 201)


class LimitDetail(LimitView, RetrieveAPIView):
    access = {
        "GET": reading(VIEW),
        "PATCH": Access(Scope.WRITE, ("commands.change_governorlimit", VIEW)),
        "DELETE": Access(Scope.WRITE, ("commands.delete_governorlimit", VIEW)),
    }

    @extend_schema(summary="Show a limit")
    def get(self, request, *args, **kwargs):
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(summary="Change a limit", request=LimitChangeSerializer, responses=LimitSerializer)
    def patch(self, request, pk):
        limit, asked = get_object_or_404(GovernorLimit, pk=pk), self.read(LimitChangeSerializer)
        reason = asked.pop("reason")
        changed = {name: value for name, value in asked.items() if value != getattr(limit, name)}
        if changed:
            limits.change_limit(limit, changed, actor=actor_of(request), reason=reason)
        return self.shown(pk)

    @extend_schema(
        summary="Remove the limit of a role; 202 where that loosens it and so has to wait",
        request=GovernorReasonSerializer,
        responses={204: None, 202: LimitSerializer},
    )
    def delete(self, request, pk):
        limit, asked = get_object_or_404(GovernorLimit, pk=pk), self.read(GovernorReasonSerializer)
        pending = limits.remove_limit(limit, actor=actor_of(request), reason=asked["reason"])
        return self.shown(pk, 202) if pending else Response(status=204)


def _plain(budget) -> dict:
    return {
        "per_person": budget.limit.per_person, "in_all": budget.limit.in_all, "used_by_you": budget.used_by_person,
        "used_in_all": budget.used_in_all, "left": budget.left,
    }  # fmt: skip


class HeldFilter(filters.FilterSet):
    batch = filters.NumberFilter(field_name="workflow__batch", help_text="id of a workflow on many devices")

    class Meta:
        model = HeldAction
        fields = ["state", "danger"]


@extend_schema(summary="List destructive actions that were held")
class HeldActionList(ApiView, ListAPIView):
    access = {"GET": reading(VIEW)}
    queryset = HeldAction.objects.all()
    serializer_class = HeldSerializer
    filterset_class = HeldFilter
    ordering = ["-id"]

    def get_queryset(self):
        return HeldAction.objects.visible_to(self.request.user).select_related("workflow")


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


class StoppedSerializer(serializers.Serializer):
    cancelled = serializers.IntegerField(help_text="waited for their delivery")
    delivered = serializers.IntegerField(help_text="delivered before, and not answered yet")


class ResumedSerializer(serializers.Serializer):
    resumed = serializers.BooleanField()


class StopDestructive(HeldStep):
    access = {"POST": Access(Scope.COMMANDS, ("commands.stop_destructive",))}

    @extend_schema(
        summary="Stop all destructive commands", request=GovernorReasonSerializer, responses=StoppedSerializer
    )
    def post(self, request):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        number = switch.stop(actor=actor_of(request), reason=form.validated_data["reason"])
        stopped = switch.current()
        return Response({"cancelled": number, "delivered": switch.delivered_before(stopped) if stopped else 0})


class ResumeDestructive(HeldStep):
    access = {"POST": Access(Scope.COMMANDS, ("commands.resume_destructive",))}

    @extend_schema(
        summary="Let destructive commands go out again", request=GovernorReasonSerializer, responses=ResumedSerializer
    )
    def post(self, request):
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        switch.resume(actor=actor_of(request), reason=form.validated_data["reason"])
        return Response({"resumed": True})
