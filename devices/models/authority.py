"""Who may vouch for a device (certificate authorities) and the certificates that do (identities).

An identity is pinned to one enrollment key at Authenticate. Every request of a device is answered only if its
certificate is pinned to the key it names and still active, so revoking one takes effect with the next request.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone


class CertificateAuthority(models.Model):
    """An authority whose certificates devices may present: ours (with an encrypted key), or a trusted outside one.

    The certificate that signs profiles is kept here too; it vouches for nobody.
    """

    class Kind(models.TextChoices):
        OURS = "ours", "Ours"
        OUTSIDE = "outside", "Outside"
        SIGNER = "signer", "Signs profiles"

    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    certificate_pem = models.TextField()
    fingerprint = models.BinaryField(unique=True, help_text="SHA-256 of the DER certificate")
    key_encrypted = models.BinaryField(null=True, editable=False)
    is_issuing = models.BooleanField(default=False, help_text="signs new identities; one of ours at a time")
    is_trusted = models.BooleanField(default=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "certificate authorities"
        constraints = [
            models.UniqueConstraint(fields=["is_issuing"], condition=Q(is_issuing=True), name="one_issuing_authority")
        ]

    def __str__(self):
        return self.name


class Identity(models.Model):
    """A client certificate: issued by us and waiting, or seen at Authenticate; pinned to at most one enrollment key."""

    class Origin(models.TextChoices):
        SCEP = "scep", "SCEP"
        OUTSIDE = "outside", "Outside authority"

    REVOKED = "revoked"  # what an end_reason begins with then

    fingerprint = models.BinaryField(unique=True, help_text="SHA-256 of the DER certificate")
    authority = models.ForeignKey(CertificateAuthority, on_delete=models.PROTECT, related_name="identities")
    origin = models.CharField(max_length=10, choices=Origin.choices)
    serial_hex = models.TextField(help_text="certificate serial number, lower-case hex")
    subject = models.TextField(blank=True)
    key_hash = models.BinaryField(help_text="SHA-256 of the public key (SubjectPublicKeyInfo)")
    certificate_der = models.BinaryField(null=True, editable=False)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    issued_at = models.DateTimeField(default=timezone.now)
    challenge_id = models.BigIntegerField(null=True, help_text="enrollment.ScepChallenge it was issued for")
    bound_key = models.TextField(blank=True, help_text="enrollment key it was issued for; empty: any new one")
    is_renewal = models.BooleanField(default=False, help_text="issued to go on with the enrollment it is bound to")
    enrollment_key = models.TextField(blank=True, db_index=True, help_text="pinned to this key")
    pinned_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.TextField(blank=True, help_text="revoked (why), superseded, unenrolled")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "identities"

    def __str__(self):
        return self.subject or f"serial {self.serial_hex}"
