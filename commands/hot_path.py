"""The statements behind `PUT /mdm/connect`: one round trip to PostgreSQL for a message, whatever it has to do.

Each checks the pin of the certificate, stores the report, finishes the command and picks the next one. They run as
named prepared statements straight on libpq, on connections made with Django's parameters: psycopg's cursor layer, its
pool and Django's wrappers would cost more than the rest of the request. A single statement is its own transaction, so a
report is on disk before the device is told 200; what an Idle writes may be lost in a crash, and loses nothing.

The statement calls a function in PostgreSQL (migration 0008): a single SQL statement that did all of it spent more time
on starting an executor of forty plan nodes than on the work. Each step looks its row up by a unique index, the next
command by the partial index queue_waiting, which holds waiting rows only. Nothing scans, nothing sorts.

A row waits as long as finished_at is empty. That, and not the state, is the condition of the partial index, so that
sending a command changes no index at all (a HOT update); only finishing it does.

Leases: a delivered command is `sent` and stays eligible until its report arrives, so one whose response was lost goes
out again. A command that said NotNow is eligible again with the next Idle (which turns all of them back to pending),
never earlier in the same session.
"""

import contextlib
from collections import deque
from typing import NamedTuple

import psycopg
from django.db import connections
from psycopg import errors
from psycopg.pq import DiagnosticField, ExecStatus

from mdm_project.errors import EspalierError, Unavailable

BINARY, TEXT = 1, 0
ATTEMPTS = 3
CONNECT_TIMEOUT_S = 5
# SQLSTATE classes. The server is shutting down or gone, or two transactions blocked each other: run it again, on
# another connection. Out of resources, or read-only after a failover: the device will come again.
REPEATABLE = ("57", "08", "40")
NOT_NOW = ("53", "25")

IDLE_SQL = "SELECT * FROM espalier_idle($1::text, $2::text, $3::bytea, $4::boolean)"
REPORT_SQL = """SELECT * FROM espalier_report(
    $1::text, $2::text, $3::bytea, $4::text, $5::smallint, $6::text, $7::bytea, $8::boolean)"""
# Whatever the tables held when a connection first planned, an index is the only plan left, and it is planned once.
SESSION_SETTINGS = "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan"


class Turn(NamedTuple):
    """What the statement found: the channel, and the command to send (None: nothing more to ask)."""

    channel_state: int
    is_push_gone: bool
    channel_id: int
    queued_id: int | None
    command_uuid: str
    body_encrypted: bytes | None


class StatementFailed(EspalierError):
    """PostgreSQL refused a hot statement; the message says what it said."""

    code = "statement_failed"


class _Connections:
    """Connections for hot statements, made with Django's parameters: as many as threads ever ran one at a time.

    A free list instead of Django's pool, whose locks, resets and statistics took a fifth of an Idle. Taking from and
    giving back to a deque is atomic, so no lock is needed, and nothing is lost when a thread of the web server ends.
    """

    def __init__(self):
        self._idle: deque[psycopg.Connection] = deque()

    def take(self) -> psycopg.Connection:
        """Return an idle connection or a new one; raise Unavailable when PostgreSQL does not let us in."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> psycopg.Connection:
        parameters = connections["default"].get_connection_params()
        parameters.pop("pool", None)
        try:
            connection = psycopg.connect(**{"connect_timeout": CONNECT_TIMEOUT_S, **parameters}, autocommit=True)
            connection.execute(SESSION_SETTINGS)
        except psycopg.OperationalError as error:
            raise Unavailable("the database is not reachable") from error
        return connection

    def give_back(self, connection: psycopg.Connection) -> None:
        self._idle.append(connection)

    def close_idle(self) -> None:
        """Close what is idle; connections in use come back later."""
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop().close()


CONNECTIONS = _Connections()


class Statement:
    """A prepared statement, run on any connection and prepared there the first time."""

    def __init__(self, name: str, sql: str, formats: list[int]):
        self.name = name.encode()
        self.sql = sql.encode()
        self.formats = formats

    def run(self, values: list[bytes | None]):
        """Return the PGresult; raise Unavailable when no connection can be had or it breaks again and again.

        A connection that broke (PostgreSQL restarted) is replaced and the statement repeated: every statement here
        may run twice.
        """
        for _ in range(ATTEMPTS):
            connection = CONNECTIONS.take()
            try:
                result = self._execute(connection.pgconn, values)
            except BaseException:
                connection.close()
                raise
            if result is not None:
                CONNECTIONS.give_back(connection)
                return result
            connection.close()
            CONNECTIONS.close_idle()
        raise Unavailable("the database is not reachable")

    def _execute(self, pgconn, values):
        """Return the result, or None when the connection broke."""
        try:
            result = pgconn.exec_prepared(self.name, values, self.formats, BINARY)
            if result.status == ExecStatus.TUPLES_OK:
                return result
            if _sql_state(result) == errors.InvalidSqlStatementName.sqlstate:
                result = self._prepare_and_execute(pgconn, values)
        except psycopg.OperationalError:
            return None
        if result.status == ExecStatus.TUPLES_OK:
            return result
        state = _sql_state(result)
        if not state or state[:2] in REPEATABLE:
            return None
        if state[:2] in NOT_NOW:
            raise Unavailable("the database cannot take messages at the moment")
        raise StatementFailed(f"{state}: {result.error_message.decode(errors='replace').strip()}")

    def _prepare_and_execute(self, pgconn, values):
        prepared = pgconn.prepare(self.name, self.sql)
        if prepared.status != ExecStatus.COMMAND_OK:
            return prepared
        return pgconn.exec_prepared(self.name, values, self.formats, BINARY)


def _sql_state(result) -> str:
    return (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()


_IDLE = Statement("espalier_idle", IDLE_SQL, [TEXT, TEXT, BINARY, TEXT])
_REPORT = Statement("espalier_report", REPORT_SQL, [TEXT, TEXT, BINARY, TEXT, TEXT, TEXT, BINARY, TEXT])


def take_next(enrollment: str, user: str, fingerprint: bytes, *, offer_not_now: bool) -> Turn | None:
    """Note the contact and lease the next command; None: the certificate is not pinned to this channel."""
    flag = b"t" if offer_not_now else b"f"
    return _turn(_IDLE.run([enrollment.encode(), user.encode(), fingerprint, flag]))


def store_report(
    enrollment: str,
    user: str,
    fingerprint: bytes,
    command_uuid: str,
    state: int,
    status: str,
    body: bytes,
    repaired: bool,
) -> Turn | None:
    """Store a report (``body`` is sealed), finish its command, lease the next; None as in `take_next`."""
    values = [
        enrollment.encode(),
        user.encode(),
        fingerprint,
        command_uuid.encode(),
        b"%d" % state,
        status.encode(),
        body,
        b"t" if repaired else b"f",
    ]
    return _turn(_REPORT.run(values))


def _turn(result) -> Turn | None:
    if not result.ntuples:
        return None
    get = result.get_value
    queued = get(0, 3)
    state, is_gone, channel_id = get(0, 0), get(0, 1), get(0, 2)
    if queued is None:
        return Turn(_number(state), is_gone == b"\x01", _number(channel_id), None, "", None)
    return Turn(_number(state), is_gone == b"\x01", _number(channel_id), _number(queued), get(0, 4).decode(), get(0, 5))


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")
