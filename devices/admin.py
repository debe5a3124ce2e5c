"""The console's pages of devices, people, identities, authorities, refused messages and the timeline."""

import contextlib
from datetime import timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, Subquery
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from commands.models import QueuedCommand
from devices.console import page, sending
from devices.console.bulk import BulkActions
from devices.console.filters import (
    CommandsFilter,
    EnrollmentStateFilter,
    LastSeenFilter,
    OSMajorFilter,
    PushFilter,
)
from devices.console.forms import ReasonForm
from devices.console.groups_filters import GroupFilter, TagFilter
from devices.console.views import DevicePages
from devices.group_admin import CustomAttributeAdmin, GroupAdmin, TagAdmin  # noqa: F401 (registers them)
from devices.models import CertificateAuthority, Device, Enrollment, Event, Identity, Person, RejectedMessage
from devices.redaction import redact
from devices.rejections import excerpt_context
from devices.services import revoke_identity
from devices.timeline import Actor
from mdm_project import plist, status
from mdm_project.console import ConsoleAdmin, LongListAdmin, ReadOnlyAdmin, submitted
from mdm_project.crypto import CannotDecrypt, unseal
from mdm_project.errors import BadRequest, EspalierError
from mdm_project.platforms import icon_of, system_words
from mdm_project.templatetags.console import age, copy
from mdm_project.templatetags.console import status as show_status

RAW_PERMISSION = "devices.view_raw_reports"
EXPIRY_WARNING = timedelta(days=30)


def _number_per_device(queue):
    queue = queue.filter(channel__device=OuterRef("pk")).order_by()
    return queue.values("channel__device").annotate(number=Count("id")).values("number")[:1]


@admin.register(Device)
class DeviceAdmin(BulkActions, DevicePages, ConsoleAdmin):
    list_display = (
        "name_column", "serial_column", "system_column", "state_column", "supervised_column", "person_column",
        "seen_column", "commands_column",
    )  # fmt: skip
    list_display_links = None
    list_filter = (
        "platform", OSMajorFilter, EnrollmentStateFilter, "is_supervised", LastSeenFilter, CommandsFilter, PushFilter,
        GroupFilter, TagFilter,
    )  # fmt: skip
    search_fields = ("serial_number",)
    search_help_text = "Serial number, UDID, name, user, IMEI, MAC address"
    ordering = ("name", "id")
    actions = ("refresh_inventory", "send_command", "add_to_group")
    empty_title = "No devices yet"
    empty_text = "Open an enrollment profile under Enrollment and show its QR code to a device, or open its link there."
    csv_columns = (
        ("id", "pk"), ("name", "name"), ("serial number", "serial_number"), ("UDID", "udid"), ("platform", "platform"),
        ("model", "model"), ("model name", "model_name"), ("OS version", "os_version"), ("build", "build_version"),
        ("enrollment", "state"), ("supervised", "is_supervised"), ("used by", "person.name"),
        ("asset tag", "asset_tag"), ("last seen", "last_seen_at"), ("IMEI", "imei"), ("Wi-Fi address", "wifi_mac"),
        ("waiting commands", "waiting"), ("failed commands", "failures"),
    )  # fmt: skip

    def get_urls(self):
        return [*self.device_urls(), *super().get_urls()]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        since = timezone.now() - timedelta(days=page.ATTENTION_DAYS)
        devices = Device.objects.visible_to(request.user).with_enrollment().with_last_seen().select_related("person")
        return devices.annotate(
            waiting=Subquery(_number_per_device(QueuedCommand.objects.waiting())),
            failures=Subquery(_number_per_device(QueuedCommand.objects.failed_since(since))),
        )

    def get_search_results(self, request, queryset, search_term):
        text = search_term.replace("\x00", "").strip()
        return (queryset.matching(text) if text else queryset), False

    @display(description="Device", ordering="name")
    def name_column(self, device):
        return format_html(
            '<a href="{}" class="e-name"><span class="material-symbols-outlined e-faint"'
            ' aria-hidden="true">{}</span><span><span class="e-strong">{}</span><br>'
            '<span class="e-faint e-small">{}</span></span></a>',
            self.route("change", device.pk), icon_of(device.platform), device, device.model_name or device.model or "–",
        )  # fmt: skip

    @display(description="Serial number", ordering="serial_number")
    def serial_column(self, device):
        return copy(device.serial_number, "serial number")

    @display(description="OS", ordering="os_version_parts")
    def system_column(self, device):
        return system_words(device.platform, device.os_version) or "–"

    @display(description="Enrollment", ordering="state")
    def state_column(self, device):
        return show_status(page.ENROLLMENT_STATES.get(device.state, status.NEVER_ENROLLED))

    @display(description="Supervised", ordering="is_supervised")
    def supervised_column(self, device):
        return {True: "yes", False: "no"}.get(device.is_supervised, "–")

    @display(description="Used by", ordering="person__name")
    def person_column(self, device):
        return device.person or "–"

    @display(description="Last seen", ordering="last_seen_at")
    def seen_column(self, device):
        return age(device.last_seen_at)

    @display(description="Commands")
    def commands_column(self, device):
        words = []
        if device.failures:
            words.append(status.Status(f"{device.failures} failed", "bad", "cancel"))
        if device.waiting:
            words.append(status.Status(f"{device.waiting} pending", "wait", "schedule"))
        if not words:
            return format_html('<span class="e-faint">{}</span>', "none pending")
        return format_html("{}{}", show_status(words[0]), show_status(words[1]) if len(words) > 1 else "")


