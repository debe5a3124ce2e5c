"""Publishing with a look at what lint finds: errors keep a draft from devices unless somebody says why not.

Devices have the last word, and Apple's schema is sometimes behind them, so whoever has a reason may go on; it is kept.
What errors are depends on the content alone and never on the devices of the day.
"""

from devices.timeline import Actor
from profiles.errors import LintErrors
from profiles.lint import NO_DEVICES, Finding, Level, lint
from profiles.models import Profile, ProfileVersion
from profiles.versions import publish


def errors_of(profile: Profile) -> list[Finding]:
    """Return the errors that lint finds in a draft, whatever devices it goes to."""
    return [finding for finding in lint(profile.draft, profile, NO_DEVICES) if finding.level is Level.ERROR]


def require_no_errors(profile: Profile) -> None:
    """Raise LintErrors where lint finds errors in the draft."""
    found = errors_of(profile)
    if found:
        number = f"{len(found)} error{'' if len(found) == 1 else 's'}"
        fields = {finding.key_path or "profile": finding.message for finding in found}
        raise LintErrors(f"Lint finds {number} in the draft; publishing it all the same takes a reason.", fields=fields)


def publish_checked(profile: Profile, actor: Actor, note: str = "", *, reason: str = "") -> ProfileVersion:
    """Publish the draft; with errors in it only for a reason, which the timeline keeps. Raises LintErrors."""
    if not reason:
        require_no_errors(profile)
    return publish(profile, actor, note, reason=reason)
