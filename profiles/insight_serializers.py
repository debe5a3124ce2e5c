"""JSON of lint, effective configuration, conflicts, removability and removal policies."""

from rest_framework import serializers

from commands.serializers import MAX_ID, StrictSerializer
from mdm_project import plist
from profiles.conflicts import Conflict, Side
from profiles.effective import Carrier, ChannelConfiguration
from profiles.lint import Coverage, Finding, Level, Operation
from profiles.lint.findings import Affected, Fix
from profiles.merging import Outcome, Rule, Setting, State
from profiles.models import RemovalPolicy
from profiles.removal import Exemption, Explanation, Origin, Removable
from profiles.serializers import (
    ABOUT_CONTENT,
    ImportedProfileSerializer,
    ProfileDetailSerializer,
    VersionSerializer,
)


def _one_of(words, **options) -> serializers.CharField:
    """A text of a list of words. Their meaning is checked where they are used; the document names them."""
    told = f"one of {', '.join(str(word.value) for word in words)}"
    about = options.pop("help_text", "")
    return serializers.CharField(**options, help_text=f"{about}; {told}" if about else told)


# Lint


class LintRequest(StrictSerializer):
    draft = serializers.DictField(required=False, help_text=f"{ABOUT_CONTENT}; the stored draft unless it is given")
    groups = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID),
        required=False,
        allow_empty=False,
        max_length=1000,
        help_text="ids of groups: as if it were assigned to them, instead of the devices that it is assigned to",
    )


class AffectedSerializer(serializers.Serializer):
    count = serializers.IntegerField()
    of = serializers.IntegerField(help_text="devices in scope")
    first = serializers.ListField(child=serializers.DictField(), help_text="id and name of the first few")

    def to_representation(self, affected: Affected) -> dict:
        first = [{"id": device_id, "name": name} for device_id, name in affected.first]
        return {"count": affected.count, "of": affected.of, "first": first}


class FixSerializer(serializers.Serializer):
    operation = _one_of(Operation)
    path = serializers.ListField(child=serializers.JSONField(), help_text="names and indexes")
    words = serializers.CharField()
    value = serializers.JSONField(allow_null=True)

    def to_representation(self, fix: Fix) -> dict:
        value = None if fix.value is None else plist.to_json(fix.value)
        return {"operation": fix.operation, "path": list(fix.path), "words": fix.words, "value": value}


class FindingSerializer(serializers.Serializer):
    level = _one_of(Level)
    code = serializers.CharField()
    path = serializers.CharField(source="key_path")
    message = serializers.CharField()
    payload_uuid = serializers.CharField()
    payload_type = serializers.CharField()
    devices = AffectedSerializer(allow_null=True)
    fix = FixSerializer(allow_null=True)


class LintSerializer(serializers.Serializer):
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="by level")
    devices = serializers.IntegerField(help_text="in scope")
    findings = FindingSerializer(many=True, help_text="errors, warnings, notes")
    checked = serializers.ListField(child=serializers.CharField(), help_text="what was looked at, in words")
    not_checked = serializers.ListField(child=serializers.CharField(), help_text="what was not, in words")

    @staticmethod
    def answer(findings: list[Finding], device_count: int, covered: Coverage) -> dict:
        counts = {str(level): sum(each.level is level for each in findings) for level in Level}
        return {"counts": counts, "devices": device_count, "findings": FindingSerializer(findings, many=True).data} | {
            "checked": covered.checked,
            "not_checked": covered.not_checked,
        }


class WrittenProfileSerializer(ProfileDetailSerializer):
    lint = LintSerializer(help_text="what is to be said of the draft, whatever devices it goes to")

    class Meta(ProfileDetailSerializer.Meta):
        fields = [*ProfileDetailSerializer.Meta.fields, "lint"]


class PublishedVersionSerializer(VersionSerializer):
    lint = LintSerializer(help_text="what is to be said of the version, whatever devices it goes to")

    class Meta(VersionSerializer.Meta):
        fields = [*VersionSerializer.Meta.fields, "lint"]


