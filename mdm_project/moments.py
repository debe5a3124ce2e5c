"""Moments with a time zone on their way to PostgreSQL, which takes offsets below 16 hours only; Python takes 24.

Whoever sends one, in a filter, a rule or a form, must not meet an error of the database: a moment with a larger offset
is the same moment in UTC.
"""

from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.types.datetime import DatetimeDumper

_LARGEST_OFFSET = timedelta(hours=16)


def within_offsets(moment: datetime) -> datetime:
    """Return the same moment, in UTC where PostgreSQL would not take its offset."""
    offset = moment.utcoffset()
    if offset is None or abs(offset) < _LARGEST_OFFSET:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # before the first or after the last moment that there is
        return (datetime.min if moment.year < datetime.max.year else datetime.max).replace(tzinfo=UTC)


class _MomentDumper(DatetimeDumper):
    def dump(self, obj: datetime):
        return super().dump(within_offsets(obj))


def connect() -> None:
    """Have every connection that is made from now on send moments so."""
    psycopg.adapters.register_dumper(datetime, _MomentDumper)
