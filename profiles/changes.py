"""The changes that can be planned: each is carried out by the service that also serves without a plan.

Owns reading a change and naming the profiles it is about; the kinds and their keys are listed in profiles.plan.
"""

from collections.abc import Callable

from django.db import connection

from devices import groups
from devices.models import Group
from devices.timeline import Actor
from mdm_project.errors import BadRequest, NotFound
from profiles import assigning, rollout, versions
from profiles.desired import profiles_assigned_by
from profiles.errors import StaleRevision
from profiles.models import Assignment, Profile
from profiles.publishing import require_no_errors
from profiles.reach import require_assignment_within

_FIELDS = frozenset(assigning.CHANGEABLE)
_STEPS = {"advance": rollout.advance, "resume": rollout.resume, "roll_back": rollout.roll_back}


def complete(change: dict) -> dict:
    """Check the form of a change and fill in what fixes it: the draft's revision, the id a new assignment will have."""
    kind = change.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadRequest(f"there is no change {kind!r}", fields={"kind": f"one of {', '.join(sorted(_KINDS))}"})
    required, optional, _carry = _KINDS[kind]
    missing = required - set(change)
    unknown = set(change) - required - optional - {"kind"}
    if missing or unknown:
        fields = dict.fromkeys(sorted(missing), "is required") | dict.fromkeys(sorted(unknown), "is not known here")
        raise BadRequest(f"{kind} does not have this form", fields=fields)
    if kind == "publish" and "revision" not in change:
        return change | {"revision": _find(Profile, change["profile"], "profile").draft_revision}
    if kind == "create_assignment":
        return change | {"id": _reserve_assignment_id()}
    return dict(change)


def carry_out(change: dict, actor: Actor) -> set[int]:
    """Make the change and return the ids of the profiles it is about; what is wanted is not recomputed here."""
    return _KINDS[change["kind"]][2](change, actor)


def require_allowed(change: dict) -> None:
    """Raise LintErrors for a draft with errors that is to be published without a reason; plans show it all the same."""
    if change["kind"] == "publish" and not _reason(change):
        require_no_errors(_find(Profile, change["profile"], "profile"))


def _reason(change: dict) -> str:
    return str(change.get("reason", "")).strip()


def finish(change: dict, actor: Actor) -> None:
    """Do what must not come before the difference was computed: rows that go with an assignment are a part of it."""
    if change["kind"] == "delete_assignment":
        assigning.delete_assignment(_assignment(change), actor=actor)


def _reserve_assignment_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [Assignment._meta.db_table])
        return cursor.fetchone()[0]


def _publish(change: dict, actor: Actor) -> set[int]:
    profile = _find(Profile, change["profile"], "profile")
    if profile.draft_revision != change["revision"]:
        raise StaleRevision("the draft was edited in the meantime")
    versions.publish(profile, actor=actor, note=change.get("note", ""), reason=_reason(change))
    return {profile.pk}


def _roll_back(change: dict, actor: Actor) -> set[int]:
    profile = _find(Profile, change["profile"], "profile")
    if not _is_id(change["number"]):
        raise BadRequest("number is the number of a version", fields={"number": "a version's number"})
    versions.roll_back(profile, change["number"], actor, change.get("note", ""))
    return {profile.pk}


def _create_assignment(change: dict, actor: Actor) -> set[int]:
    profile = _find(Profile, change["profile"], "profile")
    fields = fields_of({name: change[name] for name in _FIELDS & set(change)}, profile)
    include = fields.pop("include")
    assigning.create_assignment(profile, include=include, actor=actor, assignment_id=change["id"], **fields)
    return {profile.pk}


def _change_assignment(change: dict, actor: Actor) -> set[int]:
    assignment = _assignment(change)
    if not isinstance(change["fields"], dict):
        raise BadRequest("fields must be an object", fields={"fields": "must be an object"})
    fields = fields_of(change["fields"], assignment.profile)
    assigning.change_assignment(assignment, actor=actor, **fields)
    return {assignment.profile_id}


def _delete_assignment(change: dict, actor: Actor) -> set[int]:
    assignment = _assignment(change)
    require_assignment_within(assignment, actor)
    Assignment.objects.filter(pk=assignment.pk).update(is_enabled=False)
    return {assignment.profile_id}


