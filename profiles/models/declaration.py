"""Declarations that staff compose: what a device is told to be, in Apple's declarative management."""

from django.db import models
from django.utils import timezone

from profiles.querysets import DeclarationQuerySet


class Declaration(models.Model):
    """A declaration: its identifier is for life; its token follows from its content, so equal content has one token.

    The payload is encrypted, since it may carry passwords.
    """

    name = models.CharField(max_length=200)
    identifier = models.CharField(max_length=255, unique=True, help_text="never changes")
    type = models.CharField(max_length=200, db_index=True, help_text="Apple's type, com.apple.configuration...")
    description = models.TextField(blank=True)
    payload_encrypted = models.BinaryField(editable=False)
    server_token = models.CharField(max_length=64, editable=False)
    revision = models.PositiveIntegerField(default=1, editable=False, help_text="counts edits, so none is lost")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = DeclarationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self):
        return self.name

    @property
    def payload_context(self) -> str:
        """What the ciphertext is bound to."""
        return f"declaration:{self.identifier}"
