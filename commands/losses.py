"""What a plan takes from devices besides settings (last network, accounts, identities), and what has to wait.

Judged when it is read, since the hour's limit and what is under way change. Nothing is changed here.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from commands.governor.admission import Stopped, budget_of, forbid_while_stopped, free_again
from commands.meanings import Danger
from commands.meanings.remove_profile import losing_last_network
from devices.models import Channel, Device
from devices.timeline import SYSTEM
from profiles.models import Plan, Profile, ProfileVersion
from profiles.removal.consequences import words_of_types

EXAMPLES = 5
NETWORK, HELD, CONTENT = "last_network", "held", "content"


@dataclass(frozen=True)
class Consequence:
    """Something that a plan does beside what it is for; ``kind`` is last_network, held or content."""

    kind: str
    words: str
    number: int
    devices: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_severe(self) -> bool:
        return self.kind == NETWORK


def consequences_of(plan: Plan, user) -> list[Consequence]:
    """Return what people should know before they apply a plan, the worst first; the number of statements is fixed."""
    return [*_of_networks(plan, user), *_of_content(plan)]


def _of_networks(plan: Plan, user) -> list[Consequence]:
    going: dict[int, set[str]] = defaultdict(set)
    for row in plan.summary.get("losing", ()):
        for channel_id in row["channels"]:
            going[channel_id].add(row["identifier"])
    channels = losing_last_network(going) if going else set()
    if not channels:
        return []
    ids = set(Channel.objects.filter(pk__in=channels).order_by().values_list("device", flat=True))
    seen = Device.objects.visible_to(user).filter(pk__in=ids).order_by("name", "id")[:EXAMPLES]
    whom = "1 device" if len(ids) == 1 else f"{len(ids):,} devices"
    cannot = "it cannot" if len(ids) == 1 else "they cannot"
    words = f"It takes the last network of {whom}: without another Wi-Fi or mobile network {cannot} be reached any more"
    last = Consequence(NETWORK, words, len(ids), [(device.pk, str(device)) for device in seen])
    return [last, *_held(len(ids))]


def _held(number: int) -> list[Consequence]:
    """Say what the governor will keep waiting of so many removals of a last network, and until when."""
    try:
        forbid_while_stopped()
    except Stopped as stopped:
        words = f"Destructive commands are stopped, so none of these {number:,} goes now: {stopped.detail}"
        return [Consequence(HELD, words, number)]
    budget = budget_of(Danger.NETWORK, SYSTEM)
    if number <= budget.left:
        return []
    limit = min(budget.limit.per_person, budget.limit.in_all)
    waiting = number - budget.left
    until = free_again(Danger.NETWORK) if budget.left < limit or not limit else "an hour after the first have gone"
    wait = "waits" if waiting == 1 else "wait"
    words = f"The hour's limit lets {budget.left:,} go; {waiting:,} {wait}, and more may go {until}"
    return [Consequence(HELD, words, waiting)]


def _of_content(plan: Plan) -> list[Consequence]:
    """Say what goes with profiles that are taken away, and with payloads that a newer version lacks."""
    rows = [row for row in plan.summary["profiles"] if row["kind"] in ("loses", "changes")]
    types = _types_of({row["profile"] for row in rows})
    found = []
    for row in rows:
        newest, versions = types.get(row["profile"], (set(), {}))
        before = versions.get(row["from_version"], newest)
        after = versions.get(row["to_version"], newest) if row["kind"] == "changes" else set()
        for words in words_of_types(before - after):
            whom = "1 time" if row["count"] == 1 else f"{row['count']:,} times"
            found.append(Consequence(CONTENT, f"With “{row['name']}” goes {words} ({whom})", row["count"]))
    return found


def _types_of(profile_ids: set[int]) -> dict[int, tuple[set[str], dict[int, set[str]]]]:
    """Return, by profile, the payload types of its draft and of each version by number; two statements."""
    drafts = Profile.objects.filter(pk__in=profile_ids).values_list("pk", "payload_types")
    found = {pk: (set(types), {}) for pk, types in drafts}
    rows = ProfileVersion.objects.filter(profile__in=profile_ids).order_by()
    for profile_id, number, types in rows.values_list("profile", "number", "payload_types"):
        found[profile_id][1][number] = set(types)
    return found
