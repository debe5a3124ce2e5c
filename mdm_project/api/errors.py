"""Errors of the API: whatever goes wrong, the answer is ``{"code", "detail", "fields"?}``.

One of the two places that translate the tree of mdm_project.errors; the other is the device endpoint.
"""

import logging
import sys

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.template import loader
from django.views.decorators.csrf import csrf_exempt
from django.views.defaults import server_error as django_server_error
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import CharField, DictField, Serializer

from mdm_project.errors import EspalierError

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"
INVALID = "invalid"
RETRY_AFTER_S = 10


class ErrorSerializer(Serializer):
    """The shape of every error, for the OpenAPI document."""

    code = CharField(help_text="a word for programs")
    detail = CharField(help_text="a sentence for people")

    def get_fields(self):
        # Not declared like the others: the class has a property of this name.
        by_path = DictField(child=CharField(), required=False, help_text="what is wrong, by key path")
        return super().get_fields() | {"fields": by_path}


def exception_handler(error, context):
    """Answer for an exception raised in a view; None for what nobody foresaw, which becomes a logged 500."""
    match error:
        case EspalierError():
            if error.status >= 500:
                logger.error("%s: %s", error.code, error.detail, exc_info=error)
            return Response(error_body(error.code, error.detail, error.fields), status=error.status)
        case Http404():
            return Response(error_body("not_found", "There is no such thing, or you may not see it."), status=404)
        case PermissionDenied():
            return Response(error_body("permission_denied", "You may not do this."), status=403)
        case exceptions.ValidationError():
            return Response(_invalid(error), status=error.status_code)
        case exceptions.APIException():
            return _api_exception(error)
        case OperationalError():
            logger.warning("the database is not reachable: %s", error)
            return Response(error_body("unavailable", "The database is not reachable."), status=503)
        case RecursionError():
            return Response(error_body("parse_error", "The request is nested too deeply."), status=400)
    return None


def error_body(code: str, detail: str, fields: dict[str, str] | None = None) -> dict:
    body = {"code": code, "detail": _encodable(detail)}
    if fields:
        body["fields"] = {_encodable(path): _encodable(message) for path, message in fields.items()}
    return body


def _encodable(text: str) -> str:
    # Errors quote what was sent, and JSON can carry half a surrogate pair that UTF-8 cannot.
    return str(text).encode(errors="backslashreplace").decode()


def _api_exception(error: exceptions.APIException) -> Response:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait))
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    return Response(error_body(code, str(error.detail)), status=error.status_code, headers=headers)


def _invalid(error: exceptions.ValidationError) -> dict:
    fields = dict(_by_path(error.detail))
    general = fields.pop("", "")
    named = "; ".join(f"{path}: {message}" for path, message in fields.items())
    return error_body(INVALID, " ".join(filter(None, [general, named])), fields)


def _by_path(detail, path: str = ""):
    """Yield (key path, messages as one text) for REST framework's nested lists and dictionaries of errors."""
    if isinstance(detail, dict):
        for key, item in detail.items():
            is_general = key == "non_field_errors"
            yield from _by_path(item, path if is_general else f"{path}.{key}".lstrip("."))
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for index, item in enumerate(detail):
            yield from _by_path(item, f"{path}.{index}".lstrip("."))
    else:
        yield path, " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)


@csrf_exempt
def no_such_address(request):
    """Answer for addresses below /api/v1/ that nothing else has taken."""
    if request.path.endswith("/"):
        return JsonResponse(error_body("not_found", "The API has no such address."), status=404)
    if request.method in ("GET", "HEAD"):
        query = request.META.get("QUERY_STRING", "")
        return HttpResponsePermanentRedirect(f"{request.path}/" + (f"?{query}" if query else ""))
    # A redirect would turn a POST into a GET that looks as if it had worked.
    return JsonResponse(error_body("not_found", "Addresses of the API end with a slash."), status=404)


def server_error(request):
    """handler500: JSON below /api/, the page of the product elsewhere; 503 when it is the database that is away."""
    if isinstance(sys.exception(), OperationalError):
        return _unavailable(request)
    if request.path.startswith(API_PREFIX):
        return JsonResponse(error_body("internal_error", "Something failed here; it has been logged."), status=500)
    return django_server_error(request)


def _unavailable(request):
    if request.path.startswith(API_PREFIX):
        answer = JsonResponse(error_body("unavailable", "The database is not reachable."), status=503)
    else:
        answer = HttpResponse(loader.get_template("503.html").render(), status=503)
    answer["Retry-After"] = str(RETRY_AFTER_S)
    return answer
