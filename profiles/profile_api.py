"""The API's profiles: composing, importing, downloading, publishing."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListCreateAPIView, RetrieveAPIView
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading
from mdm_project.api.views import ApiView
from mdm_project.errors import Refused
from profiles import filters, serializers
from profiles.composing import change_profile, create_profile
from profiles.diff import diff
from profiles.importing import import_profile
from profiles.insight_serializers import (
    ImportAnswerSerializer,
    LintSerializer,
    PublishedVersionSerializer,
    WrittenProfileSerializer,
)
from profiles.lint import NO_DEVICES, coverage, lint
from profiles.masking import has_secrets, restore
from profiles.models import Profile, ProfileVersion
from profiles.publishing import publish_checked
from profiles.removal_passwords import reveal_removal_password
from profiles.rendering import composed, download
from profiles.versions import roll_back, version_of

MOBILECONFIG = "application/x-apple-aspen-config"
VIEW = "profiles.view_profile"
ADDING = Access(Scope.WRITE, ("profiles.add_profile", VIEW))
CHANGING = Access(Scope.WRITE, ("profiles.change_profile", VIEW))
PUBLISHING = Access(Scope.WRITE, ("profiles.add_profileversion", VIEW))
REVEALING = Access(Scope.WRITE, (serializers.VIEW_SECRETS, VIEW))
DRAFT = "draft"
MAX_NUMBER = 2**31 - 1


class ProfileView(ApiView):
    """What views of one profile share: one that may not be seen is not found."""

    access = {"GET": reading(VIEW)}
    queryset = Profile.objects.all()
    serializer_class = serializers.ProfileDetailSerializer

    def get_queryset(self):
        return Profile.objects.visible_to(self.request.user).select_related("removal_policy").with_latest_version()

    @property
    def profile(self) -> Profile:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])

    def detail(self, pk: int, status: int = 200, **more) -> Response:
        profile = get_object_or_404(self.get_queryset(), pk=pk)
        return Response(self.get_serializer(profile).data | more, status=status)

    def read(self, form_class) -> dict:
        form = form_class(data=self.request.data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class ProfileList(ProfileView, ListCreateAPIView):
    access = {"GET": reading(VIEW), "POST": ADDING}
    serializer_class = serializers.ProfileSerializer
    filterset_class = filters.ProfileFilter
    search_fields = ["name", "identifier", "organization", "description"]
    ordering_fields = ["id", "name", "identifier", "scope", "created_at", "updated_at"]
    ordering = ["name", "id"]

    def get_queryset(self):
        queryset = Profile.objects.visible_to(self.request.user)
        return queryset.with_latest_version().defer("draft_encrypted", "removal_password_encrypted")

    @extend_schema(summary="List profiles")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Make a profile",
        request=serializers.NewProfileSerializer,
        responses={201: WrittenProfileSerializer},
    )
    def post(self, request, *args, **kwargs):
        profile = create_profile(actor=actor_of(request), **self.read(serializers.NewProfileSerializer))
        profile = get_object_or_404(ProfileView.get_queryset(self), pk=profile.pk)
        answer = serializers.ProfileDetailSerializer(profile, context={"request": request}).data
        return Response(answer | {"lint": lint_of(profile.draft, profile)}, status=201)


class ProfileDetail(ProfileView, RetrieveAPIView):
    access = {"GET": reading(VIEW), "PATCH": CHANGING}

    @extend_schema(summary="Show a profile with its draft")
    def get(self, request, *args, **kwargs):
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        summary="Change a profile's draft",
        request=serializers.ProfileChangeSerializer,
        responses={200: WrittenProfileSerializer},
    )
    def patch(self, request, pk):
        profile = self.profile
        change = self.read(serializers.ProfileChangeSerializer)
        if "draft" in change:
            change["draft"] = restore(change["draft"], profile.draft)
        profile = change_profile(profile, change.pop("revision"), actor_of(request), **change)
        return self.detail(pk, lint=lint_of(profile.draft, profile))


class ImportProfile(ProfileView):
    access = {"POST": ADDING}
    parser_classes = [MultiPartParser]

    @extend_schema(
        summary="Import a .mobileconfig",
        parameters=[OpenApiParameter("keep_identifiers", bool, description="keep identifiers and UUIDs of the file")],
        request={"multipart/form-data": serializers.UploadSerializer},
        responses={201: ImportAnswerSerializer},
    )
    def post(self, request):
        data = self.read(serializers.UploadSerializer)["file"].read()
        keeps = is_set(request, "keep_identifiers")
        profile, warnings = import_profile(data, keep_identifiers=keeps, actor=actor_of(request))
        return self.detail(profile.pk, status=201, warnings=warnings, lint=lint_of(profile.draft, profile))


class ServesOneType(BaseContentNegotiation):
    """Takes any Accept header: the file has one type, and errors are JSON."""

    def select_parser(self, request, parsers):
        return parsers[0]

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


class DownloadProfile(ProfileView):
    content_negotiation_class = ServesOneType

    @extend_schema(
        summary="Download a profile as a .mobileconfig",
        description="The draft as publishing now would make it, or a published version. Variables stay as written. "
        "Secrets are in it, so a profile that has some takes the permission to see them.",
        parameters=[
            OpenApiParameter("signed", bool, description="sign it with the installation's certificate"),
            OpenApiParameter("version", int, description="a published version instead of the draft"),
        ],
        responses={(200, MOBILECONFIG): OpenApiTypes.BINARY},
    )
    def get(self, request, pk):
        profile = self.profile
        number = request.query_params.get("version")
        source = version_of(profile, number_in("version", number)) if number else profile
        content = composed(source) if source is profile else source.content
        if has_secrets(content) and not request.user.has_perm(serializers.VIEW_SECRETS):
            raise Refused(f"The profile has secrets in it; downloading it takes {serializers.VIEW_SECRETS}.")
        body = download(source, is_signed=is_set(request, "signed"))
        name = f"profile-{profile.pk}" + (f"-v{source.number}" if number else "")
        headers = {"Content-Disposition": f'attachment; filename="{name}.mobileconfig"', "Cache-Control": "no-store"}
        return HttpResponse(body, content_type=MOBILECONFIG, headers=headers)


class VersionList(ApiView, ListCreateAPIView):
    access = {"GET": reading(VIEW), "POST": PUBLISHING}
    queryset = ProfileVersion.objects.all()
    serializer_class = serializers.VersionSerializer
    filterset_class = filters.VersionFilter
    search_fields = ["note", "published_by"]
    ordering_fields = ["id", "number", "published_at"]
    ordering = ["-number"]

    def get_queryset(self):
        return ProfileVersion.objects.visible_to(self.request.user).filter(profile=self.profile)

    @property
    def profile(self) -> Profile:
        return get_object_or_404(Profile.objects.visible_to(self.request.user), pk=self.kwargs["pk"])

    @extend_schema(summary="List the versions of a profile")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Publish the draft as a version",
        request=serializers.PublishSerializer,
        description="Refused with 409 and the findings while lint finds errors, unless it is forced for a reason.",
        responses={201: PublishedVersionSerializer},
    )
    def post(self, request, pk):
        form = serializers.PublishSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked, profile, actor = form.validated_data, self.profile, actor_of(request)
        if asked["force"] and not asked["reason"].strip():
            raise ValidationError({"reason": "say why it is published although lint finds errors"})
        reason = asked["reason"].strip() if asked["force"] else ""
        version = publish_checked(profile, actor, asked["note"], reason=reason)
        return Response(self.get_serializer(version).data | {"lint": lint_of(version.content)}, status=201)


class VersionDetail(ProfileView):
    serializer_class = serializers.VersionDetailSerializer

    @extend_schema(summary="Show a version with its content")
    def get(self, request, pk, number):
        return Response(self.get_serializer(version_of(self.profile, in_range(number))).data)


class VersionDiff(ProfileView):
    serializer_class = serializers.DiffSerializer

    @extend_schema(
        summary="Tell what changes from a version to another or to the draft",
        parameters=[OpenApiParameter("to", str, description="number of a version; the draft unless it is given")],
    )
    def get(self, request, pk, number):
        profile = self.profile
        old = version_of(profile, in_range(number))
        to = request.query_params.get("to", DRAFT)
        new = None if to == DRAFT else version_of(profile, number_in("to", to))
        after = new.content if new else composed(profile)
        changes = diff(old.content, after, show_secrets=request.user.has_perm(serializers.VIEW_SECRETS))
        answer = {"from_version": old.number, "to_version": new.number if new else None, "changes": changes}
        return Response(self.get_serializer(answer).data)


class RollBack(ProfileView):
    access = {"POST": PUBLISHING}
    serializer_class = serializers.VersionSerializer

    @extend_schema(
        summary="Publish the content of an earlier version again",
        request=serializers.RollbackSerializer,
        responses={201: serializers.VersionSerializer},
    )
    def post(self, request, pk):
        asked = self.read(serializers.RollbackSerializer)
        version = roll_back(self.profile, asked["number"], actor_of(request), asked["note"])
        return Response(self.get_serializer(version).data, status=201)


class RevealRemovalPassword(ProfileView):
    access = {"POST": REVEALING}
    is_answer_secret = True

    @extend_schema(
        summary="Reveal the removal password, for a reason that is recorded",
        request=serializers.RevealSerializer,
        responses={200: serializers.RemovalPasswordSerializer},
    )
    def post(self, request, pk):
        reason = self.read(serializers.RevealSerializer)["reason"]
        password = reveal_removal_password(self.profile, actor_of(request), reason)
        return Response({"removal_password": password}, headers={"Cache-Control": "no-store"})


def lint_of(content: dict, profile: Profile | None = None) -> dict:
    """Return what lint says of a content by itself; which devices it goes to is asked of the profile's lint."""
    return LintSerializer.answer(lint(content, profile, NO_DEVICES), 0, coverage(content, profile))


def is_set(request, name: str) -> bool:
    """Read a flag of the address; ValidationError for what is neither yes nor no."""
    text = request.query_params.get(name, "").lower()
    if text in ("1", "true", "yes"):
        return True
    if text in ("", "0", "false", "no"):
        return False
    raise ValidationError({name: "must be 1 or 0"})


def number_in(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise ValidationError({name: "must be the number of a version"})
    return in_range(int(text))


def in_range(number: int) -> int:
    """Keep a number from the address within what the column can hold; no version has the one beyond."""
    return min(number, MAX_NUMBER)
