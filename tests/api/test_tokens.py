"""Tokens: made once, hashed, scoped, expiring, revoked; and the command that makes them."""

import hashlib
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from mdm_project.errors import BadRequest
from mdm_project.models import ApiToken
from mdm_project.tokens import create_token, find_token, revoke
from tests import factories
from tests.api.client import Caller

pytestmark = pytest.mark.django_db


def test_a_token_is_found_by_its_text_and_only_its_hash_is_kept():
    user = factories.make_staff()
    token, text = create_token(user, "script", ["read"])

    assert find_token(text) == token
    assert text.startswith(token.hint)
    assert bytes(token.token_hash) == hashlib.sha256(text.encode()).digest()
    assert text not in str(ApiToken.objects.values().get(pk=token.pk))


def test_a_token_that_is_wrong_expired_or_revoked_is_not_found():
    user = factories.make_staff()
    expired, expired_text = create_token(user, "old", expires_at=timezone.now() + timedelta(hours=1))
    ApiToken.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    revoked, revoked_text = create_token(user, "lost")
    revoke(revoked)

    assert find_token(expired_text) is None
    assert find_token(revoked_text) is None
    assert find_token("esp_nothing") is None
    assert revoked.revoked_at is not None


def test_revoking_again_keeps_the_first_moment():
    token, _ = create_token(factories.make_staff(), "lost")
    revoke(token)
    first = token.revoked_at
    revoke(token)

    assert token.revoked_at == first


def test_use_is_noted_once_a_minute(django_assert_num_queries):
    _, text = create_token(factories.make_staff(), "script")
    with django_assert_num_queries(2):
        token = find_token(text)
    with django_assert_num_queries(1):
        find_token(text)

    token.refresh_from_db()
    assert token.last_used_at is not None


def test_unknown_scopes_and_past_expiry_are_refused():
    user = factories.make_staff()
    with pytest.raises(BadRequest, match="unknown scope everything"):
        create_token(user, "script", ["everything"])
    with pytest.raises(BadRequest, match="expired already"):
        create_token(user, "script", expires_at=timezone.now() - timedelta(minutes=1))
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("scopes", [["--scope", "read", "--scope", "commands"], ["--scope", "read", "commands"]])
def test_the_command_prints_the_token_and_nothing_else(scopes):
    factories.make_staff(username="anna")
    out, err = StringIO(), StringIO()
    call_command("create_api_token", "anna", "--name", "CI", *scopes, stdout=out, stderr=err)

    token = find_token(out.getvalue().removesuffix("\n"))
    assert (token.user.username, token.name, token.scopes) == ("anna", "CI", ["read", "commands"])
    assert err.getvalue() == ""


def test_the_command_gives_every_scope_by_default():
    factories.make_staff(username="anna")
    out = StringIO()
    call_command("create_api_token", "anna", stdout=out)

    assert set(find_token(out.getvalue().strip()).scopes) == {"read", "commands", "write"}


@pytest.mark.parametrize(
    ("fields", "problem"), [(None, "there is no user 'anna'"), ({"is_active": False}, "not active staff")]
)
def test_the_command_fails_clearly_for_who_cannot_have_a_token(fields, problem):
    if fields is not None:
        factories.make_staff(username="anna", **fields)
    out = StringIO()
    with pytest.raises(CommandError, match=problem) as failure:
        call_command("create_api_token", "anna", stdout=out)

    assert failure.value.returncode == 1
    assert out.getvalue() == ""


def test_a_request_without_a_token_is_asked_for_one(client):
    response = client.get("/api/v1/devices/")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("header", ["Bearer esp_unknown", "Bearer", "bearer  ", "Bearer \u00e9"])
def test_a_request_with_a_wrong_token_is_refused(client, header):
    response = client.get("/api/v1/devices/", headers={"Authorization": header})

    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_the_token_of_somebody_who_left_is_refused(change):
    caller = Caller()
    assert caller.get("devices/").status_code == 200
    type(caller.user).objects.filter(pk=caller.user.pk).update(**change)

    response = caller.get("devices/")
    assert response.status_code == 401
    assert "no longer active staff" in response.json()["detail"]


def test_the_session_of_the_console_may_read_and_needs_csrf_to_write():
    from rest_framework.test import APIClient

    client = APIClient(enforce_csrf_checks=True)
    client.force_login(factories.make_staff(is_superuser=True))
    assert client.get("/api/v1/devices/").status_code == 200

    refused = client.post("/api/v1/commands/", {}, format="json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]

    client.cookies["csrftoken"] = "a" * 32
    let_through = client.post("/api/v1/commands/", {}, format="json", headers={"X-CSRFToken": "a" * 32})
    assert let_through.status_code == 400
