"""Secret attributes with real commits: whoever comes first, no value is left in clear."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from devices.attributes import define_attribute, set_attributes
from devices.models import AttributeValue
from devices.secret_attributes import make_secret, text_of
from devices.timeline import SYSTEM
from tests import factories

WAIT_S = 30
# Not pg_stat_activity, which stays as it is until the transaction ends.
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def changes(committed_db) -> dict[str, Callable[[], object]]:
    """Setting another value of an attribute that a device has, and making the attribute secret."""
    device, attribute = factories.make_device(), define_attribute("wifi-key", actor=SYSTEM)
    set_attributes({device.pk: {"wifi-key": "before"}}, actor=SYSTEM)
    return {
        "set": lambda: set_attributes({device.pk: {"wifi-key": "after"}}, actor=SYSTEM),
        "make secret": lambda: make_secret(attribute, actor=SYSTEM),
    }


@pytest.mark.parametrize(("first", "second"), [("set", "make secret"), ("make secret", "set")])
def test_a_value_that_is_set_while_its_attribute_becomes_secret_is_encrypted(changes, first, second):
    thread = threading.Thread(target=_run, args=[changes[second]])
    with transaction.atomic():
        changes[first]()
        thread.start()
        _wait_until_it_waits()
    thread.join()

    value = AttributeValue.objects.get()
    assert (value.value, text_of(value)) == ("", "after")


def _run(change: Callable[[], object]) -> None:
    try:
        change()
    finally:
        connection.close()


def _wait_until_it_waits() -> None:
    deadline = time.monotonic() + WAIT_S
    with connection.cursor() as cursor:
        while cursor.execute(_WAITING).fetchone()[0] == 0:
            assert time.monotonic() < deadline, "nobody waits for the lock"
            time.sleep(0.02)