@admin.register(Person)
class PersonAdmin(ConsoleAdmin):
    list_display = ("name", "email", "department", "site", "devices_column")
    list_filter = ("department", "site")
    search_fields = ("name", "email", "department", "site")
    search_help_text = "Name, e-mail, department, site"
    fields = ("name", "email", "department", "site")
    ordering = ("name", "id")
    empty_title = "No people yet"
    empty_text = "Add the people who use your devices, then assign a device to a person on the device's page."
    csv_columns = (("name", "name"), ("e-mail", "email"), ("department", "department"), ("site", "site"))

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(number=Count("devices"))

    @display(description="Devices", ordering="number")
    def devices_column(self, person):
        return person.number


@admin.register(Event)
class EventAdmin(LongListAdmin):
    list_title = "Timeline"
    list_display = ("at_column", "summary_column", "device_column", "actor", "kind_column")
    list_display_links = None
    list_select_related = ("device",)
    search_fields = ("summary", "actor", "device__serial_number", "device__name")
    search_help_text = "Text, who, serial number"
    ordering = ("-id",)
    empty_title = "Nothing has happened yet"
    empty_text = "Enrollments, commands and what staff do are written here, and are not changed afterwards."
    csv_columns = (
        ("at", "at"), ("what", "summary"), ("kind", "kind"), ("who", "actor"), ("device", "device"),
        ("serial number", "device.serial_number"),
    )  # fmt: skip

    def get_list_filter(self, request):
        return (EventKindFilter,)

    def get_queryset(self, request):
        return about_visible_devices(super().get_queryset(request), request.user)

    @display(description="When", ordering="-id")
    def at_column(self, event):
        return age(event.at)

    @display(description="What")
    def summary_column(self, event):
        return f"{event.summary[:1].upper()}{event.summary[1:]}"

    @display(description="Kind")
    def kind_column(self, event):
        return event.kind.replace("_", " ")

    @display(description="Device")
    def device_column(self, event):
        return device_link(event.device)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.route("changelist"))


class EventKindFilter(admin.SimpleListFilter):
    title, parameter_name = "kind", "kind"

    def lookups(self, request, model_admin):
        kinds = Event.objects.order_by("kind").values_list("kind", flat=True).distinct()[:100]
        return [(kind, kind.replace("_", " ").capitalize()) for kind in kinds]

    def queryset(self, request, queryset):
        return queryset.filter(kind=self.value()) if self.value() else queryset


def about_visible_devices(queryset, user):
    """Keep what is about no device, or about one that somebody may see."""
    return queryset.filter(Q(device=None) | Q(device__in=Device.objects.visible_to(user).order_by().values("pk")))


def device_link(device: Device | None) -> str:
    """Render a link to a device's page."""
    if device is None:
        return format_html('<span class="e-faint">{}</span>', "–")
    address = reverse("admin:devices_device_change", args=[device.pk])
    serial = device.serial_number or ""
    return format_html(
        '<a class="e-link" href="{}">{}</a> <span class="e-mono e-faint">{}</span>', address, device, serial
    )


