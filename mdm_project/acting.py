"""Who acts in this request: for facts that rows keep about accounts, whatever page or endpoint was used.

The request is remembered rather than the account: REST framework learns from a token who acts when the view begins.
Outside a request (a management command, a task) nobody acts.
"""

from contextvars import ContextVar

from django.dispatch import Signal

_request = ContextVar("request", default=None)

# Sent after an account's password became another one: ``account``, ``by`` (None: not known who).
password_was_set = Signal()


class ActingMiddleware:
    """Remember the request while it is answered."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        remembered = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(remembered)


def acting_user():
    """Return the account that the current request acts for, None where nobody is signed in or outside a request."""
    user = getattr(_request.get(), "user", None)
    return user if user is not None and user.is_authenticated else None
