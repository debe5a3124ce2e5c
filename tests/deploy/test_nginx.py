"""The shipped nginx configuration in a real nginx: whose certificate it relays, and that it adds nothing itself."""

import datetime as dt
import http.client
import http.server
import threading
import time
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from tests.deploy.certificates import write_certificate
from tests.deploy.nginx import Nginx, running_nginx

SPELLINGS = ["Client-Cert", "client-cert", "CLIENT-CERT", "Client_Cert", "client_cert"]


class Recorder(http.server.BaseHTTPRequestHandler):
    """A web server that keeps what reached it and answers the status that the path names (/.../status/NNN)."""

    protocol_version = "HTTP/1.1"
    seen: list

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.command, self.path, self.headers, body))
        status = int(self.path.rsplit("/", 1)[1]) if "/status/" in self.path else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://elsewhere.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_args):
        """Stay silent."""


@pytest.fixture
def recorder() -> Iterator[http.server.ThreadingHTTPServer]:
    handler = type("Recorder", (Recorder,), {"seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nginx(tmp_path, recorder) -> Iterator[Nginx]:
    with running_nginx(tmp_path, recorder.server_port, *write_certificate(tmp_path, "localhost")) as running:
        yield running


def request(nginx: Nginx, method: str, path: str, *, identity=(), headers=(), body=b"") -> http.client.HTTPResponse:
    """Send one request over TLS; headers are pairs, so that one may come twice."""
    connection = http.client.HTTPSConnection(
        "localhost", nginx.https_port, context=nginx.tls_context(*identity), timeout=30
    )
    try:
        connection.putrequest(method, path)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def relayed(recorder) -> list[str]:
    """Return every spelling of the certificate header that reached the web server with the last request."""
    headers = recorder.RequestHandlerClass.seen[-1][2]
    return [value for name, value in headers.items() if name.lower().replace("_", "-") == "client-cert"]


def test_the_certificate_of_the_tls_handshake_reaches_the_device_endpoints(nginx, recorder, tmp_path):
    identity = write_certificate(tmp_path, "device")
    response = request(nginx, "PUT", "/mdm/connect", identity=identity, body=b"<plist/>")

    assert response.status == 200
    (header,) = relayed(recorder)
    assert unquote(header) == identity[0].read_text()
    assert recorder.RequestHandlerClass.seen[-1][3] == b"<plist/>"


@pytest.mark.parametrize("path", ["/mdm/connect", "/mdm/checkin", "/console/", "/scep", "/api/v1/devices/"])
def test_a_header_that_a_client_writes_itself_never_arrives(nginx, recorder, path):
    forged = [(spelling, ":Zm9yZ2Vk:") for spelling in SPELLINGS]

    assert request(nginx, "PUT", path, headers=forged).status == 200
    assert relayed(recorder) == []


def test_a_header_that_a_client_writes_beside_its_certificate_never_arrives(nginx, recorder, tmp_path):
    identity = write_certificate(tmp_path, "device")
    forged = [(spelling, ":Zm9yZ2Vk:") for spelling in SPELLINGS]
    request(nginx, "PUT", "/mdm/connect", identity=identity, headers=forged)

    assert [unquote(header) for header in relayed(recorder)] == [identity[0].read_text()]


@pytest.mark.parametrize("path", ["/console/", "/api/v1/devices/", "/enroll/demo/", "/"])
def test_outside_the_device_endpoints_no_certificate_is_relayed(nginx, recorder, tmp_path, path):
    request(nginx, "GET", path, identity=write_certificate(tmp_path, "device"))

    assert relayed(recorder) == []


def test_an_expired_certificate_is_relayed_with_its_message_so_that_it_can_be_renewed(nginx, recorder, tmp_path):
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    identity = write_certificate(tmp_path, "device", not_after=yesterday)
    response = request(nginx, "PUT", "/mdm/connect", identity=identity, body=b"<plist/>")

    assert response.status == 200
    assert [unquote(header) for header in relayed(recorder)] == [identity[0].read_text()]
    method, path, _headers, body = recorder.RequestHandlerClass.seen[-1]
    assert (method, path, body) == ("PUT", "/mdm/connect", b"<plist/>")


def test_long_signatures_and_large_reports_pass(nginx, recorder):
    signature = "A" * 16 * 1024
    report = b"x" * 50 * 1024 * 1024
    response = request(nginx, "PUT", "/mdm/connect", headers=[("Mdm-Signature", signature)], body=report)

    assert response.status == 200
    _method, _path, headers, body = recorder.RequestHandlerClass.seen[-1]
    assert headers["Mdm-Signature"] == signature
    assert len(body) == len(report)


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 503])
def test_the_status_that_espalier_answers_reaches_the_device_unchanged(nginx, status):
    response = request(nginx, "PUT", f"/mdm/status/{status}")

    assert response.status == status
    assert response.headers["Location"] == ("http://elsewhere.example/" if status == 302 else None)


def test_while_the_web_server_is_down_devices_see_a_server_error_and_no_401(nginx, recorder):
    recorder.shutdown()
    recorder.server_close()

    assert request(nginx, "PUT", "/mdm/connect").status == 502


def test_where_a_request_came_from_is_overwritten(nginx, recorder):
    lies = [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "evil.example")]
    request(nginx, "GET", "/console/", headers=lies)

    headers = recorder.RequestHandlerClass.seen[-1][2]
    assert headers.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert headers.get_all("X-Forwarded-Proto") == ["https"]
    assert headers.get_all("X-Forwarded-Host") is None


@pytest.mark.parametrize(("path", "status"), [("/mdm/connect", 404), ("/scep", 404), ("/console/", 301)])
def test_without_tls_people_are_redirected_and_devices_are_not(nginx, recorder, path, status):
    connection = http.client.HTTPConnection("127.0.0.1", nginx.http_port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    connection.close()

    assert response.status == status
    assert response.headers["Location"] == ("https://mdm.example.com/console/" if status == 301 else None)
    assert recorder.RequestHandlerClass.seen == []


def test_query_strings_are_not_logged(nginx, tmp_path):
    request(nginx, "GET", "/scep?operation=PKIOperation&message=secret")

    log = tmp_path / "access.log"
    deadline = time.monotonic() + 30
    while "/scep" not in log.read_text():  # it writes the line after it has answered
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "secret" not in log.read_text()
