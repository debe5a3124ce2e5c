"""Where a workflow can end: it is started nowhere else, and whoever is left out is told why.

In sets: a fixed number of statements for any number of devices and workflows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.applicability import candidates_of, split
from commands.meanings import Candidate
from commands.workflows.definition import Definition
from devices.models import Channel, Device, Enrollment

ENDED = {
    Enrollment.State.UNENROLLED: "The device has left management",
    Enrollment.State.ERASED: "The device was erased and waits for enrollment",
}


@dataclass(frozen=True)
class Facts:
    """What is known of some devices: their own channels, and which of them have left, with the words."""

    candidates: list[Candidate]
    ended: dict[int, str]

    @classmethod
    def of(cls, devices: Sequence[Device]) -> "Facts":
        ids = [device.pk for device in devices]
        channels = Channel.objects.device_channels().filter(device__in=ids).reachable()
        states = Enrollment.objects.current().filter(device__in=ids).order_by("id").values_list("device_id", "state")
        ended = {device_id: ENDED.get(state, "") for device_id, state in states}
        return cls(candidates_of(channels), {device_id: words for device_id, words in ended.items() if words})


def refusals_for(
    definition: Definition, devices: Sequence[Device], parameters: dict | None = None, facts: Facts | None = None
) -> dict[int, str]:
    """Return why a workflow could not end on devices, by id: it is of no use, they left, or cannot take a command.

    A device that never enrolled is waited for.
    """
    facts = facts or Facts.of(devices)
    said = facts.ended | definition.refusals_of(devices)
    wanted = {device.pk for device in devices}
    left = [it for it in facts.candidates if it.device_id in wanted and it.device_id not in said]
    for request_type in definition.needs(parameters or {}):
        left, refused = split(request_type, left)
        for refusal in refused:
            said[refusal.device_id] = f"{request_type}: {refusal.reason}"
    return {pk: why for pk, why in said.items() if pk in wanted}


def refusal_for(definition: Definition, device: Device, parameters: dict | None = None) -> str:
    """Return why a workflow could not end on a device, or nothing."""
    return refusals_for(definition, [device], parameters).get(device.pk, "")
