"""Links by which people set their own password: for accounts whose password nobody else may set.

The link works once, for PASSWORD_RESET_TIMEOUT. Whoever opened it is not known, so an account whose password was set
through one does not approve for APPROVER_AGE_HOURS (devices.staff.is_in_others_hands).
"""

from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode


def make_link(account) -> str:
    """Make a link for the owner of an account; earlier ones work on until one was used. The caller records it."""
    coded = urlsafe_base64_encode(force_bytes(account.pk))
    return reverse("password-link", args=[coded, default_token_generator.make_token(account)])


class SetOwnPassword(PasswordResetConfirmView):
    """The page behind a link. Signs nobody in, so that second factors and limits of the sign-in count."""

    form_class = SetPasswordForm
    template_name = "console/set_password.html"
    success_url = reverse_lazy("admin:login")
