"""The API's enrollment profiles: reading only."""

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from enrollment.models import EnrollmentProfile
from mdm_project.api.permissions import reading
from mdm_project.api.views import ApiView


class EnrollmentProfileSerializer(serializers.ModelSerializer):
    url = serializers.SerializerMethodField(help_text="the page for people")
    profile_url = serializers.SerializerMethodField(help_text="the enrollment profile itself")
    server_capabilities = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = EnrollmentProfile
        fields = [
            "id",
            "name",
            "slug",
            "url",
            "profile_url",
            "organization",
            "description",
            "identity_source",
            "access_rights",
            "requires_sign_in",
            "check_out_when_removed",
            "server_capabilities",
            "shared_challenge_uses",
            "shared_challenge_days",
            "is_enabled",
            "created_at",
        ]

    def get_url(self, profile) -> str:
        return f"{settings.PUBLIC_URL}/enroll/{profile.slug}/"

    def get_profile_url(self, profile) -> str:
        return f"{settings.PUBLIC_URL}/enroll/{profile.slug}/profile"


class EnrollmentProfileView(ApiView):
    access = {"GET": reading("enrollment.view_enrollmentprofile")}
    queryset = EnrollmentProfile.objects.all()
    serializer_class = EnrollmentProfileSerializer


@extend_schema(summary="List enrollment profiles")
class EnrollmentProfileList(EnrollmentProfileView, ListAPIView):
    filterset_fields = ["slug", "is_enabled", "requires_sign_in"]
    search_fields = ["name", "slug", "organization"]
    ordering_fields = ["id", "name", "slug", "created_at"]
    ordering = ["name", "id"]


@extend_schema(summary="Show an enrollment profile")
class EnrollmentProfileDetail(EnrollmentProfileView, RetrieveAPIView):
    pass
