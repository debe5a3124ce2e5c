"""Keys that name another payload: it is in this profile, and of the kind that the key needs."""

from collections.abc import Iterator

from mdm_project.pki import is_authority
from profiles.certificates import name_of
from profiles.content import Path, strings
from profiles.lint.document import Document, Payload
from profiles.lint.findings import Level, Report
from profiles.lint.semantics.certificates import certificate_of
from profiles.lint.semantics.kinds import TYPES, Kind, kind_of
from profiles.variables import uses

PER_APP_VPN = "com.apple.vpn.managed.applayer"
_NEEDED = {
    Kind.IDENTITY: "a device signs in with an identity (PKCS #12, SCEP, ACME or Active Directory), never with that",
    Kind.CERTIFICATE: "what is trusted here is a certificate (root, PEM or PKCS #1)",
}


def check_references(document: Document, report: Report) -> None:
    by_uuid = {payload.uuid.upper(): payload for payload in document.payloads if payload.uuid}
    vpns = {str(each.values.get("VPNUUID", "")).upper() for each in document.payloads if each.type == PER_APP_VPN}
    for payload in document.payloads:
        for path, uuid, kind in _references(payload):
            target = by_uuid.get(uuid.upper())
            if target is None:
                message = f"{key_name(path)} refers to a payload that is not in this profile."
                report.add(Level.ERROR, "reference", path, message, **payload.about)
            else:
                _check_kind(payload, path, target, kind, report)
        _check_vpn(payload, vpns, report)


def _references(payload: Payload) -> Iterator[tuple[Path, str, Kind]]:
    slug = payload.entry.slug if payload.entry else ""
    for path, text in strings(payload.values, payload.path):
        kind = kind_of(key_name(path), slug)
        if text and kind is not None and not any(True for _ in uses({"value": text})):
            yield path, text, kind


def _check_kind(payload: Payload, path: Path, target: Payload, kind: Kind, report: Report) -> None:
    others = TYPES[Kind.IDENTITY] + TYPES[Kind.CERTIFICATE]
    if target.type not in others:
        message = f"{key_name(path)} refers to {target.label}, which is no certificate."
        report.add(Level.ERROR, "reference_kind", path, message, **payload.about)
    elif target.type not in TYPES[kind]:
        # Where a certificate is only trusted, the one of an identity may do.
        level = Level.ERROR if kind is Kind.IDENTITY else Level.WARNING
        message = f"{key_name(path)} refers to {target.label}: {_NEEDED[kind]}."
        report.add(level, "reference_kind", path, message, **payload.about)
    elif "anchor" in key_name(path).lower():
        certificate = certificate_of(target)
        if certificate is not None and not is_authority(certificate) and target.type != TYPES[Kind.CERTIFICATE][0]:
            message = f"{key_name(path)} trusts {name_of(certificate.subject)}, which is not an authority."
            report.add(Level.WARNING, "anchor_no_authority", path, message, **payload.about)


def _check_vpn(payload: Payload, vpns: set[str], report: Report) -> None:
    uuid = payload.values.get("VPNUUID")
    if payload.type == PER_APP_VPN or not isinstance(uuid, str) or not uuid or uuid.upper() in vpns:
        return
    message = "VPNUUID names no per-app VPN of this profile: it works only where another profile brings that VPN."
    report.add(Level.NOTE, "vpn_elsewhere", (*payload.path, "VPNUUID"), message, **payload.about)


def key_name(path: Path) -> str:
    return next(part for part in reversed(path) if isinstance(part, str))
