"""Secrets of devices, encrypted, with the history of their values."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.models.device import Device
from devices.querysets import OfDeviceQuerySet

_ACTIVATION_LOCK = (
    "On the Activation Lock screen leave the user name empty and enter the code as the password, with its dashes. "
    "Which lock a device has cannot be known: if there is another code, try that too"
)


class EscrowedSecret(models.Model):
    """One value of one kind of secret. The newest is current; earlier ones stay, a device may come back with one."""

    class Kind(models.TextChoices):
        UNLOCK_TOKEN = "unlock_token", "Unlock token"
        BOOTSTRAP_TOKEN = "bootstrap_token", "Bootstrap token"
        FILEVAULT_RECOVERY_KEY = "filevault_recovery_key", "FileVault recovery key"
        # The device makes it up; it opens a lock that a person set with Find My.
        ACTIVATION_LOCK_BYPASS_CODE = "activation_lock_bypass_code", "Activation Lock bypass code (the device's)"
        # We make it up; it opens a lock that the organization set through Apple's service (devices.activation_lock).
        ACTIVATION_LOCK_SERVER_CODE = "activation_lock_server_code", "Activation Lock bypass code (the organization's)"
        LOCK_PIN = "lock_pin", "Lock PIN"
        RECOVERY_LOCK_PASSWORD = "recovery_lock_password", "Recovery Lock password"
        FIRMWARE_PASSWORD = "firmware_password", "Firmware password"
        LOCAL_ADMIN_PASSWORD = "local_admin_password", "Local administrator password"

    # For commands, not for people: there is nothing that a person could do with them.
    UNREVEALABLE = (Kind.UNLOCK_TOKEN, Kind.BOOTSTRAP_TOKEN)
    # What a device can be asked to exchange for another.
    ROTATABLE = (Kind.FILEVAULT_RECOVERY_KEY, Kind.RECOVERY_LOCK_PASSWORD, Kind.LOCAL_ADMIN_PASSWORD)

    # How a person uses it, where that is not plain.
    HOW_USED = {
        Kind.FILEVAULT_RECOVERY_KEY: "Enter it where the Mac asks for a recovery key, after wrong passwords",
        Kind.ACTIVATION_LOCK_BYPASS_CODE: f"Opens a lock that a person set with Find My. {_ACTIVATION_LOCK}",
        Kind.ACTIVATION_LOCK_SERVER_CODE: f"Opens a lock that your organization set. {_ACTIVATION_LOCK}",
        Kind.LOCK_PIN: "Enter it on the Mac, which asks for it after it was locked or erased",
        Kind.RECOVERY_LOCK_PASSWORD: "Asked for when the Mac is started into Recovery",
        Kind.FIRMWARE_PASSWORD: "Asked for when an Intel Mac is started from another disk or into Recovery",
        Kind.LOCAL_ADMIN_PASSWORD: "The password of the administrator account that Setup Assistant made",
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="secrets")
    kind = models.CharField(max_length=30, choices=Kind.choices)
    value_encrypted = models.BinaryField(editable=False)
    is_current = models.BooleanField(default=True)
    is_pending = models.BooleanField(default=False, help_text="sent to the device, which has not confirmed it yet")
    command_uuid = models.TextField(blank=True, help_text="the command that sets it on the device")
    source = models.CharField(max_length=100, blank=True, help_text="where it comes from")
    revealed_at = models.DateTimeField(null=True, blank=True, help_text="last time a person was shown it")
    rotation_wished_at = models.DateTimeField(null=True, blank=True, help_text="it was revealed and is to be exchanged")
    rotation_asked_at = models.DateTimeField(null=True, blank=True, help_text="the device was asked for another")
    rotation_uuid = models.TextField(blank=True, help_text="the command that asks, while it is under way")
    rotation_tries = models.PositiveSmallIntegerField(default=0)
    rotation_problem = models.TextField(blank=True, help_text="why it could not be exchanged, in words")
    is_replaced = models.BooleanField(default=False, help_text="ended because the device has proven a newer one")
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OfDeviceQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        permissions = [("reveal_secret", "Can reveal secrets of devices")]
        indexes = [
            models.Index(fields=["command_uuid"], condition=Q(is_pending=True), name="pending_secret"),
            # What beat looks for: few rows of many.
            models.Index(
                fields=["rotation_wished_at"], condition=Q(rotation_wished_at__isnull=False), name="secret_to_exchange"
            ),
            models.Index(fields=["rotation_asked_at"], condition=~Q(rotation_uuid=""), name="secret_asked"),
        ]
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

    @property
    def how_used(self) -> str:
        return self.HOW_USED.get(self.kind, "")

    @property
    def is_for_people(self) -> bool:
        return self.kind not in self.UNREVEALABLE


class EscrowKey(models.Model):
    """The key pair to which one Mac encrypts its FileVault recovery keys. Earlier ones stay, and open what came
    before.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="escrow_keys")
    certificate_der = models.BinaryField()
    key_encrypted = models.BinaryField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"escrow key of {self.device_id}"

    @property
    def key_context(self) -> str:
        """What the ciphertext is bound to."""
        return f"escrow-key:{self.device_id}"


class LastLocation(models.Model):
    """Where a device in Lost Mode was last; personal, so encrypted."""

    device = models.OneToOneField(Device, primary_key=True, on_delete=models.CASCADE, related_name="last_location")
    place_encrypted = models.BinaryField(editable=False)
    located_at = models.DateTimeField()

    class Meta:
        permissions = [("view_location", "Can view where lost devices are")]

    def __str__(self):
        return f"{self.device_id} at {self.located_at}"

    @property
    def place_context(self) -> str:
        """What the ciphertext is bound to."""
        return f"location:{self.device_id}"
