"""Envelope encryption for everything that is kept secret: keys, tokens, passwords, command bodies, raw reports.

AES-256-GCM under a data key, and the data key wrapped (AES-256-GCM again) by a key from ENCRYPTION_KEYS: the first
key encrypts, all of them decrypt, so a key is rotated by putting a new one in front. A blob is bound to its record by
a context, given as associated data: a blob copied to another row does not open.

    blob = version(1) key_id(4) wrapped_key(12 + 32 + 16) nonce(12) ciphertext tag(16)

Version 2 says that the plaintext was compressed before it was encrypted, as bodies of some size are: a plist shrinks to
a fifth, which costs less than writing the rest of it to disk.

`seal` makes a data key per record. `seal_body` is for the many small rows of the hot path: the same format, but the
data key is shared by what one process writes within an hour, so that neither sealing nor opening wraps a key.
"""

import base64
import hashlib
import os
import threading
import time
from functools import lru_cache
from zlib import compress, decompress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from mdm_project.errors import EspalierError

PLAIN, COMPRESSED = b"\x01", b"\x02"
COMPRESS_FROM_BYTES = 400
KEY_ID_BYTES = 4
NONCE_BYTES = 12
WRAPPED_BYTES = NONCE_BYTES + 32 + 16
HEADER_BYTES = 1 + KEY_ID_BYTES + WRAPPED_BYTES
BODY_KEY_LIFETIME_S = 3600
WRAP_CONTEXT = b"espalier data key"


class CannotDecrypt(EspalierError):
    """The blob is damaged, belongs to another record, or its key is no longer in ENCRYPTION_KEYS."""

    code = "cannot_decrypt"


def parse_key(text: str) -> bytes:
    """Return the 32 bytes of one entry of ENCRYPTION_KEYS (base64 or hex); raise ValueError for anything else."""
    try:
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError("an encryption key must be 32 bytes in base64 or hex") from error
    if len(raw) != 32:
        raise ValueError(f"an encryption key must be 32 bytes, this one has {len(raw)}")
    return raw


@lru_cache(maxsize=4)
def _keyring(keys: tuple[str, ...]) -> dict[bytes, AESGCM]:
    raw_keys = [parse_key(key) for key in keys]
    return {hashlib.sha256(raw).digest()[:KEY_ID_BYTES]: AESGCM(raw) for raw in raw_keys}


def _keys() -> dict[bytes, AESGCM]:
    return _keyring(tuple(settings.ENCRYPTION_KEYS))


def _new_data_key() -> tuple[bytes, AESGCM]:
    """Return the blob header (version, key id, wrapped key) and the cipher of a fresh data key."""
    data_key = os.urandom(32)
    key_id, wrapping = next(iter(_keys().items()))
    nonce = os.urandom(NONCE_BYTES)
    header = PLAIN + key_id + nonce + wrapping.encrypt(nonce, data_key, WRAP_CONTEXT)
    return header, AESGCM(data_key)


@lru_cache(maxsize=4096)
def _cipher_of(header: bytes) -> AESGCM:
    if header[:1] not in (PLAIN, COMPRESSED):
        raise CannotDecrypt("unknown encryption format")
    wrapping = _keys().get(header[1 : 1 + KEY_ID_BYTES])
    if wrapping is None:
        raise CannotDecrypt("the key that encrypted this is not in ENCRYPTION_KEYS")
    wrapped = header[1 + KEY_ID_BYTES :]
    try:
        return AESGCM(wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], WRAP_CONTEXT))
    except InvalidTag as error:
        raise CannotDecrypt("the data key is damaged") from error


class _BodyKey(threading.local):
    """The data key a thread uses for bodies; a new one every hour and in every process."""

    pid = 0
    made_at = 0.0
    keys: tuple[str, ...] = ()
    header = b""
    cipher: AESGCM | None = None


_body_key = _BodyKey()


def seal(plaintext: bytes, context: str) -> bytes:
    """Encrypt under a data key of its own; ``context`` names record kind and id and must be given again to open."""
    header, cipher = _new_data_key()
    nonce = os.urandom(NONCE_BYTES)
    return header + nonce + cipher.encrypt(nonce, plaintext, context.encode())


def seal_body(plaintext: bytes, context: str) -> bytes:
    """Encrypt like `seal`, under the data key this thread currently uses for bodies."""
    key = _body_key
    now = time.monotonic()
    keys = tuple(settings.ENCRYPTION_KEYS)
    if key.cipher is None or key.pid != os.getpid() or now - key.made_at > BODY_KEY_LIFETIME_S or key.keys != keys:
        key.header, key.cipher = _new_data_key()
        key.pid, key.made_at, key.keys = os.getpid(), now, keys
    nonce = os.urandom(NONCE_BYTES)
    if len(plaintext) < COMPRESS_FROM_BYTES:
        return key.header + nonce + key.cipher.encrypt(nonce, plaintext, context.encode())
    return COMPRESSED + key.header[1:] + nonce + key.cipher.encrypt(nonce, compress(plaintext, 1), context.encode())


def unseal(blob: bytes, context: str) -> bytes:
    """Return the plaintext of a blob made by `seal` or `seal_body`; raise CannotDecrypt when it does not open."""
    blob = bytes(blob)
    nonce_end = HEADER_BYTES + NONCE_BYTES
    if len(blob) < nonce_end + 16:
        raise CannotDecrypt("the encrypted value is cut short")
    try:
        plaintext = _cipher_of(blob[:HEADER_BYTES]).decrypt(
            blob[HEADER_BYTES:nonce_end], blob[nonce_end:], context.encode()
        )
    except InvalidTag as error:
        raise CannotDecrypt("the encrypted value is damaged or belongs to another record") from error
    return decompress(plaintext) if blob[:1] == COMPRESSED else plaintext


def is_current(blob: bytes) -> bool:
    """Tell whether the blob's data key is wrapped by the first key of ENCRYPTION_KEYS."""
    return bytes(blob)[1 : 1 + KEY_ID_BYTES] == next(iter(_keys()))


def rewrap(blob: bytes) -> bytes:
    """Return the blob with its data key wrapped by the first key; the ciphertext stays as it is."""
    blob = bytes(blob)
    header = blob[:HEADER_BYTES]
    if is_current(blob):
        return blob
    old = _keys().get(header[1 : 1 + KEY_ID_BYTES])
    if old is None:
        raise CannotDecrypt("the key that encrypted this is not in ENCRYPTION_KEYS")
    wrapped = header[1 + KEY_ID_BYTES :]
    data_key = old.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], WRAP_CONTEXT)
    key_id, wrapping = next(iter(_keys().items()))
    nonce = os.urandom(NONCE_BYTES)
    return blob[:1] + key_id + nonce + wrapping.encrypt(nonce, data_key, WRAP_CONTEXT) + blob[HEADER_BYTES:]
