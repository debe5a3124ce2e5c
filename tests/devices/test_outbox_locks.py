"""The outbox with real commits: what one kind of row locks is free when another kind is handled."""

import threading

from django.db import connection

from devices import outbox


def test_the_locks_of_one_kind_are_gone_before_another_is_handled(committed_db, monkeypatch):
    """Two workers that met the kinds in different orders waited for each other's locks."""
    free = []

    def lock(payloads):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(77)")

    def look(payloads):
        thread = threading.Thread(target=lambda: free.append(_try_lock(77)))
        thread.start()
        thread.join()

    monkeypatch.setitem(outbox._handlers, "first", [lock])
    monkeypatch.setitem(outbox._handlers, "second", [look])
    outbox.post("first", {})
    outbox.post("second", {})
    assert outbox.drain() == 2
    assert free == [True]


def _try_lock(number: int) -> bool:
    """Try a lock on a connection of this thread's own."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
            (is_free,) = cursor.fetchone()
            cursor.execute("SELECT pg_advisory_unlock_all()")
            return is_free
    finally:
        connection.close()
