"""A small, strict MDM server on asyncio, so that the pretend device is tested without the real one.

It serves a profile, answers SCEP, verifies Mdm-Signature on every message and hands out queued commands. Each answer
can be replaced, to see what a device does with a wrong one.
"""

import asyncio
import base64
import json
import plistlib
import uuid
from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from asn1crypto import core
from asn1crypto import csr as asn1_csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import NameOID

from simulator import cms, scep

TOPIC = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555"
CHALLENGE = "let me in"
ENROLLMENT_ID = "org.example.enrollment"


def make_ca() -> cms.Identity:
    """Make an RSA certificate authority."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fake CA")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return cms.Identity(key, builder.sign(key, hashes.SHA256()))


class FakeMDM:
    """Use as an async context manager; `queue(udid, ...)` before the device connects, `reports` after."""

    def __init__(self, ca: cms.Identity):
        self.ca = ca
        self.checkins: list[dict] = []
        self.reports: list[dict] = []
        self.requests: list[tuple[str, str, dict]] = []
        self.queues: dict[str, deque[dict]] = defaultdict(deque)
        self.deferred: dict[str, set[str]] = defaultdict(set)
        self.repeats_deferred = False
        self.override = None  # (method, path, headers, body) -> (status, content type, body) or None
        self.cert_rep_changes: dict = {}
        self.mdm_changes: dict = {}
        self.profile_changes: dict = {}
        self.signed_profile = True
        self.mdm_certificates: list[x509.Certificate] = []

    async def __aenter__(self) -> "FakeMDM":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def profile_url(self) -> str:
        return f"{self.url}/enroll/profile"

    def queue(self, channel: str, request_type: str, **keys) -> str:
        """Queue a command for a UDID, a UserID or an EnrollmentID and return its UUID."""
        command_uuid = str(uuid.uuid4())
        command = {"RequestType": request_type} | keys
        self.queues[channel].append({"CommandUUID": command_uuid, "Command": command})
        return command_uuid

    def report_on(self, command_uuid: str) -> dict:
        """Return the last report on a command."""
        return [report for report in self.reports if report.get("CommandUUID") == command_uuid][-1]

    def messages(self, kind: str) -> list[dict]:
        return [message for message in self.checkins if message["MessageType"] == kind]

    # HTTP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, content_type, answer = self._answer(method, target, headers, body)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\n"
                    f"Content-Length: {len(answer)}\r\n\r\n".encode()
                    + answer
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, target: str, headers: dict, body: bytes) -> tuple[int, str, bytes]:
        self.requests.append((method, target, headers))
        path = urlsplit(target).path
        if self.override is not None:
            replaced = self.override(method, path, headers, body)
            if replaced is not None:
                return replaced
        if path == "/enroll/profile":
            return 200, "application/x-apple-aspen-config", self.profile()
        if path == "/scep":
            return self._scep(method, parse_qs(urlsplit(target).query), body)
        if path in ("/mdm/checkin", "/mdm/connect") and method == "PUT":
            return self._mdm(headers, body)
        return 404, "text/plain", b""

    # The profile

    def profile(self, **mdm_changes) -> bytes:
        """Make the enrollment profile; keys set to None are left out."""
        mdm = {
            "PayloadType": "com.apple.mdm",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"{ENROLLMENT_ID}.mdm",
            "PayloadUUID": str(uuid.uuid4()),
            "IdentityCertificateUUID": "SCEP-UUID",
            "Topic": TOPIC,
            "ServerURL": f"{self.url}/mdm/connect",
            "CheckInURL": f"{self.url}/mdm/checkin",
            "SignMessage": True,
            "AccessRights": 8191,
            "CheckOutWhenRemoved": True,
            "ServerCapabilities": ["com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken"],
        }
        scep_settings = {"URL": f"{self.url}/scep", "Name": "ca", "Keysize": 2048, "Challenge": CHALLENGE}
        content = {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": ENROLLMENT_ID,
            "PayloadUUID": str(uuid.uuid4()),
            "PayloadDisplayName": "Example management",
            "PayloadContent": [
                {
                    "PayloadType": "com.apple.security.scep",
                    "PayloadVersion": 1,
                    "PayloadIdentifier": f"{ENROLLMENT_ID}.scep",
                    "PayloadUUID": "SCEP-UUID",
                    "PayloadContent": scep_settings | {"Subject": [[["O", "Example"]], [["CN", "device"]]]},
                },
                _without_none(mdm | self.mdm_changes | mdm_changes),
            ],
        } | self.profile_changes
        plain = plistlib.dumps(_without_none(content))
        return cms.sign_attached(plain, self.ca, cms.Style()) if self.signed_profile else plain

    # SCEP

    def _scep(self, method: str, query: dict, body: bytes) -> tuple[int, str, bytes]:
        operation = query["operation"][0]
        if operation == "GetCACaps":
            caps = self.cert_rep_changes.get("caps", "Renewal\nSHA-256\nAES\nPOSTPKIOperation\nSCEPStandard\n")
            return 200, "text/plain", caps.encode()
        if operation == "GetCACert":
            return 200, "application/x-x509-ca-cert", self.ca.certificate_der
        message = body if method == "POST" else base64.b64decode(query["message"][0])
        return 200, self.cert_rep_changes.get("content_type", "application/x-pki-message"), self._cert_rep(message)

    def _cert_rep(self, message: bytes) -> bytes:
        changes = self.cert_rep_changes
        request = cms.open_signed(message)
        read = {dotted: value.native for dotted, value in request.attributes.items()}
        csr = asn1_csr.CertificationRequest.load(cms.open_envelope(request.content, self.ca))
        info = csr["certification_request_info"]
        key = load_der_public_key(info["subject_pk_info"].dump())
        challenges = [
            one["values"][0].native for one in info["attributes"] if one["type"].native == "challenge_password"
        ]
        refused = challenges != [CHALLENGE] and read[scep.MESSAGE_TYPE] == scep.PKCS_REQ
        certificate = self.issue(changes.get("public_key", key))
        attributes = {
            scep.MESSAGE_TYPE: core.PrintableString("3").dump(),
            scep.PKI_STATUS: core.PrintableString("2" if refused else "0").dump(),
            scep.TRANSACTION_ID: core.PrintableString(changes.get("transaction", read[scep.TRANSACTION_ID])).dump(),
            scep.RECIPIENT_NONCE: core.OctetString(changes.get("nonce", read[scep.SENDER_NONCE])).dump(),
            scep.SENDER_NONCE: core.OctetString(b"n" * 16).dump(),
        }
        if refused:
            attributes[scep.FAIL_INFO] = core.PrintableString("2").dump()
        certificates = changes.get("certificates", lambda issued: [issued])(certificate)
        content = b"" if refused else cms.envelope(degenerate(certificates), request.signer)
        signer = changes.get("signer", self.ca)
        return cms.sign_attached(content, signer, cms.Style(), tuple(attributes.items()))

    def issue(self, public_key) -> x509.Certificate:
        """Sign a device certificate."""
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self.ca.certificate.subject)
        builder = builder.public_key(public_key).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        return builder.sign(self.ca.key, hashes.SHA256())

    # MDM

    def _mdm(self, headers: dict, body: bytes) -> tuple[int, str, bytes]:
        signed = cms.open_signed(base64.b64decode(headers["mdm-signature"]), body)
        signed.signer.verify_directly_issued_by(self.ca.certificate)
        self.mdm_certificates.append(signed.signer)
        message = plistlib.loads(body)
        if headers["content-type"] == "application/x-apple-aspen-mdm-checkin":
            return self._check_in(message)
        assert headers["content-type"] == "application/x-apple-aspen-mdm; charset=UTF-8"
        return self._report(message)

    def _check_in(self, message: dict) -> tuple[int, str, bytes]:
        self.checkins.append(message)
        if message["MessageType"] != "DeclarativeManagement":
            return 200, "application/xml", b""
        if message["Endpoint"] == "tokens":
            tokens = {"SyncTokens": {"DeclarationsToken": "t1", "Timestamp": "2026-01-01T00:00:00Z"}}
            return 200, "application/json", json.dumps(tokens).encode()
        empty = {kind: [] for kind in ("Activations", "Assets", "Configurations", "Management")}
        items = {"Declarations": empty, "DeclarationsToken": "t1"}
        return 200, "application/json", json.dumps(items).encode()

    def _report(self, report: dict) -> tuple[int, str, bytes]:
        self.reports.append(report)
        channel = report.get("UserID") or report.get("UDID") or report["EnrollmentID"]
        queue = self.queues[channel]
        answered = report.get("CommandUUID")
        if answered and report["Status"] != "NotNow":
            for command in [command for command in queue if command["CommandUUID"] == answered]:
                queue.remove(command)
        deferred = self.deferred[channel]
        if report["Status"] == "Idle":
            deferred.clear()
        elif report["Status"] == "NotNow" and not self.repeats_deferred:
            deferred.add(answered)
        waiting = [command for command in queue if command["CommandUUID"] not in deferred]
        if not waiting:
            return 200, "text/plain", b""
        return 200, "application/xml", plistlib.dumps(waiting[0])


def degenerate(certificates: list[x509.Certificate]) -> bytes:
    """Make a SignedData that only carries certificates."""
    encoded = b"".join(one.public_bytes(Encoding.DER) for one in certificates)
    data = cms.tlv(cms.SEQUENCE, cms.oid("1.2.840.113549.1.7.1"))
    body = cms.tlv(
        cms.SEQUENCE, cms.integer(1), cms.tlv(cms.SET), data, cms.tlv(cms.EXPLICIT_0, encoded), cms.tlv(cms.SET)
    )
    return cms.tlv(cms.SEQUENCE, cms.oid("1.2.840.113549.1.7.2"), cms.tlv(cms.EXPLICIT_0, body))


def _without_none(content: dict) -> dict:
    return {key: value for key, value in content.items() if value is not None}
