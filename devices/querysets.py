"""Questions about devices, enrollments and channels. Whatever staff see or change passes ``visible_to(user)``: the
permission first, then the limit to groups of devices (devices.access).
"""

from django.db import models
from django.db.models import Count, Exists, F, IntegerField, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from devices.access import limit_of, within

VIEW_DEVICE = "devices.view_device"
VIEW_SIGN_IN = "mdm_project.view_signin"
SIGN_INS = ("signed_in", "signed_out", "sign_in_refused")


class DeviceQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Only what the person may see: devices of the groups they are limited to."""
        return self.filter(within(user)) if user.has_perm(VIEW_DEVICE) else self.none()

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
        """Annotate ``last_seen_at``: the newest contact on any channel (devices.contacts)."""
        from devices.models import ChannelContact

        newest = (
            ChannelContact.objects.filter(channel__device=OuterRef("pk"))
            .order_by()
            .values("channel__device")
            .annotate(newest=Max("seen_at"))
        )
        return self.annotate(last_seen_at=Subquery(newest.values("newest")[:1]))

    def locked(self):
        """Macs that wait for the PIN of their lock: nothing was heard of them since."""
        from devices.contacts import LOCK_MARGIN
        from devices.models import ChannelContact

        heard = ChannelContact.objects.filter(
            channel__device=OuterRef("pk"), seen_at__gt=OuterRef("locked_at") + LOCK_MARGIN
        )
        return self.enrolled().filter(locked_at__isnull=False).exclude(Exists(heard))

    def enrolled(self):
        from devices.models import Enrollment

        return self.filter(
            Exists(Enrollment.objects.filter(device=OuterRef("pk"), is_current=True, state=Enrollment.State.ENROLLED))
        )

    def matching(self, text: str, *, forgiving: bool = True):
        """Devices whose serial number, UDID, name, user, IMEI, MAC address, phone number or asset tag contains it.

        Accents and capitals make no difference. Where none of these devices does, those that resemble it, unless
        ``forgiving`` is off: what acts on devices by itself must not act on what only resembles.
        """
        from devices.search import containing, nearest

        found = self.filter(containing(text))
        if not forgiving or found.exists():
            return found
        return self.filter(pk__in=nearest(self, text))


class GroupQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self.reached_by(user) if user.has_perm("devices.view_group") else self.none()

    def reached_by(self, user):
        """For limited people their own groups, and those that some device of theirs is in."""
        limit = limit_of(user)
        if limit is None:
            return self
        members = self.model._meta.get_field("memberships").related_model.objects
        own = members.filter(group__in=limit).order_by().values("device")
        touched = members.filter(device__in=own).order_by().values("group")
        return self.filter(Q(pk__in=limit) | Q(pk__in=touched))

    def with_member_count(self, user):
        """Annotate ``member_count``: members that the person may see."""
        members = self.model._meta.get_field("memberships").related_model.objects
        seen = members.filter(within(user, "device"), group=OuterRef("pk")).order_by().values("group")
        number = Subquery(seen.annotate(number=Count("id")).values("number"), output_field=IntegerField())
        return self.annotate(member_count=Coalesce(number, 0))


class OfDeviceQuerySet(models.QuerySet):
    """Rows that belong to a device and need its permission only."""

    def visible_to(self, user):
        return self.filter(within(user, "device")) if user.has_perm(VIEW_DEVICE) else self.none()


class NoteQuerySet(OfDeviceQuerySet):
    def visible_to(self, user):
        return super().visible_to(user) if user.has_perm("devices.view_note") else self.none()

    def withdrawable_by(self, user):
        """Notes of their own for who may write some, and for who may change notes those of others, too."""
        seen = self.visible_to(user).filter(withdrawn_at=None)
        if user.has_perm("devices.change_note"):
            return seen
        return seen.filter(user=user) if user.has_perm("devices.add_note") else seen.none()


class AboutDeviceQuerySet(models.QuerySet):
    """Rows that may be about a device: those about none are for people who are not limited."""

    def visible_to(self, user):
        """Rows about no device and about devices the person may see; who may see no devices has only the former."""
        limit = limit_of(user)
        if not user.has_perm(VIEW_DEVICE):
            return self.filter(device=None) if limit is None else self.none()
        return self if limit is None else self.filter(within(user, "device"))


class EventQuerySet(AboutDeviceQuerySet):
    def visible_to(self, user):
        """As of other rows; who signs in when, and from where, is for those who may see sign-ins."""
        seen = super().visible_to(user)
        return seen if user.has_perm(VIEW_SIGN_IN) else seen.exclude(kind__in=SIGN_INS)

    def search(self, text: str):
        """Events whose words, actor, kind or device (name, serial number) contain a text."""
        conditions = Q(summary__icontains=text) | Q(actor__icontains=text)
        conditions |= Q(kind__icontains=text.strip().replace(" ", "_"))
        about = self.model._meta.get_field("device").related_model.objects
        found = about.filter(Q(name__icontains=text) | Q(serial_number__icontains=text)).order_by().values("pk")
        return self.filter(conditions | Q(device__in=found))


class PersonQuerySet(models.QuerySet):
    def visible_to(self, user):
        """For limited people the users of their devices, and those who use none."""
        if not user.has_perm("devices.view_person") and not user.has_perm("devices.change_device"):
            return self.none()
        if limit_of(user) is None:
            return self
        devices = self.model._meta.get_field("devices").related_model.objects
        return self.filter(
            Q(Exists(devices.filter(within(user), person=OuterRef("pk"))))
            | ~Exists(devices.filter(person=OuterRef("pk")))
        )


class EnrollmentQuerySet(OfDeviceQuerySet):
    def current(self):
        return self.filter(is_current=True)

    def enrolled(self):
        return self.filter(is_current=True, state="enrolled")

    def left_by_themselves(self, since):
        """Current memberships that ended since a moment without anybody here having asked for it."""
        return self.filter(is_current=True, state="unenrolled", end_asked_by="", unenrolled_at__gte=since)


class ChannelQuerySet(OfDeviceQuerySet):
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


class SavedSearchQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Their own and shared ones, for who sees devices; whom they find depends on who asks."""
        return self.filter(Q(owner=user) | Q(is_shared=True)) if user.has_perm(VIEW_DEVICE) else self.none()
