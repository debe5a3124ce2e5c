"""A bare device for protocol tests: it says exactly what a test wants, over the WSGI application, in this process.

The pretend devices of simulator/ behave; this one need not. Its certificates come from an outside authority that the
test database trusts.
"""

import base64
import datetime
import io
import plistlib
import uuid
from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.utils import timezone

from devices.authorities import trust_authority
from devices.identity import forget_cached
from mdm_project.wsgi import application
from simulator.cms import IPHONE_STYLE, Identity, Style, sign_detached
from tests.factories import TOPIC, make_push_certificate

CHECK_IN = "application/x-apple-aspen-mdm-checkin"
REPORT = "application/x-apple-aspen-mdm; charset=UTF-8"
TOKEN = b"\x01" * 32


@cache
def rsa_key(number: int = 0):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(number: int = 0):
    return ec.generate_private_key(ec.SECP256R1())


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


class Authority:
    """An outside certificate authority."""

    def __init__(self, common_name: str = "Outside CA", key=None):
        self.key = key or rsa_key(100)
        now = timezone.now()
        builder = self._builder(name(common_name), self.key.public_key(), name(common_name), now, 3650)
        self.certificate = builder.add_extension(x509.BasicConstraints(True, None), True).sign(
            self.key, hashes.SHA256()
        )

    @staticmethod
    def _builder(subject, public_key, issuer, not_before, days):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before - datetime.timedelta(hours=1))
            .not_valid_after(not_before + datetime.timedelta(days=days))
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self, key=None, *, common_name: str = "", usages=(ExtendedKeyUsageOID.CLIENT_AUTH,), since=None, days=365
    ):
        """Return a new client identity."""
        key = key or rsa_key()
        subject = self.certificate.subject
        builder = self._builder(name(common_name), key.public_key(), subject, since or timezone.now(), days)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        return Identity(key, builder.sign(self.key, hashes.SHA256()))


@cache
def outside_authority() -> Authority:
    return Authority()


def prepare() -> Authority:
    """Trust the outside authority and the demo topic in an empty test database; return the authority."""
    forget_cached()
    make_push_certificate(topic=TOPIC)
    trust_authority(outside_authority().pem, "outside")
    return outside_authority()


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def plist(self) -> dict:
        return plistlib.loads(self.body)

    @property
    def command_uuid(self) -> str:
        """CommandUUID of the command that was sent; "" for an empty body."""
        return self.plist["CommandUUID"] if self.body else ""


def request(
    body: bytes, *, path="/mdm/connect", content_type: str | None = REPORT, method="PUT", peer="127.0.0.1", **headers
):
    """Send bytes as a device would and return the Answer; ``headers`` are named like Mdm_Signature."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": peer,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    if content_type is not None:
        environ["CONTENT_TYPE"] = content_type
    environ |= {f"HTTP_{header.upper()}": value for header, value in headers.items()}
    started = []
    chunks = application(environ, lambda status, fields, exc_info=None: started.append((status, fields)))
    answer = b"".join(chunks)
    status, fields = started[0]
    return Answer(int(status.split()[0]), dict(fields), answer)


def rfc9440(identity: Identity) -> str:
    der = identity.certificate.public_bytes(Encoding.DER)
    return f":{base64.b64encode(der).decode()}:"


@dataclass
class Wire:
    """One device channel or user channel: its keys, its certificate, and how it proves itself."""

    identity: Identity
    keys: dict = field(default_factory=lambda: {"UDID": str(uuid.uuid4()).upper()})
    style: Style | None = None
    topic: str = TOPIC

    def send(self, message: dict | bytes, content_type: str | None = REPORT, **options) -> Answer:
        """Send a message; by Client-Cert header, or signed when the wire has a style."""
        body = message if isinstance(message, bytes) else plistlib.dumps({**self.keys, **message})
        if self.style:
            options["Mdm_Signature"] = base64.b64encode(sign_detached(body, self.identity, self.style)).decode()
        else:
            options["Client_Cert"] = rfc9440(self.identity)
        return request(body, content_type=content_type, **options)

    def check_in(self, message_type: str, **fields) -> Answer:
        return self.send({"MessageType": message_type, **fields}, CHECK_IN, path="/mdm/checkin")

    def authenticate(self, **fields) -> Answer:
        return self.check_in("Authenticate", Topic=self.topic, **fields)

    def token_update(self, **fields) -> Answer:
        return self.check_in("TokenUpdate", **{"Topic": self.topic, "Token": TOKEN, "PushMagic": "magic", **fields})

    def enroll(self, **fields) -> "Wire":
        assert self.authenticate(**fields).status == 200
        assert self.token_update().status == 200
        return self

    def user(self, user_id: str = "USER-1", short_name: str = "ada") -> "Wire":
        """The same device's channel of one user."""
        keys = {**self.keys, "UserID": user_id, "UserShortName": short_name, "UserLongName": short_name.title()}
        return Wire(self.identity, keys, self.style, self.topic)

    def idle(self) -> Answer:
        return self.send({"Status": "Idle"})

    def report(self, status: str, command_uuid: str, **fields) -> Answer:
        return self.send({"Status": status, "CommandUUID": command_uuid, **fields})

    def acknowledge(self, command_uuid: str, **fields) -> Answer:
        return self.report("Acknowledged", command_uuid, **fields)


SIGNED = IPHONE_STYLE
