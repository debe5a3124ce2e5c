"""What of devices, their identities and their messages needs a person."""

from datetime import timedelta

from django.db.models import Count, Max
from django.urls import reverse
from django.utils import timezone

from devices.left_out import KIND, recently_left_out
from devices.models import Channel, Enrollment, RejectedMessage
from devices.same_serial import open_cases
from mdm_project.attention import ATTENTION, BAD, Need, devices_in_words, needs

RECENT = timedelta(days=7)


@needs("devices.view_device")
def gone_channels(user) -> list[Need]:
    """Return that push tokens are dead."""
    channels = Channel.objects.visible_to(user).device_channels()
    number = channels.filter(
        push_gone_at__isnull=False, enrollment__is_current=True, state=Channel.State.ENABLED
    ).count()
    if not number:
        return []
    title = f"{devices_in_words(number)} {'has' if number == 1 else 'have'} probably gone"
    detail = "APNs says that the push token is dead: erased, or the profile was removed. Commands wait."
    link = reverse("admin:devices_device_changelist") + "?push=gone"
    return [Need(ATTENTION, "cloud_off", title, detail, link, "Show", "push-gone")]


@needs("devices.view_device")
def left_out_devices(user) -> list[Need]:
    """Return that devices were left out of something because something of theirs broke it."""
    events = recently_left_out(user)
    told = events.aggregate(number=Count("device", distinct=True), newest=Max("id"))
    if not told["number"]:
        return []
    title = f"{devices_in_words(told['number'])} left out of some work, which broke on what they reported"
    detail = f"Newest: {events.get(pk=told['newest']).summary}"
    link = reverse("admin:devices_event_changelist") + f"?kind={KIND}"
    return [Need(BAD, "report", title, detail, link, "Show", KIND)]


@needs("devices.view_device")
def same_serials(user) -> list[Need]:
    """Return that devices share a serial number, and nobody has decided whether they are one."""
    cases = open_cases(user)
    if not cases:
        return []
    number = len(cases)
    title = f"{number:,} serial number{' is' if number == 1 else 's are'} reported by several devices"
    detail = "A device whose logic board was replaced comes with another UDID. Say whether it is the same device."
    link = reverse("admin:devices_device_same_serial")
    return [Need(ATTENTION, "difference", title, detail, link, "Decide", "same-serial")]


@needs("devices.view_device")
def left_devices(user) -> list[Need]:
    """Return that devices left management lately without anybody here having asked for it."""
    left = Enrollment.objects.visible_to(user).left_by_themselves(timezone.now() - RECENT)
    number = left.values("device").distinct().count()
    if not number:
        return []
    title = f"{devices_in_words(number)} left management by {'itself' if number == 1 else 'themselves'}"
    detail = "Nobody here asked for it: somebody removed the enrollment profile on the device within the last 7 days."
    link = reverse("admin:devices_device_changelist") + "?left=week"
    newest = left.order_by("-unenrolled_at").values_list("pk", flat=True).first()
    return [Need(ATTENTION, "link_off", title, detail, link, "Show", f"left:{newest}")]


@needs("devices.view_rejectedmessage")
def rejected_messages(user) -> list[Need]:
    """Return which messages were refused this week, by code, the most frequent first."""
    recent = RejectedMessage.objects.visible_to(user).filter(last_at__gte=timezone.now() - RECENT).order_by()
    rows = list(recent.values("code").annotate(number=Count("id"), newest=Max("id")).order_by("-number", "code"))
    reasons = dict(RejectedMessage.objects.filter(pk__in=[row["newest"] for row in rows]).values_list("id", "reason"))
    return [_refusal(row["code"], row["number"], reasons.get(row["newest"], "")) for row in rows]


def _refusal(code: str, number: int, reason: str) -> Need:
    title = f"Messages refused ({number:,}): {code.replace('_', ' ')}"
    link = reverse("admin:devices_rejectedmessage_changelist") + f"?code={code}"
    return Need(ATTENTION, "block", title, reason, link, "Show", f"messages-refused:{code}")
