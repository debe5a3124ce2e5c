"""Signing in to the console, with a limit on guessing that nobody else can use up.

What counts is the name together with the address: a right password is never refused for what others did, neither
strangers who guess at the same name nor those behind the same address. nginx slows down an address that tries many
names (deploy/nginx.conf).
"""

from datetime import timedelta

from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from unfold.forms import AuthenticationForm

from mdm_project.locks import try_to_take_text
from mdm_project.models import SignIn
from mdm_project.peers import client_address
from mdm_project.roles import is_api_only

WINDOW = timedelta(minutes=15)
MAX_FAILURES = 10
TOO_MANY = "Too many failed sign-ins of this name from your address. Wait a quarter of an hour and try again."
AT_ONCE = "Another sign-in of this name from your address is being checked. Try again."


class LimitedAuthenticationForm(AuthenticationForm):
    """The console's sign-in form; refuses before the password is looked at while the limit is passed."""

    def clean(self):
        username = (self.cleaned_data.get("username") or "")[:150]
        address = client_address(self.request.META) if self.request is not None else None
        # Guesses sent at once are checked one after the other: otherwise each would see the failures before it only.
        with transaction.atomic():
            try:
                _require_few_failures(username, address)
                return super().clean()
            except ValidationError as error:
                refusal = error
        raise refusal  # behind the transaction, so that the failure stays written

    def confirm_login_allowed(self, user):
        """Refuse with the reason; the password was right, so Django tells nobody, and we do."""
        try:
            super().confirm_login_allowed(user)
            if is_api_only(user):
                raise ValidationError(
                    "This account is for programs: it uses the API with a token and has no console.", code="api_only"
                )
        except ValidationError:
            credentials = {"username": user.get_username()}
            user_login_failed.send(sender=__name__, credentials=credentials, request=self.request)
            raise


def _require_few_failures(username: str, address: str | None) -> None:
    """Raise ValidationError where this name failed too often from this address, or is just being tried from there."""
    if not try_to_take_text("sign-in", f"{username}:{address}"):
        raise ValidationError(AT_ONCE, code="at_once")
    recent = SignIn.objects.filter(username=username, address=address, at__gt=timezone.now() - WINDOW)
    if recent.filter(succeeded=False).count() >= MAX_FAILURES:
        raise ValidationError(TOO_MANY, code="too_many_failures")
