"""Lint against the other profiles of the same devices: one payload per device, and keys that two profiles set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection

from mdm_project import plist
from profiles.catalogue.availability import system_of
from profiles.content import Path
from profiles.lint.document import Document, Payload
from profiles.lint.findings import Affected, Level, Report
from profiles.lint.scope import SHOWN, Scope
from profiles.lint.structure import systems_with_one
from profiles.merging import Contribution, Rule, Setting, contributions_of, merge, rule_for
from profiles.models import ProfileVersion

# Versions of other profiles that devices in scope should have, with a payload of one of these types.
_OTHERS = """
WITH had AS (
    SELECT DISTINCT i.version_id, CASE d.platform WHEN 'ipados' THEN 'ios' ELSE d.platform END AS platform, d.id,
           coalesce(nullif(d.name, ''), d.serial_number, d.udid, 'device ' || d.id) AS name
    FROM profiles_desireditem i JOIN profiles_profileversion v ON v.id = i.version_id
    JOIN devices_channel c ON c.id = i.channel_id JOIN devices_device d ON d.id = c.device_id
    WHERE i.channel_id = ANY(%s) AND i.profile_id IS DISTINCT FROM %s AND v.payload_types && %s::text[]
      AND d.platform <> '' AND i.refusal = ''
)
SELECT version_id, platform, count(*), (array_agg(id ORDER BY id))[1:3], (array_agg(name ORDER BY id))[1:3]
FROM had GROUP BY 1, 2 ORDER BY 1, 2"""


@dataclass(frozen=True, eq=False)
class _Other:
    """A version of another profile on the devices of one platform."""

    version: ProfileVersion
    system: str
    affected: Affected
    contributions: list[Contribution]


def check_overlaps(document: Document, scope: Scope, report: Report) -> None:
    """Report what other profiles set on the same devices; two statements, and none where nothing can overlap."""
    types = sorted({payload.type for payload in document.payloads if _can_overlap(payload)})
    if not types or not scope.channel_ids:
        return
    ours = contributions_of(None, document.values, document.values, _slugs(document))
    by_uuid = {payload.uuid: payload for payload in document.payloads}
    found: dict[_Overlap, list[Affected]] = {}
    for other in _others(types, scope):
        for overlap in (*_single(document, other), *_keys(ours, other, by_uuid)):
            found.setdefault(overlap, []).append(other.affected)
    for overlap, parts in found.items():
        _report(overlap, _sum(parts), report)


@dataclass(frozen=True)
class _Overlap:
    """What is said once, of the devices of all systems."""

    level: Level
    code: str
    path: Path
    about: tuple
    before: str
    after: str


def _sum(parts: list[Affected]) -> Affected:
    first = sorted(each for part in parts for each in part.first)[:SHOWN]
    return Affected(sum(part.count for part in parts), parts[0].of, tuple(first))


def _report(overlap: _Overlap, devices: Affected, report: Report) -> None:
    message = f"{overlap.before} on {devices.words}{overlap.after}."
    report.add(overlap.level, overlap.code, overlap.path, message, devices=devices, **dict(overlap.about))


def _can_overlap(payload: Payload) -> bool:
    systems = payload.entry.systems if payload.entry else ("macOS",)
    return any(rule_for(payload.entry, system) is not Rule.BY_ITSELF for system in systems)


def _slugs(document: Document) -> dict[str, str]:
    return {payload.uuid: payload.entry.slug for payload in document.payloads if payload.entry}


def _others(types: Sequence[str], scope: Scope) -> list[_Other]:
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS, [list(scope.channel_ids), scope.profile_id, list(types)])
        rows = cursor.fetchall()
    versions = ProfileVersion.objects.select_related("profile").in_bulk({row[0] for row in rows})
    read = {pk: _contributions(version) for pk, version in versions.items()}
    return [
        _Other(
            versions[pk],
            system_of(platform),
            Affected(count, scope.device_count, tuple(zip(ids, names, strict=True))),
            read[pk],
        )
        for pk, platform, count, ids, names in rows
        if pk in versions
    ]


def _contributions(version: ProfileVersion) -> list[Contribution]:
    values = plist.from_json(version.content)
    return contributions_of(version, values, values, version.profile.payload_slugs)


def _single(document: Document, other: _Other) -> Iterator[_Overlap]:
    theirs = {each.slug for each in other.contributions if each.entry}
    for payload in document.payloads:
        if payload.entry is None or payload.entry.slug not in theirs:
            continue
        if other.system not in systems_with_one(payload.entry):
            continue
        name = other.version.profile.name
        before = f"Only one {payload.entry.label} payload per device: also set by the profile {name}"
        yield _Overlap(Level.ERROR, "also_set_by", payload.path, tuple(payload.about.items()), before, "")


def _keys(ours: list[Contribution], other: _Other, by_uuid: dict[str, Payload]) -> Iterator[_Overlap]:
    for setting in merge([*ours, *other.contributions], other.system):
        if setting.rule is Rule.ONE or not _is_between(setting):
            continue
        mine = next(voice.contribution for voice in setting.voices if voice.contribution.source is None)
        payload = by_uuid[mine.uuid]
        before = f"{setting.key} is also set by the profile {other.version.profile.name}"
        outcome = "nothing tells which one holds" if setting.is_conflict else "the strictest value holds"
        code = "conflict" if setting.is_conflict else "combined"
        path, about = (*payload.path, setting.key), tuple(payload.about.items())
        yield _Overlap(Level.WARNING, code, path, about, before, f", to another value: {outcome}")


def _is_between(setting: Setting) -> bool:
    """Say whether we and the other set it, and differ; what one profile says twice is another rule's."""
    sources = {voice.contribution.source for voice in setting.voices}
    return len(sources) > 1 and (setting.is_conflict or bool(setting.overruled))
