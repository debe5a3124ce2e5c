"""Device (hardware), Enrollment (one membership), Channel (what is woken and asked), Person (who uses it)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from devices.querysets import ChannelQuerySet, DeviceQuerySet, EnrollmentQuerySet, PersonQuerySet


class Person(models.Model):
    """The user of a device; not staff."""

    name = models.CharField(max_length=200)
    email = models.CharField(max_length=254, blank=True)
    department = models.CharField(max_length=200, blank=True)
    site = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PersonQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "people"

    def __str__(self):
        return self.name or self.email


class Platform(models.TextChoices):
    IOS = "ios", "iPhone"
    IPADOS = "ipados", "iPad"
    MACOS = "macos", "Mac"
    TVOS = "tvos", "Apple TV"
    VISIONOS = "visionos", "Vision Pro"
    WATCHOS = "watchos", "Apple Watch"
    UNKNOWN = "", "Unknown"


class Device(models.Model):
    """A piece of hardware. It may exist before it enrolls and outlives its enrollments.

    The columns are the newest values that the device reported (DeviceInformation, SecurityInfo, Authenticate); they
    are written column by column in devices.inventory and devices.services, never by a full save. A device under User
    Enrollment has neither UDID nor serial number.
    """

    Platform = Platform

    udid = models.TextField(null=True, blank=True, unique=True, verbose_name="UDID")
    serial_number = models.TextField(null=True, blank=True, db_index=True)  # noqa: DJ001 - absent is not empty
    name = models.TextField(blank=True)
    platform = models.CharField(max_length=10, blank=True, choices=Platform.choices, db_index=True)
    model = models.TextField(blank=True, help_text="hardware model as the device names it, for example iPhone17,1")
    model_name = models.TextField(blank=True)
    model_number = models.TextField(blank=True, help_text="order number, for example MTQR3LL/A")
    os_version = models.TextField(blank=True, verbose_name="OS version")
    os_version_parts = ArrayField(models.IntegerField(), default=list, blank=True, editable=False)
    supplemental_os_version = models.TextField(blank=True)
    build_version = models.TextField(blank=True)
    is_supervised = models.BooleanField(null=True)
    asset_tag = models.TextField(blank=True, db_index=True)
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="devices")
    imei = models.TextField(blank=True, verbose_name="IMEI")
    meid = models.TextField(blank=True, verbose_name="MEID")
    phone_number = models.TextField(blank=True)
    sim_numbers = models.TextField(
        blank=True, default="", db_default="", editable=False,
        help_text="ICCID, IMEI, MEID, EID and digits of the telephone number of every SIM, each between line ends",
    )  # fmt: skip
    wifi_mac = models.TextField(blank=True, verbose_name="Wi-Fi address")
    bluetooth_mac = models.TextField(blank=True, verbose_name="Bluetooth address")
    ethernet_mac = models.TextField(blank=True, verbose_name="Ethernet address")
    battery_level = models.FloatField(null=True, blank=True, help_text="0 to 1")
    capacity_gb = models.FloatField(null=True, blank=True)
    available_gb = models.FloatField(null=True, blank=True)
    is_activation_lock_enabled = models.BooleanField(null=True)
    is_lost_mode_enabled = models.BooleanField(null=True)
    is_passcode_present = models.BooleanField(null=True)
    is_passcode_compliant = models.BooleanField(null=True)
    is_encrypted = models.BooleanField(null=True, help_text="FileVault on, or data protection in force")
    is_firewall_enabled = models.BooleanField(null=True)
    is_sip_enabled = models.BooleanField(null=True, verbose_name="System Integrity Protection")
    is_user_approved_enrollment = models.BooleanField(null=True)
    is_ade_enrolled = models.BooleanField(null=True, verbose_name="enrolled through ADE")
    is_user_enrollment = models.BooleanField(null=True)
    is_awaiting_configuration = models.BooleanField(default=False)
    locked_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="a Mac that was locked; it is until it is heard of again"
    )
    replaced_by = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="replaced",
        help_text="the same device with another logic board, as somebody decided",
    )  # fmt: skip
    last_answer_at = models.DateTimeField(null=True, blank=True, help_text="newest inventory answer interpreted")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        permissions = [("view_raw_reports", "Can view raw reports and refused messages")]

    def __str__(self):
        return self.name or self.serial_number or self.udid or f"device {self.pk}"


class Enrollment(models.Model):
    """One membership of a device, from Authenticate to CheckOut. What the device was given stays frozen in it."""

    class Kind(models.TextChoices):
        DEVICE = "device", "Device enrollment"
        ADE = "ade", "Automated Device Enrollment"
        USER = "user", "User Enrollment"
        ACCOUNT_DEVICE = "account_device", "Account-driven device enrollment"

    class State(models.TextChoices):
        PENDING = "pending", "Enrolling"
        ENROLLED = "enrolled", "Enrolled"
        UNENROLLED = "unenrolled", "Unenrolled"
        ERASED = "erased", "Erased"

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="enrollments")
    key = models.TextField(db_index=True, help_text="UDID, or EnrollmentID under User Enrollment")
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.DEVICE)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PENDING, db_index=True)
    is_current = models.BooleanField(default=True, help_text="the newest membership under this key")
    topic = models.TextField()
    profile_slug = models.TextField(blank=True, help_text="enrollment profile it came by, where known")
    server_url = models.TextField(blank=True)
    check_in_url = models.TextField(blank=True)
    access_rights = models.PositiveIntegerField(default=8191)
    capabilities = ArrayField(models.TextField(), default=list, blank=True)
    token_update_tally = models.PositiveIntegerField(default=0)
    authenticated_at = models.DateTimeField(default=timezone.now)
    enrolled_at = models.DateTimeField(null=True, blank=True)
    unenrolled_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.TextField(blank=True)
    end_asked_by = models.TextField(
        blank=True, default="", db_default="", help_text="who wanted it to leave; empty: nobody here"
    )

    objects = EnrollmentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=models.Q(is_current=True), name="one_current_enrollment"),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} of {self.key}"


class Channel(models.Model):
    """A line to a device or to one of its users, with its own push token and command queue.

    A channel is found by (enrollment_key, user_key) and survives re-enrollment: its queue is cleared then, its history
    is not. ``enrollment`` is the membership it belongs to now. ``state`` repeats what the hot path must know.
    """

    class State(models.IntegerChoices):
        PENDING = 0, "Enrolling"
        ENABLED = 1, "Enabled"
        DISABLED = 2, "Disabled"

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="channels")
    enrollment = models.ForeignKey(Enrollment, on_delete=models.CASCADE, related_name="channels")
    enrollment_key = models.TextField()
    user_key = models.TextField(blank=True, default="", help_text="empty on the device channel")
    state = models.PositiveSmallIntegerField(choices=State.choices, default=State.PENDING)
    user_id = models.TextField(blank=True)
    user_short_name = models.TextField(blank=True)
    user_long_name = models.TextField(blank=True)
    topic = models.TextField(blank=True)
    token = models.BinaryField(null=True, blank=True)
    push_magic = models.TextField(blank=True)
    token_updated_at = models.DateTimeField(null=True, blank=True)
    is_on_console = models.BooleanField(null=True)
    push_gone_at = models.DateTimeField(
        null=True, blank=True, help_text="APNs said that the token is dead; a contact or a TokenUpdate clears it"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["enrollment_key", "user_key"], name="one_channel_per_key")]

    def __str__(self):
        return f"user channel of {self.user_short_name or self.user_key}" if self.user_key else "device channel"

    @property
    def is_user_channel(self) -> bool:
        return bool(self.user_key)


class ChannelContact(models.Model):
    """When a channel was last heard of, to five minutes: a narrow row, so that polls do not touch wide ones."""

    channel = models.OneToOneField(Channel, primary_key=True, on_delete=models.CASCADE, related_name="contact")
    seen_at = models.DateTimeField()

    def __str__(self):
        return f"{self.channel_id} at {self.seen_at}"
