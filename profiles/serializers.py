"""JSON of profiles, versions and what changed between them. Secrets are masked unless the reader may see them."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from commands.serializers import StrictSerializer
from profiles.masking import mask
from profiles.models import Profile, ProfileVersion, RemovalPolicy
from profiles.versions import has_unpublished_changes

VIEW_SECRETS = "profiles.view_profile_secrets"
ABOUT_CONTENT = 'the whole profile; {"$data": base64} and {"$date": ISO 8601} where JSON has no word'


def shown_to(user, content: dict) -> dict:
    """Return the content as this person may see it."""
    return content if user.has_perm(VIEW_SECRETS) else mask(content)


class ProfileSerializer(serializers.ModelSerializer):
    revision = serializers.IntegerField(source="draft_revision", help_text="of the draft; a change must name it")
    latest_version = serializers.IntegerField(source="latest_number", allow_null=True)
    latest_published_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = Profile
        fields = [
            "id",
            "name",
            "identifier",
            "uuid",
            "scope",
            "organization",
            "description",
            "consent_text",
            "removal_policy",
            "payload_types",
            "revision",
            "latest_version",
            "latest_published_at",
            "is_archived",
            "created_at",
            "updated_at",
        ]


class ProfileDetailSerializer(ProfileSerializer):
    draft = serializers.SerializerMethodField(help_text=ABOUT_CONTENT)
    payload_slugs = serializers.DictField(child=serializers.CharField(), help_text="PayloadUUID to catalogue slug")
    has_unpublished_changes = serializers.SerializerMethodField()

    class Meta(ProfileSerializer.Meta):
        fields = [*ProfileSerializer.Meta.fields, "has_unpublished_changes", "payload_slugs", "draft"]

    @extend_schema_field(serializers.DictField())
    def get_draft(self, profile):
        return shown_to(self.context["request"].user, profile.draft)

    def get_has_unpublished_changes(self, profile) -> bool:
        return has_unpublished_changes(profile)


class ImportedProfileSerializer(ProfileDetailSerializer):
    warnings = serializers.ListField(child=serializers.CharField(), help_text="what was repaired or may surprise")

    class Meta(ProfileDetailSerializer.Meta):
        fields = [*ProfileDetailSerializer.Meta.fields, "warnings"]


class _Facts(StrictSerializer):
    scope = serializers.ChoiceField(Profile.Scope.choices, required=False)
    organization = serializers.CharField(required=False, allow_blank=True, max_length=200)
    description = serializers.CharField(required=False, allow_blank=True)
    consent_text = serializers.CharField(required=False, allow_blank=True)
    removal_policy = serializers.PrimaryKeyRelatedField(
        queryset=RemovalPolicy.objects.order_by("id"), required=False, allow_null=True
    )


class NewProfileSerializer(_Facts):
    name = serializers.CharField(max_length=200)
    identifier = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="PayloadIdentifier; empty: one is made"
    )
    payloads = serializers.ListField(child=serializers.DictField(), required=False, help_text="PayloadContent")


class ProfileChangeSerializer(_Facts):
    revision = serializers.IntegerField(help_text="the one that was read; 409 if there is a newer one")
    name = serializers.CharField(required=False, max_length=200)
    draft = serializers.DictField(required=False, help_text=f"{ABOUT_CONTENT}; [redacted] keeps the stored secret")
    payload_slugs = serializers.DictField(child=serializers.CharField(), required=False)
    is_archived = serializers.BooleanField(required=False)


class UploadSerializer(serializers.Serializer):
    file = serializers.FileField(help_text="a .mobileconfig, signed or not, XML or binary")


class VersionSerializer(serializers.ModelSerializer):
    class Meta:
        model = ProfileVersion
        fields = ["id", "number", "payload_types", "variables", "note", "published_by", "published_at"]


class VersionDetailSerializer(VersionSerializer):
    content = serializers.SerializerMethodField(help_text=ABOUT_CONTENT)

    class Meta(VersionSerializer.Meta):
        fields = [*VersionSerializer.Meta.fields, "content"]

    @extend_schema_field(serializers.DictField())
    def get_content(self, version):
        return shown_to(self.context["request"].user, version.content)


class PublishSerializer(StrictSerializer):
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)
    force = serializers.BooleanField(default=False, help_text="publish although lint finds errors; takes a reason")
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=1000, help_text="why it is forced; it is recorded"
    )


class RollbackSerializer(StrictSerializer):
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)
    number = serializers.IntegerField(min_value=1, max_value=2**31 - 1, help_text="the version to go back to")


class ChangeSerializer(serializers.Serializer):
    path = serializers.CharField(source="key_path", help_text="a payload's place is its PayloadUUID")
    kind = serializers.CharField(help_text="added, removed or changed")
    payload_type = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class DiffSerializer(serializers.Serializer):
    from_version = serializers.IntegerField()
    to_version = serializers.IntegerField(allow_null=True, help_text="null: the draft")
    changes = ChangeSerializer(many=True)


class RevealSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class RemovalPasswordSerializer(serializers.Serializer):
    removal_password = serializers.CharField()
