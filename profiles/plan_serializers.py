"""Plans as JSON: what a change does, what goes with it, and what lint says about what it sends."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from commands.losses import consequences_of
from profiles.insight_serializers import FindingSerializer
from profiles.models import Plan, Profile
from profiles.plan_findings import findings_of


class ConsequenceSerializer(serializers.Serializer):
    """Something that a plan takes from devices beside what it is for, or that has to wait."""

    kind = serializers.CharField(help_text="last_network, held (by the hour's limit) or content")
    words = serializers.CharField()
    number = serializers.IntegerField()


class PlanSerializer(serializers.ModelSerializer):
    consequences = serializers.SerializerMethodField(help_text="what goes with it, and what has to wait, worst first")
    findings = serializers.SerializerMethodField(help_text="errors and warnings of lint about what is sent")
    summary = serializers.DictField(
        help_text="counts (gains, loses, changes), devices, by profile, the first items, who is left out and why"
    )
    change = serializers.DictField(help_text="the change, with what was filled in")

    class Meta:
        model = Plan
        fields = [
            *("token", "change", "summary", "consequences", "findings"),
            *("created_by", "created_at", "applied_at"),
        ]

    @extend_schema_field(ConsequenceSerializer(many=True))
    def get_consequences(self, row) -> list[dict]:
        return ConsequenceSerializer(consequences_of(row, self.context["request"].user), many=True).data

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, row) -> list[dict]:
        found = findings_of(row.change, Profile.objects.filter(pk=row.change.get("profile")).first())
        return FindingSerializer(found, many=True).data

    def to_representation(self, row) -> dict:
        shown = super().to_representation(row)
        # The ids of channels by which consequences are worked out.
        shown["summary"] = {name: value for name, value in row.summary.items() if name != "losing"}
        return shown
