"""What devices reported about themselves, in rows that can be searched; values of a single device are on Device."""

from django.db import models
from django.db.models.functions import Now

from devices.models.device import Channel, Device


class Answer(models.Model):
    """The newest answer to each kind of question, as JSON, without the parts that are secret.

    Of lists whose entries have rows of their own it holds what else was said, and ``count``. Values of another type
    than Apple's schema declares are not in ``content`` but in ``misfits``, raw: ``{key: {path: value}}``.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="answers")
    request_type = models.TextField()
    user_key = models.TextField(blank=True, default="", help_text="empty: the device's own; otherwise a user's")
    content = models.JSONField()
    misfits = models.JSONField(default=dict, db_default={}, help_text="values of a wrong type, which count for nothing")
    answered_at = models.DateTimeField()

    class Meta:
        ordering = ["device", "request_type", "user_key"]
        constraints = [
            models.UniqueConstraint(fields=["device", "request_type", "user_key"], name="newest_answer_only")
        ]

    def __str__(self):
        return self.request_type


class InstalledApplication(models.Model):
    """An app of InstalledApplicationList. Those that a Mac reports without bundle identifier are told apart by name."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="applications")
    identifier = models.TextField(blank=True)
    name = models.TextField(blank=True)
    version = models.TextField(blank=True)
    short_version = models.TextField(blank=True)
    bundle_size_bytes = models.BigIntegerField(null=True)
    dynamic_size_bytes = models.BigIntegerField(null=True)
    is_managed = models.BooleanField(null=True)
    extra = models.JSONField(default=dict, help_text="what else the device said of it")
    first_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["device", "identifier", "name", "version"], name="one_row_per_application")
        ]
        indexes = [models.Index(fields=["identifier", "short_version"])]

    def __str__(self):
        return f"{self.name} {self.short_version or self.version}"


class InstalledProfile(models.Model):
    """A profile of ProfileList, on the device channel or on a user's."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="installed_profiles")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="installed_profiles")
    identifier = models.TextField()
    uuid = models.TextField(blank=True)
    display_name = models.TextField(blank=True)
    organization = models.TextField(blank=True)
    description = models.TextField(blank=True)
    version = models.IntegerField(null=True)
    is_managed = models.BooleanField(null=True)
    is_encrypted = models.BooleanField(null=True)
    has_removal_passcode = models.BooleanField(null=True)
    is_removal_disallowed = models.BooleanField(null=True)
    payloads = models.JSONField(default=list)
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["display_name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "identifier", "uuid"], name="one_row_per_installed_profile")
        ]

    def __str__(self):
        return self.display_name or self.identifier

    @property
    def payload_types(self) -> frozenset[str]:
        """The types of its payloads; rows that are older than answers are checked may hold anything."""
        payloads = self.payloads if isinstance(self.payloads, list) else []
        types = (each.get("PayloadType") for each in payloads if isinstance(each, dict))
        return frozenset(each for each in types if isinstance(each, str) and each)


class InstalledCertificate(models.Model):
    """A certificate of CertificateList; one that cannot be read keeps its common name only."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="certificates")
    fingerprint = models.BinaryField(help_text="SHA-256 of the bytes that were sent")
    common_name = models.TextField(blank=True)
    issuer = models.TextField(blank=True)
    serial_hex = models.TextField(blank=True)
    is_identity = models.BooleanField(null=True)
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True, db_index=True)
    is_readable = models.BooleanField(default=True)

    class Meta:
        ordering = ["common_name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["device", "fingerprint", "common_name", "is_identity"], name="one_row_per_certificate"
            )
        ]

    def __str__(self):
        return self.common_name


class AvailableUpdate(models.Model):
    """An update of AvailableOSUpdates, with the progress OSUpdateStatus told of it."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="available_updates")
    product_key = models.TextField()
    name = models.TextField(blank=True)
    version = models.TextField(blank=True)
    build = models.TextField(blank=True)
    is_critical = models.BooleanField(null=True)
    is_major = models.BooleanField(null=True)
    is_security_response = models.BooleanField(null=True)
    restart_required = models.BooleanField(null=True)
    download_size_bytes = models.BigIntegerField(null=True)
    install_size_bytes = models.BigIntegerField(null=True)
    status = models.TextField(blank=True)
    download_percent = models.FloatField(null=True, help_text="0 to 1")
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["device", "product_key"], name="one_row_per_update")]

    def __str__(self):
        return f"{self.name} {self.version}"


class DeclarativeStatus(models.Model):
    """What a channel has told in declarative status reports, merged; devices.inventory.status reads it."""

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="declarative_status")
    document_encrypted = models.BinaryField(default=b"")
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["channel"]

    def __str__(self):
        return f"status of channel {self.channel_id}"
