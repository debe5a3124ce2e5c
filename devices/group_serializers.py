"""JSON of groups, rules, tags and custom attributes."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from commands.serializers import MAX_ID, MAX_NAMES, StrictSerializer
from devices.attributes import MAX_ATTRIBUTE, MAX_LABEL, MAX_TAG
from devices.groups import MAX_DESCRIPTION, MAX_NAME
from devices.models import CustomAttribute, Group, Tag
from devices.rules import OPERATORS, BadRule, Explanation, describe
from devices.rules.operators import KINDS
from devices.serializers import DeviceSerializer

_RULE = {
    "type": "object",
    "additionalProperties": True,
    "nullable": True,
    "example": {"all": [{"fact": "platform", "is": "is", "value": "ios"}]},
}


@extend_schema_field(_RULE)
class RuleField(serializers.JSONField):
    """A rule as devices.rules says; groups/facts/ lists what it can look at."""


class GroupSerializer(serializers.ModelSerializer):
    """A row annotated with ``member_count``; the context may bring a vocabulary for all rows."""

    rule = RuleField(allow_null=True)
    sentence = serializers.SerializerMethodField(help_text="the rule in words")
    member_count = serializers.IntegerField()

    class Meta:
        model = Group
        fields = [
            "id",
            "name",
            "kind",
            "description",
            "rule",
            "sentence",
            "member_count",
            "evaluated_at",
            "problem",
            "created_at",
        ]

    def get_sentence(self, group) -> str:
        if group.rule is None:
            return ""
        try:
            return describe(group.rule, self.context.get("vocabulary"))
        except BadRule:
            return ""  # the group's problem says why


class NewGroupSerializer(StrictSerializer):
    name = serializers.CharField(max_length=MAX_NAME)
    kind = serializers.ChoiceField(Group.Kind.choices, default=Group.Kind.STATIC)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_DESCRIPTION)
    rule = RuleField(required=False, allow_null=True, help_text="of smart groups")


class GroupChangeSerializer(StrictSerializer):
    name = serializers.CharField(required=False, max_length=MAX_NAME)
    description = serializers.CharField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION)
    rule = RuleField(required=False, help_text="of smart groups")


class MembersSerializer(StrictSerializer):
    """Devices to add to a static group, to remove from it, or to be all of it."""

    action = serializers.ChoiceField(["add", "remove", "set"])
    device_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID), required=False, max_length=MAX_NAMES
    )
    serial_numbers = serializers.ListField(
        child=serializers.CharField(max_length=255), required=False, max_length=MAX_NAMES
    )

    def validate(self, asked):
        if "device_ids" not in asked and "serial_numbers" not in asked:
            raise serializers.ValidationError("name devices by device_ids or serial_numbers")
        return asked


class ShiftSerializer(serializers.Serializer):
    joined = serializers.IntegerField(help_text="how many devices came in")
    left = serializers.IntegerField(help_text="how many devices went out")
    member_count = serializers.IntegerField()


class RuleSerializer(StrictSerializer):
    rule = RuleField()


class PreviewSerializer(serializers.Serializer):
    sentence = serializers.CharField()
    count = serializers.IntegerField()
    devices = DeviceSerializer(many=True, help_text="the first of them")


class FactSerializer(serializers.Serializer):
    """Something a rule can look at, with the operators it can be compared by."""

    fact = serializers.CharField()
    of = serializers.CharField(help_text="the attribute, or what the condition must name, in words; else empty")
    kind = serializers.ChoiceField(KINDS)
    choices = serializers.ListField(child=serializers.DictField())
    operators = serializers.ListField(child=serializers.DictField())

    def get_fields(self):
        # Not declared like the others: every field has an attribute of this name.
        return {"label": serializers.CharField()} | super().get_fields()

    def to_representation(self, pair) -> dict:
        fact, attribute = pair
        operators = OPERATORS[fact.kind].items()
        return {
            "fact": fact.name,
            "label": fact.label,
            "of": attribute or fact.of,
            "kind": fact.kind,
            "choices": [{"value": value, "label": label} for value, label in fact.choices],
            "operators": [{"is": word, "takes": operator.takes} for word, operator in operators],
        }


class ExplanationSerializer(serializers.Serializer):
    """A rule, or a part of it, for one device."""

    text = serializers.CharField()
    is_met = serializers.BooleanField()
    actual = serializers.CharField(allow_null=True, help_text="what is known of the device")
    word = serializers.ChoiceField(["", "all", "any", "not"], help_text="how the parts count together")
    parts = serializers.ListField(child=serializers.DictField(), help_text="explanations")

    def to_representation(self, explanation: Explanation) -> dict:
        return {
            "text": explanation.text,
            "is_met": explanation.is_met,
            "actual": explanation.actual,
            "word": explanation.word,
            "parts": [self.to_representation(part) for part in explanation.parts],
        }


class TagSerializer(serializers.ModelSerializer):
    device_count = serializers.IntegerField()

    class Meta:
        model = Tag
        fields = ["id", "name", "device_count"]


class AttributeSerializer(serializers.ModelSerializer):
    class Meta:
        model = CustomAttribute
        fields = ["id", "name", "label", "kind", "is_secret"]

    def get_fields(self):
        # Not declared like the others: every field has an attribute of this name.
        about = {"required": False, "allow_blank": True, "max_length": MAX_LABEL}
        return super().get_fields() | {"label": serializers.CharField(**about)}


_ABOUT_SECRET = "values are encrypted, shown as [redacted], and no rule looks at them; true cannot be taken back"


class NewAttributeSerializer(StrictSerializer):
    name = serializers.CharField(max_length=MAX_ATTRIBUTE, help_text="letters, digits, _ and -")
    kind = serializers.ChoiceField(CustomAttribute.Kind.choices, default=CustomAttribute.Kind.TEXT)
    is_secret = serializers.BooleanField(default=False, help_text=_ABOUT_SECRET)

    def get_fields(self):
        about = {"required": False, "allow_blank": True, "max_length": MAX_LABEL}
        return super().get_fields() | {"label": serializers.CharField(**about)}


class AttributeChangeSerializer(StrictSerializer):
    is_secret = serializers.BooleanField(required=False, help_text=_ABOUT_SECRET)

    def get_fields(self):
        about = {"required": False, "allow_blank": True, "max_length": MAX_LABEL}
        return super().get_fields() | {"label": serializers.CharField(**about)}


class AttributeImportSerializer(StrictSerializer):
    csv = serializers.CharField(
        max_length=20_000_000,
        trim_whitespace=False,
        help_text="a line of column names (serial_number, then attributes), and a line for each device",
    )


class ImportedSerializer(serializers.Serializer):
    changed = serializers.IntegerField(help_text="number of devices")
    unknown = serializers.ListField(child=serializers.CharField(), help_text="serial numbers that no device has")
    problems = serializers.ListField(child=serializers.CharField(), help_text="values that were passed over, by line")


_ABOUT_VALUES = "by name; null removes one, absent ones stay, and a secret one that is [redacted] stays as it is"


class NewDeviceSerializer(StrictSerializer):
    serial_number = serializers.CharField(max_length=20, help_text="the device that enrolls with it is this one")
    asset_tag = serializers.CharField(required=False, allow_blank=True, default="")
    person = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MAX_ID, default=None)


class DeviceChangeSerializer(StrictSerializer):
    """What staff say of a device; keys that are absent change nothing."""

    asset_tag = serializers.CharField(required=False, allow_blank=True)
    person = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MAX_ID)
    tags = serializers.ListField(child=serializers.CharField(max_length=MAX_TAG), required=False, max_length=100)
    attributes = serializers.DictField(required=False, help_text=_ABOUT_VALUES)