@admin.register(RejectedMessage)
class RejectedMessageAdmin(LongListAdmin):
    list_display = ("last_column", "reason_column", "code", "claimed_key", "device_column", "address", "times")
    list_display_links = None
    list_select_related = ("device",)
    list_filter = ("code",)
    search_fields = ("reason", "claimed_key", "code", "device__serial_number")
    search_help_text = "Reason, UDID, serial number"
    ordering = ("-id",)
    empty_title = "No message was refused"
    empty_text = "Messages of devices that this server could not accept are kept here, with the reason."
    csv_columns = (
        ("last", "last_at"), ("times", "times"), ("code", "code"), ("reason", "reason"), ("status", "status"),
        ("claimed key", "claimed_key"), ("address", "address"), ("path", "path"), ("size", "size_bytes"),
    )  # fmt: skip

    def get_queryset(self, request):
        return about_visible_devices(super().get_queryset(request), request.user)

    @display(description="Last", ordering="last_at")
    def last_column(self, message):
        return age(message.last_at)

    @display(description="Reason")
    def reason_column(self, message):
        address = self.route("change", message.pk)
        return format_html('<a class="e-link" style="white-space:normal" href="{}">{}</a>', address, message.reason)

    @display(description="Device")
    def device_column(self, message):
        return device_link(message.device)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show why a message was refused, and its beginning to whoever may read raw messages."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not str(object_id).isdecimal():
            raise Http404("there is no such message")
        message = get_object_or_404(self.get_queryset(request).select_related("device"), pk=object_id)
        may_read = request.user.has_perm(RAW_PERMISSION)
        context = {"title": "Rejected message", "message_row": message, "may_read": may_read}
        context["excerpt"] = _excerpt(message) if may_read else ""
        return self.page(request, "console/rejected_message.html", context)


def _excerpt(message: RejectedMessage) -> str:
    if not message.excerpt_encrypted:
        return ""
    try:
        content = unseal(bytes(message.excerpt_encrypted), excerpt_context(message.body_hash))
    except CannotDecrypt as error:
        return f"The message cannot be decrypted: {error.detail}"
    # What cannot be read is shown as it came: that is what this page is for.
    with contextlib.suppress(BadRequest):
        content = plist.dumps(redact(plist.loads(content)))
    return content.decode(errors="backslashreplace")


def identity_status(identity: Identity) -> status.Status:
    """Return whether a certificate still counts, in a word."""
    now = timezone.now()
    if not identity.is_active:
        return status.REVOKED.because(identity.end_reason)
    if identity.not_after < now:
        return status.ENDED
    return status.EXPIRES_SOON if identity.not_after < now + EXPIRY_WARNING else status.VALID


class IdentityStateFilter(admin.SimpleListFilter):
    title, parameter_name = "state", "state"

    def lookups(self, request, model_admin):
        return [
            ("active", "Active"),
            ("expiring", "Expires within 30 days"),
            ("ended", "Ended"),
            ("unpinned", "Not pinned"),
        ]

    def queryset(self, request, queryset):
        now = timezone.now()
        chosen = {
            "active": {"is_active": True, "not_after__gte": now},
            "expiring": {"is_active": True, "not_after__lt": now + EXPIRY_WARNING},
            "ended": {"is_active": False},
            "unpinned": {"enrollment_key": ""},
        }
        return queryset.filter(**chosen.get(self.value(), {}))


