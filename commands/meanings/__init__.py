"""What the common commands mean beyond their form: a registry by RequestType, one module a command beside this one.

A Meaning says what must be true of a device, how dangerous the command is, which keys each device gets of its own (a
PIN), what is escrowed before it is sent, and what an acknowledged answer amounts to (`outcome`, the one place that
decides it). What the answer changes is a function of commands.interpreters in the same module. A command without a
module has the plain Meaning: no danger, no conditions, one body for all, done when it is acknowledged and its answer
holds what Apple's schema promises.
"""

import importlib
import pkgutil
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

from django.db import models

from commands.error_words import words_of
from commands.outcomes import DONE, Outcome, failed, partly
from profiles import catalogue
from profiles.catalogue import Target, Type, UnknownEntry


class Danger(models.TextChoices):
    """What the governor counts."""

    ERASE = "erase", "Erase"
    LOCK = "lock", "Lock"
    PASSCODE = "passcode", "Remove the passcode"
    UNENROLL = "unenroll", "Unenroll"
    NETWORK = "network", "Remove the last network"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A channel that might be asked, with what is known of its device; loaded in sets by commands.applicability.

    ``secret_kinds`` are the kinds of which a current value is escrowed, ``awaited_kinds`` those of which a new value is
    on its way to the device: its command still waits for the answer. ``information`` is the newest answer to
    DeviceInformation. None: not known.
    """

    channel_id: int
    device_id: int
    enrollment_id: int
    is_user_channel: bool
    target: Target
    access_rights: int
    name: str = ""
    serial_number: str = ""
    platform: str = ""
    is_awaiting_configuration: bool = False
    is_lost_mode_enabled: bool | None = None
    information: dict = field(default_factory=dict)
    secret_kinds: frozenset[str] = frozenset()
    awaited_kinds: frozenset[str] = frozenset()

    @property
    def is_mac(self) -> bool:
        return self.platform == "macos"

    @property
    def is_apple_silicon(self) -> bool | None:
        return self.information.get("IsAppleSilicon")


@dataclass
class Prepared:
    """What one device gets of its own: keys added to the payload, and secrets (kind, value) escrowed before sending.

    The secrets are proposed: the answer confirms or rejects them (devices.escrow).
    """

    keys: dict = field(default_factory=dict)
    secrets: list[tuple[str, bytes]] = field(default_factory=list)


class Meaning:
    """The plain meaning; modules override what is different."""

    request_type = ""
    # Keys that `prepare` fills from escrow or makes up: not asked for in forms, and not missed by validation.
    filled_keys: tuple[str, ...] = ()
    # Key paths of ours beside Apple's: `prepare` puts what they stand for in their place.
    own_paths: tuple[str, ...] = ()
    # How dangerous it is depends on what was asked before: then two at the same moment must not miss each other.
    is_judged_by_queue = False
    # What an answer amounts to can be said only by who knows what was asked: its command is opened for it.
    reads_question = False

    def danger(self, payload: dict) -> Danger | None:
        """Say what the governor counts a command with this payload as."""
        return None

    def dangers(self, candidates: list[Candidate], payload: dict) -> dict[int, Danger]:
        """Return the danger by channel id, where it depends on the device (RemoveProfile); by default it does not."""
        danger = self.danger(payload)
        return {candidate.channel_id: danger for candidate in candidates} if danger else {}

    def check(self, payload: dict) -> dict[str, str]:
        """Return what is wrong with a payload beyond Apple's schema, by key path without "payload."."""
        return {}

    def refusal(self, candidate: Candidate, payload: dict | None) -> str:
        """Say why a device cannot be asked beyond Apple's schema, or nothing. ``payload`` is None before it is
        known.
        """
        return ""

    def refusals(self, candidates: list[Candidate], payload: dict | None) -> dict[int, str]:
        """Return, by channel id, why devices cannot be asked, where that takes statements: a few for all of them."""
        return {}

    def lifetime(self, payload: dict) -> timedelta | None:
        """Return how long what it brings along can be used; the command expires before that."""
        return None

    def warnings(self, candidates: list[Candidate], payload: dict) -> list[str]:
        """Return sentences that who asks these devices should read, though they are asked."""
        return []

    def prepare(self, candidates: list[Candidate], payload: dict) -> dict[int, Prepared]:
        """Return what each device gets of its own, by channel id; empty when all get the same."""
        return {}

    def outcome(self, content: dict, asked: dict) -> Outcome:
        """Say what an acknowledged answer amounts to; ``asked`` are the command's keys, {} unless they are needed."""
        if content.get("ErrorChain"):
            chain = content["ErrorChain"]
            return partly(words_of(chain if isinstance(chain, list) else None))
        promised = promised_by(self.request_type)
        if not promised or any(isinstance(content.get(key), kind) for key, kind in promised):
            return DONE
        return failed(f"The answer has no {' and no '.join(key for key, _kind in promised)}.")

    def refused(self, error_chain: list | None, status: str) -> Outcome:
        """Say what an answer amounts to by which the device refuses: failed, unless there was nothing to do."""
        return failed(words_of(error_chain, status))

    def remaining(self, payload: dict, content: dict) -> dict:
        """Return what is to be asked again of a device whose answer was partly: by default everything."""
        return payload


_CONTAINERS = {Type.ARRAY: list, Type.DICTIONARY: dict}


@cache
def promised_by(request_type: str) -> tuple[tuple[str, type], ...]:
    """Return the lists and dictionaries of which an acknowledged answer to a command has one, by Apple's schema."""
    try:
        entry = catalogue.command(request_type)
    except UnknownEntry:
        return ()
    required = (key for key in entry.response_keys if key.is_always_required and key.type in _CONTAINERS)
    return tuple((key.name, _CONTAINERS[key.type]) for key in required)


_registry: dict[str, Meaning] = {}
_is_loaded = False


def meaning(*request_types: str):
    """Register a Meaning class for RequestTypes; it is made once for each."""

    def register(kind: type[Meaning]) -> type[Meaning]:
        for request_type in request_types:
            instance = kind()
            instance.request_type = request_type
            _registry[request_type] = instance
        return kind

    return register


def meaning_of(request_type: str) -> Meaning:
    load_all()
    found = _registry.get(request_type)
    if found is None:
        found = Meaning()
        found.request_type = request_type
    return found


def load_all() -> None:
    """Import every module beside this one, so that its command is registered (also the interpreters of answers)."""
    global _is_loaded
    if _is_loaded:
        return
    _is_loaded = True
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
