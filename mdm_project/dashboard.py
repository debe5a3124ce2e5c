"""The dashboard's numbers, charts and what needs a person: a dozen aggregate statements, whatever the fleet's size.

Everything respects what somebody may see; nothing is cached, so that it is true at every load.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone

from commands.models import QueuedCommand
from devices.access import within
from devices.isolation import work_isolated
from devices.models import ChannelContact, Device, Enrollment, Snooze
from devices.snoozing import snoozed
from mdm_project.attention import BAD, Need, Source, sources_for, worst_first
from mdm_project.platforms import SYSTEMS
from profiles.console.rollouts import rollouts_of

CHART_DAYS = 30
RECENT = timedelta(days=7)
SHADES = 5
LAST_SEEN_SHADES = (1, 2, 4, 6)
BUCKETS = (("hour", "under an hour", 1), ("day", "1 to 24 hours", 24), ("week", "1 to 7 days", 168))


def dashboard_context(user) -> dict:
    """Return what the dashboard shows to somebody."""
    may_see = user.has_perm("devices.view_device")
    told, aside = split_needs(user)
    context = {"may_see_devices": may_see, "needs": told, "snoozed": aside, "rollouts": rollouts_of(user)}
    context["may_snooze"] = user.has_perm("devices.add_snooze")
    if may_see:
        numbers = _enrollments(user) | _contacts(user)
        context |= {
            "numbers": numbers,
            "seen_percent": _percent(numbers["hour"] + numbers["day"], numbers["enrolled"]),
            "days": bars(enrollments_per_day(user)),
            "systems": systems(user),
            "seen": last_seen(numbers),
        }
    if user.has_perm("commands.view_command") and may_see:
        context |= {"commands": _commands(user)}
    return context


def needs_of(user) -> list[Need]:
    """Return what needs a person, worst first, as far as they may see it; a source that fails hides no other."""
    found: dict[str, list[Need]] = {}

    def ask(sources: Sequence[Source]) -> None:
        for source in sources:
            found[source.name] = list(source.find(user))

    broken = work_isolated(sources_for(user), ask)
    entries = [_untold(source) for source, _ in broken] + [entry for entries in found.values() for entry in entries]
    return worst_first(entries)


def split_needs(user) -> tuple[list[Need], list[tuple[Need, Snooze]]]:
    """Return what needs a person, and what of it is put aside with the row that says why."""
    rows, entries = snoozed(), needs_of(user)
    aside = [(need, rows[need.key]) for need in entries if need.key in rows]
    return [need for need in entries if need.key not in rows], aside


def _untold(source: Source) -> Need:
    title, detail = f"Whether there is something about {source.name} cannot be told", "The server's log says why."
    return Need(BAD, "error", title, detail, reverse("admin:index"), "Try again", f"untold:{source.name}")


def _percent(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0


def _enrollments(user) -> dict[str, int]:
    enrolled = Q(state=Enrollment.State.ENROLLED)
    since = timezone.now() - RECENT
    return (
        Enrollment.objects.visible_to(user)
        .current()
        .aggregate(
            enrolled=Count("id", filter=enrolled),
            this_week=Count("id", filter=enrolled & Q(enrolled_at__gte=since)),
            enrolling=Count("id", filter=Q(state=Enrollment.State.PENDING)),
        )
    )


def _contacts(user) -> dict[str, int]:
    """Count enrolled devices by how long ago they were heard of, as the filter of the list does."""
    now = timezone.now()
    edges = [now - timedelta(hours=hours) for _, _, hours in BUCKETS]
    of_enrolled = ChannelContact.objects.filter(within(user, "channel__device")).filter(
        channel__user_key="", channel__enrollment__is_current=True, channel__enrollment__state="enrolled"
    )
    return of_enrolled.aggregate(
        hour=Count("pk", filter=Q(seen_at__gte=edges[0])),
        day=Count("pk", filter=Q(seen_at__gte=edges[1], seen_at__lt=edges[0])),
        week=Count("pk", filter=Q(seen_at__gte=edges[2], seen_at__lt=edges[1])),
        longer=Count("pk", filter=Q(seen_at__lt=edges[2])),
    )


def _commands(user) -> dict[str, int]:
    targets = QueuedCommand.objects.visible_to(user)
    failed = targets.failed_since(timezone.now() - RECENT)
    return {"waiting": targets.waiting().count(), "failed": failed.count()}


def enrollments_per_day(user) -> list[tuple[date, int]]:
    """Return the number of enrollments of each of the last days, oldest first."""
    today = timezone.now().date()
    first = today - timedelta(days=CHART_DAYS - 1)
    enrolled = Enrollment.objects.visible_to(user).filter(enrolled_at__date__gte=first).order_by()
    counted = enrolled.annotate(day=TruncDate("enrolled_at")).values("day").annotate(number=Count("id"))
    numbers = {row["day"]: row["number"] for row in counted}
    return [(day, numbers.get(day, 0)) for day in (first + timedelta(days=index) for index in range(CHART_DAYS))]


def bars(days: list[tuple[date, int]], *, width: int = 360, height: int = 150) -> dict:
    """Return the geometry of a bar chart: bars, the labels below, and the top of the scale."""
    top = _round_up(max((number for _, number in days), default=0))
    step = width / max(len(days), 1)
    drawn = [
        {
            "x": round(index * step + step * 0.15, 1),
            "width": round(step * 0.7, 1),
            "height": round(height * number / top, 1) if number else 0,
            "y": round(height - height * number / top, 1) if number else height,
            "day": day,
            "number": number,
        }
        for index, (day, number) in enumerate(days)
    ]
    labels = [{"x": bar["x"], "day": bar["day"], "anchor": "middle"} for bar in drawn[:: max(len(days) // 4, 1)]]
    if labels:
        labels[0]["anchor"] = "start"
        labels[-1] |= {"x": width, "day": days[-1][0], "anchor": "end"}
    total = sum(number for _, number in days)
    return {"bars": drawn, "labels": labels, "top": top, "width": width, "height": height, "total": total}


def _round_up(number: int) -> int:
    """Return a round number that is not smaller: 1, 2, 5, 10, 20, 50 and so on."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if number <= factor * step:
                return factor * step
        step *= 10


