"""Private keys for pretend devices, made off the event loop.

Owns key generation and the PEM form of an identity. Sharing keys between devices is a shortcut for load tests that
real devices never take; the caller must ask for it by name.
"""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from simulator.cms import Identity


class KeyMaker:
    """Make RSA keys in threads; with shared_keys > 0 hand out that many in turn instead of one each."""

    def __init__(self, *, threads: int = 2, shared_keys: int = 0):
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="keys")
        self._shared_keys = shared_keys
        self._made: dict[int, list[asyncio.Future]] = {}
        self._turns: dict[int, itertools.cycle] = {}

    async def make(self, size_bits: int) -> rsa.RSAPrivateKey:
        """Return a key of this size, a new one unless keys are shared."""
        if not self._shared_keys:
            return await self._generate(size_bits)
        if size_bits not in self._made:
            self._made[size_bits] = [self._generate(size_bits) for _ in range(self._shared_keys)]
            self._turns[size_bits] = itertools.cycle(self._made[size_bits])
        return await asyncio.shield(next(self._turns[size_bits]))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _generate(self, size_bits: int) -> asyncio.Future:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._pool, rsa.generate_private_key, 65537, size_bits)


def identity_to_pem(identity: Identity) -> bytes:
    """Write key and certificate one after the other, unencrypted: these identities are pretend."""
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + identity.certificate.public_bytes(Encoding.PEM)


def identity_from_pem(pem: bytes) -> Identity:
    """Read what identity_to_pem wrote."""
    return Identity(load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem))
