"""Removals by the reconciler: those that take a device's last network are counted like anybody's, and wait beyond."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q

from commands.applicability import candidates_of
from commands.governor.admission import Permit, Stopped, budget_of, count, forbid_while_stopped, lock
from commands.meanings import Danger, meaning_of
from devices.models import Channel, InstalledProfile
from devices.timeline import SYSTEM
from profiles.networks import NETWORKS

REMOVE = "RemoveProfile"


@dataclass(frozen=True)
class Admitted:
    """Channels that a profile may be removed from freely, those permitted to lose their network, and those to wait."""

    free: list[int]
    permitted: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    permit: Permit | None = None
    words: str = ""


def admit_removals(identifier: str, channel_ids: Iterable[int], *, reason: str) -> Admitted:
    """Split the channels that a profile is to be removed from; permits are counted at once, by device."""
    ids = list(channel_ids)
    device_of = _losing_their_network(identifier, ids)
    free = [pk for pk in ids if pk not in device_of]
    if not device_of:
        return Admitted(free)
    with transaction.atomic():
        try:
            forbid_while_stopped()
        except Stopped as stopped:
            return Admitted(free, held=list(device_of), words=stopped.detail)
        lock()
        allowed = sorted(set(device_of.values()))[: budget_of(Danger.NETWORK, SYSTEM).left]
        permitted = [pk for pk, device_id in device_of.items() if device_id in set(allowed)]
        if allowed:
            count({Danger.NETWORK: len(allowed)}, request_type=REMOVE, actor=SYSTEM, reason=reason)
    held = [pk for pk in device_of if pk not in set(permitted)]
    permit = Permit(frozenset({Danger.NETWORK}), len(allowed)) if allowed else None
    return Admitted(free, permitted, held, permit, "held by the governor: it takes the last network, which is limited")


def _losing_their_network(identifier: str, channel_ids: list[int]) -> dict[int, int]:
    """Return the device by channel id. What is ours is no enrollment, so only networks are looked for."""
    has_network = Q()
    for payload_type in sorted(NETWORKS):
        has_network |= Q(payloads__contains=[{"PayloadType": payload_type}])
    going = InstalledProfile.objects.filter(has_network, channel__in=channel_ids, identifier__iexact=identifier)
    candidates = candidates_of(Channel.objects.filter(pk__in=list(going.values_list("channel_id", flat=True))))
    dangers = meaning_of(REMOVE).dangers(candidates, {"Identifier": identifier}) if candidates else {}
    return {it.channel_id: it.device_id for it in candidates if dangers.get(it.channel_id) == Danger.NETWORK}