def systems(user) -> list[dict]:
    """Return, per platform, the share of each major OS version among enrolled devices, newest first."""
    counted = (
        Device.objects.visible_to(user)
        .enrolled()
        .exclude(platform="")
        .order_by("platform", "-os_version_parts__0")
        .values_list("platform", "os_version_parts__0")
        .annotate(number=Count("id"))
    )
    by_platform: dict[str, list[tuple[int | None, int]]] = {}
    for platform, major, number in counted:
        by_platform.setdefault(platform, []).append((major, number))
    rows = [_system_row(platform, versions) for platform, versions in by_platform.items()]
    return sorted(rows, key=lambda row: (-row["total"], row["name"]))


def _system_row(platform: str, versions: list[tuple[int | None, int]]) -> dict:
    total = sum(number for _, number in versions)
    kept = versions[: SHADES - 1] if len(versions) > SHADES else versions
    rest = sum(number for _, number in versions[len(kept) :])
    named = [(str(major) if major is not None else "unknown", number, major) for major, number in kept]
    if rest:
        named.append(("older", rest, None))
    parts = [
        {
            "name": f"{SYSTEMS.get(platform, platform)} {name}",
            "version": name,
            "number": number,
            "percent": round(100 * number / total, 2),
            "shade": index + 1,
            "link": f"{_devices()}?"
            + (f"os={platform}-{major}" if major is not None else f"platform__exact={platform}"),
        }
        for index, (name, number, major) in enumerate(named)
    ]
    return {"name": SYSTEMS.get(platform, platform), "total": total, "parts": parts}


def last_seen(numbers: dict[str, int]) -> list[dict]:
    """Return the bars of the last-seen chart; whoever was never heard of counts as longer ago."""
    heard = sum(numbers[name] for name, _, _ in BUCKETS)
    counts = [(name, words, numbers[name]) for name, words, _ in BUCKETS]
    counts.append(("longer", "longer, or never", max(numbers["enrolled"] - heard, 0)))
    return [
        {
            "words": words,
            "number": number,
            "percent": _percent(number, numbers["enrolled"]),
            "shade": LAST_SEEN_SHADES[index],
            "link": f"{_devices()}?enrollment=enrolled&seen={name}",
        }
        for index, (name, words, number) in enumerate(counts)
    ]


def _devices() -> str:
    return reverse("admin:devices_device_changelist")
