"""Idempotency-Key: a write that is sent twice under the same key is done once and answered twice.

The write and the row that remembers its answer are one transaction, under an advisory lock on (user, key). So a
process that dies half-way leaves neither, and the key is never stuck. Only successes are remembered: an error changed
nothing, and the same request may succeed later.

Nothing secret is kept in clear for it: what a request said is remembered as a digest that cannot be guessed at without
our key, an answer is encrypted, and one that is a secret is not remembered at all.
"""

import hashlib
import json
from functools import partial

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.crypto import salted_hmac
from rest_framework.response import Response

from mdm_project.crypto import seal, unseal
from mdm_project.errors import BadRequest, Conflict, EspalierError
from mdm_project.locks import try_to_take_text
from mdm_project.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
MAX_KEY_CHARACTERS = 200


class KeyReused(EspalierError):
    """The key came before, with another request."""

    code = "idempotency_key_reused"
    status = 422


class InProgress(Conflict):
    """The first request with this key is still being worked on."""

    code = "in_progress"


class IdempotentWrites:
    """Mixin of API views: writes with an Idempotency-Key are answered once. Runs after permissions were checked.

    Where the answer is a secret it is given each time anew, so that each time is recorded.
    """

    is_answer_secret = False

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        key = request.headers.get(HEADER)
        if key is None or request.method not in WRITES:
            return
        if not key.strip() or len(key) > MAX_KEY_CHARACTERS or not key.isprintable():
            raise BadRequest(f"{HEADER} must have 1 to {MAX_KEY_CHARACTERS} printable characters.")
        if self.is_answer_secret:
            return
        name = request.method.lower()
        setattr(self, name, partial(_answer_once, self, getattr(self, name), key))


def _answer_once(view, handler, key: str, request, *args, **kwargs) -> Response:
    try:
        return _in_one_transaction(view, handler, key, request, *args, **kwargs)
    except EspalierError as error:
        error.tell()  # what the timeline was told of it has been undone with the rest
        raise


def _in_one_transaction(view, handler, key: str, request, *args, **kwargs) -> Response:
    request_hash = _hash_of(request)
    with transaction.atomic():
        _lock(request.user.pk, key)
        known = IdempotencyKey.objects.filter(user=request.user, key=key).first()
        if known is not None:
            return _repeat(known, request_hash)
        response = handler(request, *args, **kwargs)
        if response.status_code >= 400:
            transaction.set_rollback(True)
            return response
        _remember(view, response, user=request.user, key=key, request_hash=request_hash)
        return response


def _lock(user_id: int, key: str) -> None:
    """Hold (user, key) until the transaction ends, or raise InProgress."""
    if not try_to_take_text("idempotency", f"{user_id}:{key}"):
        raise InProgress(f"A request with this {HEADER} is still in progress.")


def _repeat(known: IdempotencyKey, request_hash: bytes) -> Response:
    if bytes(known.request_hash) != request_hash:
        raise KeyReused(f"This {HEADER} was used for another request; take a new one.")
    blob = known.response_encrypted
    stored = json.loads(unseal(bytes(blob), known.response_context)) if blob is not None else None
    return Response(stored, status=known.status, headers={REPLAYED_HEADER: "true"})


def _remember(view, response: Response, **row) -> None:
    rendered = view.get_renderers()[0].render(response.data, renderer_context={})
    known = IdempotencyKey(status=response.status_code, **row)
    if rendered:
        known.response_encrypted = seal(rendered, known.response_context)
    known.save()


def _hash_of(request) -> bytes:
    """Digest method, address and content; the content as parsed, so that uploads count by what is in the files."""
    content = json.dumps(request.data, sort_keys=True, default=_digest_file)
    told = f"{request.method} {request.get_full_path()}\n{content}"
    return salted_hmac("espalier.idempotency", told, algorithm="sha256").digest()


def _digest_file(value) -> str:
    if not isinstance(value, UploadedFile):
        raise TypeError(f"{type(value).__name__} cannot be part of a request")
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return f"{value.name}:{digest.hexdigest()}"
