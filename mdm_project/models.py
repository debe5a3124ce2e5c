"""Staff-side records: the people who sign in, their API tokens, who signed in when, and which processes are at work."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser, Group
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class User(AbstractUser):
    """A member of staff. Device owners are devices.Person, never users."""

    class Meta(AbstractUser.Meta):
        db_table = "staff_user"


class Role(models.Model):
    """A role that comes with the product: which group it is, and which permissions it was ever given (roles.py)."""

    slug = models.SlugField(max_length=40, unique=True)
    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="role")
    given = ArrayField(models.CharField(max_length=150), default=list, editable=False)

    class Meta:
        db_table = "staff_role"
        ordering = ["id"]

    def __str__(self):
        return self.slug


class ApiToken(models.Model):
    """A bearer token of the API. Only its SHA-256 is kept; it can do what its owner may, within its scopes."""

    class Scope(models.TextChoices):
        READ = "read", "Read"
        COMMANDS = "commands", "Queue commands"
        WRITE = "write", "Change configuration"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    token_hash = models.BinaryField(unique=True, editable=False)
    hint = models.CharField(max_length=12, help_text="first characters, to tell tokens apart")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices), default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "staff_api_token"
        ordering = ["-id"]
        verbose_name = "API token"

    def __str__(self):
        return f"{self.name} ({self.hint}…)"

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class IdempotencyKey(models.Model):
    """The answer given to a write with an Idempotency-Key, repeated when the same request comes again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    request_hash = models.BinaryField()
    status = models.PositiveSmallIntegerField(null=True)
    response = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "staff_idempotency_key"
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_idempotency_key")]

    def __str__(self):
        return self.key


class SignIn(models.Model):
    """One attempt of staff to sign in; the name is kept as text so that it outlives the account."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    username = models.CharField(max_length=150)
    succeeded = models.BooleanField()
    address = models.GenericIPAddressField(null=True)

    class Meta:
        db_table = "staff_sign_in"
        ordering = ["-id"]
        verbose_name = "sign-in"

    def __str__(self):
        return f"{self.username} at {self.at:%Y-%m-%d %H:%M}"


class Heartbeat(models.Model):
    """When a part of the product was last at work on a host (mdm_project/heartbeat.py)."""

    class Part(models.TextChoices):
        SCHEDULER = "scheduler", "Scheduler"
        WORKER = "worker", "Worker"
        TASKS = "tasks", "Periodic work"

    part = models.CharField(max_length=20, choices=Part.choices)
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField()
    last_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "staff_heartbeat"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["part", "host"], name="one_heartbeat_per_part_and_host")]

    def __str__(self):
        return f"{self.part} on {self.host}"