@admin.register(Identity)
class IdentityAdmin(LongListAdmin):
    list_display = ("device_column", "serial_column", "state_column", "authority", "issued_column", "expires_column")
    list_display_links = None
    list_select_related = ("authority",)
    list_filter = (IdentityStateFilter, "origin")
    search_fields = ("subject", "serial_hex", "enrollment_key")
    search_help_text = "Subject, certificate serial number, UDID"
    ordering = ("-id",)
    empty_title = "No certificates yet"
    empty_text = "Every device gets its own client certificate when it enrolls; it is what proves who it is."
    csv_columns = (
        ("subject", "subject"), ("serial", "serial_hex"), ("enrollment", "enrollment_key"), ("issued", "issued_at"),
        ("expires", "not_after"), ("active", "is_active"), ("ended", "ended_at"), ("why", "end_reason"),
    )  # fmt: skip

    def get_queryset(self, request):
        return super().get_queryset(request).defer("certificate_der")

    def get_urls(self):
        return [self.view_path("<int:pk>/revoke/", self.revoke_view, "revoke"), *super().get_urls()]

    def get_changelist_instance(self, request):
        changelist = super().get_changelist_instance(request)
        _attach_devices(changelist.result_list, request.user)
        return changelist

    @display(description="Device")
    def device_column(self, identity):
        return device_link(identity.device) if identity.device else copy(identity.enrollment_key)

    @display(description="Certificate", ordering="serial_hex")
    def serial_column(self, identity):
        address, serial = self.route("change", identity.pk), f"{identity.serial_hex[:16]}…"
        return format_html('<a class="e-link e-mono" href="{}" title="{}">{}</a>', address, identity.subject, serial)

    @display(description="State")
    def state_column(self, identity):
        return show_status(identity_status(identity))

    @display(description="Issued", ordering="issued_at")
    def issued_column(self, identity):
        return age(identity.issued_at)

    @display(description="Expires", ordering="not_after")
    def expires_column(self, identity):
        return age(identity.not_after)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not str(object_id).isdecimal():
            raise Http404("there is no such certificate")
        identity = get_object_or_404(Identity.objects.select_related("authority"), pk=object_id)
        devices = Device.objects.visible_to(request.user)
        device = devices.filter(enrollments__key=identity.enrollment_key, enrollments__is_current=True).first()
        context = {
            "title": str(identity),
            "identity": identity,
            "state": identity_status(identity),
            "device": device if identity.enrollment_key else None,
            "fingerprint": bytes(identity.fingerprint).hex(),
            "may_revoke": self.may_revoke(request),
            "may_send": request.user.has_perm(sending.MAY_SEND),
        }
        return self.page(request, "console/identity.html", context)

    @staticmethod
    def may_revoke(request) -> bool:
        return request.user.has_perm("devices.change_identity")

    def revoke_view(self, request, pk):
        """End a certificate, with a reason."""
        if not self.may_revoke(request):
            raise PermissionDenied
        identity = get_object_or_404(Identity, pk=pk)
        address = self.route("change", pk)
        form = ReasonForm(submitted(request)[0])
        if request.method == "POST" and form.is_valid():
            try:
                revoke_identity(identity, actor=Actor.staff(request.user), reason=form.cleaned_data["reason"])
            except EspalierError as error:
                form.add_error(None, error.detail)
            else:
                return self.done(request, "The certificate no longer counts.", address, reload=True)
        warning = "The device's next message is refused. It has to enroll again, or be sent a new certificate first."
        context = {"title": f"Revoke {identity}", "form": form, "back": address, "button": "Revoke"}
        return self.dialog(request, "console/dialog_form.html", {**context, "warning": warning, "is_danger": True})


def _attach_devices(identities, user) -> None:
    """Give each certificate of a page the device it is pinned to, if somebody may see it: one statement."""
    keys = {identity.enrollment_key for identity in identities if identity.enrollment_key}
    enrollments = Enrollment.objects.current().filter(key__in=keys, device__in=Device.objects.visible_to(user))
    devices = {enrollment.key: enrollment.device for enrollment in enrollments.select_related("device")}
    for identity in identities:
        identity.device = devices.get(identity.enrollment_key)


@admin.register(CertificateAuthority)
class CertificateAuthorityAdmin(ReadOnlyAdmin):
    list_title = "Authorities"
    list_display = ("name", "kind", "use_column", "identities_column", "expires_column")
    list_filter = ("kind", "is_trusted")
    search_fields = ("name",)
    ordering = ("-id",)
    fields = (
        "name",
        "kind",
        "is_issuing",
        "is_trusted",
        "not_before",
        "not_after",
        "fingerprint_hex",
        "certificate_pem",
    )
    readonly_fields = ("fingerprint_hex",)
    empty_title = "No authority yet"
    empty_text = (
        "Ours is made when the first device asks for a certificate; outside ones are added with trust_identity_ca."
    )
    csv_columns = (("name", "name"), ("kind", "kind"), ("issuing", "is_issuing"), ("expires", "not_after"))

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(number=Count("identities")).defer("key_encrypted")

    @display(description="Use")
    def use_column(self, authority):
        if authority.kind == CertificateAuthority.Kind.SIGNER:
            return show_status(status.Status("Signs profiles", "info", "draw"))
        if authority.is_issuing:
            return show_status(status.Status("Issues new certificates", "ok", "verified_user"))
        if authority.is_trusted:
            return show_status(status.Status("Trusted", "info", "check"))
        return show_status(status.Status("Not trusted", "gone", "block"))

    @display(description="Certificates", ordering="number")
    def identities_column(self, authority):
        return authority.number

    @display(description="Expires", ordering="not_after")
    def expires_column(self, authority):
        return age(authority.not_after)

    @display(description="SHA-256 fingerprint")
    def fingerprint_hex(self, authority):
        return copy(bytes(authority.fingerprint).hex())
