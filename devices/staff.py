"""Facts about staff on the timeline: accounts, their powers, roles, tokens, sign-ins, exports; names, never values.

What is written here is asked again: powers that somebody has only just been given do not count everywhere.
"""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Q

from devices.models import Event
from devices.timeline import record_event
from mdm_project.peers import client_address

POWERS = frozenset({"is_active", "is_staff", "is_superuser", "groups", "user_permissions"})
ADDED, POWERS_CHANGED, PASSWORD_SET = "staff_added", "staff_powers_changed", "staff_password_set"
CHANGED, DELETED = "staff_changed", "staff_deleted"
ROLE_CHANGED = "role_changed"


def record_account(kind: str, account, words: str, *, by, fields: Iterable[str] = ()) -> Event:
    """Write what somebody did to an account of staff; ``fields`` are the names of what changed."""
    return record_event(
        kind, f"staff account {account.get_username()}: {words}", actor=by.get_username(),
        user_id=account.pk, by_id=by.pk, fields=sorted(fields),
    )  # fmt: skip


def record_role(role, words: str, *, by, fields: Iterable[str] = ()) -> Event:
    """Write what somebody did to a role."""
    return record_event(
        ROLE_CHANGED, f"role {role.name}: {words}", actor=by.get_username(), role_id=role.pk, fields=sorted(fields)
    )


def record_export(what: str, *, by, query: str = "") -> Event:
    """Write that somebody took a list out of the product; ``query`` is how it was filtered."""
    return record_event("exported", f"exported {what}", actor=by.get_username(), query=query[:1000])


def has_new_powers(user, since: datetime) -> bool:
    """Tell whether somebody may do more since a moment: an account made or opened since, rights or roles given."""
    if user.date_joined > since:
        return True
    return _since(since).filter(kind__in=(ADDED, POWERS_CHANGED), data__user_id=user.pk).exists()


def is_in_others_hands(user, since: datetime) -> bool:
    """Tell whether an account is perhaps not its owner's: what `has_new_powers` tells, a password that somebody else
    set, or rights that a role of theirs was given.
    """
    if has_new_powers(user, since):
        return True
    password = Q(kind=PASSWORD_SET, data__user_id=user.pk) & ~Q(data__by_id=user.pk)
    roles = Q(kind=ROLE_CHANGED, data__role_id__in=list(user.groups.values_list("pk", flat=True)))
    return _since(since).filter(password | roles).exists()


def _since(moment: datetime):
    return Event.objects.filter(at__gt=moment, device=None).order_by()


def connect() -> None:
    """Listen to Django's signals of signing in and out; a second call changes nothing."""
    user_logged_in.connect(_signed_in, dispatch_uid="timeline_signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="timeline_signed_out")
    user_login_failed.connect(_refused, dispatch_uid="timeline_sign_in_refused")


def _address(request) -> str:
    return (client_address(request.META) or "") if request is not None else ""


def _signed_in(sender, request, user, **kwargs):
    record_event("signed_in", "signed in", actor=user.get_username(), address=_address(request))


def _signed_out(sender, request, user, **kwargs):
    if user is not None:
        record_event("signed_out", "signed out", actor=user.get_username(), address=_address(request))


def _refused(sender, credentials, request=None, **kwargs):
    """People type their password where the name belongs: a name that nobody has is not written down."""
    name = str(credentials.get("username", ""))[:150]
    is_known = get_user_model().objects.filter(username=name).exists()
    who = name if is_known else "a name that nobody has"
    record_event(
        "sign_in_refused", f"sign-in refused for {who}", actor=name if is_known else "", address=_address(request)
    )
