"""What of push certificates needs a person."""

from django.urls import reverse

from apns.certificates import expiry_warning
from apns.models import PushCertificate
from mdm_project.attention import ATTENTION, BAD, Need, needs


@needs("apns.view_pushcertificate")
def push_certificates(_user) -> list[Need]:
    """Return that there is none, whose alarm rang, and which expire."""
    certificates = list(PushCertificate.objects.defer("key_encrypted", "certificate_pem").order_by("not_after", "id"))
    if not certificates:
        detail = "Without one no device can be woken, and no enrollment profile can be handed out."
        title, upload = "There is no push certificate", reverse("admin:apns_pushcertificate_add")
        return [Need(BAD, "notifications_off", title, detail, upload, "Upload", "push-certificate")]
    return [need for certificate in certificates for need in _of(certificate)]


def _of(certificate: PushCertificate):
    link = reverse("admin:apns_pushcertificate_change", args=[certificate.pk])
    if certificate.alarm:
        title, key = f"{certificate.name}: pushing has stopped", f"push-stopped:{certificate.pk}"
        yield Need(BAD, "notifications_off", title, certificate.alarm, link, "Show", key)
    if warning := expiry_warning(certificate):
        tone = BAD if warning.is_expired else ATTENTION
        title, detail = f"{certificate.name} {warning.text}", f"Topic {certificate.topic}"
        yield Need(tone, "event_busy", title, detail, link, "Renew", f"push-expires:{certificate.pk}:{tone}")
