"""The console's pages of enrollment profiles: editing, the link, its QR code, the profile itself."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, OuterRef, Subquery
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from apns.models import PushCertificate
from devices.access import within
from devices.models import Enrollment
from devices.timeline import record_event
from enrollment import qr
from enrollment.models import ALL_ACCESS_RIGHTS, EnrollmentProfile
from mdm_project import status
from mdm_project.console import ConsoleAdmin
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import copy
from mdm_project.templatetags.console import status as show_status

# AccessRights of Apple's MDM payload: bit and meaning.
RIGHTS = (
    (1, "Inspect installed profiles"),
    (2, "Install and remove profiles"),
    (4, "Lock the device and clear its passcode"),
    (8, "Erase the device"),
    (16, "Query device information"),
    (32, "Query network information"),
    (64, "Inspect provisioning profiles"),
    (128, "Install and remove provisioning profiles"),
    (256, "Inspect installed apps"),
    (512, "Query restrictions"),
    (1024, "Query security information"),
    (2048, "Change settings"),
    (4096, "Manage apps"),
)


class AccessRightsField(forms.TypedMultipleChoiceField):
    """A number of bits, chosen by their meaning."""

    def __init__(self, **kwargs):
        kwargs.setdefault("widget", UnfoldAdminCheckboxSelectMultipleWidget())
        super().__init__(choices=RIGHTS, coerce=int, **kwargs)

    def prepare_value(self, value):
        if isinstance(value, int):
            return [str(bit) for bit, _ in RIGHTS if value & bit]
        return value

    def clean(self, value) -> int:
        return sum(super().clean(value))

    def has_changed(self, initial, data):
        chosen = sum(int(bit) for bit in data or [] if str(bit).isdecimal())
        return chosen != initial


class EnrollmentProfileForm(forms.ModelForm):
    access_rights = AccessRightsField(
        initial=ALL_ACCESS_RIGHTS,
        help_text="What this server may do on the devices. It cannot be widened later. Whoever may install profiles or "
        "provisioning profiles needs the right to inspect them too.",
    )

    class Meta:
        model = EnrollmentProfile
        fields = [
            "name", "slug", "organization", "description", "identity_source", "access_rights", "requires_sign_in",
            "check_out_when_removed", "allows_user_channels", "allows_bootstrap_token", "allows_get_token",
            "shared_challenge_uses", "shared_challenge_days", "is_enabled",
        ]  # fmt: skip
        labels = {
            "is_enabled": "Enabled",
            "requires_sign_in": "Sign-in needed",
            "check_out_when_removed": "Tell this server when it is removed",
            "allows_user_channels": "User channels",
            "allows_bootstrap_token": "Bootstrap tokens",
            "allows_get_token": "GetToken",
            "shared_challenge_uses": "Uses of one challenge",
            "shared_challenge_days": "Days it can be used",
        }
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


@admin.register(EnrollmentProfile)
class EnrollmentProfileAdmin(ConsoleAdmin):
    form = EnrollmentProfileForm
    list_display = ("name_column", "link_column", "sign_in_column", "enrolled_column", "state_column")
    list_display_links = None
    list_filter = ("is_enabled", "requires_sign_in")
    search_fields = ("name", "slug", "organization")
    ordering = ("name", "id")
    prepopulated_fields = {"slug": ("name",)}
    actions = ()
    change_form_outer_before_template = "console/enrollment_profile_share.html"
    empty_title = "No enrollment profile yet"
    empty_text = "An enrollment profile is a way in: a page with a QR code that puts a device under management."
    csv_columns = (("name", "name"), ("slug", "slug"), ("enabled", "is_enabled"), ("enrolled", "number"))
    fieldsets = (
        (None, {"fields": ("name", "slug", "organization", "description", "is_enabled", "requires_sign_in")}),
        (
            "Identity",
            {
                "fields": ("identity_source", "shared_challenge_uses", "shared_challenge_days"),
                "description": "How a device gets the certificate that proves who it is. With 0 uses every download "
                "carries a challenge that works once; otherwise one file serves that many devices for that many days.",
            },
        ),
        (
            "Management",
            {
                "fields": (
                    "check_out_when_removed", "allows_user_channels", "allows_bootstrap_token", "allows_get_token",
                    "access_rights",
                )
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request):
        seen = Enrollment.objects.filter(within(request.user, "device"))
        enrolled = seen.enrolled().filter(profile_slug=OuterRef("slug")).order_by()
        number = enrolled.values("profile_slug").annotate(number=Count("id")).values("number")
        return super().get_queryset(request).annotate(number=Subquery(number))

    def get_readonly_fields(self, request, obj=None):
        # Enrolled devices know their profile by its slug: it names where their renewals come from.
        return ("slug",) if obj is not None else ()

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj is not None else self.prepopulated_fields

    def has_delete_permission(self, request, obj=None):
        return False

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        profile = EnrollmentProfile.objects.filter(pk=object_id).first() if is_row_id(object_id or "") else None
        extra = {"share": share_context(profile)} if profile else {}
        return super().changeform_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        what = "changed" if change else "added"
        record_event(
            f"enrollment_profile_{what}", f"enrollment profile {obj} {what}", actor=request.user.get_username()
        )

    @display(description="Profile", ordering="name")
    def name_column(self, profile):
        address = self.route("change", profile.pk)
        return format_html('<a class="e-link" href="{}">{}</a>', address, profile.name)

    @display(description="Link", ordering="slug")
    def link_column(self, profile):
        return copy(page_url(profile))

    @display(description="Sign-in", ordering="requires_sign_in")
    def sign_in_column(self, profile):
        return "needed" if profile.requires_sign_in else "not needed"

    @display(description="Enrolled devices", ordering="number")
    def enrolled_column(self, profile):
        return f"{profile.number or 0:,}"

    @display(description="State", ordering="is_enabled")
    def state_column(self, profile):
        return show_status(status.ON if profile.is_enabled else status.OFF)


def page_url(profile: EnrollmentProfile) -> str:
    return settings.PUBLIC_URL + reverse("enroll-page", args=[profile.slug])


def share_context(profile: EnrollmentProfile) -> dict:
    """Return what the page says about handing a profile out."""
    address = page_url(profile)
    return {
        "page_url": address,
        "profile_url": reverse("enroll-profile", args=[profile.slug]),
        "qr_svg": qr.svg(address),
        "is_enabled": profile.is_enabled,
        "has_push_certificate": PushCertificate.objects.exists(),
        "is_https": settings.IS_HTTPS,
    }