class ImportAnswerSerializer(ImportedProfileSerializer):
    lint = LintSerializer(help_text="what is to be said of the imported draft")

    class Meta(ImportedProfileSerializer.Meta):
        fields = [*ImportedProfileSerializer.Meta.fields, "lint"]


# Effective configuration and conflicts


class CarrierSerializer(serializers.Serializer):
    channel = serializers.CharField(help_text="device, or the user's short name")
    identifier = serializers.CharField()
    name = serializers.CharField()
    profile = serializers.IntegerField(allow_null=True, help_text="null: not ours, known by name only")
    version = serializers.IntegerField(allow_null=True)
    state = serializers.CharField(help_text="verified, acknowledged, pending, removing, unknown or not_applicable")
    refusal = serializers.CharField(
        help_text="why the device cannot use it, so that nothing of it holds; empty: it can"
    )
    ignored = serializers.ListField(child=serializers.CharField(), help_text="payloads that the device skips, and why")
    unchecked = serializers.ListField(
        child=serializers.CharField(), help_text="payload types that Apple's schema does not know"
    )

    def to_representation(self, carrier: Carrier) -> dict:
        return {
            "channel": _channel(carrier.channel),
            "identifier": carrier.identifier,
            "name": carrier.name,
            "profile": carrier.profile.pk if carrier.profile else None,
            "version": carrier.version.number if carrier.version else None,
            "state": carrier.state,
            "refusal": carrier.refusal,
            "ignored": list(carrier.ignored),
            "unchecked": list(carrier.unchecked),
        }


class VoiceSerializer(serializers.Serializer):
    profile = serializers.IntegerField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    payload_uuid = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    outcome = _one_of(Outcome)


class SettingSerializer(serializers.Serializer):
    channel = serializers.CharField()
    payload_type = serializers.CharField()
    slug = serializers.CharField()
    payload_label = serializers.CharField()
    payload_uuid = serializers.CharField(help_text="empty where payloads of the type are merged")
    key = serializers.CharField()
    value = serializers.JSONField(allow_null=True, help_text="null in a conflict: nothing tells which one holds")
    rule = _one_of(Rule)
    state = _one_of(State)
    sources = VoiceSerializer(many=True)


class EffectiveSerializer(serializers.Serializer):
    profiles = CarrierSerializer(many=True)
    settings = SettingSerializer(many=True)
    conflicts = serializers.IntegerField(help_text="how many settings are in conflict")

    @staticmethod
    def answer(channels: list[ChannelConfiguration]) -> dict:
        carriers = [carrier for each in channels for carrier in each.carriers]
        return {
            "profiles": CarrierSerializer(carriers, many=True).data,
            "settings": [_setting(each, setting) for each in channels for setting in each.settings],
            "conflicts": sum(len(each.conflicts) for each in channels),
        }


def _setting(configuration: ChannelConfiguration, setting: Setting) -> dict:
    return {
        "channel": _channel(configuration.channel),
        "payload_type": setting.payload_type,
        "slug": setting.slug,
        "payload_label": setting.label,
        "payload_uuid": setting.payload_uuid,
        "key": setting.key,
        "value": _json(setting.value),
        "rule": setting.rule,
        "state": setting.state,
        "sources": [
            {
                "profile": voice.contribution.source.profile.pk,
                "name": voice.contribution.source.name,
                "version": voice.contribution.source.version.number,
                "payload_uuid": voice.contribution.uuid,
                "value": _json(voice.value),
                "outcome": voice.outcome,
            }
            for voice in setting.voices
        ],
    }


def _channel(channel) -> str:
    return channel.user_short_name or channel.user_key or "device"


def _json(value):
    return None if value is None else plist.to_json(value)


