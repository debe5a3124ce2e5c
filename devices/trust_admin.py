"""The console's pages of what proves who a device is: client certificates, and the authorities that issue them."""

from datetime import timedelta

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from devices.authorities import distrust_authority, rotate_authority, trust_again
from devices.console import sending
from devices.console.forms import ReasonForm
from devices.console.links import device_link
from devices.models import CertificateAuthority, Device, Enrollment, Identity
from devices.services import revoke_identity
from devices.timeline import Actor
from enrollment.models import IdentityRenewal
from enrollment.renewals import BATCH, due, of_devices_seen, renew
from mdm_project import status
from mdm_project.console import LongListAdmin, ReadOnlyAdmin, submitted
from mdm_project.errors import Conflict, EspalierError
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age, copy
from mdm_project.templatetags.console import status as show_status

EXPIRY_WARNING = timedelta(days=30)
CHANGE_AUTHORITY = "devices.change_certificateauthority"


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


class RenewalFilter(admin.SimpleListFilter):
    title, parameter_name = "renewal", "renewal"

    def lookups(self, request, model_admin):
        return [("due", "Due now"), *IdentityRenewal.State.choices]

    def queryset(self, request, queryset):
        if self.value() == "due":
            return queryset.filter(pk__in=due().order_by().values("pk"))
        return queryset.filter(renewal__state=self.value()) if self.value() in IdentityRenewal.State else queryset


RENEWAL_TONES = {
    IdentityRenewal.State.ASKED: ("wait", "hourglass_top"),
    IdentityRenewal.State.RENEWED: ("ok", "check_circle"),
    IdentityRenewal.State.FAILED: ("bad", "cancel"),
}


def renewal_status(identity: Identity) -> status.Status | None:
    """Return how far the renewal of a certificate is, None before it was asked for."""
    renewal = getattr(identity, "renewal", None)
    if renewal is None:
        return None
    again = f" Asked again on {renewal.next_at:%Y-%m-%d}." if renewal.problem and renewal.next_at else ""
    return status.Status(renewal.get_state_display(), *RENEWAL_TONES[renewal.state], f"{renewal.problem}{again}")


@admin.register(Identity)
class IdentityAdmin(LongListAdmin):
    list_display = ("device_column", "serial_column", "state_column", "renewal_column", "authority", "expires_column")
    list_display_links = None
    list_select_related = ("authority", "renewal")
    list_filter = (IdentityStateFilter, RenewalFilter, "origin")
    actions = ("renew_chosen",)
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

    @display(description="Renewal")
    def renewal_column(self, identity):
        said = renewal_status(identity)
        return show_status(said) if said else "–"

    @admin.action(description="Renew")
    def renew_chosen(self, request, queryset):
        """Offer new certificates to the devices that use the chosen ones, as far as they may be seen."""
        if not request.user.has_perm(sending.MAY_SEND):
            raise PermissionDenied
        asked = renew(list(of_devices_seen(queryset, request.user)[:BATCH]), actor=Actor.staff(request.user))
        number = asked.command.target_count if asked.command else 0
        words = f"New certificates were offered to {number} device{'' if number == 1 else 's'}."
        reasons = "; ".join(dict.fromkeys(asked.refused.values()))
        messages.info(request, words + (f" {len(asked.refused)} cannot: {reasons}." if reasons else ""))

    @display(description="Expires", ordering="not_after")
    def expires_column(self, identity):
        return age(identity.not_after)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not is_row_id(object_id):
            raise Http404("there is no such certificate")
        identity = get_object_or_404(Identity.objects.select_related("authority", "renewal"), pk=object_id)
        devices = Device.objects.visible_to(request.user)
        device = devices.filter(enrollments__key=identity.enrollment_key, enrollments__is_current=True).first()
        context = {
            "title": str(identity),
            "identity": identity,
            "state": identity_status(identity),
            "renewal": renewal_status(identity),
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

    def get_urls(self):
        views = (("rotate", self.rotate_view), ("distrust", self.distrust_view), ("trust", self.trust_view))
        return [*(self.view_path(f"<int:pk>/{name}/", view, name) for name, view in views), *super().get_urls()]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not is_row_id(object_id):
            raise Http404("there is no such authority")
        authority = get_object_or_404(self.get_queryset(request), pk=object_id)
        context = {
            "title": authority.name,
            "authority": authority,
            "use": self.use_column(authority),
            "fingerprint": bytes(authority.fingerprint).hex(),
            "may_change": request.user.has_perm(CHANGE_AUTHORITY),
        }
        return self.page(request, "console/authority.html", context)

    def rotate_view(self, request, pk):
        """Have a new authority issue from now on."""
        warning = (
            "A new authority is made and issues from now on. This one stays trusted, so enrolled devices go on; stop "
            "trusting it once all of them have renewed."
        )
        message = "A new authority issues from now on."
        return self._act(request, pk, _rotate, "Rotate", message, warning, is_danger=False)

    def distrust_view(self, request, pk):
        """Refuse the certificates of an authority."""
        number = Identity.objects.filter(authority=pk, is_active=True).exclude(enrollment_key="").count()
        warning = (
            f"{number} certificates that devices use were issued by it. Those devices are refused within seconds and "
            "have to enroll again, unless it is trusted again."
        )
        return self._act(request, pk, distrust_authority, "Stop trusting", "It is not trusted any more.", warning)

    def trust_view(self, request, pk):
        """Accept the certificates of an authority again."""
        warning = "Devices with certificates of this authority are let in again."
        return self._act(request, pk, trust_again, "Trust again", "It is trusted again.", warning, is_danger=False)

    def _act(self, request, pk, service, button, message, warning, *, is_danger=True):
        """Ask for a reason, call a service with the authority, say what came of it."""
        if not request.user.has_perm(CHANGE_AUTHORITY):
            raise PermissionDenied
        authority = get_object_or_404(CertificateAuthority, pk=pk)
        address = self.route("change", pk)
        form = ReasonForm(submitted(request)[0])
        if request.method == "POST" and form.is_valid():
            try:
                service(authority, actor=Actor.staff(request.user), reason=form.cleaned_data["reason"])
            except EspalierError as error:
                form.add_error(None, error.detail)
            else:
                return self.done(request, message, address, reload=True)
        context = {"title": f"{button}: {authority.name}", "form": form, "back": address, "button": button}
        return self.dialog(request, "console/dialog_form.html", {**context, "warning": warning, "is_danger": is_danger})


def _rotate(authority: CertificateAuthority, *, actor: Actor, reason: str) -> None:
    """Rotate, unless somebody did so while the dialog was open."""
    if not authority.is_issuing:
        raise Conflict("it does not issue any more: another one does")
    rotate_authority(actor=actor, reason=reason)
