"""Staff-side records: the people who sign in, their API tokens, who signed in when, and which processes are at work."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, Group
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from mdm_project.acting import acting_user, password_was_set

RESERVED_NAMES = frozenset({"espalier", "system", "schedule", "scheduler", "device", "api", "staff", "nobody"})


def check_not_reserved(name: str) -> None:
    """Raise ValidationError for a name under which the timeline tells of others than staff."""
    if name.strip().lower() in RESERVED_NAMES:
        raise ValidationError("This name is reserved: the timeline uses it for what no person did.", code="reserved")


class User(AbstractUser):
    """A member of staff. Device owners are devices.Person, never users.

    When the password was set, and by whom, is a fact of the row: `save` writes it whatever page was used, and a trigger
    of the database does where the row is changed past the model (then nobody is known). When an account was last opened
    or given rights, by itself or by one of its roles, is written by triggers alone.
    """

    password_set_at = models.DateTimeField(null=True, editable=False)
    password_set_by = models.ForeignKey(
        "self", null=True, editable=False, on_delete=models.SET_NULL, related_name="+", help_text="null: not known"
    )
    powers_given_at = models.DateTimeField(null=True, editable=False, help_text="written by triggers of the database")

    class Meta(AbstractUser.Meta):
        db_table = "staff_user"

    @classmethod
    def from_db(cls, db, field_names, values):
        user = super().from_db(db, field_names, values)
        user._loaded_password = user.__dict__.get("password")
        return user

    def clean_fields(self, exclude=None):
        super().clean_fields(exclude)
        if self._state.adding:
            try:
                check_not_reserved(self.username)
            except ValidationError as error:
                raise ValidationError({"username": error}) from error

    def save(self, *args, update_fields=None, **kwargs):
        """Note when and by whom the password was set, if it is another one than was read."""
        password = self.__dict__.get("password")
        is_other = password is not None and password != getattr(self, "_loaded_password", None)
        if is_other:
            self.password_set_at, self.password_set_by = timezone.now(), acting_user()
            if update_fields is not None:
                update_fields = {*update_fields, "password_set_at", "password_set_by"}
        was_known = not self._state.adding
        super().save(*args, update_fields=update_fields, **kwargs)
        self._loaded_password = password
        if is_other and was_known:
            password_was_set.send(type(self), account=self, by=self.password_set_by)

    def check_password(self, raw_password):
        """As Django's; a hash that is made anew for the same password is no password that was set."""

        def rehash(raw):
            self.password = make_password(raw)
            # The trigger takes a change of the moment as a sign that the model wrote the row.
            moment = (self.password_set_at or self.date_joined) + timedelta(microseconds=1)
            type(self).objects.filter(pk=self.pk).update(password=self.password, password_set_at=moment)
            self.password_set_at, self._loaded_password = moment, self.password

        return check_password(raw_password, self.password, rehash)


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
        permissions = [("manage_others_tokens", "Can see and end the API tokens of others")]

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
    response_encrypted = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "staff_idempotency_key"
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_idempotency_key")]

    def __str__(self):
        return self.key

    @property
    def response_context(self) -> str:
        return f"idempotency:{self.user_id}:{self.key}"


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
