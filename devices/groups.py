"""Groups: making and changing them, and keeping Membership, which says who is in them now.

Members of a static group are what staff chose; those of a smart group are worked out by its rule (devices.rules): for
the whole fleet when the rule changes and by a sweep (time passes), for some devices when something changed about them.
Either way one statement a group writes the difference, and rows that stay are not touched.

Locks: groups in the order of their ids, then devices in the order of theirs. Tells the outbox: "memberships_changed"
{"group_ids", "device_ids"}. Hears: "inventory_changed" {"device_ids"}.
"""

import logging
from collections.abc import Iterable, Sequence

from django.db import DataError, IntegrityError, ProgrammingError, transaction
from django.utils import timezone

from devices.access import require_whole_fleet
from devices.changes import KIND as INVENTORY_CHANGED
from devices.changes import tell_changed
from devices.events import MAX_DEVICES_OF_A_SHIFT, record_shifts
from devices.memberships import Shift, announce, choose_members, work_out_members
from devices.models import Group, Membership
from devices.outbox import handles
from devices.rules import Vocabulary, matching, mentions, parse
from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest, Conflict

logger = logging.getLogger(__name__)
MAX_NAME = 200
MAX_DESCRIPTION = 5000


@transaction.atomic
def create_group(name: str, *, actor: Actor, kind: str = Group.Kind.STATIC, description="", rule=None) -> Group:
    """Make a group; a smart one has its members at once. Raise BadRequest, BadRule, or Conflict for a taken name."""
    if kind not in Group.Kind.values:
        raise BadRequest("there is no such kind of group", fields={"kind": "must be static or smart"})
    require_whole_fleet(actor.user)
    _check_rule(kind, rule)
    _check_description(description)
    group = Group(name=_checked_name(name), kind=kind, description=description, rule=rule)
    _save(group)
    record_event("group_created", f"group {group.name} created", actor=actor.name, group_id=group.pk)
    if kind == Group.Kind.SMART:
        evaluate_groups([group.pk])
        group.refresh_from_db()
    return group


@transaction.atomic
def change_group(group: Group, *, actor: Actor, **changes) -> Group:
    """Change ``name``, ``description`` or ``rule``; a new rule counts at once. Raises as create_group."""
    require_whole_fleet(actor.user)
    group = Group.objects.select_for_update(no_key=True).get(pk=group.pk)
    before = {field: getattr(group, field) for field in changes}
    if "name" in changes:
        changes["name"] = _checked_name(changes["name"])
    _check_description(changes.get("description", ""))
    if "rule" in changes:
        _check_rule(group.kind, changes["rule"])
    changed = [field for field in changes if changes[field] != before[field]]
    if not changed:
        return group
    for field in changed:
        setattr(group, field, changes[field])
    _save(group, changed)
    summary = f"group {group.name} changed: {', '.join(changed)}"
    record_event("group_changed", summary, actor=actor.name, group_id=group.pk, before=before)
    if "rule" in changed:
        evaluate_groups([group.pk])
        group.refresh_from_db()
    return group


@transaction.atomic
def delete_group(group: Group, *, actor: Actor) -> None:
    """Delete a group; raise Conflict, naming it, when an assignment or a rule uses it."""
    require_whole_fleet(actor.user)
    group = Group.objects.select_for_update().get(pk=group.pk)
    users = [*_related_names(group), *_rules_with(group)]
    if users:
        raise Conflict(f"{group.name} is used by {'; '.join(users)}")
    record_event("group_deleted", f"group {group.name} deleted", actor=actor.name, group_id=group.pk)
    group.delete()


def set_members(group: Group, device_ids: Iterable[int], *, actor: Actor) -> Shift:
    """Make exactly these devices the members of a static group; raise Conflict for a smart one."""
    return _choose(group, device_ids, None, actor)


def add_members(group: Group, device_ids: Iterable[int], *, actor: Actor) -> Shift:
    """Add devices to a static group; those that are in it already stay as they are."""
    chosen = list(device_ids)
    return _choose(group, chosen, chosen, actor)


def remove_members(group: Group, device_ids: Iterable[int], *, actor: Actor) -> Shift:
    """Take devices out of a static group."""
    return _choose(group, [], list(device_ids), actor)


@transaction.atomic
def evaluate_groups(group_ids: Sequence[int] | None = None, device_ids: Sequence[int] | None = None) -> list[Shift]:
    """Work out who is in smart groups, all or some of them; with ``device_ids`` for these devices only.

    A rule that fails is told of in Group.problem, and its group keeps its members until it has been worked out for the
    whole fleet again. Returns the groups whose members changed.
    """
    if device_ids is not None and not device_ids:
        return []
    smart = Group.objects.filter(kind=Group.Kind.SMART).order_by("id").select_for_update(no_key=True)
    if group_ids is not None:
        smart = smart.filter(pk__in=group_ids)
    if device_ids is not None:
        smart = smart.filter(problem="")
    groups, vocabulary = list(smart), Vocabulary()
    shifts = [_evaluate(group, vocabulary, device_ids) for group in groups]
    _mark(groups, is_complete=device_ids is None)
    shifts = [shift for shift in shifts if shift.device_ids]
    record_shifts(shifts, {group.pk: group.name for group in groups}, "rule")
    announce(shifts)
    return shifts


