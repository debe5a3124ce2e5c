"""The statements behind `PUT /mdm/connect`: one round trip to PostgreSQL for a message, whatever it has to do.

Each checks the pin of the certificate, stores the report, finishes the command and picks the next one. They run as
named prepared statements straight on libpq, on connections made with Django's parameters: psycopg's cursor layer, its
pool and Django's wrappers would cost more than the rest of the request. A single statement is its own transaction, so a
report is committed before the device is told 200.

Every row is looked up by a scalar (`= (SELECT id FROM …)`), never by a join: a generic plan is made when the tables may
be empty and stays for the life of a connection, and then a unique index is the only plan that is left. Identity by its
key, channel by one_channel_per_key, contact by primary key, the next command by the partial index queue_waiting, which
holds waiting rows only; the answered row by commands_command.uuid and queued_once. Nothing scans, nothing sorts.

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
# SQLSTATE classes: the server is shutting down or gone; the statement may run again on another connection.
CONNECTION_LOST = ("57", "08")

_IDENT = """
WITH ident AS MATERIALIZED (
    SELECT c.id, c.state, c.push_gone_at IS NOT NULL AS is_gone,
           t.seen_at IS NULL OR t.seen_at < now() - interval '5 minutes' AS is_stale
    FROM devices_identity i
    JOIN devices_channel c ON c.enrollment_key = i.enrollment_key AND c.user_key = $2::text
    LEFT JOIN devices_channelcontact t ON t.channel_id = c.id
    WHERE i.fingerprint = $3::bytea AND i.enrollment_key = $1::text AND i.is_active
), touched AS (
    INSERT INTO devices_channelcontact (channel_id, seen_at)
    SELECT id, now() FROM ident WHERE is_stale
    ON CONFLICT (channel_id) DO UPDATE SET seen_at = excluded.seen_at
)"""

_SEND_NEXT = """
, sent AS (
    UPDATE commands_queuedcommand q
    SET state = 1, deliveries = least(q.deliveries + 1, 32767), sent_at = now()
    WHERE q.id = (SELECT id FROM next) AND q.finished_at IS NULL
    RETURNING q.id, q.command_id
)
SELECT ident.state, ident.is_gone, ident.id, sent.id, cmd.uuid, cmd.body_encrypted
FROM ident LEFT JOIN sent ON true
LEFT JOIN commands_command cmd ON cmd.id = (SELECT command_id FROM sent)"""

# $4: may a command that said NotNow be offered again
IDLE_SQL = f"""{_IDENT}
, next AS (
    SELECT q.id FROM commands_queuedcommand q
    WHERE q.channel_id = (SELECT id FROM ident WHERE state = 1) AND q.finished_at IS NULL
      AND ($4::boolean OR q.state <> 2) AND (q.expires_at IS NULL OR q.expires_at > now())
    ORDER BY q.priority DESC, q.id LIMIT 1
), offered_again AS (
    UPDATE commands_queuedcommand q SET state = 0
    WHERE $4::boolean AND q.channel_id = (SELECT id FROM ident WHERE state = 1) AND q.finished_at IS NULL
      AND q.state = 2 AND q.id <> (SELECT id FROM next)
){_SEND_NEXT}"""

# $4 CommandUUID, $5 state it gets (2 NotNow, 3 acknowledged, 4 failed), $6 Status, $7 sealed body, $8 was repaired
REPORT_SQL = f"""{_IDENT}
, answered AS (
    SELECT q.id, q.state FROM commands_queuedcommand q
    WHERE q.channel_id = (SELECT id FROM ident)
      AND q.command_id = (SELECT id FROM commands_command WHERE uuid = $4::text)
), finished AS (
    UPDATE commands_queuedcommand q
    SET state = $5::smallint,
        finished_at = CASE WHEN $5::smallint = 2 THEN NULL ELSE now() END,
        not_nows = CASE WHEN $5::smallint = 2 THEN least(q.not_nows + 1, 32767) ELSE q.not_nows END,
        not_now_at = CASE WHEN $5::smallint = 2 THEN coalesce(q.not_now_at, now()) ELSE q.not_now_at END,
        note = CASE WHEN q.state = 5 THEN 'answered after it was cancelled'
                    WHEN q.state = 6 THEN 'answered after it had expired' ELSE q.note END
    WHERE q.id = (SELECT id FROM answered)
      AND (q.finished_at IS NULL OR (q.state IN (5, 6, 7) AND $5::smallint <> 2))
), reported AS (
    INSERT INTO commands_report (channel_id, queued_id, command_uuid, status, disposition, body_encrypted, was_repaired)
    SELECT ident.id, answered.id, $4::text, $6::text,
           CASE WHEN answered.id IS NULL THEN 3 WHEN answered.state IN (5, 6) THEN 2
                WHEN answered.state IN (3, 4) THEN 1 ELSE 0 END,
           $7::bytea, $8::boolean
    FROM ident LEFT JOIN answered ON true
    WHERE $5::smallint <> 2 OR answered.id IS NULL OR answered.state NOT IN (0, 1, 2)
), next AS (
    SELECT q.id FROM commands_queuedcommand q
    WHERE q.channel_id = (SELECT id FROM ident WHERE state = 1) AND q.finished_at IS NULL AND q.state <> 2
      AND q.id <> coalesce((SELECT id FROM answered), 0) AND (q.expires_at IS NULL OR q.expires_at > now())
    ORDER BY q.priority DESC, q.id LIMIT 1
){_SEND_NEXT}"""


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
            return psycopg.connect(**{"connect_timeout": CONNECT_TIMEOUT_S, **parameters}, autocommit=True)
        except psycopg.OperationalError as error:
            raise Unavailable("the database is not reachable") from error

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
        if not state or state[:2] in CONNECTION_LOST:
            return None
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
