"""Filters of the API's lists of commands and of their results."""

from django.db.models import Exists, OuterRef
from django_filters import rest_framework as filters

from commands.models import Command, QueuedCommand

State = QueuedCommand.State
# To the outside a quarantined command has failed; its note says how.
STATES = {
    "pending": (State.PENDING,),
    "sent": (State.SENT,),
    "not_now": (State.NOT_NOW,),
    "acknowledged": (State.ACKNOWLEDGED,),
    "partly": (State.PARTLY,),
    "failed": (State.FAILED, State.QUARANTINED),
    "cancelled": (State.CANCELLED,),
    "expired": (State.EXPIRED,),
}
STATE_CHOICES = [(name, name) for name in STATES]
STATE_NAMES = {state: name for name, states in STATES.items() for state in states}


def _numbers(names: list[str]) -> list[int]:
    return [state for name in names for state in STATES[name]]


class CommandFilter(filters.FilterSet):
    command_uuid = filters.CharFilter(field_name="uuid")
    device = filters.NumberFilter(method="filter_device", help_text="id of a device it was queued for")
    state = filters.MultipleChoiceFilter(
        choices=STATE_CHOICES, method="filter_state", help_text="some target is in this state"
    )
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Command
        fields = ["request_type", "origin", "actor"]

    def filter_device(self, queryset, name, device_id):
        return queryset.filter(Exists(self._targets().filter(channel__device_id=device_id)))

    def filter_state(self, queryset, name, names):
        return queryset.filter(Exists(self._targets().filter(state__in=_numbers(names)))) if names else queryset

    def _targets(self):
        return QueuedCommand.objects.visible_to(self.request.user).filter(command=OuterRef("pk"))


class ResultFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=STATE_CHOICES, method="filter_state")
    device = filters.NumberFilter(field_name="channel__device_id", help_text="id of a device")
    serial_number = filters.CharFilter(field_name="channel__device__serial_number")
    udid = filters.CharFilter(field_name="channel__device__udid")

    class Meta:
        model = QueuedCommand
        fields: list[str] = []

    def filter_state(self, queryset, name, names):
        return queryset.filter(state__in=_numbers(names)) if names else queryset


class DeviceCommandFilter(ResultFilter):
    device = serial_number = udid = None
    request_type = filters.CharFilter(field_name="command__request_type")
