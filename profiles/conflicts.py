"""Where profiles that share devices disagree, for the whole fleet: worked out per pair of versions, not per device.

Counted over what devices should have. Pairs without a payload type in common that
two profiles can disagree about are not looked at.
"""

from dataclasses import dataclass
from functools import cache

from django.db import connection

from devices.access import limit_of
from mdm_project import plist
from profiles import catalogue
from profiles.catalogue.availability import system_of
from profiles.lint.findings import Affected
from profiles.masking import mask
from profiles.merging import RULE_WORDS, Contribution, Rule, Setting, Voice, contributions_of, merge, rule_for
from profiles.models import ProfileVersion

# Versions in use are few, so the pairs of them come first; then each pair's devices.
_PAIRS = """
WITH used AS MATERIALIZED (
    SELECT v.id, ARRAY(SELECT kind FROM unnest(v.payload_types) kind WHERE kind <> ALL(%s)) AS kinds
    FROM profiles_profileversion v WHERE EXISTS (SELECT FROM profiles_desireditem i WHERE i.version_id = v.id)
), pair AS MATERIALIZED (
    SELECT a.id AS a_id, b.id AS b_id FROM used a JOIN used b ON b.id > a.id AND b.kinds && a.kinds
), shared AS (
    SELECT DISTINCT p.a_id, p.b_id, CASE d.platform WHEN 'ipados' THEN 'ios' ELSE d.platform END AS platform, d.id,
           coalesce(nullif(d.name, ''), d.serial_number, d.udid, 'device ' || d.id) AS name
    FROM pair p JOIN profiles_desireditem a ON a.version_id = p.a_id AND a.refusal = ''
    JOIN profiles_desireditem b ON b.channel_id = a.channel_id AND b.version_id = p.b_id AND b.refusal = ''
    JOIN devices_channel c ON c.id = a.channel_id JOIN devices_device d ON d.id = c.device_id
    WHERE d.platform <> '' AND (%s::bigint[] IS NULL OR EXISTS (
        SELECT FROM devices_membership m WHERE m.device_id = d.id AND m.group_id = ANY(%s::bigint[])))
)
SELECT a_id, b_id, platform, count(*), (array_agg(id ORDER BY id))[1:3], (array_agg(name ORDER BY id))[1:3]
FROM shared GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""


@dataclass(frozen=True, eq=False)
class Side:
    """One of two profiles in a conflict, with its value as it may be seen."""

    version: ProfileVersion
    value: object
    is_overruled: bool


@dataclass(frozen=True, eq=False)
class Conflict:
    """A key that two profiles set to different values on devices that have both. ``key`` is "" for whole payloads."""

    system: str
    payload_type: str
    label: str
    key: str
    is_decided: bool
    message: str
    sides: tuple[Side, Side]
    devices: Affected


def conflicts(*, show_secrets: bool = False, user=None) -> list[Conflict]:
    """Return all conflicts, for a user those on devices within their limit; two statements.

    Those that no rule decides come first, then by profile and key.
    """
    limit = limit_of(user)
    within = list(limit) if limit is not None else None
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, [_peaceful_types(), within, within])
        rows = cursor.fetchall()
    ids = {pk for row in rows for pk in row[:2]}
    versions = ProfileVersion.objects.select_related("profile").in_bulk(ids)
    read = {pk: _contributions(version, show_secrets) for pk, version in versions.items()}
    found = []
    for a, b, platform, count, device_ids, names in rows:
        if a in read and b in read:
            devices = Affected(count, count, tuple(zip(device_ids, names, strict=True)))
            found += between(read[a], read[b], system_of(platform), devices)
    return sorted(found, key=_order)


@cache
def _peaceful_types() -> list[str]:
    """Return the payload types of which each payload applies by itself, on every system that has them."""
    by_type: dict[str, bool] = {}
    for entry in catalogue.payload_types():
        is_peaceful = all(rule_for(entry, system) is Rule.BY_ITSELF for system in entry.systems)
        by_type[entry.type] = by_type.get(entry.type, True) and is_peaceful
    return sorted(kind for kind, is_peaceful in by_type.items() if is_peaceful)


def _order(conflict: Conflict) -> tuple:
    names = [(side.version.profile.name, side.version.pk) for side in conflict.sides]
    return conflict.is_decided, names, conflict.label, conflict.key, conflict.system


def _contributions(version: ProfileVersion, show_secrets: bool) -> list[Contribution]:
    content = version.content
    shown = content if show_secrets else mask(content)
    return contributions_of(version, plist.from_json(content), plist.from_json(shown), version.profile.payload_slugs)


def between(ours: list[Contribution], theirs: list[Contribution], system: str, devices: Affected) -> list[Conflict]:
    """Return what two profiles disagree about on an OS, one conflict for two payloads of which one is allowed."""
    found: dict[tuple, Conflict] = {}
    for setting in merge([*ours, *theirs], system):
        voices = _one_each(setting)
        if voices is None or not (setting.is_conflict or setting.overruled or setting.rule is Rule.ONE):
            continue
        key = "" if setting.rule is Rule.ONE else setting.key
        conflict = _conflict(setting, key, system, voices, devices)
        found.setdefault((setting.payload_type, setting.slug, key), conflict)
    return list(found.values())


def _one_each(setting: Setting) -> tuple[Voice, Voice] | None:
    """Return what each of two profiles says, None where only one says anything or both say the same."""
    by_source: dict[object, list[Voice]] = {}
    for voice in setting.voices:
        by_source.setdefault(voice.contribution.source, []).append(voice)
    if len(by_source) < 2:
        return None
    first, second = (voices[0] for voices in by_source.values())
    said = [voice.contribution.values.get(setting.key) for voice in (first, second)]
    return (first, second) if said[0] != said[1] or setting.rule is Rule.ONE else None


def _conflict(setting: Setting, key: str, system: str, voices: tuple[Voice, Voice], devices: Affected) -> Conflict:
    is_decided = not setting.is_conflict and setting.rule is not Rule.ONE
    sides = tuple(
        Side(voice.contribution.source, voice.value if key else None, voice in setting.overruled) for voice in voices
    )
    names = " and ".join(side.version.profile.name for side in sides)
    if not key:
        message = f"Only one {setting.label} payload per device, and {names} both have one."
    elif is_decided:
        message = f"{names} set {key} to different values: {RULE_WORDS[setting.rule]}."
    else:
        message = f"{names} set {key} to different values: nothing tells which one holds."
    return Conflict(system, setting.payload_type, setting.label, key, is_decided, message, sides, devices)
