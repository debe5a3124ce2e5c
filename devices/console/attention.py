"""What needs a person on a device's page: each in plain words with its cause, and with what mends it.

Who may not mend it sees it without the button. A fixed number of statements.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from commands.delivery import clock
from commands.governor import HeldAction
from commands.governor.holding import MAY_APPROVE
from commands.models import BypassCodeWish, QueuedCommand, Report
from commands.workflows.definitions.lost_device import LOST_DEVICE
from commands.workflows.models import Workflow
from devices.activation_lock import has_bypass_code
from devices.console.page import ATTENTION_DAYS, Health, current_identity
from devices.console.secrets import MAY_REVEAL
from devices.console.sending import MAY_SEND
from devices.filevault import FOREIGN_KEY
from devices.inventory.reported import LEFT_OUT
from devices.left_out import recently_left_out
from devices.models import Device, Enrollment, EscrowedSecret, Event, InstalledCertificate, RejectedMessage
from devices.same_serial import are_different, hardware
from profiles.models import Assignment, DesiredItem, ItemStatus

SILENT_DAYS = 7
IDENTITY_WARNING_DAYS = CERTIFICATE_WARNING_DAYS = 30
MAX_OF_A_KIND = 5
MAY_SEE_HELD = "commands.view_heldaction"
INSTALLING = ("InstallProfile", "RemoveProfile")


@dataclass(frozen=True)
class Fix:
    """A button beside it: a POST with these values, or a link, which may open as a dialog."""

    text: str
    address: str
    is_post: bool = True
    is_dialog: bool = False
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Attention:
    """Something that needs a person. ``until`` is the moment it counts down to; ``is_of_profile``: a retry helps."""

    tone: str
    icon: str
    title: str
    detail: str = ""
    fixes: tuple[Fix, ...] = ()
    until: datetime | None = None
    is_of_profile: bool = False


def attention_of(device: Device, health: Health, user) -> list[Attention]:
    """Return what needs a person, the most urgent first; of an erased device nothing is known any more."""
    if device.state == Enrollment.State.ERASED:
        return _held(health, user)
    items = _troubled_items(device, health, user)
    return [
        *_held(health, user),
        *_search(device, user),
        *_lock(device, health, user),
        *_same_serial(device),
        *_leaving(device),
        *_silence(health),
        *_activation_lock(device, health),
        *(_configuration(item, device, health, user) for item in items),
        *_failures(health, user, {item.error for item in items}),
        *_identities(device, health, user),
        *_foreign_key(device),
        *_certificates(device),
        *_refusals(device, user),
        *_left_out(device, user),
        *_unread_reports(device),
    ]


def _of_device(name: str, device: Device) -> str:
    return reverse(f"admin:devices_device_{name}", args=[device.pk])


def _may_ask(health: Health, user) -> bool:
    return health.is_enrolled and user.has_perm(MAY_SEND)


def _held(health: Health, user) -> list[Attention]:
    """What the governor holds that means this device, with the time in which it can be saved."""
    if not user.has_perm(MAY_SEE_HELD):
        return []
    ids = [row.pk for row in health.held]
    own = set(HeldAction.objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    return [_held_item(row, user, is_own=row.pk in own) for row in health.held]


def _held_item(row: HeldAction, user, *, is_own: bool) -> Attention:
    needs_second = row.state == HeldAction.State.NEEDS_APPROVAL
    until = row.expires_at if needs_second else row.release_at
    waits = (
        f"waits for a second person, at most until {clock(until)}" if needs_second else f"waits until {clock(until)}"
    )
    # How many others there are is not for those who are limited to some.
    whom = f" for {row.device_count:,} devices" if is_own and row.device_count > 1 else ""
    fixes = []
    if is_own and needs_second and row.user_id != user.pk and user.has_perm(MAY_APPROVE):
        fixes.append(Fix("Approve", reverse("admin:commands_heldaction_approve", args=[row.pk])))
    if is_own and user.has_perm("commands.change_command"):
        fixes.append(Fix("Cancel it", reverse("admin:commands_heldaction_cancel", args=[row.pk])))
    detail = f"Asked by {row.actor}{whom}: “{row.reason}”"
    return Attention("attn", "hourglass_top", f"{row.get_danger_display()} {waits} UTC", detail, tuple(fixes), until)


def _leaving(device: Device) -> list[Attention]:
    if device.state != Enrollment.State.UNENROLLED:
        return []
    enrollment = Enrollment.objects.filter(pk=device.current_enrollment_id).first()
    if enrollment is not None and enrollment.end_asked_by:
        return []
    when = clock(enrollment.unenrolled_at) if enrollment and enrollment.unenrolled_at else "an unknown time"
    reason = (enrollment.end_reason if enrollment else "") or "The device did not say why."
    return [Attention("attn", "link_off", f"Left management at {when}", reason)]


def _search(device: Device, user) -> list[Attention]:
    """A device that is being looked for: who is at it, where it was, and how it ends."""
    lost = Workflow.objects.visible_to(user).running().filter(device=device, kind=LOST_DEVICE.kind)
    search = lost.only("id", "actor", "reason", "note", "end_wished_at").first()
    if search is None:
        return []
    fixes = [Fix("Steps", reverse("admin:commands_workflow_change", args=[search.pk]), is_post=False)]
    if user.has_perm("devices.view_location"):
        fixes.append(Fix("Where it was", _of_device("location", device), is_post=False, is_dialog=True))
    if user.has_perm("commands.change_workflow") and search.end_wished_at is None:
        end = reverse("admin:commands_workflow_end", args=[search.pk])
        fixes.append(Fix("Found", end, is_post=False, is_dialog=True))
    title = "Lost Mode is being ended" if search.end_wished_at else "It is being looked for"
    said = [f"Asked by {search.actor}: \u201c{search.reason}\u201d.", search.note]
    return [Attention("attn", LOST_DEVICE.icon, title, " ".join(filter(None, said)), tuple(fixes))]


def _lock(device: Device, health: Health, user) -> list[Attention]:
    if not health.is_locked:
        return []
    fixes = (Fix("Secrets", "?tab=secrets#tabs", is_post=False),) if user.has_perm(MAY_REVEAL) else ()
    detail = "The Mac asks for the six digits that are kept here, and is heard of again when somebody has entered them."
    return [Attention("attn", "lock", f"Locked since {clock(device.locked_at)}, PIN here", detail, fixes)]


def _same_serial(device: Device) -> list[Attention]:
    """Another device that reports its serial number, or the one that carries on for it."""
    if device.replaced_by_id:
        show = Fix("Show", reverse("admin:devices_device_change", args=[device.replaced_by_id]), is_post=False)
        title = "Replaced: the same device goes on with another logic board"
        return [Attention("attn", "swap_horiz", title, f"It is now {device.replaced_by}.", (show,))]
    if not device.serial_number or device.udid is None:
        return []
    others = hardware().filter(serial_number=device.serial_number).exclude(pk=device.pk).order_by("-pk")
    other = others.only("udid", "name").first()
    if other is None or are_different(device, other):
        return []
    decide = Fix("Decide", reverse("admin:devices_device_same_serial"), is_post=False)
    detail = f"The UDID of the other is {other.udid}. If its logic board was replaced, it is the same device."
    return [Attention("attn", "difference", f"{other} has the same serial number", detail, (decide,))]


def _silence(health: Health) -> list[Attention]:
    channel = health.channel
    if channel is not None and channel.push_gone_at:
        detail = "Commands keep waiting; if the device connects again by itself, everything goes on."
        title = f"Probably gone since {clock(channel.push_gone_at)}: APNs says that its push token is dead"
        return [Attention("attn", "cloud_off", title, detail)]
    limit = timezone.now() - timedelta(days=SILENT_DAYS)
    if health.is_enrolled and health.last_seen_at and health.last_seen_at < limit:
        title = f"Silent since {clock(health.last_seen_at)}"
        return [Attention("attn", "bedtime", title, "It may be switched off, erased, or without a network.")]
    return []


def _activation_lock(device: Device, health: Health) -> list[Attention]:
    """A lock that nothing here opens: erased, the device is of use to nobody but whoever locked it."""
    if not (health.is_enrolled and device.is_activation_lock_enabled):
        return []
    if has_bypass_code(device):
        return []
    wish = BypassCodeWish.objects.filter(enrollment=device.current_enrollment_id).first()
    asked = " It is asked for again by itself." if wish and wish.next_at else ""
    why = f" The device was asked for it: {wish.problem}.{asked}" if wish and wish.problem else asked
    detail = f"Do not erase it before Find My is turned off on it.{why}"
    return [Attention("attn", "lock_person", "Activation Lock is on and no bypass code is kept", detail)]


def _troubled_items(device: Device, health: Health, user) -> list[ItemStatus]:
    """Profiles that failed, and those that vanished from the device and are being installed again (drift)."""
    if not user.has_perm("profiles.view_profile") or not health.is_enrolled:
        return []
    state = ItemStatus.State
    troubled = Q(state=state.FAILED) | Q(state__in=(state.PENDING, state.REMOVING), attempts__gt=0)
    items = ItemStatus.objects.filter(troubled, channel__device=device, channel__enrollment__is_current=True)
    items = items.annotate(is_kept_back=Exists(_halted()))
    return list(items.select_related("profile").order_by("-state", "id")[:MAX_OF_A_KIND])


def _halted():
    """What is wanted by a rollout that is halted, for the item of the outer query: it is not tried again by itself."""
    wanted = DesiredItem.objects.filter(
        channel=OuterRef("channel"), identifier=OuterRef("identifier"), version=OuterRef("version")
    )
    halted = Assignment.RolloutState.HALTED
    return wanted.filter(assignment__rollout_state=halted, assignment__rollout_version=F("version")).order_by()


def _configuration(item: ItemStatus, device: Device, health: Health, user) -> Attention:
    name = item.profile.name if item.profile else item.identifier
    retry = Fix("Retry", _of_device("retry_configuration", device), values=(("item", str(item.pk)),))
    fixes = (retry,) if _may_ask(health, user) else ()
    cause = item.error or "The device gave no reason."
    if item.state != ItemStatus.State.FAILED:
        return Attention("attn", "tune", f"“{name}” is not as it should be", cause, fixes, is_of_profile=True)
    again = " It is tried again by itself."
    if item.is_kept_back:
        again = " Its rollout is halted, so it is not tried again until the rollout goes on or somebody retries it."
    elif item.is_stopped:
        again = ""
    return Attention("bad", "tune", f"“{name}” failed", f"{cause}{again}", fixes, is_of_profile=True)


def _failures(health: Health, user, told: set[str]) -> list[Attention]:
    """Commands that failed, except those whose words were told of a profile already."""
    may_look, found = user.has_perm("commands.view_command"), []
    for failure in health.failures:
        if failure["request_type"] in INSTALLING and failure["cause"] in told:
            continue
        fixes = []
        if may_look:
            details = reverse("admin:commands_command_target", args=[failure["newest"]])
            fixes.append(Fix("Details", details, is_post=False, is_dialog=True))
            if _may_ask(health, user):
                fixes.append(Fix("Retry", reverse("admin:commands_command_retry_target", args=[failure["newest"]])))
        times = f" {failure['number']} times" if failure["number"] > 1 else ""
        cause = failure["cause"] or "The device gave no reason."
        is_partly = failure["how"] == QueuedCommand.State.PARTLY
        tone, icon, words = ("attn", "rule", "was done in part") if is_partly else ("bad", "cancel", "failed")
        found.append(Attention(tone, icon, f"{failure['request_type']} {words}{times}", cause, tuple(fixes)))
    return found


def _identities(device: Device, health: Health, user) -> list[Attention]:
    identity = current_identity(device)
    if identity is None or identity.not_after > timezone.now() + timedelta(days=IDENTITY_WARNING_DAYS):
        return []
    days = (identity.not_after - timezone.now()).days
    left = "within a day" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"
    title = f"Its certificate expires {left}" if days >= 0 else "Its certificate has expired"
    detail = "Renew it before the device can no longer speak to this server."
    fixes = (Fix("Renew", _of_device("renew", device)),) if _may_ask(health, user) else ()
    return [Attention("attn", "badge", title, detail, fixes)]


def _foreign_key(device: Device) -> list[Attention]:
    """A Mac that hands its recovery key to somebody else; a key that came to us since settles it."""
    if device.platform != Device.Platform.MACOS:
        return []
    told = Event.objects.filter(device=device, kind=FOREIGN_KEY).order_by("-id").first()
    kind = EscrowedSecret.Kind.FILEVAULT_RECOVERY_KEY
    if told is None or EscrowedSecret.objects.filter(device=device, kind=kind, created_at__gt=told.at).exists():
        return []
    detail = (
        f"{told.summary} ({clock(told.at)}). Another profile escrows it elsewhere: remove that one, then have a new "
        "key made (the workflow \u201cFileVault\u201d)."
    )
    show = Fix("Profiles", "?tab=profiles#tabs", is_post=False)
    return [Attention("attn", "key_off", "Its FileVault recovery key is not kept here", detail, (show,))]


def _certificates(device: Device) -> list[Attention]:
    """Certificates on the device that end soon or did a short while ago; older ones are nobody's concern any more."""
    now, span = timezone.now(), timedelta(days=CERTIFICATE_WARNING_DAYS)
    ending = InstalledCertificate.objects.filter(device=device, not_after__range=(now - span, now + span))
    rows = list(ending.order_by("not_after", "id")[: MAX_OF_A_KIND + 1])
    if not rows:
        return []
    number = f"{MAX_OF_A_KIND} or more certificates" if len(rows) > MAX_OF_A_KIND else f"{len(rows)} certificates"
    name = rows[0].common_name or "without a name"
    title = f"The certificate {name}" if len(rows) == 1 else f"{number} on it, the first being {name},"
    verb = "expired" if rows[0].not_after < now else "expires" if len(rows) == 1 else "expire"
    show = Fix("Show", "?tab=certificates#tabs", is_post=False)
    detail = "What uses it (Wi-Fi, VPN, e-mail) stops working then; the profile that brings it has to renew it."
    return [Attention("attn", "workspace_premium", f"{title} {verb} {rows[0].not_after:%Y-%m-%d}", detail, (show,))]


