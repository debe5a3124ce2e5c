"""Questions about push certificates and about who waits to be woken."""

from datetime import timedelta

from django.db import models
from django.db.models import Min, Q
from django.utils import timezone

# An alarm may have been about a setting that is right again: one push now and then finds out.
PROBE_AFTER = timedelta(minutes=10)


class PushCertificateQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self if user.has_perm("apns.view_pushcertificate") else self.none()

    def pushing(self):
        """Those that may be pushed with: without an alarm, or with one that is due to be tried again."""
        return self.filter(Q(alarm="") | Q(alarm_at__lt=timezone.now() - PROBE_AFTER))

    def ending_within(self, days: int):
        return self.filter(not_after__lt=timezone.now() + timedelta(days=days))


def waiting_channels():
    """Return `channel_id` and `first_queued_at` of every channel that has a command to fetch.

    Through Channel's own reverse relation `queue`: commands stands to the right of this app and is not imported.
    """
    from devices.models import Channel

    queue = Channel._meta.get_field("queue").related_model.objects.waiting()
    alive = queue.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    return alive.order_by().values("channel_id").annotate(first_queued_at=Min("queued_at"))
