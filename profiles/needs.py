"""What of profiles needs a person: what fails on devices, what the governor holds, rollouts that halted."""

from django.urls import reverse

from commands.standing import ItemStanding, Word
from commands.standing_rows import Cause, causes_by_profile
from mdm_project.attention import ATTENTION, BAD, Need, devices_in_words, needs
from profiles.models import Assignment


@needs("profiles.view_profile")
def failed_profiles(user) -> list[Need]:
    """Return profiles that fail, cannot be removed or are held on devices, by cause, most devices first."""
    found = causes_by_profile(ItemStanding.objects.visible_to(user))
    return [_cause(*each) for each in sorted(found, key=lambda each: -each[2].number)]


def _cause(profile_id: int, name: str, cause: Cause) -> Need:
    devices = devices_in_words(cause.number)
    link = reverse("admin:profiles_profile_devices", args=[profile_id]) + f"?state={cause.word}&cause={cause.key}"
    key = f"profile:{profile_id}:{cause.key}"
    detail = cause.words[:1].upper() + cause.words[1:]
    if cause.word == Word.HELD:
        noun = "1 removal" if cause.number == 1 else f"{cause.number:,} removals"
        waits = "waits" if cause.number == 1 else "wait"
        return Need(ATTENTION, "pause_circle", f"{noun} of “{name}” {waits}", detail, link, "Show", key)
    if cause.is_removal:
        return Need(BAD, "remove_circle", f"“{name}” cannot be removed from {devices}", detail, link, "Show", key)
    return Need(BAD, "tune", f"“{name}” fails on {devices}", detail, link, "Show", key)


@needs("profiles.view_assignment")
def halted_rollouts(user) -> list[Need]:
    """Return rollouts that nobody new gets anything of until somebody decides."""
    halted = Assignment.objects.visible_to(user).filter(
        rollout_state=Assignment.RolloutState.HALTED, is_enabled=True, profile__is_archived=False
    )
    rows = list(halted.select_related("profile", "rollout_version").order_by("stage_started_at", "id"))
    may_change = user.has_perm("profiles.change_assignment") and user.has_perm("devices.view_device")
    return [_halted(assignment, may_change) for assignment in rows]


def _halted(assignment: Assignment, may_change: bool) -> Need:
    profile, version = assignment.profile, assignment.rollout_version
    at = f" at {assignment.stages[assignment.stage]} %" if assignment.stage < len(assignment.stages) else ""
    number = f" v{version.number}" if version else ""
    title = f"The rollout of “{profile.name}”{number} is halted{at}"
    link = reverse("admin:profiles_profile_assignments", args=[profile.pk]) + f"#assignment-{assignment.pk}"
    steps = (("Resume…", "resume"), ("Roll back…", "roll_back")) if may_change else ()
    posts = tuple(
        (words, reverse("admin:profiles_profile_step", args=[profile.pk, assignment.pk, step])) for words, step in steps
    )
    key = f"rollout-halted:{assignment.pk}:{assignment.rollout_version_id}:{assignment.stage}"
    detail = assignment.halt_reason[:1].upper() + assignment.halt_reason[1:]
    return Need(BAD, "pause_circle", title, detail, link, "Show", key, posts=posts)
