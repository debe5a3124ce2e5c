"""The bare device of wire, over HTTP to a web server's process."""

import plistlib
import urllib.request
from urllib.error import HTTPError

from tests.mdm import wire

TIMEOUT_S = 30


class HttpWire(wire.Wire):
    """A device that talks to ``url``; by the header of a trusted proxy, which loopback is in development."""

    url = ""
    identity_header = "Client-Cert"

    def send(self, message, content_type=wire.REPORT, path="/mdm/connect", **_options):
        body = message if isinstance(message, bytes) else plistlib.dumps({**self.keys, **message})
        headers = {"Content-Type": content_type, self.identity_header: wire.rfc9440(self.identity)}
        request = urllib.request.Request(self.url + path, body, headers, method="PUT")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return wire.Answer(response.status, dict(response.headers), response.read())
        except HTTPError as error:
            with error:
                return wire.Answer(error.code, dict(error.headers), error.read())


def new_device(url: str) -> HttpWire:
    """Make a device with a certificate that the server at ``url`` trusts; it has not said anything yet."""
    device = HttpWire(wire.prepare().issue())
    device.url = url
    return device
