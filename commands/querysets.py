"""Questions about commands and queues."""

from django.db import models
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from devices.access import is_limited, within

# The name (``supersedes``) of what is asked again and again until it is had: a refusal is no failure yet.
UNTIL_HAD = "until had"
# So are renewals, which have a page and a place on the dashboard of their own.
IDENTITY_RENEWAL = "identity renewal"


class CommandQuerySet(models.QuerySet):
    def visible_to(self, user):
        """For limited people only what was asked of a device of theirs."""
        if not user.has_perm("commands.view_command"):
            return self.none()
        if not is_limited(user):
            return self
        targets = self.model._meta.get_field("targets").related_model.objects
        return self.filter(Exists(targets.filter(within(user, "channel__device"), command=OuterRef("pk"))))

    def with_reach(self, user):
        """Add ``reach``: how many of its targets somebody may see; ``target_count`` tells of the whole fleet."""
        if not is_limited(user):
            return self.annotate(reach=F("target_count"))
        targets = self.model._meta.get_field("targets").related_model.objects
        seen = targets.filter(within(user, "channel__device"), command=OuterRef("pk")).order_by().values("command")
        number = Subquery(seen.annotate(number=Count("id")).values("number"), output_field=IntegerField())
        return self.annotate(reach=Coalesce(number, 0))


class QueuedCommandQuerySet(models.QuerySet):
    def visible_to(self, user):
        may_see = user.has_perm("commands.view_command") and user.has_perm("devices.view_device")
        return self.filter(within(user, "channel__device")) if may_see else self.none()

    def waiting(self):
        return self.filter(finished_at=None)

    def failed(self):
        """Return what failed, wholly or in part: what may be asked again."""
        state = self.model.State
        return self.filter(state__in=(state.FAILED, state.QUARANTINED, state.PARTLY))

    def failed_since(self, moment):
        """What failed, wholly or in part, after a moment and has its cause written down: index queue_noted.

        The cause is written a moment after the failure.
        """
        failed = self.failed().filter(note__isnull=False, finished_at__gte=moment)
        return failed.exclude(command__supersedes__in=(UNTIL_HAD, IDENTITY_RENEWAL))

    def for_device(self, device):
        return self.filter(channel__device=device)

    def counts(self) -> dict[str, int]:
        """Number of targets by state, keyed as the API names them; quarantined ones count as failed."""
        counts = {label.lower(): 0 for label in ("pending", "sent", "not_now", "acknowledged", "partly", "failed")}
        counts |= {"cancelled": 0, "expired": 0}
        rows = self.order_by().values_list("state").annotate(number=Count("id"))
        for state, number in rows:
            name = self.model.State(state).name.lower()
            counts["failed" if name == "quarantined" else name] += number
        return counts
