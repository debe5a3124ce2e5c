"""Which versions are not for which devices, as a small table for the statement that computes what is wanted.

A fleet has few kinds of devices (profiles.traits) and versions never change, so each is judged with each once a process
and the answers are kept. See profiles.applicability for the rules.
"""

import json
from collections.abc import Collection

from django.db import connection

from profiles import catalogue
from profiles.applicability import Judgement, Shape, judge, shape_of
from profiles.models import ProfileVersion
from profiles.traits import distinct_traits, facts_of

_ROW = ("refused_versions", "refused_traits", "refusals", "refusals_anyway")
NONE = {"traits": "{}"} | {name: [] for name in _ROW}
_MANY = 20_000

# Every version that the computation may give to a device: see `active` in profiles.desired.
_VERSIONS = """
SELECT DISTINCT v.id, v.content_hash FROM profiles_assignment a
JOIN profiles_profile p ON p.id = a.profile_id
JOIN LATERAL (SELECT n.id FROM profiles_profileversion n WHERE n.profile_id = p.id ORDER BY n.number DESC LIMIT 1)
    newest ON true
JOIN profiles_profileversion v ON v.id IN (a.version_id, a.rollout_version_id, a.previous_version_id, newest.id)
WHERE a.is_enabled AND NOT p.is_archived
  AND (%(profiles)s::bigint[] IS NULL OR a.profile_id = ANY(%(profiles)s::bigint[]))
ORDER BY v.id"""


class _Book:
    """What is known of the devices that can use profiles of one shape, by traits."""

    def __init__(self, shape: Shape):
        self.shape = shape
        self._known: dict[str, Judgement] = {}

    def judgement(self, traits: str) -> Judgement:
        found = self._known.get(traits)
        if found is None:
            if len(self._known) >= _MANY:
                self._known.clear()
            found = self._known[traits] = judge(self.shape, facts_of(traits))
        return found


def refusals(profile_ids: Collection[int] | None, device_ids: Collection[int] | None) -> dict[str, list]:
    """Return the parameters by which DIFFERENCE knows what is not for whom: rows of (version, number of traits, why).

    Call it after rollouts were started. Two statements, and one for versions that this process has not seen.
    """
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, {"profiles": None if profile_ids is None else sorted(profile_ids)})
        versions = [(version_id, bytes(digest)) for version_id, digest in cursor]
    if not versions:
        return NONE
    traits = distinct_traits(device_ids)
    rows = [
        (version_id, number, found.refusal, found.anyway)
        for version_id, book in _books(dict(versions)).items()
        for number, each in enumerate(traits, 1)
        if (found := book.judgement(each)).refusal
    ]
    columns = zip(*rows, strict=True) if rows else ((),) * len(_ROW)
    numbers = json.dumps({each: number for number, each in enumerate(traits, 1)})
    return {"traits": numbers} | {name: list(column) for name, column in zip(_ROW, columns, strict=True)}


def shape_of_version(version: ProfileVersion) -> Shape:
    """Return what of a version decides who can use it."""
    return _books({version.pk: bytes(version.content_hash)})[version.pk].shape


_shelves: dict[object, dict[bytes, _Book]] = {}


def _shelf() -> dict[bytes, _Book]:
    """Return the books by the hash of what was judged; those written by another catalogue are forgotten."""
    current = catalogue.catalogue()
    if current not in _shelves:
        _shelves.clear()
        _shelves[current] = {}
    return _shelves[current]


def _books(versions: dict[int, bytes]) -> dict[int, _Book]:
    """Return the book of each version; equal content has one."""
    shelf = _shelf()
    missing = [version_id for version_id, digest in versions.items() if digest not in shelf]
    if missing:
        for version in ProfileVersion.objects.filter(pk__in=missing).select_related("profile").order_by("id"):
            shelf[bytes(version.content_hash)] = _Book(shape_of(version.content))
    return {version_id: shelf[digest] for version_id, digest in versions.items()}
