"""Activation Lock and the codes that open it, of which a device can have two.

A person's lock (Find My) is opened with the code that the device made up and gave to us
(commands.meanings.activation_lock). A lock that the organization sets through Apple's service is opened with a code
that we make up: Apple gets its hash with the request, and the code must be kept before that. Which of the two locks
holds cannot be known, so both codes are kept, and both are tried.

Apple: developer.apple.com/documentation/devicemanagement/creating-and-using-bypass-codes
"""

import hashlib
import secrets
from dataclasses import dataclass

from django.db import transaction

from devices.escrow import current_value, keep_secret
from devices.models import Device, EscrowedSecret
from devices.timeline import Actor, record_event

SERVER_CODE = EscrowedSecret.Kind.ACTIVATION_LOCK_SERVER_CODE
RAW_BYTES = 16
# Apple's: without B, I, O and S.
ALPHABET = "0123456789ACDEFGHJKLMNPQRTUVWXYZ"
_SYMBOLS, _BITS, _LAST_BITS = 25, 5, 3
_DASH_BEFORE = (5, 10, 14, 18, 22)
_SALT, _ITERATIONS, _KEY_BYTES = bytes(4), 50_000, 32


class NotABypassCode(ValueError):
    """A text that is no code of Apple's alphabet and length."""


@dataclass(frozen=True)
class BypassCode:
    """A code by its 16 bytes: as people type it, and as Apple's service is told of it."""

    raw: bytes

    @property
    def text(self) -> str:
        number = int.from_bytes(self.raw, "big")
        top = 8 * RAW_BYTES - _BITS
        symbols = [number >> (top - _BITS * index) & 31 for index in range(_SYMBOLS)]
        symbols.append(number & (2**_LAST_BITS - 1))
        dashes = ("-" if index in _DASH_BEFORE else "" for index in range(len(symbols)))
        return "".join(dash + ALPHABET[symbol] for dash, symbol in zip(dashes, symbols, strict=True))

    @property
    def escrow_key(self) -> str:
        """The hash that Apple's service keeps, 64 hexadecimal digits."""
        return hashlib.pbkdf2_hmac("sha256", self.raw, _SALT, _ITERATIONS, _KEY_BYTES).hex()

    @classmethod
    def parse(cls, text: str) -> "BypassCode":
        """Read a code as people type it, with or without dashes; raises NotABypassCode."""
        typed = "".join(text.upper().replace("-", "").split())
        values = [ALPHABET.find(character) for character in typed]
        if len(values) != _SYMBOLS + 1 or min(values) < 0 or values[-1] >= 2**_LAST_BITS:
            raise NotABypassCode("not an Activation Lock bypass code")
        number = 0
        for value in values[:-1]:
            number = number << _BITS | value
        return cls((number << _LAST_BITS | values[-1]).to_bytes(RAW_BYTES, "big"))


def make_code() -> BypassCode:
    return BypassCode(secrets.token_bytes(RAW_BYTES))


def has_bypass_code(device: Device) -> bool:
    """Tell whether a code is kept that may open the Activation Lock of a device."""
    kinds = (EscrowedSecret.Kind.ACTIVATION_LOCK_BYPASS_CODE, SERVER_CODE)
    return EscrowedSecret.objects.filter(device=device, kind__in=kinds, is_current=True).exists()


@transaction.atomic
def escrow_key_of(device: Device, *, actor: Actor) -> str:
    """Return the hash with which Apple's service may lock this device; its code is made up and kept first.

    A code that is kept already stays, so that a request that was sent twice or whose answer was lost does no harm. Call
    it in a transaction of its own: the code must be committed before Apple is asked.
    """
    Device.objects.select_for_update().only("id").get(pk=device.pk)
    kept = current_value(device, SERVER_CODE)
    if kept is not None:
        return BypassCode.parse(kept.decode()).escrow_key
    code = make_code()
    keep_secret(device, SERVER_CODE, code.text.encode(), source="this server")
    record_event("bypass_code_made", "Activation Lock bypass code made and kept", device=device, actor=actor.name)
    return code.escrow_key
