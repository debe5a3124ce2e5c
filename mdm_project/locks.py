"""Advisory locks of PostgreSQL that the product takes, each with its number here, so that no number is given twice.

All are held to the end of the transaction. Locks on a text (an Idempotency-Key, a name that signs in) have the number
of its digest, with the kind of text in it.
"""

import hashlib
from enum import IntEnum

from django.db import connection


class Lock(IntEnum):
    """What is done by one transaction at a time."""

    SCHEDULE = 0x1A5E77  # asking for inventory
    DESIRED = 0x1A5E78  # computing what channels should have
    RECONCILE = 0x1A5E79  # sending it
    PERMITS = 0x607E4  # counting what the governor permits
    SWITCH = 0x607E5  # the kill switch: shared by who queues something destructive
    TURNS = 0x607E6  # asking what is judged by what was asked before
    AUTHORITY = 0x45535043  # making our certificate authority


def take(lock: Lock) -> None:
    """Wait for a lock."""
    _ask("pg_advisory_xact_lock", lock)


def take_shared(lock: Lock) -> None:
    """Wait until nobody holds a lock alone, and keep it from being taken alone."""
    _ask("pg_advisory_xact_lock_shared", lock)


def try_to_take(lock: Lock) -> bool:
    """Take a lock if it is free; tell whether it was."""
    return _ask("pg_try_advisory_xact_lock", lock)


def take_text(kind: str, text: str) -> None:
    """Wait for the lock on a text of a kind."""
    _ask("pg_advisory_xact_lock", _number_of(kind, text))


def try_to_take_text(kind: str, text: str) -> bool:
    """Take the lock on a text of a kind if it is free; tell whether it was."""
    return _ask("pg_try_advisory_xact_lock", _number_of(kind, text))


def _number_of(kind: str, text: str) -> int:
    digest = hashlib.sha256(f"{kind}:{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _ask(function: str, number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [int(number)])
        return cursor.fetchone()[0] is not False
