"""Limits, permits, held actions and the kill switch."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from commands.meanings import Danger
from devices.access import is_limited
from devices.models import Device


class GovernorLimit(models.Model):
    """How many devices an hour may suffer a danger: by one person (whatever their session or token), and by all."""

    danger = models.CharField(max_length=10, choices=Danger.choices)
    role = models.ForeignKey(
        "auth.Group", null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="empty: everybody; the highest limit of somebody's roles counts",
    )  # fmt: skip
    per_person = models.PositiveIntegerField(help_text="devices an hour")
    in_all = models.PositiveIntegerField(help_text="devices an hour, by everybody together")
    second_person_above = models.PositiveIntegerField(
        null=True, blank=True, help_text="more devices than this at once need a second person; empty: never"
    )
    delay_above = models.PositiveIntegerField(
        null=True, blank=True, default=1, help_text="more devices than this at once wait before they are asked"
    )
    delay_minutes = models.PositiveIntegerField(default=5)

    class Meta:
        ordering = ["danger", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["danger", "role"], nulls_distinct=False, name="one_limit_per_danger_and_role"
            )
        ]

    def __str__(self):
        return f"{self.get_danger_display()}, {self.role}" if self.role_id else self.get_danger_display()


class LimitChange(models.Model):
    """A change that loosens a limit, which takes effect only after a while: a stolen account cannot wait unseen."""

    limit = models.ForeignKey(GovernorLimit, on_delete=models.CASCADE, related_name="changes")
    values = models.JSONField(help_text="the fields that change")
    removes = models.BooleanField(default=False, help_text="the limit of a role goes")
    actor = models.CharField(max_length=200)
    reason = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    effective_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="applied or withdrawn")
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"{self.limit} from {self.effective_at:%Y-%m-%d %H:%M}"

    @property
    def words(self) -> str:
        """Say what changes."""
        if self.removes:
            return "the limit of the role goes"
        numbers = {name: "never" if value is None else value for name, value in self.values.items()}
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items())


class PermitRow(models.Model):
    """That a person was permitted to do something destructive to some devices; what the limits count."""

    danger = models.CharField(max_length=10, choices=Danger.choices)
    devices = models.PositiveIntegerField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    person = models.CharField(max_length=200, help_text="whose budget it took, as text")
    actor = models.CharField(max_length=200, help_text="who asked, as text")
    request_type = models.CharField(max_length=100)
    reason = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["danger", "at"], name="permit_recent")]

    def __str__(self):
        return f"{self.get_danger_display()}: {self.devices}"


class HeldActionQuerySet(models.QuerySet):
    def visible_to(self, user):
        """For limited people their own, and what a workflow asks of a device that they may see.

        Any other is about devices that they may not see.
        """
        if not user.has_perm("commands.view_heldaction"):
            return self.none()
        if not is_limited(user):
            return self
        return self.filter(
            Q(user=user) | Q(workflow__device__in=Device.objects.visible_to(user).order_by().values("pk"))
        )

    def waiting(self):
        return self.filter(finished_at=None)


class HeldAction(models.Model):
    """Something destructive that waits: for a second person, or for its time, in which it can be cancelled."""

    class State(models.TextChoices):
        NEEDS_APPROVAL = "needs_approval", "Waits for a second person"
        DELAYED = "delayed", "Waits for its time"
        RELEASED = "released", "Carried out"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Nobody approved in time"
        FAILED = "failed", "Could not be carried out"

    WAITING = (State.NEEDS_APPROVAL, State.DELAYED)

    danger = models.CharField(max_length=10, choices=Danger.choices)
    request_type = models.CharField(max_length=100)
    payload_encrypted = models.BinaryField(editable=False)
    channel_ids = models.JSONField()
    device_count = models.PositiveIntegerField()
    options = models.JSONField(default=dict)
    origin = models.CharField(max_length=10)
    actor = models.CharField(max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.TextField()
    state = models.CharField(max_length=20, choices=State.choices)
    created_at = models.DateTimeField(default=timezone.now)
    release_at = models.DateTimeField(null=True, help_text="when it is carried out")
    expires_at = models.DateTimeField()
    approved_by = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True)
    command = models.ForeignKey("commands.Command", null=True, on_delete=models.SET_NULL, related_name="+")
    workflow = models.ForeignKey(
        "commands.Workflow", null=True, blank=True, on_delete=models.SET_NULL, related_name="held_actions",
        help_text="that asked for it, on its one device",
    )  # fmt: skip
    note = models.TextField(blank=True)

    objects = HeldActionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("approve_destructive", "Can approve destructive actions of others")]
        indexes = [models.Index(fields=["id"], condition=Q(finished_at=None), name="held_waiting")]

    def __str__(self):
        return f"{self.request_type} for {'1 device' if self.device_count == 1 else f'{self.device_count} devices'}"

    @property
    def payload_context(self) -> str:
        """What the ciphertext is bound to."""
        return f"held:{self.request_type}:{self.created_at.isoformat()}"

    @property
    def is_over_without_command(self) -> bool:
        return self.finished_at is not None and self.command_id is None

    @property
    def needs_second_person(self) -> bool:
        return self.state == self.State.NEEDS_APPROVAL

    @property
    def words(self) -> str:
        """Say where it stands."""
        if self.state == self.State.DELAYED:
            return f"Waits until {self.release_at:%Y-%m-%d %H:%M} UTC; until then it can be cancelled."
        if self.state == self.State.NEEDS_APPROVAL:
            return f"Waits for a second person, who has to approve it by {self.expires_at:%Y-%m-%d %H:%M} UTC."
        return f"{self.get_state_display()}{': ' + self.note if self.note else ''}."


class KillSwitch(models.Model):
    """A time in which nothing destructive goes out; the open one is in force."""

    stopped_at = models.DateTimeField(default=timezone.now)
    stopped_by = models.CharField(max_length=200)
    reason = models.TextField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=200, blank=True)
    lift_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("stop_destructive", "Can stop all destructive commands"),
            ("resume_destructive", "Can let destructive commands go out again"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["lifted_at"], condition=Q(lifted_at=None), nulls_distinct=False, name="one_kill_switch_at_once"
            )
        ]

    def __str__(self):
        return f"since {self.stopped_at:%Y-%m-%d %H:%M}"
