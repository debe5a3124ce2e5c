"""The pretend Apple that issues push certificates and the identity of the pretend APNs server.

Owns one certificate authority in a folder: its key, an MDM push certificate ready to upload, and the server
certificate of the APNs server on loopback. Everything is reused on the next start, so a push certificate that was
uploaded once stays valid. It does not check a vendor's signature: Apple's portal does that, and no vendor exists here.
Subject of a push certificate: Apple, "Setting up push notifications for your MDM customers" (UID carries the topic).
"""

import datetime as dt
import ipaddress
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TOPIC_PREFIX = "com.apple.mgmt.External."
CA_LIFETIME = dt.timedelta(days=3650)
LEAF_LIFETIME = dt.timedelta(days=365)
RENEW_BEFORE = dt.timedelta(days=30)
CLOCK_SKEW = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_pem)

    @property
    def topic(self) -> str:
        return topic_of(self.certificate)


def topic_of(certificate: x509.Certificate) -> str:
    """Return the UID of the subject, or an empty string."""
    values = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    return str(values[0].value) if values else ""


class PushCA:
    """A certificate authority for push, kept in `folder` (created, 0700; keys 0600)."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._ca = self._load("ca") or self._save("ca", _make_ca())

    @property
    def ca_file(self) -> Path:
        """The PEM file that a client of the APNs server has to trust."""
        return self.folder / "ca.pem"

    def identity_files(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def push_identity(self) -> Identity:
        """Return the push certificate of this folder; near its end it is renewed under the same topic."""
        known = self._load("push")
        if known and not _ends_soon(known):
            return known
        return self._save("push", self.issue_push_identity(topic=known.topic if known else None))

    def server_identity(self) -> Identity:
        """Return the certificate of the APNs server for localhost, 127.0.0.1 and ::1."""
        known = self._load("server")
        return known if known and not _ends_soon(known) else self._save("server", self._issue_server_identity())

    def issue_push_identity(self, topic: str | None = None, not_after: dt.datetime | None = None) -> Identity:
        """Issue a push certificate for a year with a new key, and a new topic unless one is given; writes nothing."""
        key = _new_key()
        certificate = self._issue_push(key.public_key(), topic, not_after)
        return Identity(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))

    def sign_push_csr(self, csr_pem: bytes, topic: str | None = None) -> bytes:
        """Issue the PEM push certificate for a certificate request, as Apple's portal would."""
        csr = x509.load_pem_x509_csr(csr_pem)
        if not csr.is_signature_valid:
            raise ValueError("the certificate request is not signed by its own key")
        return self._issue_push(csr.public_key(), topic, None).public_bytes(serialization.Encoding.PEM)

    def _issue_push(self, public_key, topic: str | None, not_after: dt.datetime | None) -> x509.Certificate:
        topic = topic or TOPIC_PREFIX + str(uuid.uuid4())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, topic),
                x509.NameAttribute(NameOID.COMMON_NAME, f"APSP:{topic.rsplit('.', 1)[-1]}"),
                x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            ]
        )
        return self._issue(subject, public_key, ExtendedKeyUsageOID.CLIENT_AUTH, not_after=not_after)

    def _issue_server_identity(self) -> Identity:
        key = _new_key()
        names = x509.SubjectAlternativeName(
            [
                x509.DNSName("localhost"),
                x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                x509.IPAddress(ipaddress.ip_address("::1")),
            ]
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pretend APNs")])
        certificate = self._issue(subject, key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH, names)
        return Identity(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))

    def _issue(self, subject, public_key, usage, names=None, not_after=None) -> x509.Certificate:
        not_after = not_after or dt.datetime.now(dt.UTC) + LEAF_LIFETIME
        issuer = self._ca.certificate
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_after - LEAF_LIFETIME - CLOCK_SKEW)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(serialization.load_pem_private_key(self._ca.key_pem, None), hashes.SHA256())

    def _load(self, name: str) -> Identity | None:
        certificate, key = self.identity_files(name)
        if not certificate.exists() or not key.exists():
            return None
        return Identity(certificate.read_bytes(), key.read_bytes())

    def _save(self, name: str, identity: Identity) -> Identity:
        certificate, key = self.identity_files(name)
        _write(key, identity.key_pem, 0o600)
        _write(certificate, identity.certificate_pem, 0o644)
        return identity


def _make_ca() -> Identity:
    key = _new_key()
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pretend Apple Push CA")])
    public_key = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_ca_key_usage(), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))


def _ca_key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _ends_soon(identity: Identity) -> bool:
    return identity.certificate.not_valid_after_utc - RENEW_BEFORE < dt.datetime.now(dt.UTC)


def _write(path: Path, content: bytes, mode: int) -> None:
    # A rename, so that a process killed half way never leaves half a key; the mode is set before a byte is written.
    partial = path.with_suffix(path.suffix + ".new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    partial.replace(path)
