"""Which channels can take a command, and why the others cannot: platform, version, supervision, enrollment, rights.

Facts come from Apple's schema (profiles.catalogue) and from what a command means (commands.meanings). Candidates are
loaded in sets: the statements do not grow with their number. What is not known of a device refuses nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from django.db.models import Exists, F, OuterRef, Q

from commands.meanings import Candidate, Meaning, meaning_of
from commands.models import QueuedCommand
from commands.rights import missing_right
from devices.isolation import judge_isolated, work_isolated
from devices.left_out import cause_of
from devices.models import Answer, EscrowedSecret
from profiles import catalogue
from profiles.catalogue import Entry, Target, UnknownEntry
from profiles.catalogue.availability import evaluate
from profiles.catalogue.conforming import known_information

_COLUMNS = {
    "device_id": "device_id", "enrollment_id": "enrollment_id", "user_key": "user_key",
    "access_rights": "enrollment__access_rights", "kind": "enrollment__kind",
}  # fmt: skip
_DEVICE_COLUMNS = (
    "platform", "os_version", "is_supervised", "is_user_approved_enrollment", "name", "serial_number",
    "is_awaiting_configuration", "is_lost_mode_enabled",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one channel was not asked; ``is_fault``: not by a rule, but because the judgement itself failed."""

    channel_id: int
    device_id: int
    serial_number: str
    reason: str
    is_fault: bool = False

    @classmethod
    def by_fault(cls, candidate: Candidate, error: Exception) -> "Refusal":
        reason = f"whether it can take this cannot be told: {cause_of(error)}"
        return cls(candidate.channel_id, candidate.device_id, candidate.serial_number, reason, is_fault=True)


def candidates_of(channels) -> list[Candidate]:
    """Load what must be known of the channels of a ChannelQuerySet, in the order of their ids: three statements."""
    columns = {name: F(path) for name, path in _COLUMNS.items() if name != path}
    columns |= {f"d_{name}": F(f"device__{name}") for name in _DEVICE_COLUMNS}
    plain = [name for name, path in _COLUMNS.items() if name == path]
    rows = list(channels.order_by("id").values("id", *plain, **columns))
    device_ids = {row["device_id"] for row in rows}
    secrets, awaited = _secret_kinds(device_ids)
    information = _information(device_ids)
    return [_candidate(row, secrets, awaited, information) for row in rows]


def _secret_kinds(device_ids: set[int]) -> tuple[dict[int, set[str]], dict[int, set[str]]]:
    """Return the kinds of which a device has a current value, and those of which a new one is on its way."""
    waiting = QueuedCommand.objects.waiting().filter(command__uuid=OuterRef("command_uuid"))
    is_on_its_way = Q(is_pending=True) & Exists(waiting.filter(channel__device=OuterRef("device")))
    found, awaited = {}, {}
    rows = EscrowedSecret.objects.filter(Q(is_current=True) | is_on_its_way, device__in=device_ids).order_by()
    for device_id, kind, is_current in rows.values_list("device_id", "kind", "is_current"):
        (found if is_current else awaited).setdefault(device_id, set()).add(kind)
    return found, awaited


def _information(device_ids: set[int]) -> dict[int, dict]:
    rows = Answer.objects.filter(device__in=device_ids, request_type="DeviceInformation", user_key="").order_by()
    return dict(rows.values_list("device_id", "content"))