class SideSerializer(serializers.Serializer):
    profile = serializers.IntegerField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    value = serializers.JSONField(allow_null=True)
    is_overruled = serializers.BooleanField()

    def to_representation(self, side: Side) -> dict:
        profile = side.version.profile
        facts = {"profile": profile.pk, "name": profile.name, "version": side.version.number}
        return facts | {"value": _json(side.value), "is_overruled": side.is_overruled}


class ConflictSerializer(serializers.Serializer):
    system = serializers.CharField()
    payload_type = serializers.CharField()
    payload_label = serializers.CharField()
    key = serializers.CharField(help_text="empty: only one of the two payloads may be there")
    is_decided = serializers.BooleanField(help_text="a rule of Apple's decides")
    message = serializers.CharField()
    sides = SideSerializer(many=True)
    devices = AffectedSerializer()

    def to_representation(self, conflict: Conflict) -> dict:
        return {
            "system": conflict.system,
            "payload_type": conflict.payload_type,
            "payload_label": conflict.label,
            "key": conflict.key,
            "is_decided": conflict.is_decided,
            "message": conflict.message,
            "sides": SideSerializer(conflict.sides, many=True).data,
            "devices": AffectedSerializer(conflict.devices).data,
        }


# Removal


class WaySerializer(serializers.Serializer):
    rule = serializers.IntegerField(allow_null=True)
    who = serializers.CharField()
    steps = serializers.ListField(child=serializers.CharField())
    exception = _one_of(Exemption, allow_null=True)


class RemovabilitySerializer(serializers.Serializer):
    """Who can remove a profile of a device; ``who`` and ``how`` are the first of the ways."""

    identifier = serializers.CharField()
    name = serializers.CharField()
    channel = serializers.CharField()
    profile = serializers.IntegerField(allow_null=True, help_text="id, where it is one of ours")
    is_enrollment = serializers.BooleanField()
    origin = _one_of(Origin)
    rule = serializers.IntegerField(
        allow_null=True, help_text="of Apple's six, the one by which the first way is given; null: none of them"
    )
    exception = _one_of(Exemption, allow_null=True)
    who = serializers.CharField()
    how = serializers.ListField(child=serializers.CharField())
    ways = WaySerializer(many=True)
    goes_with = serializers.ListField(child=serializers.CharField())
    caveats = serializers.ListField(child=serializers.CharField())
    exchange = serializers.ListField(child=serializers.CharField(), help_text="to wipe an Exchange account alone")

    def to_representation(self, pair: tuple[Removable, Explanation]) -> dict:
        found, explanation = pair
        facts = found.facts
        return {
            "identifier": facts.identifier,
            "name": facts.name,
            "channel": found.channel,
            "profile": found.profile_id,
            "is_enrollment": facts.is_enrollment,
            "origin": facts.origin,
            "rule": explanation.rule,
            "exception": explanation.exception,
            "who": explanation.who,
            "how": explanation.how,
            "ways": WaySerializer(explanation.ways, many=True).data,
            "goes_with": explanation.goes_with,
            "caveats": explanation.caveats,
            "exchange": explanation.exchange,
        }


class RemovalPolicySerializer(serializers.ModelSerializer):
    kind = _one_of(RemovalPolicy.Kind)
    profiles = serializers.IntegerField(source="profile_count", read_only=True, help_text="that have it")

    class Meta:
        model = RemovalPolicy
        fields = ["id", "name", "kind", "removal_date", "duration_s", "password_length", "profiles"]


class RemovalPolicyChange(StrictSerializer):
    name = serializers.CharField(required=False, max_length=200)
    kind = _one_of(RemovalPolicy.Kind, required=False)
    removal_date = serializers.DateTimeField(required=False, allow_null=True)
    duration_s = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**31 - 1)
    password_length = serializers.IntegerField(required=False, min_value=1, max_value=1000)


class NewRemovalPolicy(RemovalPolicyChange):
    name = serializers.CharField(max_length=200)
    kind = _one_of(RemovalPolicy.Kind)