def _refusals(device: Device, user) -> list[Attention]:
    since = timezone.now() - timedelta(days=ATTENTION_DAYS)
    rejected = RejectedMessage.objects.filter(device=device, last_at__gte=since).order_by("-last_at", "-id").first()
    if rejected is None:
        return []
    address = reverse("admin:devices_rejectedmessage_change", args=[rejected.pk])
    fixes = (Fix("Show", address, is_post=False),) if user.has_perm("devices.view_rejectedmessage") else ()
    return [
        Attention("attn", "block", f"A message of it was refused at {clock(rejected.last_at)}", rejected.reason, fixes)
    ]


def _left_out(device: Device, user) -> list[Attention]:
    """What went on without this device, because something of its own broke it: the newest of each kind of work."""
    told = recently_left_out(user).filter(device=device).order_by("summary", "-id").distinct("summary")
    return [Attention("bad", "report", f"Left out at {clock(it.at)}", it.summary) for it in told[:MAX_OF_A_KIND]]


def _unread_reports(device: Device) -> list[Attention]:
    unread = Report.objects.filter(channel__device=device, problem__isnull=False).order_by("-id")
    report = unread.only("id", "problem", "received_at").first()
    if report is None:
        return []
    is_partly = report.problem.startswith(LEFT_OUT)
    fate = "has values that count for nothing" if is_partly else "could not be interpreted"
    title = f"A report of {clock(report.received_at)} {fate}"
    return [Attention("attn", "help", title, report.problem)]