def _candidate(
    row: dict, secrets: dict[int, set[str]], awaited: dict[int, set[str]], information: dict[int, dict]
) -> Candidate:
    told = information.get(row["device_id"]) or {}
    told = known_information(told.get("QueryResponses", told) if isinstance(told, dict) else {})
    is_user = bool(row["user_key"])
    platform = row["d_platform"]
    target = Target(
        platform or "ios", row["d_os_version"] or "", supervised=row["d_is_supervised"], enrollment_kind=row["kind"],
        channel="user" if is_user else "device", shared_ipad=_is_shared(platform, told),
        user_approved=row["d_is_user_approved_enrollment"],
    )  # fmt: skip
    return Candidate(
        channel_id=row["id"], device_id=row["device_id"], enrollment_id=row["enrollment_id"], is_user_channel=is_user,
        target=target, access_rights=row["access_rights"], name=row["d_name"], serial_number=row["d_serial_number"] or
        "", platform=platform, is_awaiting_configuration=row["d_is_awaiting_configuration"],
        is_lost_mode_enabled=row["d_is_lost_mode_enabled"], information=told,
        secret_kinds=frozenset(secrets.get(row["device_id"], ())),
        awaited_kinds=frozenset(awaited.get(row["device_id"], ())),
    )  # fmt: skip


def _is_shared(platform: str, told: dict) -> bool | None:
    """An iPhone is never shared; of an iPad it is known once it has told."""
    return told.get("IsMultiUser") if platform == "ipados" else False if platform == "ios" else None


def refusal_of(request_type: str, candidate: Candidate, payload: dict | None = None) -> str:
    """Say why a channel cannot take a command, or nothing. ``payload`` is None while it is not known yet."""
    _, refused = split(request_type, [candidate], payload)
    return refused[0].reason if refused else ""


def split(
    request_type: str,
    candidates: Iterable[Candidate],
    payload: dict | None = None,
    narrowed: dict[int, dict] | None = None,
) -> tuple[list[Candidate], list[Refusal]]:
    """Return those that can take a command, and why the others cannot; one that cannot be judged stops no other.

    ``narrowed`` is what some channels are to be asked instead of the payload, by id.
    """
    entry, meaning = _entry_of(request_type), meaning_of(request_type)
    candidates = list(candidates)
    in_sets, broken = _refusals_in_sets(meaning, candidates, payload)
    candidates = [candidate for candidate in candidates if candidate.channel_id not in broken]
    # Devices of one kind share an answer.
    by_schema = cache(lambda target, rights: _by_schema(entry, target, rights))

    def reason_against(candidate: Candidate) -> str:
        known = entry is not None and candidate.platform
        refusal = by_schema(candidate.target, candidate.access_rights) if known else ""
        refusal = refusal or meaning.refusal(candidate, (narrowed or {}).get(candidate.channel_id, payload))
        return refusal or in_sets.get(candidate.channel_id, "")

    judged, failed = judge_isolated(candidates, reason_against)
    refused = [Refusal(it.channel_id, it.device_id, it.serial_number, reason) for it, reason in judged if reason]
    refused += [Refusal.by_fault(candidate, error) for candidate, error in (*broken.values(), *failed)]
    return [candidate for candidate, reason in judged if not reason], refused


def _refusals_in_sets(meaning: Meaning, candidates: list[Candidate], payload: dict | None) -> tuple[dict, dict]:
    """Return what a meaning has against channels, and by channel those that it cannot judge, with the error."""
    if type(meaning).refusals is Meaning.refusals:
        return {}, {}
    found: dict[int, str] = {}

    def judge(some: Sequence[Candidate]) -> None:
        found.update(meaning.refusals(list(some), payload))

    if len(candidates) == 1:  # a page of one device: no savepoint for each of its buttons
        failed = [(candidates[0], error) for _one, error in judge_isolated([candidates], judge)[1]]
    else:
        failed = work_isolated(candidates, judge)
    return found, {candidate.channel_id: (candidate, error) for candidate, error in failed}


def _entry_of(request_type: str) -> Entry | None:
    try:
        return catalogue.command(request_type)
    except UnknownEntry:
        return None


def _by_schema(entry: Entry, target: Target, access_rights: int) -> str:
    availability = evaluate(entry.support, target)
    if availability.reasons:
        return _with_version(availability.reasons[0], target)
    return missing_right(entry.support, target, access_rights)


def _with_version(reason, target: Target) -> str:
    is_by_version = reason.code in ("too_old", "removed") and target.version
    return f"{reason.message}; this is {target.version}" if is_by_version else reason.message
