"""Asking devices for something: what people, the API and workflows wish, on its way to the queue.

Validated against Apple's schema, split into devices that can take it and those that cannot (with the reason), admitted
by the governor where it is destructive, prepared for each device (a PIN, escrowed before it is sent), queued.
Inventory and the reconciler, which ask harmless things in bulk by rules of their own, use commands.queue directly.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from commands import governor
from commands.applicability import Refusal, candidates_of, split
from commands.command_variables import errors, fill_in
from commands.governor import HeldAction, Permit, Wish
from commands.meanings import Candidate, meaning_of
from commands.models import Command, QueuedCommand
from commands.queue import NobodyToAsk, queue_command
from commands.remainders import remainders
from commands.validation import InvalidCommand, check_command, check_command_uuid
from devices.escrow import propose_secrets
from devices.isolation import work_isolated
from devices.left_out import tell_left_out
from devices.models import Channel
from devices.timeline import Actor
from mdm_project import plist
from mdm_project.crypto import unseal
from mdm_project.errors import Conflict, EspalierError


class NoneCanTake(Conflict):
    """The devices are there, but the command is of use to none of them; ``refused`` says why, device by device."""

    code = "not_applicable"

    def __init__(self, request_type: str, refused: list[Refusal]):
        reasons = list(dict.fromkeys(refusal.reason for refusal in refused))
        which = "this device" if len(refused) == 1 else f"any of these {len(refused)} devices"
        super().__init__(f"{request_type} cannot be sent to {which}: {'; '.join(reasons[:3])}")
        self.refused = refused


@dataclass(frozen=True)
class Asked:
    """What became of a wish: a command, or an action held by the governor; and who was left out, with the reason.

    ``warnings`` are sentences about what was asked all the same.
    """

    command: Command | None
    held: HeldAction | None = None
    refused: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def ask(
    request_type: str,
    payload: dict | None,
    channels,
    *,
    actor: Actor,
    reason: str = "",
    confirmed: int | None = None,
    allows_unknown: bool = False,
    part_of: int = 1,
    narrowed: dict[int, dict] | None = None,
    **options,
) -> Asked:
    """Ask the channels of a ChannelQuerySet for something; those that cannot take it are left out.

    ``confirmed`` is the number of devices that a person has agreed to, where the governor wants to know; ``part_of``
    the number that one decision means, where it is asked piece by piece; ``narrowed`` what some channels are asked
    instead of the whole payload, by id: a part of it that destroys nothing. ``options`` are those of queue_command:
    priority, expires_at, push, command_uuid, meant_for. Raises InvalidCommand, NobodyToAsk, NoneCanTake, what the
    governor raises, DuplicateCommand.
    """
    payload = payload or {}
    check_command(request_type, payload, allows_unknown=allows_unknown)
    _check_variables(request_type, payload)
    if options.get("command_uuid"):
        check_command_uuid(options["command_uuid"])
    how = {"actor": actor, "reason": reason, "confirmed": confirmed, "part_of": part_of, "options": options}
    how["narrowed"] = narrowed or {}
    if not meaning_of(request_type).is_judged_by_queue:
        return _ask(request_type, payload, channels, **how)
    try:
        with transaction.atomic():
            governor.take_turns()
            return _ask(request_type, payload, channels, **how)
    except EspalierError as error:
        error.tell()  # what the timeline was told of it has been undone with the rest
        raise


def _ask(
    request_type: str, payload: dict, channels, *, actor: Actor, reason: str, confirmed: int | None, part_of: int,
    narrowed: dict[int, dict], options: dict,
) -> Asked:  # fmt: skip
    """Judge who can take it and how dangerous that is, and ask."""
    candidates = candidates_of(channels.reachable())
    if not candidates:
        raise NobodyToAsk("none of these devices can be asked: not enrolled")
    fit, refused = split(request_type, candidates, payload, narrowed)
    # Who lacks a value counts for nothing; what is sent is filled in when it is, which may be days later.
    _filled, fit, lacking = fill_in(request_type, payload, narrowed, fit)
    refused += lacking
    dangers, fit, faults = _isolated(meaning_of(request_type).dangers, fit, payload)
    refused += faults
    if not fit:
        raise NoneCanTake(request_type, refused)
    permit = None
    if dangers:
        permit = governor.admit(
            Wish(
                request_type=request_type, payload=payload, actor=actor, reason=reason, confirmed=confirmed,
                named=len(candidates), part_of=part_of, channel_ids=tuple(candidate.channel_id for candidate in fit),
                dangers={it.device_id: dangers[it.channel_id] for it in fit if it.channel_id in dangers},
                options=options,
            )
        )  # fmt: skip
    warnings = meaning_of(request_type).warnings(fit, payload)
    if isinstance(permit, HeldAction):
        return Asked(None, permit, refused, warnings)
    how = {"actor": actor, "reason": reason, "permit": permit, "narrowed": narrowed}
    command = carry_out(request_type, payload, fit, refused, **how, **options)
    return Asked(command, None, refused, warnings)


def _check_variables(request_type: str, payload: dict) -> None:
    wrong = errors(request_type, payload)
    if wrong:
        fields = {f"payload.{path}": why for path, why in wrong.items()}
        raise InvalidCommand(f"this {request_type} command cannot be sent: {next(iter(wrong.values()))}", fields=fields)


def _isolated(work, candidates: list[Candidate], payload: dict) -> tuple[dict, list[Candidate], list[Refusal]]:
    """Let a meaning work on candidates; return its findings, whom it could work on, and refusals of the others."""
    found: dict = {}
    failed = work_isolated(candidates, lambda some: found.update(work(list(some), payload)))
    broken = {candidate.channel_id for candidate, _error in failed}
    faults = [Refusal.by_fault(candidate, error) for candidate, error in failed]
    return found, [candidate for candidate in candidates if candidate.channel_id not in broken], faults


def carry_out(
    request_type: str,
    payload: dict,
    candidates: list[Candidate],
    refused: Iterable[Refusal] = (),
    *,
    actor: Actor,
    reason: str,
    permit: Permit | None,
    narrowed: dict[int, dict] | None = None,
    **options,
) -> Command:
    """Prepare and queue what was admitted: secrets are escrowed in the transaction that queues them."""
    command_uuid = options.pop("command_uuid", None) or str(uuid.uuid4()).upper()
    narrowed, candidates, lacking = fill_in(request_type, payload, narrowed or {}, candidates)
    prepared, candidates, faults = _isolated(meaning_of(request_type).prepare, candidates, payload)
    refused = [*refused, *lacking, *faults]
    if not candidates:
        raise NoneCanTake(request_type, refused)
    lifetime = meaning_of(request_type).lifetime(payload)
    if lifetime is not None:
        options["expires_at"] = min(filter(None, (options.get("expires_at"), timezone.now() + lifetime)))
    own_keys = {pk: keys for pk, keys in narrowed.items() if keys != payload}
    for channel_id, it in prepared.items():
        if it.keys:
            own_keys[channel_id] = own_keys.get(channel_id, {}) | it.keys
    device_of = {candidate.channel_id: candidate.device_id for candidate in candidates}
    with transaction.atomic():
        if permit is not None:
            governor.forbid_while_stopped()
        propose_secrets(
            command_uuid,
            ((device_of[channel_id], kind, value) for channel_id, it in prepared.items() for kind, value in it.secrets),
        )
        command = queue_command(
            request_type, payload, Channel.objects.filter(id__in=list(device_of)), actor=actor, reason=reason,
            permit=permit, own_keys=own_keys,
            command_uuid=command_uuid, **options,
        )  # fmt: skip
        left_out = group_refusals(refused)
        if left_out:
            command.refused = left_out
            command.save(update_fields=["refused"])
        tell_left_out(((it.device_id, it.reason) for it in refused if it.is_fault), request_type)
    return command


def group_refusals(refused: Iterable[Refusal]) -> list[dict]:
    """Return refusals by reason, as they are stored: ``[{"reason", "device_ids"}]``, most devices first."""
    by_reason = defaultdict(list)
    for refusal in refused:
        by_reason[refusal.reason].append(refusal.device_id)
    groups = [{"reason": reason, "device_ids": ids} for reason, ids in by_reason.items()]
    return sorted(groups, key=lambda group: (-len(group["device_ids"]), group["reason"]))


def ask_again(queued, *, actor: Actor, reason: str = "", confirmed: int | None = None) -> Asked:
    """Ask the same again of some QueuedCommands of one command, as a new command; keys of their own are made anew.

    Of what was done in part only the rest is asked, where the command's meaning can tell it (items of Settings).
    Raises Conflict while one of them still waits, and what `ask` raises.
    """
    rows = list(queued.values_list("command_id", "channel_id", "state"))
    if not rows:
        raise NobodyToAsk("there is nothing to ask again")
    if any(state in QueuedCommand.WAITING for _command, _channel, state in rows):
        raise Conflict("this command still waits for its answer")
    old = Command.objects.get(pk=rows[0][0])
    payload = dict(plist.loads(unseal(old.body_encrypted, old.body_context))["Command"])
    request_type = payload.pop("RequestType")
    channels = Channel.objects.filter(pk__in=[channel_id for _command, channel_id, _state in rows])
    reason = reason or f"again: {old.reason or request_type}"
    narrowed = remainders(request_type, payload, queued)
    return ask(
        request_type, payload, channels, actor=actor, reason=reason, confirmed=confirmed, allows_unknown=True,
        narrowed=narrowed,
    )  # fmt: skip
