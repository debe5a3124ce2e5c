"""Giving Django's database connection back to its pool, outside Django's own request cycle."""

import contextlib

from django.db import connection


@contextlib.contextmanager
def django_connection():
    """Let the block use the ORM in a thread that Django does not look after; usable as a decorator."""
    try:
        yield
    finally:
        connection.close()
