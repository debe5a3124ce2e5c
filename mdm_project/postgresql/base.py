"""DatabaseWrapper, where Django looks for it in a backend.

The pool's own check tries idle connections one after the other, with a pause that doubles after each dead one: when
PostgreSQL was restarted under six idle connections, the next request waits out its ten seconds and fails. Here the
first dead connection condemns all that are idle.
"""

from django.db.backends.postgresql import base
from psycopg import OperationalError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection to PostgreSQL, given only after it has answered; CONN_HEALTH_CHECKS is to be off."""

    def get_new_connection(self, conn_params):
        """Return a live connection; raise PoolTimeout when the server lets nobody in for as long as a request may wait.

        One round trip for each connection taken.
        """
        connection = super().get_new_connection(conn_params)
        if not self.pool:
            return connection
        try:
            ConnectionPool.check_connection(connection)
        except OperationalError:
            self.pool.drain()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection
