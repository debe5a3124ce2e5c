"""The world of protocol tests: a trusted outside authority, the demo topic, and devices that say what tests want."""

import contextlib

import pytest
from django.db import connection

from tests.mdm import wire

# Everything PostgreSQL ran for this database, statements below Django's layer included.
_STATEMENTS = """
SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND query NOT LIKE '%pg_stat_statements%'"""
# A row that is written, or only locked, gets another version.
_VERSIONS = """
SELECT 'channel', id::text, xmin::text, xmax::text, ctid::text FROM devices_channel
UNION ALL SELECT 'contact', channel_id::text, xmin::text, xmax::text, ctid::text FROM devices_channelcontact
UNION ALL SELECT 'identity', id::text, xmin::text, xmax::text, ctid::text FROM devices_identity
UNION ALL SELECT 'queue', id::text, xmin::text, xmax::text, ctid::text FROM commands_queuedcommand
UNION ALL SELECT 'report', id::text, xmin::text, xmax::text, ctid::text FROM commands_report ORDER BY 1, 2"""


@pytest.fixture
def authority(committed_db):
    """An outside authority that the server trusts."""
    yield wire.prepare()
    wire.forget_cached()


@pytest.fixture
def new_device(authority):
    """Return a function that makes a device with a certificate of its own; it has not said anything yet."""
    return lambda **options: wire.Wire(authority.issue(), **options)


@pytest.fixture
def device(new_device):
    """A device that is enrolled."""
    return new_device().enroll()


def _rows(sql: str) -> list:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


@pytest.fixture
def count_statements(committed_db):
    """Return a context manager; what it gives tells after its block how many statements PostgreSQL ran in it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    @contextlib.contextmanager
    def counting():
        before = _rows(_STATEMENTS)[0][0]
        after = []
        yield lambda: after[0] - before
        after.append(_rows(_STATEMENTS)[0][0])

    return counting


@pytest.fixture
def row_versions(committed_db):
    """Return a function that tells the versions of all rows the hot path could write."""
    return lambda: _rows(_VERSIONS)
