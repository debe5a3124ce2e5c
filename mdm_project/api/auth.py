"""Who is asking: a bearer token, or the session of somebody signed in to the console (with CSRF, by REST framework).

A token acts as its owner. Owners must be active staff: who loses the console loses the API with it.
"""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from devices.timeline import Actor
from mdm_project.models import ApiToken
from mdm_project.tokens import find_token

SCHEME = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """Authenticates ``Authorization: Bearer <token>``; ``request.auth`` is then the ApiToken."""

    def authenticate(self, request):
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        token = find_token(text.strip())
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.", code="invalid_token")
        if not (token.user.is_active and token.user.is_staff):
            raise AuthenticationFailed("The owner of the token is no longer active staff.", code="invalid_token")
        return token.user, token

    def authenticate_header(self, request):
        # Being first in the list, it makes REST framework answer 401 where nobody is known.
        return SCHEME


class TokenScheme(OpenApiAuthenticationExtension):
    """Tells the OpenAPI document what TokenAuthentication is."""

    target_class = "mdm_project.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", "description": "A token made by create_api_token."}


def actor_of(request) -> Actor:
    """Return who acts, for commands and the timeline."""
    if isinstance(request.auth, ApiToken):
        return Actor.token(request.user, request.auth.name)
    return Actor.staff(request.user)
