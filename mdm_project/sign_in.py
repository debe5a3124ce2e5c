"""Signing in to the console, with a limit on guessing: after too many failures a name or an address has to wait."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from unfold.forms import AuthenticationForm

from mdm_project.models import SignIn
from mdm_project.roles import is_api_only

WINDOW = timedelta(minutes=15)
MAX_FAILURES_OF_NAME = 10
MAX_FAILURES_OF_ADDRESS = 50


class LimitedAuthenticationForm(AuthenticationForm):
    """The console's sign-in form; refuses before the password is looked at while the limit is passed."""

    def clean(self):
        username = (self.cleaned_data.get("username") or "")[:150]
        address = self.request.META.get("REMOTE_ADDR") if self.request is not None else None
        if is_limited(username, address):
            raise ValidationError(
                "Too many failed sign-ins. Wait a quarter of an hour and try again.", code="too_many_failures"
            )
        return super().clean()

    def confirm_login_allowed(self, user):
        super().confirm_login_allowed(user)
        if is_api_only(user):
            raise ValidationError(
                "This account is for programs: it uses the API with a token and has no console.", code="api_only"
            )


def is_limited(username: str, address: str | None) -> bool:
    """Tell whether this name or address failed too often in the last quarter of an hour.

    Behind a proxy all share its address, so that limit is wide; the one of the name is what stops guessing.
    """
    recent = SignIn.objects.filter(Q(username=username) | Q(address=address), at__gt=timezone.now() - WINDOW)
    failures = list(recent.filter(succeeded=False).values_list("username", "address")[:1000])
    of_name = sum(name == username for name, _ in failures)
    of_address = sum(address is not None and where == address for _, where in failures)
    return of_name >= MAX_FAILURES_OF_NAME or of_address >= MAX_FAILURES_OF_ADDRESS
