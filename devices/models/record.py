"""What is remembered: the timeline, work for other apps, and messages that were refused."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.models.device import Device
from devices.querysets import AboutDeviceQuerySet, EventQuerySet


class Event(models.Model):
    """A fact of the timeline. It never holds a body or a secret; the actor is text and outlives the account.

    Rows are only ever added: a trigger of the database refuses to change or delete one, but for the retention
    (devices.events).
    """

    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.SET_NULL, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=50, help_text="for example enrolled, checked_out, command_queued")
    actor = models.CharField(max_length=200, blank=True, help_text="staff, token, device or the part that acted")
    summary = models.TextField()
    data = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["device", "-id"]),
            models.Index(fields=["-at"]),
            models.Index(fields=["kind", "-id"], name="event_kind"),
            models.Index(fields=["actor", "-id"], name="event_actor"),
        ]

    def __str__(self):
        return self.summary

    def save(self, *args, **kwargs):
        if not self._state.adding:
            raise TypeError("an event of the timeline is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise TypeError("an event of the timeline is never deleted")


class Outbox(models.Model):
    """Something an app further right must learn of, written in the transaction it is about and drained by a worker."""

    kind = models.CharField(max_length=50)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["id"], condition=Q(done_at=None), name="outbox_waiting")]
        verbose_name_plural = "outbox"

    def __str__(self):
        return self.kind


class RejectedMessage(models.Model):
    """A message of a device that was refused, kept for the operator: why, from where, and its beginning (encrypted)."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    device = models.ForeignKey(
        Device, null=True, blank=True, on_delete=models.CASCADE, related_name="rejected_messages"
    )
    address = models.GenericIPAddressField(null=True)
    path = models.TextField()
    content_type = models.TextField(blank=True)
    claimed_key = models.TextField(blank=True, help_text="UDID or EnrollmentID it named, unproven")
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=50)
    reason = models.TextField()
    size_bytes = models.BigIntegerField()
    body_hash = models.BinaryField()
    excerpt_encrypted = models.BinaryField(null=True, editable=False)
    times = models.PositiveIntegerField(default=1)
    last_at = models.DateTimeField(default=timezone.now)

    objects = AboutDeviceQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["body_hash", "code", "claimed_key"], name="one_row_per_rejected_message")
        ]

    def __str__(self):
        return f"{self.code}: {self.reason}"