def _rollout(change: dict, actor: Actor) -> set[int]:
    assignment = _assignment(change)
    step = _STEPS.get(change["step"])
    if step is None:
        raise BadRequest("no such step", fields={"step": f"one of {', '.join(_STEPS)}"})
    step(assignment, actor=actor)
    return {assignment.profile_id}


def _group_rule(change: dict, actor: Actor) -> set[int]:
    group = _find(Group, change["group"], "group")
    group = groups.change_group(group, rule=change["rule"], actor=actor)
    if group.problem:
        raise BadRequest(f"the rule cannot be worked out: {group.problem}", fields={"rule": group.problem})
    return profiles_assigned_by([group.pk])


def _group_members(change: dict, actor: Actor) -> set[int]:
    group = _find(Group, change["group"], "group")
    if not isinstance(change["device_ids"], list) or not all(map(_is_id, change["device_ids"])):
        raise BadRequest("device_ids is a list of ids", fields={"device_ids": "a list of ids"})
    shift = groups.set_members(group, change["device_ids"], actor=actor)
    following = groups.groups_that_mention(group)
    if following and shift.device_ids:
        groups.evaluate_groups(following, sorted(shift.device_ids))
    return profiles_assigned_by([group.pk, *following])


def _remove_profile(change: dict, actor: Actor) -> set[int]:
    profile = _find(Profile, change["profile"], "profile")
    assigning.withdraw_profile(profile, actor=actor)
    return {profile.pk}


def _take_back_profile(change: dict, actor: Actor) -> set[int]:
    profile = _find(Profile, change["profile"], "profile")
    assigning.take_back_profile(profile, actor=actor)
    return {profile.pk}


_KINDS: dict[str, tuple[frozenset, frozenset, Callable[[dict, Actor], set[int]]]] = {
    "publish": (frozenset({"profile"}), frozenset({"note", "revision", "reason"}), _publish),
    "roll_back": (frozenset({"profile", "number"}), frozenset({"note"}), _roll_back),
    "create_assignment": (frozenset({"profile", "include"}), _FIELDS - {"include"}, _create_assignment),
    "change_assignment": (frozenset({"assignment", "fields"}), frozenset(), _change_assignment),
    "delete_assignment": (frozenset({"assignment"}), frozenset(), _delete_assignment),
    "rollout": (frozenset({"assignment", "step"}), frozenset(), _rollout),
    "group_rule": (frozenset({"group", "rule"}), frozenset(), _group_rule),
    "group_members": (frozenset({"group", "device_ids"}), frozenset(), _group_members),
    "remove_profile": (frozenset({"profile"}), frozenset(), _remove_profile),
    "take_back_profile": (frozenset({"profile"}), frozenset(), _take_back_profile),
}


def fields_of(values: dict, profile: Profile) -> dict:
    """Turn the fields of an assignment from JSON (group ids, a version's number) into what the services take."""
    fields = dict(values)
    for name in ("include", "exclude"):
        if name in fields:
            fields[name] = _groups(fields[name] or [], name)
    if fields.get("version") is not None:
        number = fields["version"]
        fields["version"] = profile.versions.filter(number=number).first() if _is_id(number) else None
        if fields["version"] is None:
            raise NotFound("there is no such version", fields={"version": f"no version {number}"})
    return fields


def _groups(ids, name: str) -> list[Group]:
    if not isinstance(ids, list) or not all(map(_is_id, ids)):
        raise BadRequest(f"{name} is a list of group ids", fields={name: "a list of ids"})
    found = {group.pk: group for group in Group.objects.filter(pk__in=ids).order_by("id")}
    missing = [each for each in ids if each not in found]
    if missing:
        raise NotFound("there is no such group", fields={name: f"no group {missing[0]}"})
    return list(found.values())


def _assignment(change: dict) -> Assignment:
    return _find(Assignment.objects.select_related("profile"), change["assignment"], "assignment")


def _find(rows, pk, name: str):
    rows = rows.objects if isinstance(rows, type) else rows
    row = rows.filter(pk=pk).first() if _is_id(pk) else None
    if row is None:
        raise NotFound(f"there is no such {name}", fields={name: f"no {name} {pk}"})
    return row


def _is_id(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
