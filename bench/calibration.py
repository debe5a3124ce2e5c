"""What the product is compared with: applications that do next to nothing, under the same server and the same load.

`application` is the calibration: it reads the body, parses it with plistlib and runs one SELECT by key through a
psycopg pool, and does nothing else that a server of devices must do. `trivial` reads the body only and shows what
generator and web server can do together. DATABASE_URL is the benchmark's; CALIBRATION_AUTOCOMMIT=1 leaves out the
transaction that psycopg puts around a statement by default.
"""

import os
import plistlib
import threading

from psycopg_pool import ConnectionPool

EMPTY = ("Content-Length", "0")
QUERY = "SELECT id, state, topic FROM devices_channel WHERE enrollment_key = %s AND user_key = ''"

_lock = threading.Lock()
_pool: ConnectionPool | None = None


def pool() -> ConnectionPool:
    """Return the pool of this process, opened at the first request: the server forks after importing us."""
    global _pool
    with _lock:
        if _pool is None:
            autocommit = os.environ.get("CALIBRATION_AUTOCOMMIT") == "1"
            _pool = ConnectionPool(
                os.environ["DATABASE_URL"], min_size=4, max_size=20, kwargs={"autocommit": autocommit}, open=True
            )
        return _pool


def application(environ, start_response):
    """Parse the message and look its device up."""
    if environ["REQUEST_METHOD"] == "GET":  # somebody asks whether we are up
        return trivial(environ, start_response)
    message = plistlib.loads(environ["wsgi.input"].read())
    with (_pool or pool()).connection() as connection:
        connection.execute(QUERY, (message["UDID"],)).fetchone()
    start_response("200 OK", [EMPTY])
    return [b""]


def trivial(environ, start_response):
    """Read the message."""
    environ["wsgi.input"].read()
    start_response("200 OK", [EMPTY])
    return [b""]
