"""The API's lint, effective configuration, conflicts and removability, and its removal policies."""

from django.db.models import Count
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView, ListCreateAPIView, RetrieveAPIView
from rest_framework.response import Response

from devices.access import within
from devices.models import Device, Group, Membership
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView
from mdm_project.row_ids import is_row_id
from profiles import insight_serializers as serializers
from profiles.conflicts import Conflict, conflicts
from profiles.effective import effective_configuration
from profiles.lint import channels_for, coverage, lint, scope_of_channels, scope_of_profile
from profiles.masking import restore
from profiles.models import Profile, RemovalPolicy
from profiles.profile_api import ProfileView, number_in
from profiles.removal import removability
from profiles.removal_policies import change_policy, create_policy, delete_policy
from profiles.serializers import VIEW_SECRETS
from profiles.versions import version_of

VIEW_DEVICE, VIEW_PROFILE = "devices.view_device", "profiles.view_profile"
VIEW_POLICY = "profiles.view_removalpolicy"


class LintProfile(ProfileView):
    """Lint changes nothing, so a token that may read may ask for it."""

    access = {"POST": Access(Scope.READ, (VIEW_PROFILE, VIEW_DEVICE))}
    serializer_class = serializers.LintSerializer

    @extend_schema(
        summary="Check a profile against Apple's schema and the devices it goes to",
        parameters=[OpenApiParameter("version", int, description="a published version instead of the draft")],
        request=serializers.LintRequest,
        responses={200: serializers.LintSerializer},
    )
    def post(self, request, pk):
        profile = self.profile
        form = serializers.LintRequest(data=request.data or {})
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        scope = self.scope(profile, asked.get("groups"))
        number = request.query_params.get("version")
        if number and "draft" in asked:
            raise ValidationError({"draft": "either a draft or a version can be checked"})
        if number:
            # A version has its removal policy in it already.
            content, subject = version_of(profile, number_in("version", number)).content, None
        else:
            content = restore(asked["draft"], profile.draft) if "draft" in asked else profile.draft
            subject = profile
        findings, covered = lint(content, subject, scope), coverage(content, subject, scope)
        return Response(serializers.LintSerializer.answer(findings, scope.device_count, covered))

    def scope(self, profile: Profile, group_ids: list[int] | None):
        if group_ids is None:
            return scope_of_profile(profile, self.request.user)
        groups = Group.objects.visible_to(self.request.user).filter(pk__in=group_ids)
        if len(groups) != len(set(group_ids)):
            raise ValidationError({"groups": "not all of them exist"})
        members = Membership.objects.filter(within(self.request.user, "device"), group__in=groups)
        return scope_of_channels(channels_for(profile, members.order_by().values("device")), profile)


class DeviceInsight(ApiView):
    """Base of what is worked out about one device: one that may not be seen is not found."""

    filter_backends = []
    queryset = Device.objects.all()

    def device(self) -> Device:
        return get_object_or_404(Device.objects.visible_to(self.request.user), pk=self.kwargs["pk"])


class EffectiveConfiguration(DeviceInsight):
    access = {"GET": reading(VIEW_DEVICE, VIEW_PROFILE)}
    serializer_class = serializers.EffectiveSerializer

    @extend_schema(
        summary="Show what holds on a device: each key of all its profiles, whose it is, and what was overruled",
        description="Secrets are hidden from who may not see them; that they differ is told all the same.",
    )
    def get(self, request, pk):
        found = effective_configuration(self.device(), show_secrets=request.user.has_perm(VIEW_SECRETS))
        return Response(serializers.EffectiveSerializer.answer(found))


class Removability(DeviceInsight, ListAPIView):
    access = {"GET": reading(VIEW_DEVICE)}
    serializer_class = serializers.RemovabilitySerializer

    def get_queryset(self):
        return removability(self.device())

    @extend_schema(summary="Explain who can remove each profile of a device, how, and what goes with it")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)


class ConflictList(ApiView, ListAPIView):
    access = {"GET": reading(VIEW_PROFILE, VIEW_DEVICE)}
    serializer_class = serializers.ConflictSerializer
    filter_backends = []
    parameters = ("profile",)
    queryset = Profile.objects.none()

    def get_queryset(self) -> list[Conflict]:
        found = conflicts(show_secrets=self.request.user.has_perm(VIEW_SECRETS), user=self.request.user)
        profile = self.request.query_params.get("profile")
        words = self.request.query_params.get("search", "").lower()
        if profile:
            pk = _id_in("profile", profile)
            found = [each for each in found if any(side.version.profile_id == pk for side in each.sides)]
        return [each for each in found if words in f"{each.message} {each.payload_type}".lower()]

    @extend_schema(
        summary="List where profiles that share devices disagree",
        parameters=[
            OpenApiParameter("profile", int, description="id of one of the two"),
            OpenApiParameter("search", str, description="in the message and the payload type"),
        ],
    )
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)


def _id_in(name: str, text: str) -> int:
    if not is_row_id(text):
        raise ValidationError({name: "must be an id"})
    return int(text)


# Removal policies


class PolicyView(ApiView):
    queryset = RemovalPolicy.objects.all()
    serializer_class = serializers.RemovalPolicySerializer

    def get_queryset(self):
        return RemovalPolicy.objects.annotate(profile_count=Count("profiles"))

    def find(self) -> RemovalPolicy:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])

    def read(self, form_class) -> dict:
        form = form_class(data=self.request.data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def answer(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=pk)).data, status=status)


class PolicyList(PolicyView, ListCreateAPIView):
    access = {
        "GET": reading(VIEW_POLICY),
        "POST": Access(Scope.WRITE, (VIEW_POLICY, "profiles.add_removalpolicy")),
    }
    search_fields = ["name"]
    filterset_fields = ["kind"]
    ordering_fields = ["id", "name", "kind"]
    ordering = ["name", "id"]

    @extend_schema(summary="List removal policies")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Make a removal policy",
        request=serializers.NewRemovalPolicy,
        responses={201: serializers.RemovalPolicySerializer},
    )
    def post(self, request, *args, **kwargs):
        policy = create_policy(actor=actor_of(request), **self.read(serializers.NewRemovalPolicy))
        return self.answer(policy.pk, status=201)


class PolicyDetail(PolicyView, RetrieveAPIView):
    access = {
        "GET": reading(VIEW_POLICY),
        "PATCH": Access(Scope.WRITE, (VIEW_POLICY, "profiles.change_removalpolicy")),
        "DELETE": Access(Scope.WRITE, (VIEW_POLICY, "profiles.delete_removalpolicy")),
    }

    @extend_schema(summary="Show a removal policy")
    def get(self, request, *args, **kwargs):
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        summary="Change a removal policy; profiles follow when they are published next",
        request=serializers.RemovalPolicyChange,
        responses={200: serializers.RemovalPolicySerializer},
    )
    def patch(self, request, pk):
        change_policy(self.find(), actor=actor_of(request), **self.read(serializers.RemovalPolicyChange))
        return self.answer(pk)

    @extend_schema(summary="Delete a removal policy that no profile has", responses={204: None})
    def delete(self, request, pk):
        delete_policy(self.find(), actor=actor_of(request))
        return Response(status=204)
