"""How a device may join: enrollment profiles, and the challenges that let it ask for an identity."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.lookups import Exact
from django.utils import timezone

from devices.models import Enrollment, Identity

ALL_ACCESS_RIGHTS = 8191
# (right, the right it needs, what is said without it): devices refuse the whole enrollment otherwise.
_NEEDED_RIGHTS = (
    (2, 1, "To install and remove profiles, the right to inspect installed profiles is needed too."),
    (128, 64, "To install and remove provisioning profiles, the right to inspect them is needed too."),
)


class EnrollmentProfile(models.Model):
    """A way to enroll, at /enroll/<slug>/. What it hands out is frozen in the enrollment that comes of it."""

    class IdentitySource(models.TextChoices):
        SCEP = "scep", "SCEP, from our authority"

    name = models.CharField(max_length=200)
    slug = models.SlugField(unique=True)
    organization = models.CharField(max_length=200, default="Espalier")
    description = models.TextField(blank=True, help_text="shown to the person before they install it")
    identity_source = models.CharField(max_length=10, choices=IdentitySource.choices, default=IdentitySource.SCEP)
    access_rights = models.PositiveIntegerField(
        default=ALL_ACCESS_RIGHTS,
        validators=[MinValueValidator(1), MaxValueValidator(ALL_ACCESS_RIGHTS)],
    )
    requires_sign_in = models.BooleanField(default=True, help_text="only signed-in staff may download it")
    check_out_when_removed = models.BooleanField(default=True)
    allows_user_channels = models.BooleanField(default=True, help_text="com.apple.mdm.per-user-connections")
    allows_bootstrap_token = models.BooleanField(default=True, help_text="com.apple.mdm.bootstraptoken")
    allows_get_token = models.BooleanField(
        default=False, help_text="com.apple.mdm.token; this server has no tokens to give, so devices that ask get none"
    )
    shared_challenge_uses = models.PositiveIntegerField(
        default=0, help_text="0: a one-time challenge per download; otherwise one profile serves this many devices"
    )
    shared_challenge_days = models.PositiveIntegerField(default=30)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(access_rights__range=(1, ALL_ACCESS_RIGHTS))
                & ~models.Q(Exact(models.F("access_rights").bitand(2 | 1), 2))
                & ~models.Q(Exact(models.F("access_rights").bitand(128 | 64), 128)),
                name="access_rights_possible",
                violation_error_message="Devices refuse an enrollment with these access rights.",
            )
        ]

    def __str__(self):
        return self.name

    def clean(self):
        for right, needed, words in _NEEDED_RIGHTS:
            if (self.access_rights or 0) & right and not self.access_rights & needed:
                raise ValidationError({"access_rights": words})

    @property
    def server_capabilities(self) -> list[str]:
        """The ServerCapabilities of its MDM payload, Apple's names."""
        switches = {
            "com.apple.mdm.per-user-connections": self.allows_user_channels,
            "com.apple.mdm.bootstraptoken": self.allows_bootstrap_token,
            "com.apple.mdm.token": self.allows_get_token,
        }
        return [name for name, is_on in switches.items() if is_on]


class IdentityRenewal(models.Model):
    """That a device was asked to renew its client certificate: how often, when again, and what came of it.

    ``next_at`` is empty when it is not asked again by itself: renewed, or tried often enough.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Asked"
        RENEWED = "renewed", "Renewed"
        FAILED = "failed", "Failed"

    identity = models.OneToOneField(
        Identity, primary_key=True, on_delete=models.CASCADE, related_name="renewal", help_text="the one that goes"
    )
    enrollment = models.ForeignKey(Enrollment, on_delete=models.CASCADE, related_name="renewals")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    tries = models.PositiveSmallIntegerField(default=0)
    command_uuid = models.TextField(blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        default_permissions = ()  # those of identities
        indexes = [models.Index(fields=["asked_at"], condition=models.Q(state="asked"), name="renewal_asked")]

    def __str__(self):
        return f"renewal of {self.identity_id}"


class ScepChallenge(models.Model):
    """A secret that entitles to identities: one-time (max_uses 1) or shared, in either case with an end.

    ``secret_hash`` finds it; the encrypted secret is kept only for shared ones, which go into several profiles.
    A one-time challenge may be used again by the same key for an hour: a device that fails mid-way asks again with it.
    """

    class Purpose(models.TextChoices):
        ENROLL = "enroll", "Enroll"
        RENEW = "renew", "Renew"

    profile = models.ForeignKey(
        EnrollmentProfile, null=True, blank=True, on_delete=models.CASCADE, related_name="challenges"
    )
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.ENROLL)
    secret_hash = models.BinaryField(unique=True, editable=False)
    secret_encrypted = models.BinaryField(null=True, editable=False)
    bound_key = models.TextField(blank=True, help_text="the enrollment it renews; empty: any new one")
    max_uses = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0)
    used_key_hash = models.BinaryField(null=True, help_text="SHA-256 of the public key that used it last")
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "SCEP challenge"

    def __str__(self):
        return f"{self.get_purpose_display()} challenge {self.pk}"
