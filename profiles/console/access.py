"""Who may do what with profiles in the console, and how a profile is found for whoever asks."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from profiles.masking import has_secrets
from profiles.models import Profile

PUBLISH = "profiles.add_profileversion"
SECRETS = "profiles.view_profile_secrets"


def find_profile(user, pk) -> Profile:
    """Return a profile with its newest version, or raise 404."""
    try:
        return Profile.objects.visible_to(user).with_latest_version().select_related("removal_policy").get(pk=pk)
    except (Profile.DoesNotExist, ValueError) as error:
        raise Http404("there is no such profile") from error


def require(user, permission: str) -> None:
    """Raise PermissionDenied unless the person may look at profiles and has the permission."""
    if not user.has_perm("profiles.view_profile") or not user.has_perm(permission):
        raise PermissionDenied


def may_download(user, content: dict) -> bool:
    """Tell whether the person may have a profile as a file: secrets are in it."""
    return user.has_perm(SECRETS) or not has_secrets(content)
