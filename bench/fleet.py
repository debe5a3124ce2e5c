"""The benchmark's devices: identities from an outside CA, rows as if they had enrolled, and what each will say.

Certificates are distinct; their RSA-2048 keys are few and shared, because making thousands would take longer than the
benchmarks. That changes nothing for the server, which verifies each signature under each certificate as it comes.
"""

import hashlib
import os
import uuid
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from bench import messages
from bench.generator import Script
from simulator.cms import IPHONE_STYLE, Identity, sign_detached

KEYS = 8
# What serial numbers begin with: the fleet's, and those of devices that one benchmark adds for itself.
FLEET, EXTRA = "BENCH", "EXTRA"
CLIENT_CERT, MDM_SIGNATURE = "Client-Cert", "Mdm-Signature"
IDENTITY_MODES = (CLIENT_CERT, MDM_SIGNATURE)


@dataclass(frozen=True)
class Member:
    """One device: number counts from 0."""

    number: int
    udid: str
    certificate_der: bytes
    key_pem: bytes


# In worker processes


def _new_key(_number: int) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _issue(ca_pem: bytes, ca_key_pem: bytes, wanted: list[tuple[str, bytes]]) -> list[bytes]:
    """Issue a certificate for each (UDID, key)."""
    ca, ca_key = x509.load_pem_x509_certificate(ca_pem), _load_key(ca_key_pem)
    keys = {pem: _load_key(pem) for _, pem in wanted}
    return [_certificate(udid, keys[pem].public_key(), ca.subject, ca_key) for udid, pem in wanted]


def _sign(wanted: list[tuple[bytes, bytes, list[bytes]]]) -> list[list[bytes]]:
    """Sign the bodies of each (key, certificate, bodies)."""
    keys = {pem: _load_key(pem) for pem, _, _ in wanted}
    signed = []
    for pem, certificate, bodies in wanted:
        identity = Identity(keys[pem], x509.load_der_x509_certificate(certificate))
        signed.append([sign_detached(body, identity, IPHONE_STYLE) for body in bodies])
    return signed


def _load_key(pem: bytes):
    return load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)


def _certificate(name: str, public_key, issuer: x509.Name, issuer_key, *, is_authority: bool = False) -> bytes:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer if not is_authority else subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.DER)


class Fleet:
    """The devices and their authority; made in parallel, without touching the database. A context manager."""

    def __init__(self, size: int):
        self._pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
        self.key_pems = list(self._pool.map(_new_key, range(KEYS)))
        ca_key_pem = _new_key(0)
        ca_key = _load_key(ca_key_pem)
        ca_der = _certificate("Outside CA of the benchmark", ca_key.public_key(), None, ca_key, is_authority=True)
        self.ca_pem = x509.load_der_x509_certificate(ca_der).public_bytes(Encoding.PEM)
        self._ca_key_pem = ca_key_pem
        self.members = self.make_members(size, 0)
        self.speech = messages.Speech(self.members[0].certificate_der)

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_exc_info) -> None:
        self._pool.shutdown()

    def make_members(self, size: int, first: int) -> list[Member]:
        """Make devices numbered from ``first`` on, with certificates of the outside CA."""
        udids = [str(uuid.uuid4()).upper() for _ in range(size)]
        wanted = [(udid, self.key_pems[number % KEYS]) for number, udid in enumerate(udids)]
        issued = self._in_parallel(_issue, wanted, self.ca_pem, self._ca_key_pem)
        return [
            Member(first + number, udid, certificate, wanted[number][1])
            for number, (udid, certificate) in enumerate(zip(udids, issued, strict=True))
        ]

    def _in_parallel(self, function, items: list, *arguments) -> list:
        size = max(1, -(-len(items) // (2 * (os.cpu_count() or 1))))
        chunks = [items[start : start + size] for start in range(0, len(items), size)]
        futures = [self._pool.submit(function, *arguments, chunk) for chunk in chunks]
        return [result for future in futures for result in future.result()]

    def headers(self, mode: str, members: list[Member], bodies: list[list[bytes]]) -> list[list[str]]:
        """Return, for each body of each device, the header line under which it is sent."""
        if mode == CLIENT_CERT:
            lines = [messages.client_cert_header(member.certificate_der) for member in members]
            return [[line] * len(of_one) for line, of_one in zip(lines, bodies, strict=True)]
        wanted = [(m.key_pem, m.certificate_der, of_one) for m, of_one in zip(members, bodies, strict=True)]
        return [[messages.signature_header(der) for der in of_one] for of_one in self._in_parallel(_sign, wanted)]

    def scripts(self, mode: str, commands: dict[str, str]) -> list[Script]:
        """Write what each device says: Idle, and its report on each of ``commands`` (request type by CommandUUID)."""
        speech = self.speech
        bodies = [
            [speech.idle(member.udid)] + [speech.report(member.udid, kind, uuid) for uuid, kind in commands.items()]
            for member in self.members
        ]
        uuids = [uuid.encode() for uuid in commands]
        scripts = []
        for of_one, lines in zip(bodies, self.headers(mode, self.members, bodies), strict=True):
            opening, *reports = [messages.request(body, line) for body, line in zip(of_one, lines, strict=True)]
            scripts.append(Script(opening, dict(zip(uuids, reports, strict=True))))
        return scripts


def enroll_directly(fleet: Fleet, topic: str) -> None:
    """Write the rows that Authenticate and TokenUpdate of every member would have left behind."""
    from django.utils import timezone

    from devices.authorities import trust_authority
    from devices.models import Identity

    now = timezone.now()
    (authority,) = trust_authority(fleet.ca_pem, "benchmark")
    insert_devices([member.udid for member in fleet.members], topic, FLEET)
    Identity.objects.bulk_create(
        Identity(
            fingerprint=hashlib.sha256(member.certificate_der).digest(), authority=authority,
            origin=Identity.Origin.OUTSIDE, serial_hex=f"{member.number:x}", subject=f"CN={member.udid}",
            key_hash=hashlib.sha256(member.key_pem).digest(), certificate_der=member.certificate_der,
            not_before=now - timedelta(days=1), not_after=now + timedelta(days=365),
            enrollment_key=member.udid, pinned_at=now,
        )
        for member in fleet.members
    )  # fmt: skip


def insert_devices(udids: list[str], topic: str, serial_prefix: str) -> list[int]:
    """Write enrolled devices without identities; return the ids of their channels. Tokens count from 0."""
    from django.utils import timezone

    from devices.models import Channel, Device, Enrollment

    now = timezone.now()
    devices = Device.objects.bulk_create(
        Device(
            udid=udid, serial_number=f"{serial_prefix}{number:07d}", name=f"iPhone {number}", platform="ios",
            model="iPhone17,1", model_name="iPhone", os_version="18.5", os_version_parts=[18, 5],
        )
        for number, udid in enumerate(udids)
    )  # fmt: skip
    enrollments = Enrollment.objects.bulk_create(
        Enrollment(
            device=device, key=device.udid, state=Enrollment.State.ENROLLED, topic=topic, enrolled_at=now,
            token_update_tally=1,
        )
        for device in devices
    )  # fmt: skip
    channels = Channel.objects.bulk_create(
        Channel(
            device=enrollment.device, enrollment=enrollment, enrollment_key=enrollment.key,
            state=Channel.State.ENABLED, topic=topic, token=messages.push_token(number),
            push_magic=messages.push_magic(number), token_updated_at=now,
        )
        for number, enrollment in enumerate(enrollments)
    )  # fmt: skip
    return [channel.pk for channel in channels]
