"""What staff decided about devices that report one serial number."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class SerialVerdict(models.Model):
    """These devices are different although they report one serial number; another one with it is asked about anew."""

    serial_number = models.TextField(unique=True)
    device_ids = ArrayField(models.BigIntegerField())
    decided_at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=200)

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.serial_number
