"""The reconciler: turns differences between what channels should have and what they have into commands.

profiles.desired says what is wanted (DesiredItem), ItemStatus how far each channel is with what we ever wanted on it;
commands.profile_results moves the latter on by what devices answer. Here the next command is sent, for as many
channels at once as get the same bytes. Nothing is removed that has no ItemStatus: it is not ours. A profile that is
replaced is not removed first; devices that are not enrolled are left alone; what keeps failing stops.

States: pending -> sent -> acknowledged -> verified, or failed and after a pause sent again; removing -> removed.
A second run at the same time does nothing, a second run afterwards finds nothing to do.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import connection, transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from commands import item_statements
from commands.governor.removals import admit_removals
from commands.models import QueuedCommand
from commands.queue import NobodyToAsk, queue_command
from devices.isolation import work_isolated
from devices.left_out import cause_of, tell_left_out
from devices.models import Channel
from devices.timeline import SYSTEM, Actor, record_event
from mdm_project.errors import EspalierError
from mdm_project.locks import Lock, try_to_take
from profiles.desired import kick_reconciler
from profiles.models import DesiredItem, ItemStatus, Profile, ProfileVersion
from profiles.removal.own_rule import own_rule
from profiles.rendering import Rendered, render_each, seal_digest

State = ItemStatus.State
# Bodies of their own (variables) in one run: each is a command with statements of its own.
MAX_BODIES = 200


@dataclass(frozen=True)
class _Item:
    """A channel that is to get or lose an item, with the command that is under way for it."""

    channel_id: int
    identifier: str
    status_id: int | None
    queued_id: int | None


def reconcile(limit: int = 5000) -> int:
    """Send what is due, up to ``limit`` installations and as many removals; return how many items were dealt with."""
    with transaction.atomic():
        if not _is_alone():
            return 0
        with connection.cursor() as cursor:
            for statement in (item_statements.LOST, item_statements.WITHDRAW, item_statements.FORGET):
                cursor.execute(statement)
            cursor.execute(item_statements.TO_INSTALL, [limit])
            to_install = _grouped(cursor.fetchall())
            cursor.execute(item_statements.TO_REMOVE, [limit])
            to_remove = _grouped((identifier, channel, identifier, *rest) for identifier, channel, *rest in cursor)
        _lock(item.status_id for group in (to_install, to_remove) for items in group.values() for item in items)
        done = _install_all(to_install)
        for identifier, items in to_remove.items():
            done += _isolated(items, partial(_remove, identifier), partial(_note_not_removed, identifier))
    return done


def retry_items(statuses, *, actor: Actor) -> int:
    """Try items (an ItemStatus queryset) again that stopped or wait for their next attempt; return how many."""
    failed = statuses.filter(Q(state=State.FAILED) | Q(state__in=(State.PENDING, State.REMOVING), command_id=None))
    # A removal that was acknowledged waits for the device's list and for nothing else.
    due = failed.exclude(state=State.REMOVING, next_attempt_at=None)
    refused = DesiredItem.objects.filter(channel=OuterRef("channel"), identifier=OuterRef("identifier"))
    due = due.exclude(Exists(refused.exclude(refusal="")))
    again = Case(When(state=State.REMOVING, then=Now()), default=Value(None), output_field=DateTimeField())
    state = Case(When(state=State.REMOVING, then=F("state")), default=Value(State.PENDING.value))
    with transaction.atomic():
        number = due.order_by().update(state=state, attempts=0, is_stopped=False, next_attempt_at=again)
        if number:
            record_event("items_retried", f"{number} failed profiles to be tried again", actor=actor.name)
            kick_reconciler()
    return number


def _is_alone() -> bool:
    return try_to_take(Lock.RECONCILE)


def _grouped(rows) -> dict[object, list[_Item]]:
    groups = defaultdict(list)
    for key, *item in rows:
        groups[key].append(_Item(*item))
    return groups


def _lock(status_ids) -> None:
    """In the order of ids, like the interpreters, which write to the same rows."""
    ids = [status_id for status_id in status_ids if status_id]
    list(ItemStatus.objects.select_for_update().filter(id__in=ids).order_by("id").values_list("id"))


def _install_all(groups: dict[int, list[_Item]]) -> int:
    versions = ProfileVersion.objects.select_related("profile").in_bulk(list(groups))
    done, bodies_left = 0, MAX_BODIES
    for version_id, items in groups.items():
        version = versions[version_id]
        note = partial(_note_unrendered, version)
        if not version.variables:
            done += _isolated(items, partial(_install_same, version), note)
            continue
        items = items[:bodies_left]
        bodies_left -= len(items)
        done += _isolated(items, partial(_install_each, version), note)
    return done


def _isolated(items: list[_Item], work: Callable, note: Callable) -> int:
    """Work on items; one that breaks the work is noted as failed and told on its device, and the others go on."""
    numbers: list[int] = []
    broken = work_isolated(items, lambda some: numbers.append(work(list(some))))
    device_of = dict(Channel.objects.filter(id__in=[it.channel_id for it, _ in broken]).values_list("id", "device_id"))
    for item, error in broken:
        note([item], error)
        tell_left_out([(device_of[item.channel_id], cause_of(error))], f"Profile {item.identifier}")
    return sum(numbers)


def _install_same(version: ProfileVersion, items: list[_Item]) -> int:
    try:
        (rendered,) = render_each(version, [None])
    except EspalierError as error:
        return _note_unrendered(version, items, error)
    return _send(version, rendered, items)


def _install_each(version: ProfileVersion, items: list[_Item]) -> int:
    """Render for each channel; those whose bytes are equal after all share a command."""
    if not items:
        return 0
    by_channel = {item.channel_id: item for item in items}
    bodies: dict[bytes, Rendered] = {}
    receivers = defaultdict(list)
    done = 0
    for rendered in render_each(version, Channel.objects.filter(id__in=by_channel).order_by("id")):
        item = by_channel[rendered.channel.pk]
        if rendered.error is not None:
            done += _note_unrendered(version, [item], rendered.error)
            continue
        bodies[rendered.digest] = rendered
        receivers[rendered.digest].append(item)
    return done + sum(_send(version, bodies[digest], same) for digest, same in receivers.items())


def _send(version: ProfileVersion, rendered: Rendered, items: list[_Item]) -> int:
    profile = version.profile
    rule = own_rule(rendered.content)
    _replace(items, f"replaced: version {version.number} of {profile.name} is wanted now")
    if rule.is_over():
        return _note_over(version, items)
    channels = Channel.objects.filter(id__in=[item.channel_id for item in items])
    try:
        command = queue_command(
            "InstallProfile", {"Payload": rendered.body}, channels,
            actor=SYSTEM, reason=f"{profile.name}, version {version.number}", expires_at=rule.ends_at,
        )  # fmt: skip
    except NobodyToAsk:
        return 0
    with connection.cursor() as cursor:
        digest = seal_digest(version, rendered.digest) if version.variables else None
        sent = [rendered.uuid, digest, rule.ends_at, rule.ends_after_s, command.pk]
        cursor.execute(item_statements.SENT, [items[0].identifier, profile.pk, version.pk, *sent])
        return cursor.rowcount


def _note_over(version: ProfileVersion, items: list[_Item]) -> int:
    """Have the wish end: the version would remove itself at once, and what is there of an earlier one goes."""
    channel_ids = [item.channel_id for item in items]
    told = [items[0].identifier, version.profile_id, version.pk, item_statements.OWN_RULE_OVER, channel_ids]
    with connection.cursor() as cursor:
        cursor.execute(item_statements.OVER, told)
    kick_reconciler()
    return len(items)


def _note_unrendered(version: ProfileVersion, items: list[_Item], error: Exception) -> int:
    channel_ids = [item.channel_id for item in items]
    told = [items[0].identifier, version.profile_id, version.pk, cause_of(error), channel_ids]
    with connection.cursor() as cursor:
        cursor.execute(item_statements.NOT_RENDERED, told)
    return len(items)


def _note_not_removed(identifier: str, items: list[_Item], error: Exception) -> None:
    with connection.cursor() as cursor:
        cursor.execute(item_statements.NOT_REMOVED, [cause_of(error), [item.channel_id for item in items], identifier])


def _remove(identifier: str, items: list[_Item]) -> int:
    """Remove an item; where that takes a device's last network, as many as the governor permits, and the rest later."""
    _replace(items, f"replaced: {identifier} is no longer wanted")
    profile = Profile.objects.filter(item_statuses__in=[item.status_id for item in items]).order_by("id").first()
    reason = f"{profile.name if profile else identifier} not wanted"
    admitted = admit_removals(identifier, [item.channel_id for item in items], reason=reason)
    if admitted.held:
        with connection.cursor() as cursor:
            cursor.execute(item_statements.HELD, [admitted.words, admitted.held, identifier])
    return sum(
        _ask_to_remove(identifier, channel_ids, reason, permit)
        for channel_ids, permit in ((admitted.free, None), (admitted.permitted, admitted.permit))
        if channel_ids
    )


def _ask_to_remove(identifier: str, channel_ids: list[int], reason: str, permit) -> int:
    channels = Channel.objects.filter(id__in=channel_ids)
    payload = {"Identifier": identifier}
    try:
        command = queue_command("RemoveProfile", payload, channels, actor=SYSTEM, reason=reason, permit=permit)
    except NobodyToAsk:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(item_statements.REMOVING, [command.pk, identifier])
        return cursor.rowcount


def _replace(items: list[_Item], note: str) -> None:
    """Cancel our own commands that still wait for these items; one that was delivered may still be answered."""
    ids = [item.queued_id for item in items if item.queued_id]
    if ids:
        waiting = QueuedCommand.objects.waiting().filter(id__in=ids)
        waiting.update(state=QueuedCommand.State.CANCELLED, finished_at=Now(), note=note)
