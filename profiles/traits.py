"""What is known of channels and their devices, as far as it decides which profiles they can use.

Owns the columns that are asked, in one place for deciding, lint and pages. Devices of equal traits share an answer.
"""

from collections.abc import Collection
from functools import lru_cache

from django.db import connection

from profiles.applicability import Facts

# What a device left out of an answer that it did give is no longer waited for: it is taken for what lets things pass,
# and the device has the last word.
_TOLD = """CASE WHEN {column} IS NULL AND EXISTS (
        SELECT FROM devices_answer a WHERE a.device_id = d.id AND a.request_type = '{answer}' AND a.user_key = ''
    ) THEN true ELSE {column} END"""

# Of a channel c, its device d and its enrollment e. A Shared iPad is one that said so itself.
COLUMNS = {
    "platform": "d.platform",
    "version": "translate(d.os_version, E'\\x1f', '')",
    "is_supervised": _TOLD.format(column="d.is_supervised", answer="DeviceInformation"),
    "kind": """CASE WHEN e.kind = 'user' OR d.is_user_enrollment THEN 'user' WHEN d.is_ade_enrolled THEN 'ade'
                 ELSE e.kind END""",
    "is_user": "c.user_key <> ''",
    "is_approved": _TOLD.format(column="d.is_user_approved_enrollment", answer="SecurityInfo"),
    "is_shared": """CASE WHEN d.platform = 'ipados' THEN (
        SELECT coalesce(a.content -> 'IsMultiUser', 'false') = 'true'::jsonb FROM devices_answer a
        WHERE a.device_id = d.id AND a.request_type = 'DeviceInformation' AND a.user_key = '') END""",
    "is_ade": "d.is_ade_enrolled",
}
# One text for all of them: joining by it hashes.
KEY = "concat_ws(E'\\x1f', {})".format(", ".join(f"coalesce(({column})::text, '')" for column in COLUMNS.values()))
FROM = """devices_channel c JOIN devices_device d ON d.id = c.device_id
    JOIN devices_enrollment e ON e.id = c.enrollment_id"""
_DISTINCT = f"""
SELECT DISTINCT {KEY} FROM {FROM} AND e.is_current AND e.state = 'enrolled'
WHERE c.state <> 2 AND (%(devices)s::bigint[] IS NULL OR c.device_id = ANY(%(devices)s::bigint[]))"""
_OF_CHANNELS = f"SELECT c.id, {KEY} FROM {FROM} WHERE c.id = ANY(%s)"


def distinct_traits(device_ids: Collection[int] | None = None) -> list[str]:
    """Return the traits that enrolled channels have, each once; one statement. ``facts_of`` reads them."""
    with connection.cursor() as cursor:
        cursor.execute(_DISTINCT, {"devices": None if device_ids is None else sorted(device_ids)})
        return sorted(key for (key,) in cursor)


def facts_of_channels(channel_ids: Collection[int]) -> dict[int, Facts]:
    """Return what is known of channels, by id; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_CHANNELS, [list(channel_ids)])
        return {channel_id: facts_of(key) for channel_id, key in cursor}


@lru_cache(maxsize=5000)
def facts_of(traits: str) -> Facts:
    """Read traits as the statements here write them."""
    told = dict(zip(COLUMNS, traits.split("\x1f"), strict=True))
    flags = {"true": True, "false": False}
    return Facts(**{name: flags.get(text) if name.startswith("is_") else text for name, text in told.items()})
