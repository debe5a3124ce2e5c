"""How far every channel is with every profile, one row and one word each, for counting and filtering in SQL.

Owns the words; where they are explained in a sentence is commands.configuration. The rows are a view of the database
(made by a migration of this app) over what is wanted (DesiredItem), what became of it (ItemStatus) and the queue. It
has a row for everything that an enrolled channel should have, and for everything it had from us. Conditions on profile,
assignment, channel and device reach the indexes; counting the words of a profile on 10,000 channels is one statement:

    ItemStanding.objects.visible_to(user).filter(profile=profile).by_word()
    Device.objects.filter(item_standings__profile=profile, item_standings__word=Word.FAILED)
"""

from django.db import models
from django.db.models import Count

from devices.models import Channel, Device
from devices.querysets import OfDeviceQuerySet
from mdm_project import status
from mdm_project.status import Status
from profiles.models import Assignment, DesiredItem, ItemStatus, Profile, ProfileVersion


class Word(models.TextChoices):
    """Where a profile stands on a channel, in the order of its life."""

    PENDING = "pending", "Pending"
    SENT = "sent", "Sent"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    VERIFIED = "verified", "Verified"
    FAILED = "failed", "Failed"
    HELD = "held", "Held"
    REMOVING = "removing", "Removing"
    REMOVED = "removed", "Removed"
    NOT_APPLICABLE = "not_applicable", "Not for this device"


STATUS_OF: dict[str, Status] = {
    Word.PENDING: status.PENDING,
    Word.SENT: status.SENT,
    Word.ACKNOWLEDGED: status.ACKNOWLEDGED,
    Word.VERIFIED: status.VERIFIED,
    Word.FAILED: status.FAILED,
    Word.HELD: Status("Held", "attn", "pause_circle"),
    Word.REMOVING: Status("Removing", "wait", "remove_circle"),
    Word.REMOVED: Status("Removed", "gone", "delete"),
    Word.NOT_APPLICABLE: Status("Not for this device", "wait", "block"),
}
# Nothing is under way and nobody has to act.
SETTLED = frozenset({Word.VERIFIED, Word.REMOVED, Word.NOT_APPLICABLE})


class ItemStandingQuerySet(OfDeviceQuerySet):
    def visible_to(self, user):
        """Of devices and profiles that the person may see."""
        return super().visible_to(user) if user.has_perm("profiles.view_profile") else self.none()

    def by_word(self) -> dict[str, int]:
        """Count the rows by word; words of none are left out. One statement."""
        return dict(self.order_by().values_list("word").annotate(number=Count("*")).order_by("word"))

    def causes(self) -> list[dict]:
        """Return ``[{"cause", "number"}]`` of the rows, most first, in the words kept of each."""
        counted = self.order_by().values("cause").annotate(number=Count("*"))
        return list(counted.order_by("-number", "cause"))


def _to(model, **fields) -> models.ForeignKey:
    fields = {"related_name": "+", "null": True} | fields
    return models.ForeignKey(model, on_delete=models.DO_NOTHING, db_constraint=False, **fields)


class ItemStanding(models.Model):
    """A profile on a channel. ``version`` is the one that is wanted, or was last sent where none is.

    ``since`` is when it became so, empty where that is not known; ``cause`` says why it failed, is held, is removed
    or is not for the device, in the words that were kept. The id is that of the wanted item, or minus that of the
    status.
    """

    id = models.BigIntegerField(primary_key=True)
    device = _to(Device, related_name="item_standings", null=False)
    channel = _to(Channel, related_name="item_standings", null=False)
    identifier = models.TextField()
    profile = _to(Profile, related_name="item_standings")
    version = _to(ProfileVersion)
    sent_version = _to(ProfileVersion)
    assignment = _to(Assignment, related_name="item_standings")
    wanted = _to(DesiredItem)
    status = _to(ItemStatus)
    word = models.CharField(max_length=20, choices=Word.choices)
    since = models.DateTimeField(null=True)
    cause = models.TextField()

    objects = ItemStandingQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "commands_itemstanding"
        ordering = ["id"]
        default_permissions = ()

    def __str__(self):
        return f"{self.identifier}: {self.word}"
