"""Secrets of devices, encrypted, with the history of their values."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.models.device import Device


class EscrowedSecret(models.Model):
    """One value of one kind of secret. The newest is current; earlier ones stay, a device may come back with one."""

    class Kind(models.TextChoices):
        UNLOCK_TOKEN = "unlock_token", "Unlock token"
        BOOTSTRAP_TOKEN = "bootstrap_token", "Bootstrap token"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="secrets")
    kind = models.CharField(max_length=30, choices=Kind.choices)
    value_encrypted = models.BinaryField(editable=False)
    is_current = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["device", "kind"], condition=Q(is_current=True), name="one_current_secret_per_kind"
            )
        ]

    def __str__(self):
        return self.get_kind_display()

    @property
    def context(self) -> str:
        """What the ciphertext is bound to."""
        return f"secret:{self.kind}:{self.id}"
