"""The console's pages of devices, people, identities, authorities, refused messages and the timeline."""

import contextlib
from datetime import timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Subquery
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from commands.models import QueuedCommand
from devices.access import within
from devices.access_admin import AccessLimitAdmin  # noqa: F401 (registers it)
from devices.console import page
from devices.console.bulk import BulkActions
from devices.console.filters import (
    CommandsFilter,
    ComplianceFilter,
    EnrollmentStateFilter,
    LastSeenFilter,
    LeftFilter,
    LockFilter,
    OSMajorFilter,
    ProfileFilter,
    ProfileStateFilter,
    PushFilter,
)
from devices.console.groups_filters import GroupFilter, TagFilter
from devices.console.links import device_link
from devices.console.messaging import MessagePages
from devices.console.naming import BulkNames
from devices.console.notes import NotePages
from devices.console.same_serial import SameSerialPages
from devices.console.saved_searches import SavedSearchPages
from devices.console.secrets import SecretPages
from devices.console.views import DevicePages
from devices.event_admin import EventAdmin  # noqa: F401 (registers it)
from devices.group_admin import CustomAttributeAdmin, GroupAdmin, TagAdmin  # noqa: F401 (registers them)
from devices.models import Device, Person, RejectedMessage
from devices.redaction import redact
from devices.rejections import excerpt_context
from devices.search import nearest
from devices.services import delete_person, save_person
from devices.timeline import Actor
from devices.trust_admin import CertificateAuthorityAdmin, IdentityAdmin  # noqa: F401 (registers them)
from mdm_project import plist, status
from mdm_project.console import ConsoleAdmin, LongListAdmin
from mdm_project.crypto import CannotDecrypt, unseal
from mdm_project.errors import BadRequest
from mdm_project.platforms import icon_of, system_words
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age, copy
from mdm_project.templatetags.console import status as show_status

RAW_PERMISSION = "devices.view_raw_reports"


def _number_per_device(queue):
    queue = queue.filter(channel__device=OuterRef("pk")).order_by()
    return queue.values("channel__device").annotate(number=Count("id")).values("number")[:1]


@admin.register(Device)
class DeviceAdmin(
    SavedSearchPages,
    SameSerialPages,
    BulkNames,
    BulkActions,
    DevicePages,
    SecretPages,
    NotePages,
    MessagePages,
    ConsoleAdmin,
):
    list_display = (
        "name_column", "serial_column", "system_column", "state_column", "supervised_column", "person_column",
        "seen_column", "commands_column",
    )  # fmt: skip
    list_display_links = None
    list_filter = (
        "platform", OSMajorFilter, EnrollmentStateFilter, "is_supervised", LastSeenFilter, CommandsFilter, PushFilter,
        LeftFilter, LockFilter, ComplianceFilter, GroupFilter, TagFilter, ProfileFilter, ProfileStateFilter,
    )  # fmt: skip
    search_fields = ("serial_number",)
    search_help_text = "Serial number, UDID, name, user, IMEI, MAC address"
    ordering = ("name", "id")
    actions = ("refresh_inventory", "send_command", "set_names", "start_workflow", "add_to_group")
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
        own = [
            *self.search_urls(),
            *self.device_urls(),
            *self.secret_urls(),
            *self.note_urls(),
            *self.message_urls(),
            *self.serial_urls(),
        ]
        return [*own, *super().get_urls()]

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
        if not text:
            return queryset, False
        found = queryset.matching(text, forgiving=False)
        if found.exists():
            return found, False
        # The page says so: what resembles a text is not what contains it.
        request.is_resembling = True
        return queryset.filter(pk__in=nearest(queryset, text)), False

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
        people = Person.objects.visible_to(request.user)
        return people.annotate(number=Count("devices", filter=within(request.user, "devices")))

    def save_model(self, request, person, form, change):
        save_person(person, actor=Actor.staff(request.user))

    def delete_model(self, request, person):
        delete_person(person, actor=Actor.staff(request.user))

    def delete_queryset(self, request, queryset):
        for person in queryset:
            self.delete_model(request, person)

    @display(description="Devices", ordering="number")
    def devices_column(self, person):
        return person.number


def about_visible_devices(queryset, user):
    """Keep what somebody may see: about a device of theirs, or (who is not limited) about none."""
    return queryset.visible_to(user)


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
        if not is_row_id(object_id):
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
