"""One device's authenticated requests to its server, and what the answers mean to it.

Owns the three ways a device proves who it is (Mdm-Signature, TLS client certificate, the header a proxy would add) and
the reading of status codes. Apple: "Implementing device management"; RFC 9440 for the header.
"""

import base64
import json
import ssl
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from simulator import cms, http, plists
from simulator.profile import Enrollment

UNRECOGNIZED_DEVICE = "com.apple.unrecognized.device"


class Unwelcome(Exception):
    """The server told the device to leave; a real device removes its enrollment."""


class TryLater(Exception):
    """The server could not answer properly; the device keeps what it has to say and returns."""

    def __init__(self, detail: str, status: int | None = None):
        super().__init__(detail)
        self.status = status


class Wire:
    """Speak to the server of one enrollment with one identity.

    relay_header names the header in which the certificate is sent, for a device that stands behind a pretend proxy.
    note is called with a sentence for each thing a server must not do.
    """

    def __init__(
        self,
        enrollment: Enrollment,
        identity: cms.Identity,
        *,
        style: cms.Style,
        user_agent: str,
        note: Callable[[str], None],
        relay_header: str | None = None,
        extra_roots_pem: str = "",
        timeout_s: float = 30,
    ):
        self.enrollment = enrollment
        self.identity = identity
        self._style = style
        self._note = note
        self._relay_header = relay_header
        self._extra_roots_pem = extra_roots_pem
        self._client = http.Client(self._tls_context, user_agent=user_agent, timeout_s=timeout_s)

    def close(self) -> None:
        """Hang up, as a device does at the end of a session."""
        self._client.close()

    async def check_in(self, message: dict) -> bytes:
        """Send a check-in message; return the body of the 200, or raise Unwelcome or TryLater."""
        return await self._put(self.enrollment.check_in_url, message, plists.CHECKIN_CONTENT_TYPE)

    async def report(self, report: dict, *, lose_response: bool = False) -> bytes:
        """Send a command report; return the next command's body, empty when there is none."""
        return await self._put(
            self.enrollment.server_url, report, plists.CONNECT_CONTENT_TYPE, lose_response=lose_response
        )

    def _tls_context(self) -> ssl.SSLContext:
        roots = self._extra_roots_pem + "".join(_as_pem(root) for root in self.enrollment.roots)
        return http.tls_context(extra_roots_pem=roots, identity=self.identity)

    async def _put(self, url: str, message: dict, content_type: str, *, lose_response: bool = False) -> bytes:
        body = plists.write(message)
        headers = {"Content-Type": content_type} | self._proof(body)
        try:
            response = await self._client.request("PUT", url, headers=headers, body=body, lose_response=lose_response)
        except http.TransportError as error:
            raise TryLater(str(error)) from error
        return self._judge(response, message.get("MessageType") or message["Status"])

    def _proof(self, body: bytes) -> dict[str, str]:
        headers = {}
        if self.enrollment.signs_messages:
            signature = cms.sign_detached(body, self.identity, self._style)
            headers["Mdm-Signature"] = base64.b64encode(signature).decode()
        if self._relay_header:
            certificate = base64.b64encode(self.identity.certificate_der).decode()
            headers[self._relay_header] = f":{certificate}:"
        return headers

    def _judge(self, response: http.Response, what: str) -> bytes:
        if response.status == 200:
            return response.body
        if response.status == 401 or (response.status == 403 and _error_code(response) == UNRECOGNIZED_DEVICE):
            raise Unwelcome(f"{what} was answered with status {response.status}")
        if 200 < response.status < 400:
            self._note(f"{what} was answered with status {response.status}; devices take 200 only")
        raise TryLater(f"{what} was answered with status {response.status}", response.status)


def _error_code(response: http.Response) -> str | None:
    if not response.content_type.startswith("application/json"):
        return None
    try:
        content = json.loads(response.body)
    except ValueError:
        return None
    return content.get("code") if isinstance(content, dict) else None


def _as_pem(certificate: bytes) -> str:
    """Bring a certificate payload (DER, or PEM in com.apple.security.pem) into the form ssl wants."""
    if certificate.lstrip().startswith(b"-----BEGIN"):
        return certificate.decode("ascii")
    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM).decode()
