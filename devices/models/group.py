"""Groups, tags and attributes of our own making: how devices are gathered and told apart."""

from django.db import models
from django.utils import timezone

from devices.models.device import Device
from devices.querysets import GroupQuerySet


class Tag(models.Model):
    """A word that staff put on devices."""

    name = models.CharField(max_length=60, unique=True)
    devices = models.ManyToManyField(Device, blank=True, related_name="tags")

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class CustomAttribute(models.Model):
    """A fact about devices that Apple does not know of; usable in rules and, as $NAME, in profiles."""

    class Kind(models.TextChoices):
        TEXT = "text", "Text"
        NUMBER = "number", "Number"
        DATE = "date", "Date"
        BOOLEAN = "boolean", "Yes or no"
        VERSION = "version", "Version"

    name = models.SlugField(max_length=60, unique=True, help_text="letters, digits, _ and -; as a variable in capitals")
    label = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TEXT)
    is_secret = models.BooleanField(
        default=False, help_text="values are encrypted and hidden, and no rule looks at them; stays so"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.label or self.name

    @property
    def variable(self) -> str:
        """What stands for it in profiles: ``building-a`` is $BUILDING_A."""
        return f"${self.name.upper().replace('-', '_')}"


class AttributeValue(models.Model):
    """The value of a custom attribute for a device, as text in the attribute's form (ISO dates, true/false).

    Of a secret attribute it is encrypted, and ``value`` is empty: devices.secret_attributes opens it.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="attribute_values")
    attribute = models.ForeignKey(CustomAttribute, on_delete=models.CASCADE, related_name="values")
    value = models.TextField(blank=True)
    value_encrypted = models.BinaryField(null=True, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["device", "attribute"], name="one_value_per_attribute"),
            models.CheckConstraint(
                condition=models.Q(value="") | models.Q(value_encrypted=None), name="secret_value_not_in_clear"
            ),
        ]

    def __str__(self):
        return f"attribute {self.attribute_id} of device {self.device_id}"

    @property
    def context(self) -> str:
        return f"attribute:{self.attribute_id}:{self.device_id}"


class Group(models.Model):
    """Devices gathered by hand (static) or by a rule (smart); who is in it now is in Membership either way."""

    class Kind(models.TextChoices):
        STATIC = "static", "Chosen by hand"
        SMART = "smart", "By rule"

    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.STATIC)
    description = models.TextField(blank=True)
    rule = models.JSONField(null=True, blank=True, help_text="of smart groups; devices.rules tells its form")
    evaluated_at = models.DateTimeField(null=True, blank=True, editable=False)
    problem = models.TextField(blank=True, editable=False, help_text="why the rule could not be evaluated")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = GroupQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self):
        return self.name


class Membership(models.Model):
    """A device is in a group. Rows of smart groups are computed; those of static ones are what staff chose."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="memberships")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["group", "device"], name="member_once")]

    def __str__(self):
        return f"{self.device_id} in {self.group_id}"
