"""Whether a device that leaves was asked to: then nobody has to look after it."""

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from commands.models import QueuedCommand

# A device says goodbye as soon as the enrollment profile is gone; with no network it may take a while.
SAYS_GOODBYE_WITHIN = timedelta(hours=1)


def who_asked_to_leave(enrollment_key: str) -> str:
    """Return who removed the enrollment of a device that has just said goodbye, or nothing if nobody here did.

    Only what unenrolls, or takes the last network away, is a destructive RemoveProfile; after the latter no device says
    anything.
    """
    delivered = QueuedCommand.objects.filter(
        channel__enrollment_key=enrollment_key, channel__user_key="", command__request_type="RemoveProfile",
        command__is_destructive=True, sent_at__gte=timezone.now() - SAYS_GOODBYE_WITHIN,
    ).filter(sent_at__gte=F("channel__enrollment__authenticated_at"))  # fmt: skip
    return delivered.order_by("-id").values_list("command__actor", flat=True).first() or ""
