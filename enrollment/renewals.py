"""Renewing the client certificates of devices: by a schedule, spread over the fleet, long before they expire.

A device whose certificate ran out can only be enrolled again by hand, and a fleet that enrolled in one week would be
lost in one week. So each is due IDENTITY_RENEWAL_DAYS before its end, later by a share of IDENTITY_RENEWAL_SPREAD_DAYS
that is fixed for a certificate. It is sent its enrollment profile anew, with a challenge that is good for this
enrollment alone; proof is that the new certificate took the place of the old one. What is refused or not answered is
asked again, a few times.

Apple: developer.apple.com/documentation/devicemanagement/renewing-mdm-profiles
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, DurationField, Exists, ExpressionWrapper, F, FloatField, OuterRef, Q, Value
from django.db.models.functions import Cast, Mod
from django.utils import timezone

from commands.models import Command, QueuedCommand
from commands.querysets import IDENTITY_RENEWAL
from commands.queue import queue_command
from devices.channels import SUPERSEDED
from devices.models import Channel, Enrollment, Identity
from devices.timeline import SCHEDULE, Actor, record_events
from enrollment import challenges
from enrollment.models import EnrollmentProfile, IdentityRenewal
from enrollment.profiles import signed_enrollment_profile

State = IdentityRenewal.State
BATCH = 200
MAX_TRIES = 6
# After a failure, by how many there were; the last one is for all that follow.
PAUSES = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=14))
# Asked again before the challenge of the unanswered profile ends.
UNANSWERED = challenges.RENEWAL_LIFETIME - timedelta(days=5)
PROVEN_WITHIN = timedelta(days=1)
IN_VAIN = "the device took the profile but goes on with its old certificate"
_STEPS = 997


@dataclass(frozen=True)
class Renewals:
    """What became of a wish to renew: the command, and why others cannot be renewed, by the id of the certificate."""

    command: Command | None
    refused: dict[int, str]


def renewable():
    """Certificates that enrolled devices use and that we could replace, with ``due_at``: when their time comes."""
    step = Cast(Mod(F("id") * Value(7919), Value(_STEPS)), FloatField()) / Value(float(_STEPS))
    later = ExpressionWrapper(Value(_days("SPREAD_DAYS")) * step, output_field=DurationField())
    due_at = ExpressionWrapper(F("not_after") - Value(_days("DAYS")) + later, output_field=DateTimeField())
    current = Enrollment.objects.enrolled().filter(key=OuterRef("enrollment_key")).exclude(profile_slug="")
    used = Identity.objects.filter(Exists(current), is_active=True).exclude(enrollment_key="")
    return used.annotate(due_at=due_at)


def _days(name: str) -> timedelta:
    return timedelta(days=getattr(settings, f"IDENTITY_RENEWAL_{name}"))


def of_devices_seen(identities, user):
    """Those of a queryset that enrolled devices use which somebody may see."""
    seen = Enrollment.objects.visible_to(user).enrolled().order_by().values("key")
    return identities.filter(enrollment_key__in=seen, is_active=True).order_by("not_after", "id")


def due():
    """Certificates whose time has come, those that were tried when it has come again; the first to expire first."""
    now = timezone.now()
    again = Q(renewal=None) | Q(renewal__next_at__lte=now)
    # Bounded by a plain column too, which has an index.
    near = renewable().filter(not_after__lte=now + _days("DAYS"), due_at__lte=now)
    return near.filter(again).order_by("not_after", "id")


def renew_due() -> int:
    """Ask the devices whose certificates are due, some hundred at a time; return how many. Safe to run twice."""
    with transaction.atomic():
        found = due().select_for_update(skip_locked=True, of=("self",))
        asked = renew(list(found.defer("certificate_der")[:BATCH]), actor=SCHEDULE, reason="its certificate expires")
        return asked.command.target_count if asked.command else 0


@transaction.atomic
def renew(identities: list[Identity], *, actor: Actor, reason: str = "") -> Renewals:
    """Send devices their enrollment profiles anew, each with a challenge of its own: one command, a body for each."""
    keys = [identity.enrollment_key for identity in identities]
    enrollments = {row.key: row for row in Enrollment.objects.enrolled().filter(key__in=keys)}
    profiles = {profile.slug: profile for profile in EnrollmentProfile.objects.all()}
    refused = {it.pk: _refusal(it, enrollments.get(it.enrollment_key), profiles) for it in identities}
    fit = {it.enrollment_key: it for it in identities if not refused[it.pk]}
    refused = {pk: why for pk, why in refused.items() if why}
    _note_refused([it for it in identities if it.pk in refused], enrollments, refused)
    chosen = [enrollments[key] for key in fit]
    channels = Channel.objects.device_channels().filter(enrollment__in=chosen).reachable()
    channel_of = dict(channels.values_list("enrollment_id", "id"))
    chosen = [row for row in chosen if row.pk in channel_of]
    if not chosen:
        return Renewals(None, refused)
    secrets = challenges.renewal_challenges([(profiles[row.profile_slug], row.key) for row in chosen])
    bodies = {
        channel_of[row.pk]: {
            "Payload": signed_enrollment_profile(
                profiles[row.profile_slug], challenge=secret, topic=row.topic, enrollment=row
            )
        }
        for row, secret in zip(chosen, secrets, strict=True)
    }
    command = queue_command(
        "InstallProfile", {}, channels.filter(id__in=bodies), actor=actor, reason=reason, own_keys=bodies,
        supersedes=IDENTITY_RENEWAL,
    )  # fmt: skip
    _note_asked([(fit[row.key], row) for row in chosen], command, is_new=actor.origin != SCHEDULE.origin)
    devices = [row.device_id for row in chosen]
    record_events("identity_renewal_asked", "new client certificate offered", devices, actor=actor.name)
    return Renewals(command, refused)


def _refusal(identity: Identity, enrollment: Enrollment | None, profiles: dict[str, EnrollmentProfile]) -> str:
    if enrollment is None or not identity.is_active:
        return "only an enrolled device can renew its certificate"
    if not enrollment.profile_slug:
        return "its certificate comes from outside: it did not enroll with a profile of this server"
    if enrollment.profile_slug not in profiles:
        return f"its enrollment profile \u201c{enrollment.profile_slug}\u201d does not exist any more"
    return ""


def _note_asked(pairs: list[tuple[Identity, Enrollment]], command: Command, *, is_new: bool) -> None:
    """Count the try; one that a person wished begins to count anew."""
    now = timezone.now()
    before = IdentityRenewal.objects.filter(identity__in=[identity.pk for identity, _row in pairs])
    tries = {} if is_new else dict(before.values_list("identity_id", "tries"))
    rows = [
        IdentityRenewal(
            identity=identity, enrollment=enrollment, state=State.ASKED, tries=tries.get(identity.pk, 0) + 1,
            command_uuid=command.uuid, asked_at=now, problem="",
            next_at=now + UNANSWERED if tries.get(identity.pk, 0) + 1 < MAX_TRIES else None,
        )
        for identity, enrollment in pairs
    ]  # fmt: skip
    _write(rows)


def _note_refused(identities: list[Identity], enrollments: dict[str, Enrollment], refused: dict[int, str]) -> None:
    """Keep why enrolled devices cannot be asked, and look again a week later: the profile may be back."""
    now = timezone.now()
    known = [(it, enrollments[it.enrollment_key]) for it in identities if it.enrollment_key in enrollments]
    _write(
        [
            IdentityRenewal(
                identity=identity, enrollment=enrollment, state=State.FAILED, asked_at=now, finished_at=now,
                problem=refused[identity.pk], next_at=now + PAUSES[2],
            )
            for identity, enrollment in known
        ]
    )  # fmt: skip


def _write(rows: list[IdentityRenewal]) -> None:
    fields = ["enrollment", "state", "tries", "command_uuid", "asked_at", "next_at", "finished_at", "problem"]
    IdentityRenewal.objects.bulk_create(rows, update_conflicts=True, unique_fields=["identity"], update_fields=fields)


def note_outcomes() -> int:
    """Note which certificates were renewed, and what failed and why; return how many."""
    now = timezone.now()
    open_rows = IdentityRenewal.objects.exclude(state=State.RENEWED)
    renewed = open_rows.filter(identity__is_active=False, identity__end_reason=SUPERSEDED)
    number = renewed.update(state=State.RENEWED, finished_at=now, next_at=None, problem="")
    open_rows.filter(identity__is_active=False).exclude(identity__end_reason=SUPERSEDED).delete()
    return number + _note_failed(now)


def _note_failed(now) -> int:
    asked = IdentityRenewal.objects.filter(state=State.ASKED).select_for_update(skip_locked=True, of=("self",))
    with transaction.atomic():
        rows = {(row.command_uuid, row.enrollment_id): row for row in asked.order_by("asked_at", "identity")}
        uuids = {uuid for uuid, _enrollment in rows}
        over = QueuedCommand.objects.filter(command__uuid__in=uuids, finished_at__isnull=False)
        columns = ("command__uuid", "channel__enrollment", "state", "note", "finished_at")
        failed = []
        for uuid, enrollment_id, state, note, finished_at in over.order_by("id").values_list(*columns):
            row = rows.get((uuid, enrollment_id))
            problem = _problem(state, note, finished_at, now) if row else ""
            if problem:
                failed.append(_failed(row, problem, now))
        IdentityRenewal.objects.bulk_update(failed, ["state", "problem", "finished_at", "next_at"], batch_size=1000)
    return len(failed)


def _problem(state: int, note: str | None, finished_at, now) -> str:
    if state == QueuedCommand.State.ACKNOWLEDGED:
        return IN_VAIN if finished_at < now - PROVEN_WITHIN else ""
    return note or "the device refused the profile"


def _failed(row: IdentityRenewal, problem: str, now) -> IdentityRenewal:
    row.state, row.problem, row.finished_at = State.FAILED, problem, now
    pause = PAUSES[min(row.tries, len(PAUSES)) - 1]
    row.next_at = now + pause if row.tries < MAX_TRIES else None
    return row
