"""The dashboard's numbers, charts and what needs a person: a dozen aggregate statements, whatever the fleet's size.

Everything respects what somebody may see; nothing is cached, so that it is true at every load.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Max, Q
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone

from apns.certificates import expiry_warning
from apns.models import PushCertificate
from commands.models import QueuedCommand
from commands.workflows.held import Waiting, waiting_by_batch
from devices.access import within
from devices.models import Channel, ChannelContact, Device, Enrollment, Event, Identity, RejectedMessage
from mdm_project.platforms import SYSTEMS

CHART_DAYS = 30
RECENT = timedelta(days=7)
CAUSES = 5
SHADES = 5
LAST_SEEN_SHADES = (1, 2, 4, 6)
BUCKETS = (("hour", "under an hour", 1), ("day", "1 to 24 hours", 24), ("week", "1 to 7 days", 168))


@dataclass(frozen=True)
class Need:
    """Something that needs a person: what, how bad (tone), and where to do something about it."""

    tone: str
    icon: str
    title: str
    detail: str
    link: str
    link_text: str


def dashboard_context(user) -> dict:
    """Return what the dashboard shows to somebody."""
    may_see = user.has_perm("devices.view_device")
    context = {"may_see_devices": may_see, "needs": needs_of(user)}
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


# What needs a person


def needs_of(user) -> list[Need]:
    """Return what needs a person, worst first, as far as somebody may see it."""
    sources = (
        ("apns.view_pushcertificate", _push_certificates),
        ("commands.view_heldaction", _destructive),
        ("commands.view_command", _failed_commands),
        ("devices.view_device", _gone_channels),
        ("devices.view_identity", _expiring_identities),
        ("devices.view_rejectedmessage", _rejected_messages),
    )
    needs = [need for permission, source in sources if user.has_perm(permission) for need in source(user)]
    return sorted(needs, key=lambda need: ("bad", "attn").index(need.tone))


def _push_certificates(user) -> list[Need]:
    certificates = list(PushCertificate.objects.defer("key_encrypted", "certificate_pem").order_by("not_after", "id"))
    if not certificates:
        detail = "Without one no device can be woken, and no enrollment profile can be handed out."
        upload = reverse("admin:apns_pushcertificate_add")
        return [Need("bad", "notifications_off", "There is no push certificate", detail, upload, "Upload")]
    needs = []
    for certificate in certificates:
        warning = expiry_warning(certificate)
        link = reverse("admin:apns_pushcertificate_change", args=[certificate.pk])
        if certificate.alarm:
            title = f"{certificate.name}: pushing has stopped"
            needs.append(Need("bad", "notifications_off", title, certificate.alarm, link, "Show"))
        if warning:
            tone = "bad" if warning.is_expired else "attn"
            title = f"{certificate.name} {warning.text}"
            needs.append(Need(tone, "event_busy", title, f"Topic {certificate.topic}", link, "Renew"))
    return needs


def _destructive(user) -> list[Need]:
    """Return what waits for a second person, and that somebody ran into a limit, which may be a stolen account."""
    safety = reverse("admin:commands_heldaction_changelist")
    waiting = [Waiting(group.batch, group.to_approve) for group in waiting_by_batch(user) if group.to_approve]
    needs = [
        Need(
            "attn", "how_to_reg", f"{group} waits for a second person", f"{group.first.actor}: {group.first.reason}",
            safety, "Show",
        )
        for group in reversed(waiting[-CAUSES:])
    ]  # fmt: skip
    refused = Event.objects.visible_to(user).filter(kind="governor_refused", at__gt=timezone.now() - timedelta(days=1))
    number = refused.count()
    if number:
        words = "1 destructive request was" if number == 1 else f"{number:,} destructive requests were"
        detail = refused.order_by("-id").first().summary
        needs.append(Need("bad", "gpp_maybe", f"{words} refused within a day", detail, safety, "Show"))
    return needs


def _failed_commands(user) -> list[Need]:
    failed = QueuedCommand.objects.visible_to(user).failed_since(timezone.now() - RECENT).order_by()
    causes = failed.values("command__request_type", "note").annotate(
        number=Count("channel__device", distinct=True), newest=Max("command")
    )
    return [
        Need(
            "bad",
            "cancel",
            f"{row['command__request_type']} failed on {_devices_in_words(row['number'])}",
            row["note"] or "The devices gave no reason.",
            reverse("admin:commands_command_change", args=[row["newest"]]) + "?state=failed",
            "Show",
        )
        for row in causes.order_by("-number", "-newest")[:CAUSES]
    ]


def _devices_in_words(number: int) -> str:
    return "1 device" if number == 1 else f"{number:,} devices"


def _gone_channels(user) -> list[Need]:
    number = Channel.objects.visible_to(user).device_channels().filter(
        push_gone_at__isnull=False, enrollment__is_current=True, state=Channel.State.ENABLED
    ).count()  # fmt: skip
    if not number:
        return []
    have = "has" if number == 1 else "have"
    title = f"{_devices_in_words(number)} {have} probably gone"
    detail = "APNs says that the push token is dead: erased, or the profile was removed. Commands wait."
    return [Need("attn", "cloud_off", title, detail, f"{_devices()}?push=gone", "Show")]


def _expiring_identities(user) -> list[Need]:
    soon = timezone.now() + timedelta(days=30)
    number = Identity.objects.filter(is_active=True, not_after__lt=soon).exclude(enrollment_key="").count()
    if not number:
        return []
    title = f"{number:,} device certificate{'s expire' if number != 1 else ' expires'} within 30 days"
    link = reverse("admin:devices_identity_changelist") + "?state=expiring"
    return [Need("attn", "badge", title, "Renew them before the devices can no longer connect.", link, "Show")]


def _rejected_messages(user) -> list[Need]:
    recent = RejectedMessage.objects.visible_to(user).filter(last_at__gte=timezone.now() - RECENT).order_by()
    causes = recent.values("code").annotate(number=Count("id"), newest=Max("id")).order_by("-number", "code")[:CAUSES]
    rows = list(causes)
    reasons = dict(RejectedMessage.objects.filter(pk__in=[row["newest"] for row in rows]).values_list("id", "reason"))
    address = reverse("admin:devices_rejectedmessage_changelist")
    return [
        Need(
            "attn",
            "block",
            f"Messages refused ({row['number']:,}): {row['code'].replace('_', ' ')}",
            reasons.get(row["newest"], ""),
            f"{address}?code={row['code']}",
            "Show",
        )
        for row in rows
    ]
