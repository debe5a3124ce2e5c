"""JSON of commands, of what is asked for, and of what came back."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from commands.causes import failures_by_cause
from commands.filters import STATE_CHOICES, STATE_NAMES
from commands.governor.models import HeldAction
from commands.models import Command, QueuedCommand
from commands.targets import Targets
from devices.models import Device

MAX_NAMES = 50_000
MAX_ID = 2**63 - 1


class StrictSerializer(serializers.Serializer):
    """Refuses keys it does not know: a misspelt one must not widen or narrow what is asked."""

    def to_internal_value(self, data):
        if isinstance(data, dict):
            unknown = [key for key in data if key not in self.fields]
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(dict.fromkeys(unknown, f"unknown key; known are {known}"))
        return super().to_internal_value(data)


def _names(**options) -> serializers.ListField:
    child = serializers.CharField(max_length=255)
    return serializers.ListField(child=child, required=False, max_length=MAX_NAMES, **options)


class TargetsSerializer(StrictSerializer):
    udids = _names()
    serial_numbers = _names()
    device_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID), required=False, max_length=MAX_NAMES
    )
    enrollment_ids = _names(help_text="UDID, or EnrollmentID under User Enrollment")
    group = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_ID, help_text="id: who is in the group now"
    )
    saved_search = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_ID, help_text="id: what it finds for you now"
    )
    all = serializers.BooleanField(required=False, default=False, help_text="every device; excludes the others")
    channel = serializers.ChoiceField(
        ["device", "user"], default="device", help_text="user: the user channels of those devices"
    )

    def validate(self, targets):
        names = ("udids", "serial_numbers", "device_ids", "enrollment_ids")
        is_named = any(targets.get(name) for name in (*names, "group", "saved_search"))
        if targets["all"] and is_named:
            raise serializers.ValidationError("name devices or ask for all of them, not both")
        if not targets["all"] and not is_named:
            raise serializers.ValidationError(
                f"name at least one device ({', '.join(names)}), a group or a saved search, or set all to true"
            )
        named = {name: targets.get(name, ()) for name in names} | {"group_id": targets.get("group")}
        named["saved_search_id"] = targets.get("saved_search")
        return Targets(**named, is_all=targets["all"], is_user_channel=targets["channel"] == "user")


class NewCommandSerializer(StrictSerializer):
    """A command to queue; what ``payload`` may hold is for commands.queue to say."""

    request_type = serializers.CharField(max_length=100)
    payload = serializers.DictField(
        required=False,
        allow_null=True,
        help_text='the keys beside RequestType; {"$data": base64} and {"$date": ISO 8601} where JSON has no word',
    )
    targets = TargetsSerializer()
    push = serializers.BooleanField(default=True, help_text="wake the devices now")
    command_uuid = serializers.CharField(required=False, allow_null=True, max_length=127)
    priority = serializers.IntegerField(default=0, min_value=-1000, max_value=1000, help_text="higher goes first")
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=1000, help_text="destructive commands need one"
    )
    confirm = serializers.IntegerField(
        required=False, allow_null=True, source="confirmed",
        help_text="number of devices; needed where a destructive command is meant for more than one",
    )  # fmt: skip
    allow_unknown = serializers.BooleanField(
        default=False, source="allows_unknown", help_text="send keys and commands that Apple's schema does not have"
    )

    def validate_expires_at(self, expires_at):
        if expires_at is not None and expires_at <= timezone.now():
            raise serializers.ValidationError("the command would have expired already")
        return expires_at


class RefusedSerializer(serializers.Serializer):
    device_id = serializers.IntegerField()
    serial_number = serializers.CharField()
    reason = serializers.CharField()


class QueuedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    command_uuid = serializers.CharField()
    queued = serializers.IntegerField(help_text="number of channels it was queued for")
    skipped = serializers.ListField(
        child=serializers.IntegerField(), help_text="ids of named devices that cannot be asked: not enrolled"
    )
    refused = RefusedSerializer(many=True, help_text="devices that cannot take the command, with the reason")
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="what to know of what was asked: a profile that comes back"
    )


class HeldSerializer(serializers.ModelSerializer):
    """What the governor holds: it waits for a second person, or for its time."""

    held = serializers.IntegerField(source="pk")
    state = serializers.CharField(help_text="needs_approval, delayed, released, cancelled, expired, failed")
    waits_for = serializers.SerializerMethodField()
    batch = serializers.IntegerField(
        source="workflow.batch_id", allow_null=True, default=None, help_text="id of the workflow on many devices"
    )

    class Meta:
        model = HeldAction
        fields = [
            "held", "state", "waits_for", "request_type", "device_count", "release_at", "expires_at", "reason",
            "workflow", "batch",
        ]  # fmt: skip

    def get_waits_for(self, held) -> str:
        return held.words


class CommandSerializer(serializers.ModelSerializer):
    command_uuid = serializers.CharField(source="uuid")
    target_count = serializers.IntegerField(source="reach", help_text="of those that you may see")

    class Meta:
        model = Command
        fields = [
            "id",
            "command_uuid",
            "request_type",
            "origin",
            "actor",
            "reason",
            "meant_for",
            "priority",
            "target_count",
            "created_at",
            "expires_at",
        ]


class CountsSerializer(serializers.Serializer):
    pending = serializers.IntegerField()
    sent = serializers.IntegerField()
    not_now = serializers.IntegerField()
    acknowledged = serializers.IntegerField()
    partly = serializers.IntegerField(help_text="acknowledged, but not all of what was asked was done")
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    expired = serializers.IntegerField()


class CauseSerializer(serializers.Serializer):
    cause = serializers.CharField()
    count = serializers.IntegerField()
    serial_numbers = serializers.ListField(child=serializers.CharField(), help_text="some of them")


class LeftOutSerializer(serializers.Serializer):
    reason = serializers.CharField()
    count = serializers.IntegerField()
    device_ids = serializers.ListField(child=serializers.IntegerField())


class CommandDetailSerializer(CommandSerializer):
    counts = serializers.SerializerMethodField()
    failures = serializers.SerializerMethodField()
    refused = serializers.SerializerMethodField(help_text="devices that could not take the command, by reason")

    class Meta(CommandSerializer.Meta):
        fields = [*CommandSerializer.Meta.fields, "is_destructive", "counts", "failures", "refused"]

    @extend_schema_field(LeftOutSerializer(many=True))
    def get_refused(self, command) -> list[dict]:
        visible = Device.objects.visible_to(self.context["request"].user)
        groups = []
        for group in command.refused:
            ids = list(visible.filter(pk__in=group["device_ids"]).order_by("id").values_list("id", flat=True))
            if ids:
                groups.append({"reason": group["reason"], "count": len(ids), "device_ids": ids})
        return groups

    @extend_schema_field(CauseSerializer(many=True))
    def get_failures(self, command) -> list[dict]:
        return failures_by_cause(command.targets.visible_to(self.context["request"].user))

    @extend_schema_field(CountsSerializer)
    def get_counts(self, command) -> dict[str, int]:
        user = self.context["request"].user
        return command.targets.visible_to(user).counts()


class RetrySerializer(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)
    confirm = serializers.IntegerField(required=False, allow_null=True, source="confirmed")


class CancelSerializer(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class CancelledSerializer(serializers.Serializer):
    cancelled = serializers.IntegerField(help_text="number of channels that had not answered yet")


class QueuedStateSerializer(serializers.ModelSerializer):
    """One target of a command: where it stands. Its row has ``outcome`` set by commands.reports."""

    channel = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField(help_text="Apple's word in the report, or our state while there is none")
    state = serializers.SerializerMethodField()
    problem = serializers.SerializerMethodField()
    user_short_name = serializers.CharField(source="channel.user_short_name")
    received_at = serializers.DateTimeField(source="outcome.received_at", allow_null=True)

    class Meta:
        model = QueuedCommand
        fields = [
            "channel",
            "user_short_name",
            "status",
            "state",
            "problem",
            "deliveries",
            "not_nows",
            "queued_at",
            "sent_at",
            "not_now_at",
            "finished_at",
            "expires_at",
            "received_at",
        ]

    @extend_schema_field(serializers.ChoiceField(["device", "user"]))
    def get_channel(self, row) -> str:
        return "user" if row.channel.is_user_channel else "device"

    def get_status(self, row) -> str:
        if row.outcome.status:
            return row.outcome.status
        return "NotNow" if row.state == QueuedCommand.State.NOT_NOW else STATE_NAMES[row.state]

    @extend_schema_field(serializers.ChoiceField(STATE_CHOICES))
    def get_state(self, row) -> str:
        return STATE_NAMES[row.state]

    def get_problem(self, row) -> str | None:
        return row.outcome.problem or row.note


class ResultSerializer(QueuedStateSerializer):
    """What one device answered."""

    device_id = serializers.IntegerField(source="channel.device_id")
    udid = serializers.CharField(source="channel.device.udid", allow_null=True)
    serial_number = serializers.CharField(source="channel.device.serial_number", allow_null=True)
    name = serializers.CharField(source="channel.device.name")
    enrollment_id = serializers.CharField(source="channel.enrollment_key")
    error_chain = serializers.JSONField(source="outcome.error_chain", help_text="Apple's ErrorChain")
    result = serializers.JSONField(source="outcome.result", help_text="the report, without what is secret")

    class Meta(QueuedStateSerializer.Meta):
        identity = ["device_id", "udid", "serial_number", "name", "enrollment_id"]
        fields = [*identity, *QueuedStateSerializer.Meta.fields, "error_chain", "result"]


class DeviceCommandSerializer(QueuedStateSerializer):
    """A command as one device has it."""

    id = serializers.IntegerField(source="command_id")
    command_uuid = serializers.CharField(source="command.uuid")
    request_type = serializers.CharField(source="command.request_type")
    actor = serializers.CharField(source="command.actor")
    reason = serializers.CharField(source="command.reason")
    error_chain = serializers.JSONField(source="outcome.error_chain", help_text="Apple's ErrorChain")

    class Meta(QueuedStateSerializer.Meta):
        command = ["id", "command_uuid", "request_type", "actor", "reason"]
        fields = [*command, *QueuedStateSerializer.Meta.fields, "error_chain"]
