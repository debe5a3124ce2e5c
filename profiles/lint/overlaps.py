"""Lint against the other profiles of the same devices: one payload per device, and keys that two profiles set."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from mdm_project import plist
from profiles.catalogue.availability import system_of
from profiles.lint.document import Document, Payload
from profiles.lint.findings import Affected, Level, Report
from profiles.lint.scope import Scope
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
      AND d.platform <> ''
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
    others = _others(types, scope)
    ours = contributions_of(None, document.values, document.values, _slugs(document))
    by_uuid = {payload.uuid: payload for payload in document.payloads}
    for other in others:
        _check_single(document, other, report)
        _check_keys(ours, other, by_uuid, report)


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


def _check_single(document: Document, other: _Other, report: Report) -> None:
    theirs = {each.slug for each in other.contributions if each.entry}
    for payload in document.payloads:
        if payload.entry is None or payload.entry.slug not in theirs:
            continue
        if other.system not in systems_with_one(payload.entry):
            continue
        affected = other.affected
        message = (
            f"Only one {payload.entry.label} payload per device: also set by the profile "
            f"{other.version.profile.name} on {affected.words}."
        )
        report.add(Level.ERROR, "also_set_by", payload.path, message, devices=affected, **payload.about)


def _check_keys(ours: list[Contribution], other: _Other, by_uuid: dict, report: Report) -> None:
    for setting in merge([*ours, *other.contributions], other.system):
        if setting.rule is Rule.ONE or not _is_between(setting):
            continue
        mine = next(voice.contribution for voice in setting.voices if voice.contribution.source is None)
        payload = by_uuid[mine.uuid]
        affected = other.affected
        message = f"{setting.key} is also set by the profile {other.version.profile.name} on {affected.words}"
        outcome = "nothing tells which one holds" if setting.is_conflict else "the strictest value holds"
        report.add(
            Level.WARNING, "conflict" if setting.is_conflict else "combined", (*payload.path, setting.key),
            f"{message}, to another value: {outcome}.", devices=affected, **payload.about,
        )  # fmt: skip


def _is_between(setting: Setting) -> bool:
    """Say whether we and the other set it, and differ; what one profile says twice is another rule's."""
    sources = {voice.contribution.source for voice in setting.voices}
    return len(sources) > 1 and (setting.is_conflict or bool(setting.overruled))
