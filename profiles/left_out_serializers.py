"""The API form of who is left out (profiles.left_out)."""

from rest_framework import serializers


class ProfileLeftOutDeviceSerializer(serializers.Serializer):
    device = serializers.IntegerField()
    device_name = serializers.CharField()
    serial_number = serializers.CharField(allow_null=True)


class ProfileLeftOutSerializer(serializers.Serializer):
    """Devices that are meant and get nothing, for one reason."""

    reason = serializers.CharField()
    is_waiting = serializers.BooleanField(help_text="not known yet: decided once the device has told")
    profile = serializers.IntegerField()
    profile_name = serializers.CharField()
    count = serializers.IntegerField(help_text="devices")
    devices = ProfileLeftOutDeviceSerializer(many=True, help_text="the first of them")
