"""`/mdm/checkin` and `/mdm/connect`: one plain WSGI callable ahead of Django's handler, for the sake of its speed.

Content-Type decides what a message is, so either URL serves both: check-in messages bear Apple's check-in type,
everything else (nothing at all included) is a report. The answer to an error is never 401, never a redirect and
never a stack trace; what was refused is kept for the operator.
"""

import logging
from http.client import responses

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from psycopg_pool import PoolTimeout

from commands.connect import answer_report
from devices.identity import presented_identity
from devices.rejections import EXCERPT_BYTES, keep_rejected
from enrollment.checkin import answer_check_in
from mdm_project.connections import django_connection
from mdm_project.errors import EspalierError, TooLarge, Unavailable

logger = logging.getLogger(__name__)

CHECK_IN_TYPE = "application/x-apple-aspen-mdm-checkin"
PATHS = ("/mdm/checkin", "/mdm/connect", "/mdm")
READ_CHUNK_BYTES = 64 * 1024
MAX_DRAINED_CHUNKS = 4096
XML_HEADERS = ("Content-Type", "application/xml; charset=utf-8")


class Unanswerable(EspalierError):
    """What a device is told of a failure of ours."""

    code = "server_error"

    def __init__(self):
        super().__init__("the message could not be handled; the log says why")


class _Request:
    """What is known of a request so far, for keeping it should it be refused."""

    __slots__ = ("body", "environ", "size_bytes")

    def __init__(self, environ):
        self.environ = environ
        self.body = b""
        self.size_bytes = 0


def device_endpoint(environ, start_response):
    """Answer one message of a device."""
    if environ["PATH_INFO"].rstrip("/") not in PATHS:
        return _plain(start_response, 404, "no such endpoint")
    if environ["REQUEST_METHOD"] not in ("PUT", "POST"):
        return _plain(start_response, 405, "devices use PUT")
    request = _Request(environ)
    try:
        status, content_type, body = _answer(request)
    except EspalierError as error:
        return _refuse(request, error, start_response)
    except (DatabaseError, PoolTimeout) as error:
        logger.warning("the database failed a device: %s", type(error).__name__)
        return _plain(start_response, 503, "try again later")
    start_response(
        "200 OK" if status == 200 else f"{status} {responses[status]}",
        [("Content-Type", content_type), ("Content-Length", str(len(body)))],
    )
    return [body]


def _answer(request: _Request) -> tuple[int, str, bytes]:
    environ = request.environ
    _read_body(request)
    identity = presented_identity(environ, request.body)
    if environ.get("CONTENT_TYPE", "").startswith(CHECK_IN_TYPE):
        return _check_in(request.body, identity)
    return 200, XML_HEADERS[1], answer_report(request.body, identity)


def _check_in(body: bytes, identity) -> tuple[int, str, bytes]:
    """Answer a check-in; once more if the connection turned out to be dead (check-ins may come twice)."""
    try:
        with django_connection():
            return answer_check_in(body, identity)
    except OperationalError:
        connection.pool.drain()
    with django_connection():
        return answer_check_in(body, identity)


def _read_body(request: _Request) -> None:
    """Read the body; raise TooLarge, with its beginning read, when it is bigger than a message may be."""
    environ, limit = request.environ, settings.DEVICE_MESSAGE_MAX_BYTES
    stream = environ["wsgi.input"]
    try:
        announced = int(environ.get("CONTENT_LENGTH") or -1)
    except ValueError:
        announced = -1
    if announced > limit:
        request.body, request.size_bytes = stream.read(EXCERPT_BYTES), announced
        _drain(stream)
        raise TooLarge(f"the message has {announced} bytes; at most {limit} are taken")
    request.body = stream.read(announced) if announced >= 0 else stream.read(limit + 1)
    request.size_bytes = len(request.body)
    if request.size_bytes > limit:
        _drain(stream)
        raise TooLarge(f"the message has more than {limit} bytes")


def _drain(stream) -> None:
    """Read what is left, in pieces, so that the peer reads our answer instead of a broken connection."""
    for _ in range(MAX_DRAINED_CHUNKS):
        if not stream.read(READ_CHUNK_BYTES):
            return


def _refuse(request: _Request, error: EspalierError, start_response):
    if isinstance(error, Unavailable):
        return _plain(start_response, 503, error.detail)
    if error.status >= 500:
        # The detail may quote a row: it is for the log, not for the device nor for whoever reads refused messages.
        logger.error("a device got %s: %s", error.status, error.detail)
        error = Unanswerable()
    with django_connection():
        keep_rejected(request.environ, request.body, request.size_bytes, error)
    # Nothing may ever turn into 401 here, whatever an error class says.
    return _plain(start_response, 403 if error.status == 401 else error.status, error.detail)


def _plain(start_response, status: int, text: str):
    body = (text + "\n").encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    if status == 405:
        headers.append(("Allow", "PUT, POST"))
    start_response(f"{status} {responses[status]}", headers)
    return [body]
