"""The devices that a profile reaches, as lint asks about them: cohorts of equal facts, counted by one statement.

Owns which channels those are and what is known of them. However large the fleet, the number of statements is the same,
and what a cohort can use is worked out once for all its devices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from devices.access import is_limited, within
from devices.models import Channel
from devices.querysets import ChannelQuerySet
from profiles import traits
from profiles.applicability import target_of
from profiles.catalogue import Target
from profiles.desired import DIFFERENCE, scope_of
from profiles.lint.findings import Affected
from profiles.models import Profile
from profiles.refusals import NONE

SHOWN = 3

# Whoever the enabled assignments mean, in whatever stage their rollout is, and whether or not anything is published.
_REACHED = DIFFERENCE + " SELECT DISTINCT channel_id FROM candidate ORDER BY channel_id"

# A device whose system has not been told yet counts, and is in a cohort of its own (platform '').
_COHORTS = f"""
WITH facts AS (
    SELECT DISTINCT d.id, {traits.KEY} AS traits,
           coalesce(nullif(d.name, ''), d.serial_number, d.udid, 'device ' || d.id) AS name
    FROM {traits.FROM} WHERE c.id = ANY(%s)
)
SELECT traits, count(*), (array_agg(id ORDER BY id))[1:3], (array_agg(name ORDER BY id))[1:3]
FROM facts GROUP BY 1 ORDER BY 1"""


@dataclass(frozen=True, eq=False)
class Cohort:
    """Devices that are the same as far as Apple's schema asks. Without a target nothing is known of their system."""

    target: Target | None
    count: int
    first: tuple[tuple[int, str], ...]


@dataclass(frozen=True, eq=False)
class Scope:
    """The channels that a profile reaches, and their cohorts. ``profile_id`` is not looked for among other profiles."""

    channel_ids: Sequence[int]
    cohorts: tuple[Cohort, ...]
    profile_id: int | None = None

    @property
    def device_count(self) -> int:
        return sum(cohort.count for cohort in self.cohorts)

    def affected(self, cohorts: Sequence[Cohort]) -> Affected:
        """Return how many of the scope's devices these are, with the first of them."""
        first = sorted(each for cohort in cohorts for each in cohort.first)[:SHOWN]
        return Affected(sum(cohort.count for cohort in cohorts), self.device_count, tuple(first))


def scope_of_profile(profile: Profile, user=None) -> Scope:
    """Return the devices that the profile's enabled assignments mean, for a user those of their limit."""
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, scope_of([profile.pk]) | NONE)
        channel_ids = [channel_id for (channel_id,) in cursor]
    if is_limited(user):
        return scope_of_channels(Channel.objects.filter(within(user, "device"), pk__in=channel_ids), profile)
    return _scope(channel_ids, profile)


def scope_of_channels(channels: ChannelQuerySet, profile: Profile | None = None) -> Scope:
    """Return these channels as a scope: those of a group, before anything is assigned to it."""
    return _scope(list(channels.order_by("id").values_list("id", flat=True)), profile)


def channels_for(profile: Profile, device_ids) -> ChannelQuerySet:
    """Return the channels of devices that the profile would go to by its scope."""
    channels = Channel.objects.reachable().filter(device__in=device_ids, enrollment__state="enrolled")
    return channels.user_channels() if profile.scope == Profile.Scope.USER else channels.device_channels()


def _scope(channel_ids: list[int], profile: Profile | None) -> Scope:
    cohorts: list[Cohort] = []
    if channel_ids:
        with connection.cursor() as cursor:
            cursor.execute(_COHORTS, [channel_ids])
            cohorts = [_cohort(*row) for row in cursor]
    return Scope(channel_ids, tuple(cohorts), profile.pk if profile else None)


def _cohort(key: str, count: int, ids: list[int], names: list[str]) -> Cohort:
    facts = traits.facts_of(key)
    return Cohort(target_of(facts) if facts.platform else None, count, tuple(zip(ids, names, strict=True)))