def evaluate_groups_looking_at(fact: str) -> list[Shift]:
    """Work out the smart groups whose rule looks at a fact that changes without the device being told of."""
    smart = Group.objects.filter(kind=Group.Kind.SMART).order_by("id")
    ids = [group.pk for group in smart if mentions(group.rule, fact)]
    return evaluate_groups(ids) if ids else []


def smart_group_ids() -> list[int]:
    return list(Group.objects.filter(kind=Group.Kind.SMART).order_by("id").values_list("id", flat=True))


def groups_that_mention(group: Group) -> list[int]:
    """Return the ids of smart groups whose rule looks at the members of a group."""
    smart = Group.objects.filter(kind=Group.Kind.SMART).order_by("id")
    return [other.pk for other in smart if mentions(other.rule, "group", value=group.pk)]


@handles(INVENTORY_CHANGED)
def regroup(payloads: list[dict]) -> None:
    """Work out the smart groups anew for devices about which something changed, many changes at once."""
    device_ids = {device_id for payload in payloads for device_id in payload["device_ids"]}
    evaluate_groups(device_ids=sorted(device_ids))


def preview(rule, user):
    """Return the devices that a rule would gather, of those the person may see; raise BadRule."""
    return matching(rule).visible_to(user)


def _evaluate(group: Group, vocabulary: Vocabulary, device_ids: Sequence[int] | None) -> Shift:
    try:
        with transaction.atomic():
            shift = work_out_members(group.pk, matching(group.rule, vocabulary), device_ids)
    except BadRequest as error:
        group.problem = error.detail
    except (DataError, ProgrammingError) as error:
        # A value that is not what its attribute says, or a rule that became too much for one statement.
        logger.warning("the rule of group %s failed: %s", group.pk, type(error).__name__)
        group.problem = str(error).partition("\n")[0]
    else:
        group.problem = ""
        return shift
    return Shift(group.pk)


def _mark(groups: list[Group], *, is_complete: bool) -> None:
    """Note when groups were worked out for the whole fleet; of those for some devices, only what failed."""
    if is_complete:
        now = timezone.now()
        for group in groups:
            group.evaluated_at = now
    noted = groups if is_complete else [group for group in groups if group.problem]
    Group.objects.bulk_update(noted, ["evaluated_at", "problem"])


@transaction.atomic
def _choose(group: Group, device_ids: Iterable[int], within: list[int] | None, actor: Actor) -> Shift:
    require_whole_fleet(actor.user)
    group = Group.objects.select_for_update(no_key=True).get(pk=group.pk)
    if group.kind != Group.Kind.STATIC:
        raise Conflict(f"the members of {group.name} are chosen by its rule")
    shift = choose_members(group.pk, device_ids, within)
    if shift.device_ids:
        summary = f"{len(shift.joined)} devices joined and {len(shift.left)} left group {group.name}"
        record_event("group_members_changed", summary, actor=actor.name, group_id=group.pk)
        if len(shift.device_ids) <= MAX_DEVICES_OF_A_SHIFT:
            record_shifts([shift], {group.pk: group.name}, actor.name)
        announce([shift])
        tell_changed(shift.device_ids)  # rules may look at this group
    return shift


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadRequest("the group needs a name", fields={"name": f"must be 1 to {MAX_NAME} printable characters"})
    return name


def _check_description(description: str) -> None:
    if len(description) > MAX_DESCRIPTION:
        why = f"must have at most {MAX_DESCRIPTION} characters"
        raise BadRequest("the description is too long", fields={"description": why})


def _check_rule(kind: str, rule) -> None:
    if kind == Group.Kind.SMART:
        parse(rule)
    elif rule is not None:
        raise BadRequest("a static group has no rule", fields={"rule": "only smart groups have one"})


def _save(group: Group, fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            group.save(update_fields=fields)
    except IntegrityError as error:
        raise Conflict("there is a group of this name already", fields={"name": "is taken"}) from error


def _related_names(group: Group) -> list[str]:
    """Names of what refers to the group: apps to the right are known by their relations only."""
    names = []
    for relation in Group._meta.related_objects:
        if relation.related_model is not Membership:
            users = getattr(group, relation.get_accessor_name()).all()
            names += [f"{relation.related_model._meta.verbose_name} {user.pk} ({user})" for user in users[:5]]
    return list(dict.fromkeys(names))


def _rules_with(group: Group) -> list[str]:
    smart = Group.objects.filter(kind=Group.Kind.SMART).order_by("id")
    return [f"the rule of group {user.name}" for user in smart if mentions(user.rule, "group", value=group.pk)]
