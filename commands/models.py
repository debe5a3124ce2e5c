"""Commands, who they were queued for, and what came back.

A command's body is stored once (encrypted plist); each target has one narrow queue row. A report is stored raw
(encrypted) by the hot path (commands.hot_path) and interpreted by a worker (commands.results).
"""

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from commands.querysets import CommandQuerySet, QueuedCommandQuerySet
from devices.models import Channel, Enrollment


class Command(models.Model):
    """Something asked of one or many channels, under one CommandUUID."""

    class Origin(models.TextChoices):
        STAFF = "staff", "Staff"
        API = "api", "API"
        SCHEDULE = "schedule", "Schedule"
        SYSTEM = "system", "System"

    uuid = models.CharField(max_length=127, unique=True, help_text="CommandUUID")
    request_type = models.CharField(max_length=100, db_index=True)
    body_encrypted = models.BinaryField(editable=False, help_text="the plist as it is sent")
    origin = models.CharField(max_length=10, choices=Origin.choices)
    actor = models.CharField(max_length=200, help_text="who asked, as text")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.TextField(blank=True)
    meant_for = models.CharField(
        max_length=200, blank=True, default="", db_default="", editable=False,
        help_text="what the devices were found by when it was asked, as text: a saved search",
    )  # fmt: skip
    priority = models.SmallIntegerField(default=0, help_text="higher goes first")
    supersedes = models.CharField(
        max_length=100, blank=True, help_text="scheduled refreshes: replaces unanswered elders of the same name"
    )
    is_destructive = models.BooleanField(default=False, db_default=False, help_text="the governor permitted it")
    target_count = models.PositiveIntegerField(default=0)
    refused = models.JSONField(
        default=list, db_default=[], editable=False, help_text="who could not take it: reason and device ids"
    )
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = CommandQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"{self.request_type} {self.uuid}"

    @property
    def body_context(self) -> str:
        return f"command:{self.uuid}"


class QueuedCommand(models.Model):
    """One command for one channel; the hot path finds it through the partial index ``queue_waiting``."""

    class State(models.IntegerChoices):
        PENDING = 0, "Pending"
        SENT = 1, "Sent"
        NOT_NOW = 2, "Not now"
        ACKNOWLEDGED = 3, "Acknowledged"
        FAILED = 4, "Failed"
        CANCELLED = 5, "Cancelled"
        EXPIRED = 6, "Expired"
        QUARANTINED = 7, "Quarantined"
        PARTLY = 8, "Partly done"

    WAITING = (State.PENDING, State.SENT, State.NOT_NOW)

    # No constraints in the database here and in Report: checking one locks (and so rewrites) the channel's row for
    # every command and every report. The one statement that inserts has just read the rows it refers to.
    command = models.ForeignKey(Command, on_delete=models.CASCADE, related_name="targets", db_constraint=False)
    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="queue", db_index=False, db_constraint=False
    )
    state = models.PositiveSmallIntegerField(choices=State.choices, default=State.PENDING, db_default=0)
    priority = models.SmallIntegerField(default=0, db_default=0)
    deliveries = models.PositiveSmallIntegerField(default=0, db_default=0)
    not_nows = models.PositiveSmallIntegerField(default=0, db_default=0)
    queued_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    not_now_at = models.DateTimeField(null=True, help_text="first time")
    finished_at = models.DateTimeField(null=True, help_text="set in every final state; empty: it waits")
    expires_at = models.DateTimeField(null=True)
    note = models.TextField(null=True, help_text="why it failed, was cancelled or quarantined, in words")  # noqa: DJ001
    body_encrypted = models.BinaryField(
        null=True, editable=False, help_text="the plist as this target gets it, where it has keys of its own"
    )

    objects = QueuedCommandQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "command"], name="queued_once"),
            models.CheckConstraint(
                condition=Q(state__in=(0, 1, 2), finished_at=None)
                | Q(state__in=(3, 4, 5, 6, 7, 8), finished_at__isnull=False),
                name="finished_in_final_states",
            ),
        ]
        indexes = [
            models.Index(
                models.F("channel"), models.F("priority").desc(), models.F("id"),
                condition=Q(finished_at=None), name="queue_waiting",
            ),
            # Rows are queued in time order, so retention finds the old ones by a handful of page ranges.
            BrinIndex(fields=["queued_at"], name="queue_age"),
            models.Index(
                fields=["expires_at"],
                condition=Q(finished_at=None, expires_at__isnull=False),
                name="queue_expiring",
            ),
            # What failed has a note, and little else has: the console counts failures of a week by it. A condition on
            # the state would make every delivery rewrite all indexes.
            models.Index(fields=["finished_at"], condition=Q(note__isnull=False), name="queue_noted"),
        ]  # fmt: skip

    def __str__(self):
        return f"{self.command_id} for {self.channel_id}"


class Report(models.Model):
    """What a device reported, raw and encrypted, kept whether or not it could be used."""

    class Disposition(models.IntegerChoices):
        RESULT = 0, "Result"
        REPEATED = 1, "Repeated"
        LATE = 2, "Late"
        UNKNOWN_COMMAND = 3, "Unknown command"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="reports", db_constraint=False)
    queued = models.ForeignKey(
        QueuedCommand,
        null=True,
        on_delete=models.CASCADE,
        related_name="reports",
        db_constraint=False,
        help_text="what it answers",
    )
    command_uuid = models.TextField()
    status = models.CharField(max_length=127)
    disposition = models.PositiveSmallIntegerField(choices=Disposition.choices)
    body_encrypted = models.BinaryField(editable=False)
    was_repaired = models.BooleanField(default=False, db_default=False, help_text="held characters illegal in XML")
    received_at = models.DateTimeField(db_default=Now())
    interpreted_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    error_chain = models.JSONField(null=True)
    problem = models.TextField(null=True, help_text="why it could not be interpreted")  # noqa: DJ001

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(interpreted_at=None), name="report_waiting"),
            BrinIndex(fields=["received_at"], name="report_age"),
            models.Index(fields=["id"], condition=Q(problem__isnull=False), name="report_problem"),
        ]

    def __str__(self):
        return f"{self.status} for {self.command_uuid}"


class InventoryRefresh(models.Model):
    """When a channel was last asked everything the inventory wants to know; the schedule goes by it."""

    channel = models.OneToOneField(
        Channel, primary_key=True, on_delete=models.CASCADE, related_name="inventory_refresh"
    )
    asked_at = models.DateTimeField(db_default=Now())

    def __str__(self):
        return f"{self.channel_id} at {self.asked_at}"


class BypassCodeWish(models.Model):
    """That a membership's Activation Lock bypass code is wanted: when it is asked for next, and how that went.

    ``next_at`` is empty when it is over: had, of no use to ask (``problem`` says why), or out of time.
    """

    enrollment = models.OneToOneField(
        Enrollment, primary_key=True, on_delete=models.CASCADE, related_name="bypass_code_wish"
    )
    begun_at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True, default=timezone.now)
    had_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    problem = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="bypass_code_due")]

    def __str__(self):
        return f"bypass code of {self.enrollment_id}"


def report_context(enrollment_key: str, user_key: str) -> str:
    """What the ciphertext of a report is bound to: the channel it came from, as known before it has a row."""
    return f"report:{enrollment_key}:{user_key}"


# Models of packages within this app.
from commands.governor.models import GovernorLimit, HeldAction, KillSwitch, LimitChange, PermitRow  # noqa: E402, F401
from commands.standing import ItemStanding  # noqa: E402, F401
from commands.workflows.models import Workflow, WorkflowStep  # noqa: E402, F401
