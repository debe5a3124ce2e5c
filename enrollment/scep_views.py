"""The SCEP endpoint: GetCACaps, GetCACert and PKIOperation over GET and POST (RFC 8894, section 4)."""

import contextlib
import re
import threading
from binascii import a2b_base64

from cryptography.hazmat.primitives.serialization import Encoding
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from devices import authorities
from devices.rejections import keep_rejected
from enrollment import issuing
from enrollment.scep import CAPABILITIES
from mdm_project.errors import BadRequest, EspalierError, TooLarge

# Requests of all clients known stay below 10 KB.
MAX_MESSAGE_BYTES = 64 * 1024
# Each costs a signature and more: at most this many at once in a process, so that devices get the other threads.
_turns = threading.BoundedSemaphore(2)
WAIT_S = 2
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]", re.ASCII)


class Busy(EspalierError):
    """Too many want a certificate at this moment."""

    code = "busy"
    status = 503


@csrf_exempt
@require_http_methods(["GET", "POST"])
def scep(request):
    operation = request.GET.get("operation", "")
    try:
        if operation == "PKIOperation":
            return _answer_operation(request)
        if request.method == "GET" and operation == "GetCACaps":
            return _answer(CAPABILITIES, "text/plain")
        if request.method == "GET" and operation == "GetCACert":
            certificate = authorities.issuing_authority().certificate
            return _answer(certificate.public_bytes(Encoding.DER), "application/x-x509-ca-cert")
        raise BadRequest("The operation is not one of GetCACaps, GetCACert and PKIOperation.")
    except EspalierError as error:
        return HttpResponse(f"{error.detail}\n", status=error.status, content_type="text/plain")


def _answer_operation(request) -> HttpResponse:
    body = _message(request)
    try:
        with _turn():
            return _answer(issuing.answer_request(body, request.META), "application/x-pki-message")
    except BadRequest as error:
        keep_rejected(request.META, body, len(body), error)
        raise


def _answer(body: bytes | str, content_type: str) -> HttpResponse:
    # Set by hand: clients compare the content type exactly, and Django would add a character set to it.
    response = HttpResponse(body)
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = "no-store"
    return response


def _message(request) -> bytes:
    if request.method == "POST":
        body = request.read(MAX_MESSAGE_BYTES + 1)
        if len(body) > MAX_MESSAGE_BYTES:
            raise TooLarge("The message is too large.")
        return body
    body = _decoded(request.GET.get("message", ""))
    if len(body) > MAX_MESSAGE_BYTES:
        raise TooLarge("The message is too large.")
    return body


@contextlib.contextmanager
def _turn():
    if not _turns.acquire(timeout=WAIT_S):
        raise Busy("Too many certificate requests at this moment; ask again.")
    try:
        yield
    finally:
        _turns.release()


def _decoded(value: str) -> bytes:
    """Decode the base64 of a URL, in which a plus may have become a space, or the URL-safe alphabet been used."""
    text = value.strip("\r\n\t ").translate(str.maketrans(" -_", "++/", "\r\n\t")).rstrip("=")
    if not text or _NOT_BASE64.search(text):
        raise BadRequest("The message is not base64.")
    try:
        return a2b_base64(text + "=" * (-len(text) % 4))
    except ValueError:
        raise BadRequest("The message is not base64.") from None
