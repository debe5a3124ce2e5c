"""Who gets a profile, how a version is rolled out, and plans that were shown and may be applied."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from devices.models import Group
from profiles.models.profile import Profile, ProfileVersion
from profiles.querysets import AssignmentQuerySet, PlanQuerySet


class Assignment(models.Model):
    """A profile for the devices of some groups, less those of others.

    ``version`` pins one; empty means the newest. With stages, the wanted version goes to that percentage of the devices
    only (by a stable hash of the device); the others keep ``previous_version``, or nothing when there is none.
    """

    class RolloutState(models.TextChoices):
        NONE = "none", "To all at once"
        RUNNING = "running", "Running"
        HALTED = "halted", "Halted"
        DONE = "done", "Done"
        ROLLED_BACK = "rolled_back", "Rolled back"

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="assignments")
    version = models.ForeignKey(
        ProfileVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="pinned_in"
    )
    include = models.ManyToManyField(Group, related_name="included_in")
    exclude = models.ManyToManyField(Group, blank=True, related_name="excluded_from")
    priority = models.IntegerField(default=0, help_text="the higher one decides between equal identifiers")
    is_enabled = models.BooleanField(default=True)
    stages = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True, help_text="percentages, rising")
    stage = models.PositiveSmallIntegerField(default=0, help_text="index into stages")
    stage_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="goes on by itself after; empty: by hand"
    )
    stage_started_at = models.DateTimeField(null=True, blank=True)
    rollout_version = models.ForeignKey(
        ProfileVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    previous_version = models.ForeignKey(
        ProfileVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    rollout_state = models.CharField(max_length=12, choices=RolloutState.choices, default=RolloutState.NONE)
    failure_threshold_percent = models.PositiveSmallIntegerField(default=5)
    halt_reason = models.TextField(blank=True)
    sends_anyway = models.BooleanField(
        default=False,
        db_default=False,
        verbose_name="send anyway",
        help_text="payload types that Apple's schema does not know go to devices other than Macs, too",
    )
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["-priority", "id"]

    def __str__(self):
        return f"{self.profile} for some groups"


class Plan(models.Model):
    """A change that was shown with all it would do; it is applied as shown, or refused when the world has moved."""

    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    change = models.JSONField(help_text="the change, as profiles.plan describes it")
    base_hash = models.BinaryField(help_text="what the result was computed from")
    summary = models.JSONField(default=dict)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return str(self.token)
