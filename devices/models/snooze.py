"""Entries of the dashboard that somebody put aside for a while."""

from django.db import models
from django.utils import timezone


class Snooze(models.Model):
    """What needs a person, and is not to be told before a moment: for everybody, with the reason and by whom.

    ``key`` names the entry (mdm_project.attention); when it is over, the row means nothing any more.
    """

    key = models.CharField(max_length=300, unique=True)
    title = models.TextField(help_text="what the entry said then")
    reason = models.TextField()
    until = models.DateTimeField()
    by = models.CharField(max_length=200, help_text="who put it aside, as text")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["until", "id"]

    def __str__(self):
        return self.title
