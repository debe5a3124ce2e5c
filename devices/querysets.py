"""Questions about devices, enrollments and channels. Whatever staff see or change passes ``visible_to(user)``."""

from django.db import models
from django.db.models import Exists, F, Max, OuterRef, Q, Subquery


class DeviceQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Only what the person may see; the seam where limits to device groups go."""
        return self if user.has_perm("devices.view_device") else self.none()

    def with_enrollment(self):
        """Annotate the current enrollment: ``enrollment_id``, ``enrollment_key``, ``enrollment_kind``, ``state``."""
        from devices.models import Enrollment

        current = Enrollment.objects.filter(device=OuterRef("pk"), is_current=True).order_by("-id")
        return self.annotate(
            current_enrollment_id=Subquery(current.values("id")[:1]),
            enrollment_key=Subquery(current.values("key")[:1]),
            enrollment_kind=Subquery(current.values("kind")[:1]),
            state=Subquery(current.values("state")[:1]),
        )

    def with_last_seen(self):
        """Annotate ``last_seen_at``: the newest contact on any channel, exact to five minutes."""
        from devices.models import ChannelContact

        newest = (
            ChannelContact.objects.filter(channel__device=OuterRef("pk"))
            .order_by()
            .values("channel__device")
            .annotate(newest=Max("seen_at"))
        )
        return self.annotate(last_seen_at=Subquery(newest.values("newest")[:1]))

    def enrolled(self):
        from devices.models import Enrollment

        return self.filter(
            Exists(Enrollment.objects.filter(device=OuterRef("pk"), is_current=True, state=Enrollment.State.ENROLLED))
        )

    def matching(self, text: str):
        """Devices whose serial number, UDID, name, user, IMEI, MAC address, phone number or asset tag contains it."""
        from devices.models import Enrollment

        conditions = Q(Exists(Enrollment.objects.filter(device=OuterRef("pk"), key__iexact=text)))
        columns = ["serial_number", "udid", "name", "imei", "meid", "phone_number", "asset_tag"]
        columns += ["wifi_mac", "bluetooth_mac", "ethernet_mac", "person__name", "person__email"]
        for column in columns:
            conditions |= Q(**{f"{column}__icontains": text})
        if "'" in text:
            # Apple writes a curly apostrophe in "Ada’s iPhone"; people type a straight one.
            conditions |= Q(name__icontains=text.replace("'", "\u2019"))
        digits = text.replace(" ", "")
        if digits != text:
            conditions |= Q(imei__icontains=digits)
        return self.filter(conditions)


class GroupQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self if user.has_perm("devices.view_group") else self.none()


class EnrollmentQuerySet(models.QuerySet):
    def current(self):
        return self.filter(is_current=True)

    def enrolled(self):
        return self.filter(is_current=True, state="enrolled")


class ChannelQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self if user.has_perm("devices.view_device") else self.none()

    def device_channels(self):
        return self.filter(user_key="")

    def user_channels(self):
        return self.exclude(user_key="")

    def reachable(self):
        """Channels of current memberships that may be asked something: enrolled, or between Authenticate and
        TokenUpdate (their commands wait until the device is there)."""
        return self.filter(enrollment__is_current=True).exclude(state=2)

    def pushable(self):
        return self.filter(state=1, token__isnull=False, push_gone_at__isnull=True).exclude(push_magic="")

    def seen(self):
        return self.annotate(seen_at=F("contact__seen_at"))
