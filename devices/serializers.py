"""JSON of devices and of what they reported. Reading only."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from commands.compliance import Compliance, judge
from devices.contacts import is_locked
from devices.filters import ENROLLMENT_STATES, PRE_ASSIGNED
from devices.models import (
    Answer,
    AvailableUpdate,
    Device,
    Enrollment,
    Event,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
    Person,
)
from devices.redaction import REDACTED


class PersonSerializer(serializers.ModelSerializer):
    class Meta:
        model = Person
        fields = ["id", "name", "email", "department", "site"]


_ABOUT_ATTRIBUTES = f"custom attributes by name, as text; {REDACTED} for a secret one, which a write may send back"


class ComplianceSerializer(serializers.Serializer):
    status = serializers.CharField(source="status.word")
    why = serializers.CharField(source="status.why")
    reasons = serializers.ListField(child=serializers.CharField(), source="problems")
    not_checked = serializers.ListField(child=serializers.CharField(), source="unchecked")


class JudgedDevices(serializers.ListSerializer):
    """A list of devices, judged together."""

    def to_representation(self, data):
        devices = list(data)
        self.context.setdefault("compliance", {}).update(judge(device.pk for device in devices))
        return super().to_representation(devices)


class DeviceSerializer(serializers.ModelSerializer):
    """A row annotated by ``with_enrollment`` and ``with_last_seen``, its person joined, tags and attributes fetched."""

    # What Apple calls so: the key the device enrolled under, not the number of our row.
    enrollment_id = serializers.CharField(
        source="enrollment_key", allow_null=True, help_text="UDID, or EnrollmentID under User Enrollment"
    )
    enrollment_type = serializers.ChoiceField(Enrollment.Kind.choices, source="enrollment_kind", allow_null=True)
    enrollment_state = serializers.SerializerMethodField()
    last_seen_at = serializers.DateTimeField(
        allow_null=True, help_text="never older than an answer; polls count to five minutes"
    )
    compliance = serializers.SerializerMethodField(help_text="what is against it, and what could not be judged yet")
    is_locked = serializers.SerializerMethodField(help_text="a Mac that waits for the PIN of its lock, kept here")
    person = PersonSerializer(allow_null=True)
    tags = serializers.SlugRelatedField("name", many=True, read_only=True)
    attributes = serializers.SerializerMethodField(help_text=_ABOUT_ATTRIBUTES)

    class Meta:
        model = Device
        list_serializer_class = JudgedDevices
        fields = [
            "id",
            "udid",
            "serial_number",
            "enrollment_id",
            "name",
            "platform",
            "model",
            "model_name",
            "model_number",
            "os_version",
            "supplemental_os_version",
            "build_version",
            "is_supervised",
            "enrollment_type",
            "enrollment_state",
            "last_seen_at",
            "last_answer_at",
            "created_at",
            "asset_tag",
            "tags",
            "attributes",
            "person",
            "imei",
            "meid",
            "phone_number",
            "wifi_mac",
            "bluetooth_mac",
            "ethernet_mac",
            "battery_level",
            "capacity_gb",
            "available_gb",
            "is_activation_lock_enabled",
            "is_lost_mode_enabled",
            "is_passcode_present",
            "is_passcode_compliant",
            "is_encrypted",
            "is_firewall_enabled",
            "is_sip_enabled",
            "is_user_approved_enrollment",
            "is_ade_enrolled",
            "is_user_enrollment",
            "is_awaiting_configuration",
            "is_locked",
            "compliance",
        ]

    @extend_schema_field(serializers.ChoiceField(ENROLLMENT_STATES))
    def get_enrollment_state(self, device) -> str:
        return device.state or PRE_ASSIGNED

    @extend_schema_field(ComplianceSerializer)
    def get_compliance(self, device) -> dict:
        return ComplianceSerializer(self._compliance_of(device)).data

    def _compliance_of(self, device) -> Compliance:
        known = self.context.get("compliance", {})
        return known[device.pk] if device.pk in known else judge([device.pk])[device.pk]

    def get_is_locked(self, device) -> bool:
        return is_locked(device)

    def get_attributes(self, device) -> dict[str, str]:
        values = {
            value.attribute.name: REDACTED if value.attribute.is_secret else value.value
            for value in device.attribute_values.all()
        }
        return dict(sorted(values.items()))


class AnswerSerializer(serializers.ModelSerializer):
    content = serializers.JSONField(help_text="the newest answer, without what is secret")
    misfits = serializers.JSONField(
        help_text="values of another type than Apple's schema declares, by key and path: they count for nothing"
    )

    class Meta:
        model = Answer
        fields = ["request_type", "user_key", "answered_at", "content", "misfits"]


class AvailableUpdateSerializer(serializers.ModelSerializer):
    class Meta:
        model = AvailableUpdate
        exclude = ["device"]


class InventorySerializer(serializers.Serializer):
    device = DeviceSerializer()
    answers = AnswerSerializer(many=True)
    available_updates = AvailableUpdateSerializer(many=True)


class InstalledApplicationSerializer(serializers.ModelSerializer):
    extra = serializers.JSONField(help_text="what else the device said of it")

    class Meta:
        model = InstalledApplication
        exclude = ["device"]


class InstalledProfileSerializer(serializers.ModelSerializer):
    payloads = serializers.JSONField()
    channel = serializers.ChoiceField(["device", "user"], source="channel_name")
    user_short_name = serializers.CharField(source="channel.user_short_name", help_text="on a user channel")

    class Meta:
        model = InstalledProfile
        exclude = ["device"]


@extend_schema_field(str)
class HexField(serializers.Field):
    """Bytes as lower-case hexadecimal digits."""

    def to_representation(self, value) -> str:
        return bytes(value).hex()


class InstalledCertificateSerializer(serializers.ModelSerializer):
    fingerprint = HexField(help_text="SHA-256, hexadecimal")

    class Meta:
        model = InstalledCertificate
        exclude = ["device"]


class EventSerializer(serializers.ModelSerializer):
    data = serializers.JSONField()

    class Meta:
        model = Event
        fields = ["id", "at", "kind", "actor", "summary", "data"]
