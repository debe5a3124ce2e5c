"""What lint says about that which a plan sends, of the devices that it sends it to."""

from django.db.models import Q

from devices.models import Device, Membership
from profiles.lint import Finding, Level, channels_for, lint, scope_of_channels
from profiles.models import Assignment, Profile
from profiles.versions import latest_version, version_of


def findings_of(change: dict, profile: Profile | None) -> list[Finding]:
    """Return the errors and warnings of lint about what a plan sends to the devices that it sends it to."""
    if profile is None:
        return []
    if change["kind"] == "publish":
        found = lint(profile.draft, profile)
    elif change["kind"] == "roll_back":
        found = lint(version_of(profile, change["number"]).content, profile)
    elif change["kind"] == "take_back_profile":
        found = _findings_of_assigned(profile)
    elif change["kind"] in ("create_assignment", "change_assignment"):
        found = _findings_of_assignment(change, profile)
    else:
        return []
    return [finding for finding in found if finding.level is not Level.NOTE]


def _findings_of_assignment(change: dict, profile: Profile) -> list[Finding]:
    fields = _fields(change)
    number = fields["version"]
    version = profile.versions.filter(number=number).first() if number else latest_version(profile)
    if version is None:
        return []
    meant = _meant(fields["include"], fields["exclude"])
    return lint(version.content, scope=scope_of_channels(channels_for(profile, meant), profile))


def _findings_of_assigned(profile: Profile) -> list[Finding]:
    """Return what lint says with all assignments in force, which mean nothing as long as the profile is archived."""
    version, meant = latest_version(profile), Q(pk__in=[])
    if version is None:
        return []
    for assignment in profile.assignments.filter(is_enabled=True).prefetch_related("include", "exclude"):
        groups = ([group.pk for group in named.all()] for named in (assignment.include, assignment.exclude))
        meant |= Q(pk__in=_meant(*groups))
    devices = Device.objects.filter(meant).order_by().values("pk")
    return lint(version.content, profile, scope=scope_of_channels(channels_for(profile, devices), profile))


def _meant(include: list[int], exclude: list[int]):
    """Return the devices of groups that are not in others, as a statement to be used in another."""
    excluded = Membership.objects.filter(group__in=exclude).order_by().values("device")
    included = Membership.objects.filter(group__in=include).exclude(device__in=excluded)
    return included.order_by().values("device")


def _fields(change: dict) -> dict:
    """Return groups and version as they will be; what a change does not name stays as the assignment has it."""
    given = change.get("fields", change)
    names = ("include", "exclude")
    stored = dict.fromkeys(names, []) | {"version": None}
    assignment = Assignment.objects.filter(pk=change.get("assignment")).select_related("version").first()
    if assignment is not None:
        stored = {name: list(getattr(assignment, name).values_list("pk", flat=True)) for name in names}
        stored["version"] = assignment.version.number if assignment.version else None
    return {name: given.get(name, stored[name]) for name in stored}
