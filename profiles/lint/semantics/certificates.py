"""Certificate payloads: that there is a certificate in them, that it is valid today, an authority, or has its key."""

from cryptography import x509
from django.utils import timezone

from mdm_project.pki import is_authority
from profiles.certificates import certificates_in, identity_in, name_of
from profiles.lint.document import Document, Payload
from profiles.lint.findings import Level, Report
from profiles.lint.semantics.kinds import CERTIFICATES
from profiles.variables import uses

ROOT = "com.apple.security.root"
PKCS12 = "com.apple.security.pkcs12"


def check_certificates(document: Document, report: Report) -> None:
    for payload in document.payloads:
        data = payload.values.get("PayloadContent")
        if not isinstance(data, bytes):
            continue
        if payload.type in CERTIFICATES:
            _check_certificate(payload, data, report)
        elif payload.type == PKCS12:
            _check_identity(payload, data, report)


def certificate_of(payload: Payload) -> x509.Certificate | None:
    """Return the first certificate in a payload that holds plain ones."""
    data = payload.values.get("PayloadContent")
    found = certificates_in(data) if isinstance(data, bytes) and payload.type in CERTIFICATES else []
    return found[0] if found else None


def _check_certificate(payload: Payload, data: bytes, report: Report) -> None:
    found = certificates_in(data)
    if not found:
        message = (
            f"What {payload.label} holds is no certificate, neither in DER nor in PEM: devices refuse the profile."
        )
        _add(report, Level.ERROR, "certificate", payload, message)
        return
    if len(found) > 1:
        message = f"{payload.label} holds {len(found)} certificates, and devices install one of a payload."
        _add(report, Level.WARNING, "certificate_several", payload, message)
    _check_dates(payload, found[0], report)
    if payload.type == ROOT and not is_authority(found[0]):
        message = (
            f"{name_of(found[0].subject)} is not the certificate of an authority: it is trusted as itself, "
            "and no certificate counts as issued by it."
        )
        _add(report, Level.WARNING, "certificate_no_authority", payload, message)


def _check_identity(payload: Payload, data: bytes, report: Report) -> None:
    password = payload.values.get("Password")
    if isinstance(password, str) and any(True for _ in uses({"Password": password})):
        message = f"{payload.label} is not opened, because its password has a variable in it."
        _add(report, Level.NOTE, "variable", payload, message)
        return
    if not isinstance(password, str) and identity_in(data, None) is None and identity_in(data, "") is None:
        message = (
            f"{payload.label} does not open without a password. Devices cannot ask for one when MDM installs it: "
            "give the payload its Password, and see that the file is PKCS #12."
        )
        _add(report, Level.ERROR, "identity_unreadable", payload, message)
        return
    identity = identity_in(data, password or None) or identity_in(data, "")
    if identity is None:
        message = f"{payload.label} is no PKCS #12 file, or its Password does not open it."
        _add(report, Level.ERROR, "identity_unreadable", payload, message)
    elif not identity.has_key or identity.certificate is None:
        lacks = "private key" if identity.certificate is not None else "certificate"
        message = f"{payload.label} has no {lacks}, so nothing can sign in with it."
        _add(report, Level.ERROR, "identity_incomplete", payload, message)
    else:
        _check_dates(payload, identity.certificate, report)


def _check_dates(payload: Payload, certificate: x509.Certificate, report: Report) -> None:
    now, name = timezone.now(), name_of(certificate.subject)
    if certificate.not_valid_after_utc <= now:
        message = f"The certificate {name} expired on {certificate.not_valid_after_utc:%Y-%m-%d}."
        _add(report, Level.WARNING, "certificate_expired", payload, message)
    elif certificate.not_valid_before_utc > now:
        message = f"The certificate {name} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d} on."
        _add(report, Level.WARNING, "certificate_early", payload, message)


def _add(report: Report, level: Level, code: str, payload: Payload, message: str) -> None:
    report.add(level, code, (*payload.path, "PayloadContent"), message, **payload.about)
