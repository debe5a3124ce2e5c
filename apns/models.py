"""Push certificates, and what became of the last attempt to wake each channel."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apns.querysets import PushCertificateQuerySet
from devices.models import Channel


class PushCertificate(models.Model):
    """An MDM push certificate of Apple's. Its topic (UID of the subject) must stay the same for the life of a fleet."""

    name = models.CharField(max_length=200)
    topic = models.TextField(unique=True)
    certificate_pem = models.TextField()
    key_encrypted = models.BinaryField(editable=False)
    fingerprint = models.BinaryField(help_text="SHA-256 of the DER certificate; connections are kept by it")
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    apple_account = models.CharField(
        max_length=254, blank=True, help_text="the Apple Account it must be renewed with, or every device re-enrolls"
    )
    is_default = models.BooleanField(default=False, help_text="its topic goes into new enrollment profiles")
    alarm = models.TextField(blank=True, help_text="what APNs says is wrong with it; pushing stops until it is solved")
    alarm_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PushCertificateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="one_default_push_certificate"
            )
        ]

    def __str__(self):
        return self.name

    @property
    def key_context(self) -> str:
        """What the encrypted key is bound to."""
        return f"push-key:{self.topic}"


class PushCertificateRequest(models.Model):
    """A key and request made here for the vendor route; its certificate comes back by upload."""

    csr_pem = models.TextField()
    key_encrypted = models.BinaryField(editable=False)
    key_hash = models.BinaryField(unique=True, help_text="SHA-256 of the public key; finds the key for an upload")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"request of {self.created_at:%Y-%m-%d}"

    @property
    def key_context(self) -> str:
        return f"push-request:{bytes(self.key_hash).hex()}"


class PushState(models.Model):
    """The wish to wake a channel and the outcome of the last attempt: one row a channel, which coalesces wake-ups.

    ``requested_at`` set means: wake it. A worker claims rows in sets (``claimed_at``), pushes, writes the outcome and
    clears ``requested_at`` unless it was set again after the claim. A claim older than two minutes is void.
    """

    channel = models.OneToOneField(Channel, primary_key=True, on_delete=models.CASCADE, related_name="push_state")
    requested_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True, help_text="not before this, after failures")
    attempted_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status of APNs; empty: no answer")
    reason = models.TextField(blank=True)
    apns_id = models.TextField(blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="in a row")
    wakes = models.PositiveSmallIntegerField(default=0, help_text="sweeps since the last contact; spaces them out")

    class Meta:
        indexes = [
            models.Index(fields=["requested_at"], condition=Q(requested_at__isnull=False), name="push_requested"),
        ]

    def __str__(self):
        return self.reason or str(self.status or "")
