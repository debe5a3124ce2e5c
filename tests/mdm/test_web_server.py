"""What reaches the device endpoints through the real web server: headers in two spellings, lengths that lie, chunks."""

import http.client
import plistlib
import socket
from urllib.parse import urlsplit

import pytest

from devices.models import RejectedMessage
from tests.mdm import wire
from tests.mdm.http_wire import new_device
from tests.servers import running_server

MEBIBYTE = 1024 * 1024


@pytest.fixture
def web(committed_db):
    """A server that no test before has told of other authorities: it would believe them for ten seconds."""
    with running_server(IDENTITY_HEADER="Clientcert") as process:
        yield process


def put(url: str, body: bytes, headers: list[tuple[str, str]]) -> int:
    """Send headers exactly as given, also twice, and return the status."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.putrequest("PUT", "/mdm/connect")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


def raw(url: str, message: bytes) -> bytes:
    """Send bytes over a connection and return the first line of what comes back."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=30) as connection:
        connection.sendall(message)
        return connection.recv(4096).partition(b"\r\n")[0]


@pytest.fixture
def pair(web):
    """Two enrolled devices behind a proxy that relays certificates under a name without hyphen."""
    first = new_device(web.url)
    first.identity_header = "Clientcert"
    second = type(first)(wire.outside_authority().issue())
    second.url, second.identity_header = web.url, "Clientcert"
    return first.enroll(), second.enroll()


def idle_of(device) -> tuple[bytes, list[tuple[str, str]]]:
    body = plistlib.dumps({**device.keys, "Status": "Idle"})
    return body, [("Content-Type", wire.REPORT), ("Content-Length", str(len(body)))]


def test_a_header_name_without_hyphen_has_no_second_spelling(web, pair):
    victim, thief = pair
    body, headers = idle_of(victim)
    own, forged = wire.rfc9440(thief.identity), wire.rfc9440(victim.identity)
    for spelling in ("Client_Cert", "Client-Cert", "Clientcert_", "_Clientcert", "Http_Clientcert"):
        for order in ([("Clientcert", own), (spelling, forged)], [(spelling, forged), ("Clientcert", own)]):
            assert put(web.url, body, headers + order) == 403, spelling
    assert put(web.url, body, [*headers, ("Clientcert", forged)]) == 200


def test_a_header_that_comes_twice_is_no_certificate(web, pair):
    victim, thief = pair
    body, headers = idle_of(victim)
    both = [("Clientcert", wire.rfc9440(victim.identity)), ("Clientcert", wire.rfc9440(thief.identity))]
    assert put(web.url, body, headers + both) == 400
    assert put(web.url, body, headers + both[::-1]) == 400


LYING_LENGTHS = ["3\r\nContent-Length: 5", "-3", "99999999999999999999", "0x10"]


def test_a_length_that_lies_is_refused(web):
    for length in LYING_LENGTHS:
        message = f"PUT /mdm/connect HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nabcde"
        assert raw(web.url, message.encode()) == b"HTTP/1.1 400 Bad Request", length


def test_fifty_megabytes_in_chunks_are_refused_and_the_next_device_is_answered(web, pair):
    device, _ = pair
    chunk = b"100000\r\n" + b"A" * MEBIBYTE + b"\r\n"
    message = b"PUT /mdm/connect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 50 + b"0\r\n\r\n"
    assert raw(web.url, message) == b"HTTP/1.1 400 Bad Request"
    assert RejectedMessage.objects.get().code == "too_large"
    body, headers = idle_of(device)
    assert put(web.url, body, [*headers, ("Clientcert", wire.rfc9440(device.identity))]) == 200
