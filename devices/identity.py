"""Which certificate a device presents, and whether an authority we trust vouches for it.

The certificate comes from the Mdm-Signature header (a detached CMS over the exact body), or from a header that a
trusted proxy sets after TLS client authentication. Local caches hold only that a chain was verified; whether the
certificate is pinned to the device it speaks for, and still active, is asked of PostgreSQL with every message.
A refusal here is 400 or 403: 401 would make the device remove its enrollment.
"""

import hashlib
import time
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from django.conf import settings

from devices.models import CertificateAuthority
from mdm_project import cms, pki
from mdm_project.connections import django_connection
from mdm_project.errors import BadRequest
from mdm_project.peers import is_trusted_proxy

AUTHORITIES_LIFETIME_S = 10
AUTHORITIES_RELOAD_S = 1
VERIFIED_CACHE_SIZE = 200_000
SECONDS_A_DAY = 86_400


class NoCertificate(BadRequest):
    code = "no_certificate"


class UntrustedCertificate(BadRequest):
    code = "untrusted_certificate"


class ExpiredCertificate(BadRequest):
    code = "expired_certificate"


class Presented(NamedTuple):
    """A certificate whose chain is verified: its fingerprint, end of validity (Unix seconds) and authority."""

    fingerprint: bytes
    not_after: float
    authority_id: int
    der: bytes


_verified: dict[bytes, Presented] = {}
_authorities: tuple[float, dict[int, x509.Certificate]] = (0.0, {})


def presented_identity(environ: dict, body: bytes) -> Presented:
    """Return the verified certificate of a request; raise NoCertificate, UntrustedCertificate or a CMS error."""
    der = _certificate(environ, body)
    if der is None:
        raise NoCertificate("neither an Mdm-Signature nor a client certificate from a trusted proxy came with it")
    presented = verified(der)
    if presented.not_after + settings.IDENTITY_EXPIRY_GRACE_DAYS * SECONDS_A_DAY < time.time():
        raise ExpiredCertificate("the client certificate expired too long ago")
    return presented


def _certificate(environ: dict, body: bytes) -> bytes | None:
    signature = environ.get("HTTP_MDM_SIGNATURE")
    if signature:
        return cms.signer_certificate_of_header(signature, body)
    header = environ.get(_header_variable(settings.IDENTITY_HEADER))
    if header and is_trusted_proxy(environ.get("REMOTE_ADDR", "")):
        return cms.certificate_from_header(header)
    return None


@lru_cache(maxsize=4)
def _header_variable(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


def verified(der: bytes) -> Presented:
    """Return what is known of a certificate once its chain is verified; raise UntrustedCertificate."""
    fingerprint = hashlib.sha256(der).digest()
    known = _verified.get(fingerprint)
    if known is not None and known.authority_id in _trusted():
        return known
    certificate = _load(der)
    authority_id = _issuer(certificate, _trusted())
    if authority_id is None:
        # Perhaps it became trusted a moment ago; asked at most once a second, whatever strangers send.
        authority_id = _issuer(certificate, _trusted(AUTHORITIES_RELOAD_S))
    if authority_id is None:
        raise UntrustedCertificate("the client certificate was not issued by an authority this server trusts")
    if len(_verified) >= VERIFIED_CACHE_SIZE:
        _verified.clear()
    presented = Presented(fingerprint, certificate.not_valid_after_utc.timestamp(), authority_id, der)
    _verified[fingerprint] = presented
    return presented


def _load(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise UntrustedCertificate("the client certificate cannot be read") from error


def _issuer(certificate: x509.Certificate, authorities: dict[int, x509.Certificate]) -> int | None:
    return next((pk for pk, authority in authorities.items() if pki.issued_by(certificate, authority)), None)


def _trusted(lifetime_s: float = AUTHORITIES_LIFETIME_S) -> dict[int, x509.Certificate]:
    """The trusted authorities by id, as a process read them at most so many seconds ago."""
    global _authorities
    loaded_at, authorities = _authorities
    now = time.monotonic()
    if not authorities or now - loaded_at > lifetime_s:
        authorities = _load_trusted()
        _authorities = (now, authorities)
    return authorities


@django_connection()
def _load_trusted() -> dict[int, x509.Certificate]:
    rows = CertificateAuthority.objects.exclude(kind=CertificateAuthority.Kind.SIGNER).filter(is_trusted=True)
    pems = rows.order_by("-is_issuing", "-id").values_list("id", "certificate_pem")
    return {pk: x509.load_pem_x509_certificate(pem.encode()) for pk, pem in pems}


def forget_cached() -> None:
    """Drop what this process remembers of authorities and chains (after a change of trust, and in tests)."""
    global _authorities
    _authorities = (0.0, {})
    _verified.clear()
