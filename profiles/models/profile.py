"""Profiles as staff compose them, their published versions, and the policies by which they may be removed."""

import json
import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from mdm_project.crypto import seal_body, unseal
from profiles.querysets import ProfileQuerySet, ProfileVersionQuerySet


def new_uuid() -> str:
    """Return a UUID as Apple writes them in profiles."""
    return str(uuid.uuid4()).upper()


class RemovalPolicy(models.Model):
    """Who may remove a profile that a person or Apple Configurator installs. What MDM delivers, only MDM removes."""

    class Kind(models.TextChoices):
        USER = "user", "The user may remove it"
        MDM_ONLY = "mdm_only", "Only MDM may remove it"
        PASSWORD = "password", "With a removal password"
        DATE = "date", "It removes itself at a date"
        DURATION = "duration", "It removes itself after a time"

    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.USER)
    removal_date = models.DateTimeField(null=True, blank=True)
    duration_s = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(60)])
    password_length = models.PositiveSmallIntegerField(default=12, validators=[MinValueValidator(6)])

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "removal policies"

    def __str__(self):
        return self.name


class Profile(models.Model):
    """A configuration profile: what identifies it for life, and the draft that staff work on.

    A draft or version is the whole profile as plist values in the JSON form of mdm_project.plist:
    a dictionary with PayloadContent and the other top-level keys. It is encrypted, since payloads carry passwords.
    """

    class Scope(models.TextChoices):
        SYSTEM = "System", "Device"
        USER = "User", "User"

    name = models.CharField(max_length=200)
    identifier = models.CharField(max_length=255, unique=True, help_text="PayloadIdentifier; never changes")
    uuid = models.CharField(max_length=100, default=new_uuid, editable=False, help_text="PayloadUUID")
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.SYSTEM)
    organization = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    consent_text = models.TextField(blank=True)
    removal_policy = models.ForeignKey(
        RemovalPolicy, null=True, blank=True, on_delete=models.PROTECT, related_name="profiles"
    )
    draft_encrypted = models.BinaryField(editable=False)
    draft_revision = models.PositiveIntegerField(default=1, editable=False, help_text="counts edits, so none is lost")
    payload_types = ArrayField(models.TextField(), default=list, editable=False)
    payload_slugs = models.JSONField(default=dict, editable=False, help_text="PayloadUUID to catalogue slug")
    removal_password_encrypted = models.BinaryField(null=True, editable=False)
    is_archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ProfileQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        permissions = [("view_profile_secrets", "Can view passwords and keys in profiles")]

    def __str__(self):
        return self.name

    @property
    def draft_context(self) -> str:
        return f"profile-draft:{self.identifier}"

    @property
    def draft(self) -> dict:
        """The draft as a dictionary in JSON form."""
        return json.loads(unseal(self.draft_encrypted, self.draft_context))

    @draft.setter
    def draft(self, content: dict) -> None:
        self.draft_encrypted = seal_body(json.dumps(content).encode(), self.draft_context)
        self.payload_types = sorted({str(each.get("PayloadType", "")) for each in content.get("PayloadContent", [])})

    @property
    def password_context(self) -> str:
        return f"profile-removal-password:{self.identifier}"


class ProfileVersion(models.Model):
    """A published, immutable state of a profile; what devices get."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content_encrypted = models.BinaryField(editable=False)
    content_hash = models.BinaryField(help_text="SHA-256 of the canonical JSON; equal content is not published twice")
    payload_types = ArrayField(models.TextField(), default=list)
    variables = ArrayField(models.TextField(), default=list, help_text="names used; empty: one body for all devices")
    note = models.TextField(blank=True)
    published_by = models.CharField(max_length=200, blank=True)
    published_at = models.DateTimeField(default=timezone.now)

    objects = ProfileVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["profile", "number"], name="one_version_per_number")]

    def __str__(self):
        return f"{self.profile} v{self.number}"

    @property
    def content_context(self) -> str:
        return f"profile-version:{self.profile.identifier}:{self.number}"

    @property
    def content(self) -> dict:
        """The whole profile as a dictionary in JSON form."""
        return json.loads(unseal(self.content_encrypted, self.content_context))
