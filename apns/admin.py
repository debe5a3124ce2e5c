"""The console's pages of push certificates: upload, renewal, requests for the vendor route, expiry and alarms."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Subquery
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apns.certificates import (
    MAX_UPLOAD_BYTES,
    TopicWouldChange,
    create_push_csr,
    expiry_warning,
    store_push_certificate,
)
from apns.models import PushCertificate, PushCertificateRequest
from devices.models import Enrollment
from devices.timeline import Actor
from mdm_project import status
from mdm_project.console import ConsoleAdmin, submitted
from mdm_project.errors import EspalierError
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age, copy
from mdm_project.templatetags.console import status as show_status


class PushCertificateForm(forms.Form):
    """An upload: PEM with or without its key, or PKCS#12 with a passphrase."""

    file = forms.FileField(
        label="Certificate",
        help_text="The .pem from Apple's Push Certificates Portal, or a .p12 with certificate and key.",
        widget=UnfoldAdminFileFieldWidget(),
    )
    passphrase = forms.CharField(
        required=False, help_text="Of the .p12 or of the key, if it has one.", strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    name = forms.CharField(required=False, max_length=200, widget=UnfoldAdminTextInputWidget())
    apple_account = forms.EmailField(
        label="Apple Account",
        required=False,
        help_text="The account it was made with: it must be renewed with the same one, every year.",
        widget=UnfoldAdminEmailInputWidget(),
    )
    force = forms.BooleanField(
        label="Use it although its topic is new",
        required=False,
        help_text="Devices enrolled under the old topic keep the old certificate; they cannot follow.",
        widget=UnfoldBooleanWidget(),
    )

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        if file.size > MAX_UPLOAD_BYTES:
            raise forms.ValidationError("This file is too large for a push certificate.")
        return file.read()


@admin.register(PushCertificate)
class PushCertificateAdmin(ConsoleAdmin):
    list_display = ("name_column", "topic_column", "state_column", "devices_column", "expires_column")
    list_display_links = None
    search_fields = ("name", "topic", "apple_account")
    ordering = ("name", "id")
    actions = ()
    empty_title = "No push certificate yet"
    empty_text = "Devices are woken through Apple's push service, which wants a certificate of yours. Upload it here."
    csv_columns = (
        ("name", "name"), ("topic", "topic"), ("Apple Account", "apple_account"), ("expires", "not_after"),
        ("alarm", "alarm"),
    )  # fmt: skip

    def get_queryset(self, request):
        enrolled = Enrollment.objects.enrolled().filter(topic=OuterRef("topic")).order_by()
        number = enrolled.values("topic").annotate(number=Count("id")).values("number")
        return super().get_queryset(request).defer("key_encrypted").annotate(number=Subquery(number))

    def get_urls(self):
        return [
            self.view_path("request/", require_POST(self.request_view), "request"),
            self.view_path("request/<int:pk>/", self.request_file_view, "request_file"),
            *super().get_urls(),
        ]

    def has_delete_permission(self, request, obj=None):
        return False

    def changelist_view(self, request, extra_context=None):
        requests = (
            PushCertificateRequest.objects.defer("key_encrypted").select_related("created_by").order_by("-id")[:5]
        )
        extra = {"requests": requests, "may_add": self.has_add_permission(request)}
        self.list_after_template = "console/push_requests.html"
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._upload(request, "Upload a push certificate", self.route("changelist"))

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show a certificate; whoever may change it can renew it here."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not is_row_id(object_id):
            raise Http404("there is no such certificate")
        certificate = get_object_or_404(PushCertificate, pk=object_id)
        if request.method == "POST" and not self.has_change_permission(request):
            raise PermissionDenied
        context = {
            "certificate": certificate,
            "state": certificate_status(certificate),
            "fingerprint": bytes(certificate.fingerprint).hex(),
            "enrolled": Enrollment.objects.enrolled().filter(topic=certificate.topic).count(),
            "may_renew": self.has_change_permission(request),
        }
        initial = {"name": certificate.name, "apple_account": certificate.apple_account}
        return self._upload(request, certificate.name, self.route("change", certificate.pk), context, initial)

    def _upload(self, request, title: str, back: str, context: dict | None = None, initial: dict | None = None):
        form = PushCertificateForm(*submitted(request), initial=initial)
        context = {"title": title, "form": form, "back": self.route("changelist"), **(context or {})}
        context["may_force"] = False
        if request.method == "POST" and form.is_valid():
            fields = form.cleaned_data
            try:
                stored = store_push_certificate(
                    fields["file"], fields["passphrase"], actor=Actor.staff(request.user), name=fields["name"],
                    apple_account=fields["apple_account"], force_topic_change=fields["force"],
                )  # fmt: skip
            except EspalierError as error:
                form.add_error("file", error.detail)
                context["may_force"] = isinstance(error, TopicWouldChange)
            else:
                return self.done(request, f"{stored} is in use.", back)
        template = "console/push_certificate.html" if "certificate" in context else "console/push_upload.html"
        return self.page(request, template, context)

    def request_view(self, request):
        """Make a key and a certificate request."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        made = create_push_csr(actor=Actor.staff(request.user))
        return HttpResponseRedirect(self.route("request_file", made.pk))

    def request_file_view(self, request, pk):
        if not self.has_add_permission(request):
            raise PermissionDenied
        made = get_object_or_404(PushCertificateRequest.objects.defer("key_encrypted"), pk=pk)
        response = HttpResponse(made.csr_pem, content_type="application/pkcs10")
        response["Content-Disposition"] = f'attachment; filename="push-request-{made.pk}.csr"'
        return response

    @display(description="Certificate", ordering="name")
    def name_column(self, certificate):
        address = self.route("change", certificate.pk)
        default = show_status(status.Status("default", "info", "star")) if certificate.is_default else ""
        return format_html('<a class="e-link" href="{}">{}</a> {}', address, certificate.name, default)

    @display(description="Topic", ordering="topic")
    def topic_column(self, certificate):
        return copy(certificate.topic)

    @display(description="State")
    def state_column(self, certificate):
        return show_status(certificate_status(certificate))

    @display(description="Enrolled devices", ordering="number")
    def devices_column(self, certificate):
        return f"{certificate.number or 0:,}"

    @display(description="Expires", ordering="not_after")
    def expires_column(self, certificate):
        return age(certificate.not_after)


def certificate_status(certificate: PushCertificate) -> status.Status:
    """Return whether a push certificate works, in a word, with what is wrong."""
    if certificate.alarm:
        return status.FAILED.because(certificate.alarm)
    warning = expiry_warning(certificate)
    if warning is None:
        return status.VALID
    return (status.ENDED if warning.is_expired else status.EXPIRES_SOON).because(warning.text)
