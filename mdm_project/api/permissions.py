"""What may be asked: every view says, for each method, which scope a token and which permission its owner needs.

A view that says nothing is denied, so a forgotten declaration cannot open anything. Which rows are seen is decided by
``visible_to(user)`` in the querysets.
"""

from dataclasses import dataclass

from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.permissions import BasePermission

from mdm_project.models import ApiToken
from mdm_project.roles import is_api_only

Scope = ApiToken.Scope


@dataclass(frozen=True)
class Access:
    """The scope that a token and the permissions that its owner (or the session's) must have."""

    scope: str
    permissions: tuple[str, ...]


def reading(*permissions: str) -> Access:
    """Access for GET."""
    return Access(Scope.READ, permissions)


class DenyByDefault(BasePermission):
    """Allows what the view's ``access`` (HTTP method -> Access) declares and the requester has."""

    def has_permission(self, request, view):
        user = request.user
        if not user.is_authenticated:
            return False
        if request.method not in view.allowed_methods:
            raise MethodNotAllowed(request.method)
        if not (user.is_active and user.is_staff):
            raise PermissionDenied("The API is for active staff.")
        if not isinstance(request.auth, ApiToken) and is_api_only(user):
            raise PermissionDenied("This account is for programs: it needs a token.")
        if request.method == "OPTIONS":
            return True
        access = getattr(view, "access", {}).get("GET" if request.method == "HEAD" else request.method)
        if access is None:
            raise PermissionDenied("Nobody has been given access to this.")
        _check(access, user, request.auth)
        return True


def _check(access: Access, user, token) -> None:
    if isinstance(token, ApiToken) and access.scope not in token.scopes:
        raise PermissionDenied(f"The token lacks the scope {access.scope}.", code="missing_scope")
    missing = [name for name in access.permissions if not user.has_perm(name)]
    if missing:
        raise PermissionDenied(f"{user.get_username()} lacks the permission {', '.join(missing)}.")
