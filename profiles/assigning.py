"""Who gets a profile: making, changing and ending assignments, taking a profile away from everybody, and back.

Each of them records an event and posts `desired_changed`; what that means for devices is computed in profiles.desired.
"""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from devices import outbox
from devices.models import Group
from devices.timeline import Actor, record_event
from mdm_project.bounds import Bound, require_within
from mdm_project.errors import BadRequest, Conflict
from profiles.desired import lock_desired, recompute_desired
from profiles.models import Assignment, Profile, ProfileVersion
from profiles.reach import require_assignment_within, require_included_within, require_profile_within

State = Assignment.RolloutState
STAGE = Bound(1, 100, "a percentage")
NUMBERS = {
    "priority": Bound(-(2**31), 2**31 - 1, "a whole number"),
    "stage_hours": Bound(1, 10_000, "hours", may_be_empty=True),
    "failure_threshold_percent": Bound(0, 100, "a percentage"),
}
SWITCHES = ("is_enabled", "sends_anyway")
PLAIN = (*NUMBERS, *SWITCHES)
CHANGEABLE = (*PLAIN, "version", "include", "exclude", "stages")


@transaction.atomic
def create_assignment(
    profile: Profile, *, include: Sequence[Group], actor: Actor, assignment_id: int | None = None, **fields
) -> Assignment:
    """Give a profile to the devices of groups; ``fields`` as in CHANGEABLE. With stages it starts with the first one.

    ``assignment_id`` is one that `profiles.plan` reserved, so that the stages hold the devices that were shown.
    """
    _refuse_unknown(fields)
    _check_plain(fields)
    require_included_within(include, actor)
    assignment = Assignment(
        pk=assignment_id, profile=profile, created_by=actor.name,
        **{name: fields[name] for name in PLAIN if name in fields},
    )  # fmt: skip
    _set_version(assignment, fields.get("version"))
    assignment.stages = checked_stages(fields.get("stages") or [])
    if not include:
        raise BadRequest("an assignment needs a group", fields={"include": "name at least one group"})
    assignment.save(force_insert=True)
    assignment.include.set(include)
    assignment.exclude.set(fields.get("exclude") or [])
    _tell(assignment, actor, "assignment_created", f"{profile.name} assigned to {_names(include)}")
    return assignment


@transaction.atomic
def change_assignment(assignment: Assignment, *, actor: Actor, **fields) -> Assignment:
    """Change what is given, as in CHANGEABLE; the rest stays."""
    _refuse_unknown(fields)
    _check_plain(fields)
    if not fields:
        return assignment
    assignment = Assignment.objects.select_for_update().get(pk=assignment.pk)
    require_assignment_within(assignment, actor)
    require_included_within(fields.get("include") or [], actor)
    for name in PLAIN:
        if name in fields:
            setattr(assignment, name, fields[name])
    if "version" in fields:
        _set_version(assignment, fields["version"])
    if "stages" in fields:
        _change_stages(assignment, checked_stages(fields["stages"] or []))
    if "include" in fields and not fields["include"]:
        raise BadRequest("an assignment needs a group", fields={"include": "name at least one group"})
    assignment.save()
    for name in ("include", "exclude"):
        if name in fields:
            getattr(assignment, name).set(fields[name] or [])
    changed = ", ".join(sorted(fields))
    _tell(assignment, actor, "assignment_changed", f"assignment of {assignment.profile.name} changed: {changed}")
    return assignment


@transaction.atomic
def delete_assignment(assignment: Assignment, *, actor: Actor) -> None:
    """End an assignment; the reconciler removes the profile where nothing else wants it."""
    require_assignment_within(assignment, actor)
    lock_desired()
    _tell(assignment, actor, "assignment_deleted", f"{assignment.profile.name} no longer assigned so")
    Assignment.objects.filter(pk=assignment.pk).update(is_enabled=False)
    # Now, so that what is lost is counted, and other assignments take over, before the rows go with this one.
    recompute_desired(profile_ids=[assignment.profile_id])
    assignment.delete()


@transaction.atomic
def withdraw_profile(profile: Profile, *, actor: Actor) -> None:
    """Take a profile away from all devices and keep it archived; its assignments stay and mean nothing."""
    require_profile_within(profile, actor)
    Profile.objects.filter(pk=profile.pk).update(is_archived=True, updated_at=timezone.now())
    record_event("profile_withdrawn", f"{profile.name} withdrawn", actor=actor.name, profile_id=profile.pk)
    outbox.post("desired_changed", {"profile_ids": [profile.pk]})


@transaction.atomic
def take_back_profile(profile: Profile, *, actor: Actor) -> None:
    """Take a profile out of the archive; the assignments that it still has mean something again. Raises Conflict."""
    require_profile_within(profile, actor)
    profile = Profile.objects.select_for_update().get(pk=profile.pk)
    if not profile.is_archived:
        raise Conflict("the profile is not archived")
    Profile.objects.filter(pk=profile.pk).update(is_archived=False, updated_at=timezone.now())
    record_event("profile_taken_back", f"{profile.name} taken back", actor=actor.name, profile_id=profile.pk)
    outbox.post("desired_changed", {"profile_ids": [profile.pk]})


def checked_stages(stages: Sequence[int]) -> list[int]:
    """Return the stages; raise BadRequest unless they rise from at least 1 to 100 percent."""
    are_percentages = isinstance(stages, list | tuple) and all(map(STAGE.holds, stages))
    if not are_percentages or (stages and (stages[-1] != STAGE.maximum or sorted(set(stages)) != list(stages))):
        detail = "stages are percentages that rise and end with 100"
        raise BadRequest(detail, fields={"stages": detail})
    return list(stages)


def _change_stages(assignment: Assignment, stages: list[int]) -> None:
    if not stages:
        assignment.rollout_state, assignment.stage = State.NONE, 0
    elif not assignment.stages:
        # Everybody has this version by now; stages are for the next one.
        assignment.rollout_version = assignment.version or assignment.profile.versions.order_by("-number").first()
        assignment.rollout_state = State.DONE if assignment.rollout_version else State.NONE
        assignment.stage = 0
    else:
        assignment.stage = min(assignment.stage, len(stages) - 1)
    assignment.stages = stages


def _set_version(assignment: Assignment, version: ProfileVersion | None) -> None:
    if version is not None and version.profile_id != assignment.profile_id:
        raise BadRequest("this version belongs to another profile", fields={"version": "belongs to another profile"})
    assignment.version = version


def _check_plain(fields: dict) -> None:
    require_within(NUMBERS, {name: fields[name] for name in NUMBERS if name in fields})
    wrong = [name for name in SWITCHES if not isinstance(fields.get(name, True), bool)]
    if wrong:
        raise BadRequest(f"{wrong[0]} is true or false", fields=dict.fromkeys(wrong, "true or false"))


def _refuse_unknown(fields: dict) -> None:
    unknown = sorted(set(fields) - set(CHANGEABLE))
    if unknown:
        raise BadRequest("an assignment has no such fields", fields=dict.fromkeys(unknown, "unknown"))


def _names(groups: Sequence[Group]) -> str:
    return ", ".join(group.name for group in groups)


def _tell(assignment: Assignment, actor: Actor, kind: str, summary: str) -> None:
    record_event(kind, summary, actor=actor.name, assignment_id=assignment.pk, profile_id=assignment.profile_id)
    outbox.post("desired_changed", {"profile_ids": [assignment.profile_id]})
