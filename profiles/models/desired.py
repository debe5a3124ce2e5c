"""What every channel should have, computed in sets from assignments, and how far it is with each item."""

from django.db import models
from django.utils import timezone

from devices.models import Channel
from profiles.models.assignment import Assignment
from profiles.models.profile import Profile, ProfileVersion

# How a refusal begins that ends by itself, once the device has told.
WAITS = "waits for the device to say "


class DesiredItem(models.Model):
    """A version of a profile that a channel should have, and by which assignment.

    One with a ``refusal`` is not for this device, or waits until that is known: it is not sent, and it counts nowhere
    as failed.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="desired_items")
    identifier = models.TextField(help_text="PayloadIdentifier; one item each")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="desired_items")
    version = models.ForeignKey(ProfileVersion, on_delete=models.CASCADE, related_name="desired_items")
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="desired_items")
    refusal = models.TextField(
        blank=True, default="", db_default="", help_text="why the device cannot use it; empty: it can, and gets it"
    )

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["channel", "identifier"], name="one_desired_item")]

    def __str__(self):
        return f"{self.identifier} for {self.channel_id}"

    @property
    def is_waiting(self) -> bool:
        """Nobody knows yet whether the device can use it."""
        return self.refusal.startswith(WAITS)


class ItemStatus(models.Model):
    """How far a channel is with an item that we ever wanted on it. Items without a row here are not ours to remove."""

    class State(models.IntegerChoices):
        PENDING = 0, "Pending"
        SENT = 1, "Sent"
        ACKNOWLEDGED = 2, "Acknowledged"
        VERIFIED = 3, "Verified"
        FAILED = 4, "Failed"
        REMOVING = 5, "Removing"
        REMOVED = 6, "Removed"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="item_statuses")
    identifier = models.TextField()
    profile = models.ForeignKey(Profile, null=True, on_delete=models.SET_NULL, related_name="item_statuses")
    version = models.ForeignKey(
        ProfileVersion, null=True, on_delete=models.SET_NULL, related_name="+", help_text="last sent"
    )
    uuid = models.TextField(blank=True, help_text="PayloadUUID last sent; the device's list proves it")
    # Encrypted: by a bare digest, values that are secret and short could be guessed.
    rendered_digest_encrypted = models.BinaryField(
        null=True, editable=False, help_text="SHA-256 of what was sent, where it has variables"
    )
    state = models.PositiveSmallIntegerField(choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    is_stopped = models.BooleanField(default=False, help_text="failed too often; staff must retry it")
    is_held = models.BooleanField(default=False, db_default=False, help_text="the governor lets it go later")
    is_ended = models.BooleanField(
        default=False, db_default=False, help_text="removed by its own rule: not installed again in this version"
    )
    may_be_installed = models.BooleanField(
        default=False, db_default=False, help_text="the device acknowledged it once, or never answered a delivery"
    )
    ends_at = models.DateTimeField(null=True, help_text="when the device removes it by itself")
    ends_after_s = models.FloatField(null=True, help_text="seconds from its installation until it removes itself")
    error = models.TextField(blank=True, help_text="the device's own words")
    command_id = models.BigIntegerField(null=True, help_text="commands.QueuedCommand under way")
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["channel", "identifier"], name="one_status_per_item")]
        indexes = [models.Index(fields=["next_attempt_at"], condition=models.Q(state__in=(0, 4, 5)), name="item_due")]

    def __str__(self):
        return f"{self.identifier}: {self.get_state_display()}"
