"""What staff write about a device for each other: notes, each with a ticket of another system if there is one."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from devices.models.device import Device
from devices.querysets import NoteQuerySet


class Note(models.Model):
    """A note, never edited: who wrote nonsense withdraws it, and what was written stays readable.

    A trigger of the database refuses to change what was written; the author is text and outlives the account.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField()
    ticket = models.CharField(max_length=500, blank=True, help_text="a number (INC-4711) or an https address")
    author = models.CharField(max_length=200, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    withdrawn_by = models.CharField(max_length=200, blank=True, editable=False)

    objects = NoteQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["device", "-id"], name="note_of_device")]

    def __str__(self):
        return f"note {self.pk} by {self.author}"

    @property
    def is_withdrawn(self) -> bool:
        return self.withdrawn_at is not None
