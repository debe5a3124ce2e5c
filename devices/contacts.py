"""When devices were last heard of, and what follows from it: every contact counts, check-ins and answers included.

The command endpoint notes what it can without slowing down, to five minutes (commands.hot_path). Check-ins are noted
here, to half a minute, and the moment of every answer when it is read: whatever shows "last seen" is never older than
an answer that it shows.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

from devices.keys import ChannelKey
from devices.models import Device

# A Mac that acknowledged its lock may send what it was about to say before it restarts.
LOCK_MARGIN = timedelta(minutes=1)

_CHECKED_IN = """
INSERT INTO devices_channelcontact AS known (channel_id, seen_at)
SELECT id, now() FROM devices_channel WHERE enrollment_key = %s AND user_key = %s
ON CONFLICT (channel_id) DO UPDATE SET seen_at = excluded.seen_at WHERE known.seen_at < now() - interval '30 seconds'"""
# The hot path holds one of these rows at most, and so does every other batch in the same order.
_ANSWERED = """
WITH told AS (
    SELECT channel_id, max(at) AS at FROM unnest(%s::bigint[], %s::timestamptz[]) AS t(channel_id, at)
    GROUP BY channel_id
), older AS (
    SELECT known.channel_id, told.at FROM devices_channelcontact known JOIN told USING (channel_id)
    WHERE known.seen_at < told.at ORDER BY known.channel_id FOR UPDATE OF known
)
UPDATE devices_channelcontact known SET seen_at = older.at FROM older WHERE known.channel_id = older.channel_id"""


def note_check_in(key: ChannelKey) -> None:
    """Note that a channel was just heard of: one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_CHECKED_IN, [key.enrollment, key.user])


def note_answers(answers: Iterable[tuple[int, datetime]]) -> None:
    """Note answers (channel id, when); outside of any transaction that holds other rows. One statement for all."""
    rows = list(answers)
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_ANSWERED, [[channel_id for channel_id, _ in rows], [at for _, at in rows]])


def is_locked(device: Device) -> bool:
    """Say whether a Mac waits for the PIN of its lock; the device is one with ``last_seen_at`` (with_last_seen)."""
    if device.locked_at is None:
        return False
    return device.last_seen_at is None or device.last_seen_at <= device.locked_at + LOCK_MARGIN
