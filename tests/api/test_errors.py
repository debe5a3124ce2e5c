"""Whatever goes wrong, the answer is {"code", "detail", "fields"?}."""

import json

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions

from mdm_project import errors
from mdm_project.api.errors import exception_handler, server_error

pytestmark = pytest.mark.django_db


def is_error(response, status: int, code: str) -> bool:
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert body.keys() <= {"code", "detail", "fields"}
    return bool(body["detail"])


def post_raw(caller, text: bytes, content_type: str = "application/json"):
    return caller.client.post("/api/v1/commands/", text, content_type=content_type)


def test_what_is_not_json_is_a_parse_error(caller):
    assert is_error(post_raw(caller, b'{"request_type": '), 400, "parse_error")
    assert is_error(post_raw(caller, b"\xff\xfe"), 400, "parse_error")
    assert is_error(post_raw(caller, b'{"a": NaN}'), 400, "parse_error")


def test_json_nested_without_end_is_a_parse_error(caller):
    assert is_error(post_raw(caller, b'{"a":' * 100_000), 400, "parse_error")


def test_json_that_is_no_object_is_refused(caller):
    for text in (b"[]", b"1", b"null", b'"text"'):
        assert is_error(post_raw(caller, text), 400, "invalid")


def test_a_wrong_content_type_is_refused(caller):
    assert is_error(post_raw(caller, b"<plist/>", "application/xml"), 415, "unsupported_media_type")


def test_a_wrong_method_is_refused_with_what_is_allowed(caller):
    response = caller.client.delete("/api/v1/devices/")

    assert is_error(response, 405, "method_not_allowed")
    assert "GET" in response.headers["Allow"]


def test_an_address_that_is_not_there_is_answered_in_json(caller, client):
    for path in ("", "nothing/", "devices/abc/", "devices/1/nothing/"):
        assert is_error(caller.get(path), 404, "not_found")
    assert is_error(client.post("/api/v1/nothing/"), 404, "not_found")


def test_a_missing_slash_is_forgiven_when_reading_and_explained_when_writing(caller):
    redirect = caller.get("devices", search="a b")
    assert (redirect.status_code, redirect.headers["Location"]) == (301, "/api/v1/devices/?search=a+b")
    response = caller.post("commands", {})
    assert is_error(response, 404, "not_found")
    assert "slash" in response.json()["detail"]


def test_validation_errors_are_told_by_key_path(caller):
    response = caller.post("commands/", {"targets": {"udids": ["A", []], "all": "maybe"}, "push": "perhaps"})

    assert is_error(response, 400, "invalid")
    assert response.json()["fields"].keys() == {"request_type", "targets.udids.1", "targets.all", "push"}
    assert "request_type: This field is required." in response.json()["detail"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.BadRequest("no", fields={"a.b": "c"}), 400, "bad_request"),
        (errors.UnreadablePlist("no"), 400, "unreadable_plist"),
        (errors.Refused("no"), 403, "refused"),
        (errors.NotFound("no"), 404, "not_found"),
        (errors.Conflict("no"), 409, "conflict"),
        (errors.Gone("no"), 410, "gone"),
        (errors.Unavailable("no"), 503, "unavailable"),
        (errors.EspalierError("no"), 500, "error"),
        (Http404("secret model name"), 404, "not_found"),
        (PermissionDenied(), 403, "permission_denied"),
        (OperationalError("connection refused"), 503, "unavailable"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.Throttled(wait=7), 429, "throttled"),
    ],
)
def test_every_known_failure_has_its_code_and_status(error, status, code):
    response = exception_handler(error, {})

    assert (response.status_code, response.data["code"]) == (status, code)
    assert response.data["detail"]
    assert response.data.get("fields", {}) == getattr(error, "fields", {})
    assert "secret" not in response.data["detail"]


def test_a_throttled_caller_is_told_when_to_come_back():
    assert exception_handler(exceptions.Throttled(wait=7), {}).headers["Retry-After"] == "7"


def test_what_nobody_foresaw_is_left_to_django_which_answers_json_below_the_api():
    assert exception_handler(ZeroDivisionError(), {}) is None

    response = server_error(RequestFactory().get("/api/v1/devices/"))
    assert response.status_code == 500
    assert json.loads(response.content)["code"] == "internal_error"
    elsewhere = server_error(RequestFactory().get("/console/"))
    assert elsewhere.status_code == 500
    assert elsewhere.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/console/", "/api/v1/devices/", "/enroll/staff/"])
def test_a_database_that_is_away_is_no_fault_of_the_request_which_may_come_again(path):
    try:
        raise OperationalError("couldn't get a connection after 10.00 sec")
    except OperationalError:
        response = server_error(RequestFactory().get(path))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")
    assert "database" in response.content.decode()
