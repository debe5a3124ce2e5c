"""Writes a SignIn row for every attempt to sign in (Django tells of them by signals only)."""

from django.contrib.auth.signals import user_logged_in, user_login_failed

from mdm_project.peers import client_address

MAX_USERNAME = 150


def connect() -> None:
    """Listen to Django's sign-in signals; a second call changes nothing."""
    user_logged_in.connect(_succeeded, dispatch_uid="sign_in_audit")
    user_login_failed.connect(_failed, dispatch_uid="sign_in_audit")


def _record(username: str, succeeded: bool, request) -> None:
    from mdm_project.models import SignIn

    address = client_address(request.META) if request is not None else None
    SignIn.objects.create(username=username[:MAX_USERNAME], succeeded=succeeded, address=address)


def _succeeded(sender, request, user, **kwargs):
    _record(user.get_username(), True, request)


def _failed(sender, credentials, request=None, **kwargs):
    _record(str(credentials.get("username", "")), False, request)
