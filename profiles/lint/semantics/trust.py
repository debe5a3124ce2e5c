"""802.1X on Wi-Fi and Ethernet: which server the device trusts with its credentials, and with what it signs in."""

from profiles.lint.document import Document, Payload
from profiles.lint.findings import Level, Report

_EAP = "EAPClientConfiguration"
_TLS = 13
# Types in which the server proves itself by a certificate: TLS, TTLS, PEAP, EAP-FAST.
_BY_CERTIFICATE = frozenset({_TLS, 21, 25, 43})


def check_trust(document: Document, report: Report) -> None:
    for payload in document.payloads:
        eap = payload.values.get(_EAP)
        types = eap.get("AcceptEAPTypes") if isinstance(eap, dict) else None
        if isinstance(types, list):
            accepted = {each for each in types if isinstance(each, int) and not isinstance(each, bool)}
            _check_server(payload, eap, accepted, report)
            _check_identity(payload, accepted, report)


def _check_server(payload: Payload, eap: dict, accepted: set[int], report: Report) -> None:
    if not accepted & _BY_CERTIFICATE:
        return
    anchors = eap.get("PayloadCertificateAnchorUUID") or eap.get("TLSTrustedCertificates")
    names, path = eap.get("TLSTrustedServerNames"), (*payload.path, _EAP)
    if not names and not anchors:
        message = (
            "It names no server to trust, neither by name nor by certificate: people are asked, and a device that "
            "nobody holds does not connect. Set TLSTrustedServerNames, PayloadCertificateAnchorUUID, or both."
        )
        report.add(Level.WARNING, "eap_trust", path, message, **payload.about)
    elif not names:
        message = (
            "Without TLSTrustedServerNames every server that the certificates vouch for is trusted with the "
            "credentials: name yours, unless the authority issues to your servers alone."
        )
        report.add(Level.NOTE, "eap_server_names", path, message, **payload.about)


def _check_identity(payload: Payload, accepted: set[int], report: Report) -> None:
    if accepted == {_TLS} and not payload.values.get("PayloadCertificateUUID"):
        message = "EAP-TLS signs in with a certificate: PayloadCertificateUUID must name an identity of this profile."
        path = (*payload.path, "PayloadCertificateUUID")
        report.add(Level.ERROR, "eap_identity", path, message, **payload.about)
