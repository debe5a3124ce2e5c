"""Facts about staff on the timeline: accounts, their powers, roles, tokens, sign-ins, exports; names, never values.

What is written here is asked again: powers that somebody has only just been given do not count everywhere.
"""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from devices.models import Event
from devices.timeline import record_event
from mdm_project import tokens
from mdm_project.acting import password_was_set
from mdm_project.peers import client_address

POWERS = frozenset({"is_active", "is_staff", "is_superuser", "groups", "user_permissions"})
ADDED, POWERS_CHANGED, PASSWORD_SET = "staff_added", "staff_powers_changed", "staff_password_set"
CHANGED, DELETED, LINK_MADE = "staff_changed", "staff_deleted", "staff_password_link"
ROLE_CHANGED = "role_changed"


def record_account(kind: str, account, words: str, *, by, fields: Iterable[str] = ()) -> Event:
    """Write what somebody (None: not known) did to an account of staff; ``fields`` are the names of what changed."""
    return record_event(
        kind, f"staff account {account.get_username()}: {words}", actor=by.get_username() if by else "",
        user_id=account.pk, by_id=by.pk if by else None, fields=sorted(fields),
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
    """Tell whether somebody may do more since a moment: an account made or opened since, rights or roles given, also to
    a role of theirs. The database writes the moment, whatever page or program was used (mdm_project.models.User).
    """
    row = _row(user)
    return row.date_joined > since or (row.powers_given_at is not None and row.powers_given_at > since)


def is_in_others_hands(user, since: datetime) -> bool:
    """Tell whether an account is perhaps not its owner's: what `has_new_powers` tells, or a password that somebody
    else, or nobody knows who, has set since.
    """
    row = _row(user)
    is_password_new = row.password_set_at is not None and row.password_set_at > since
    return has_new_powers(user, since) or (is_password_new and row.password_set_by_id != row.pk)


def _row(user):
    """Read what the row says now, not what a request or a test knew of it."""
    facts = ("date_joined", "powers_given_at", "password_set_at", "password_set_by_id")
    return get_user_model().objects.only(*facts).get(pk=user.pk)


def connect() -> None:
    """Listen to Django's signals of signing in and out; a second call changes nothing."""
    user_logged_in.connect(_signed_in, dispatch_uid="timeline_signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="timeline_signed_out")
    user_login_failed.connect(_refused, dispatch_uid="timeline_sign_in_refused")
    password_was_set.connect(_password_set, dispatch_uid="timeline_password_set")


def _password_set(sender, account, by, **kwargs):
    """Tell it, and end the tokens that were made under the password before, unless they are kept on purpose."""
    words = "own password set" if by is not None and by.pk == account.pk else "password set"
    record_account(PASSWORD_SET, account, words if by else f"{words}, not known by whom", by=by, fields=["password"])
    number = 0 if getattr(account, "keeps_tokens", False) else tokens.revoke_all(account)
    if number:
        ended = "1 API token" if number == 1 else f"{number} API tokens"
        record_event("token_revoked", f"{ended} of {account} revoked: its password was set", user_id=account.pk)


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
