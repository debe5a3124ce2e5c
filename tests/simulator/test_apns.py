"""The pretend APNs is as strict as Apple: seen by an independent client, h2 over a plain TLS socket."""

import json
import os
import socket
import ssl
import stat
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from hpack import Encoder

from simulator import http2
from simulator.apns_faults import Answer, GoAway, Reset
from simulator.push_ca import PushCA, topic_of
from tests.apns.pretend_apns import eventually, running_apns

TOKEN = bytes(range(32))
MAGIC = "5C5A0D58-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return PushCA(tmp_path_factory.mktemp("push-ca"))


@pytest.fixture
def server(ca):
    with running_apns(ca.folder) as running:
        running.register(TOKEN, ca.push_identity().topic, MAGIC, lambda: None)
        yield running


class Client:
    """A blocking HTTP/2 client that sends exactly what it is told."""

    def __init__(self, server, ca, identity_name="push", **config):
        self.server = server
        self.topic = ca.push_identity().topic
        context = ssl.create_default_context(cafile=str(ca.ca_file))
        context.load_cert_chain(*map(str, ca.identity_files(identity_name)))
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        checks = {"validate_outbound_headers": False, "normalize_outbound_headers": False}
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8", **checks, **config))
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def headers(self, **changes):
        """Headers of a correct push; a change of None leaves one out, `_` stands for `-` and a leading `_` for `:`."""
        headers = {
            ":method": "POST",
            ":scheme": "https",
            ":path": f"/3/device/{TOKEN.hex()}",
            ":authority": f"127.0.0.1:{self.server.port}",
            "apns-topic": self.topic,
            "apns-push-type": "mdm",
            "apns-priority": "10",
            "apns-expiration": "1999999999",
            "apns-id": str(uuid.uuid4()),
        }
        for name, value in changes.items():
            headers[(":" + name[1:] if name.startswith("_") else name).replace("_", "-")] = value
        return [(name, value) for name, value in headers.items() if value is not None]

    def push(self, headers, body=None):
        """Send one push and return (status, answer, apns-id), or the event that ended it."""
        stream_id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, headers)
        body = json.dumps({"mdm": MAGIC}).encode() if body is None else body
        self.h2.send_data(stream_id, body, end_stream=True)
        self.flush()
        return self.answer(stream_id)

    def answer(self, stream_id):
        status, data, apns_id = 0, b"", ""
        for event in self.events():
            if isinstance(event, ConnectionTerminated) or (
                isinstance(event, StreamReset) and event.stream_id == stream_id
            ):
                return event
            if getattr(event, "stream_id", None) != stream_id:
                continue
            if isinstance(event, ResponseReceived):
                answered = dict(event.headers)
                status, apns_id = int(answered[":status"]), answered["apns-id"]
            elif isinstance(event, DataReceived):
                data += event.data
            elif isinstance(event, StreamEnded):
                return status, json.loads(data) if data else None, apns_id
        return None

    def events(self):
        while received := self.socket.recv(65536):
            yield from self.h2.receive_data(received)
            self.flush()


# --- requests ---------------------------------------------------------------------------------------------------------


def test_a_correct_push_is_accepted_and_its_id_comes_back(server, ca):
    with Client(server, ca) as client:
        headers = client.headers(apns_id="3c0e0bd4-7a59-4f73-9a30-4b7f0a0c6d55")
        assert client.push(headers) == (200, None, "3c0e0bd4-7a59-4f73-9a30-4b7f0a0c6d55")
        _, _, made_up = client.push(client.headers(apns_id=None))
    assert uuid.UUID(made_up)
    assert server.accepted == 2 and server.pushes[TOKEN] == 2 and not server.refused


@pytest.mark.parametrize(
    "changes, body, status, reason",
    [
        ({"_method": "GET"}, None, 405, "MethodNotAllowed"),
        ({"_path": "/2/device/00"}, None, 404, "BadPath"),
        ({"_path": "/3/device/"}, None, 400, "MissingDeviceToken"),
        ({"_path": "/3/device/not-hex"}, None, 400, "BadDeviceToken"),
        ({"_path": "/3/device/" + "00" * 32}, None, 400, "BadDeviceToken"),
        ({"_path": "/3/device/00%2000"}, None, 400, "BadDeviceToken"),
        ({"_authority": "127.0.0.1"}, None, 421, "MisdirectedRequest"),
        ({"_authority": "api.push.apple.com:2197"}, None, 421, "MisdirectedRequest"),
        ({"_scheme": "http"}, None, 404, "BadPath"),
        ({"apns_topic": None}, None, 400, "MissingTopic"),
        ({"apns_topic": ""}, None, 400, "MissingTopic"),
        ({"apns_topic": "com.apple.mgmt.External.other"}, None, 400, "TopicDisallowed"),
        ({"apns_push_type": None}, None, 400, "InvalidPushType"),
        ({"apns_push_type": "alert"}, None, 400, "InvalidPushType"),
        ({"apns_priority": "7"}, None, 400, "BadPriority"),
        ({"apns_expiration": "tomorrow"}, None, 400, "BadExpirationDate"),
        ({"apns_expiration": "-1"}, None, 400, "BadExpirationDate"),
        ({"apns_id": "1"}, None, 400, "BadMessageId"),
        ({"apns_id": "x" * 36}, None, 400, "BadMessageId"),
        ({"apns_collapse_id": "x" * 65}, None, 400, "BadCollapseId"),
        ({}, b"", 400, "PayloadEmpty"),
        ({}, b"not json", 400, "PayloadEmpty"),
        ({}, b"[]", 400, "PayloadEmpty"),
        ({}, b'{"aps": {}, "mdm": "magic"}', 400, "PayloadEmpty"),
        ({}, b'{"mdm": 7}', 400, "PayloadEmpty"),
        ({}, b'{"mdm": "' + b"x" * 4096 + b'"}', 413, "PayloadTooLarge"),
    ],
)
def test_each_violation_gets_apples_status_and_reason(server, ca, changes, body, status, reason):
    with Client(server, ca) as client:
        answer = client.push(client.headers(**changes), body)
        assert answer[:2] == (status, {"reason": reason})
        assert client.push(client.headers())[0] == 200, "the connection goes on"
    assert server.refused == {reason: 1} and server.accepted == 1


def test_a_header_sent_twice_is_refused(server, ca):
    with Client(server, ca) as client:
        headers = client.headers()
        assert client.push([*headers, ("apns-priority", "5")])[:2] == (400, {"reason": "DuplicateHeaders"})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers: [header for header in headers if header[0] != ":authority"] + [("host", "127.0.0.1")],
        lambda headers: [*headers[1:], headers[0]],
        lambda headers: [*headers, ("Apns-Foo", "1")],
        lambda headers: [headers[0], *headers],
    ],
    ids=["host for :authority", "pseudo-header last", "upper case", "pseudo-header twice"],
)
def test_a_malformed_request_is_reset_with_protocol_error(server, ca, spoil):
    with Client(server, ca) as client:
        ended = client.push(spoil(client.headers()))
        assert isinstance(ended, StreamReset) and ended.error_code == http2.PROTOCOL_ERROR
        assert client.push(client.headers())[0] == 200
    assert server.refused == {"Malformed": 1}


def test_a_token_of_another_topic_is_refused(server, ca):
    server.register(b"\x07" * 32, "com.apple.mgmt.External.other", MAGIC, lambda: None)
    with Client(server, ca) as client:
        answer = client.push(client.headers(_path="/3/device/" + "07" * 32))
    assert answer[:2] == (400, {"reason": "DeviceTokenNotForTopic"})


def test_a_token_that_was_unregistered_is_gone_until_it_is_registered_again(server, ca):
    server.unregister(TOKEN, gone_at=1_766_000_000.5)
    with Client(server, ca) as client:
        gone = client.push(client.headers())
        server.register(TOKEN, client.topic, MAGIC, lambda: None)
        assert client.push(client.headers())[0] == 200
    assert gone[:2] == (410, {"reason": "Unregistered", "timestamp": 1_766_000_000_500})


# --- devices ----------------------------------------------------------------------------------------------------------


def test_only_the_last_push_waits_for_a_device_that_is_away(server, ca):
    woken = []
    server.register(TOKEN, ca.push_identity().topic, MAGIC, lambda: woken.append(1))
    server.set_online(TOKEN, False)
    with Client(server, ca) as client:
        for _ in range(3):
            client.push(client.headers())
    assert not woken

    server.set_online(TOKEN, True)
    server.set_online(TOKEN, True)
    assert woken == [1]


@pytest.mark.parametrize("expiration", ["0", "1"])
def test_a_push_that_expired_or_may_not_be_stored_is_lost(server, ca, expiration):
    woken = []
    server.register(TOKEN, ca.push_identity().topic, MAGIC, lambda: woken.append(1))
    server.set_online(TOKEN, False)
    with Client(server, ca) as client:
        assert client.push(client.headers(apns_expiration=expiration))[0] == 200
    server.set_online(TOKEN, True)
    assert not woken


def test_a_wrong_push_magic_is_accepted_by_apns_and_ignored_by_the_device(server, ca):
    woken = []
    server.register(TOKEN, ca.push_identity().topic, MAGIC, lambda: woken.append(1))
    with Client(server, ca) as client:
        assert client.push(client.headers(), b'{"mdm": "stale"}')[0] == 200
    assert not woken and server.ignored_by_device == 1


# --- TLS and HTTP/2 ---------------------------------------------------------------------------------------------------


def connect(server, ca, identity_name, alpn=("h2",)):
    """Return what a client gets that connects and waits: bytes, or b"" when the server hangs up."""
    context = ssl.create_default_context(cafile=str(ca.ca_file))
    if identity_name:
        context.load_cert_chain(*map(str, ca.identity_files(identity_name)))
    if alpn:
        context.set_alpn_protocols(alpn)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        try:
            return connection.recv(100)
        except (ssl.SSLError, ConnectionResetError):
            return b""


def test_no_client_certificate_no_connection(server, ca):
    assert connect(server, ca, None) == b""


@pytest.mark.parametrize("alpn", [(), ("http/1.1",)])
def test_a_client_that_does_not_offer_h2_is_hung_up_on(server, ca, alpn):
    assert connect(server, ca, "push", alpn) == b""
    assert eventually(lambda: server.refused == {"NoALPN": 1})


def test_a_certificate_without_an_mdm_topic_may_not_push(server, ca):
    ca._save("other", ca.issue_push_identity(topic="org.example.app"))
    with Client(server, ca, identity_name="other") as client:
        assert client.push(client.headers())[:2] == (403, {"reason": "BadCertificate"})


def test_a_stream_above_the_limit_is_refused(ca):
    with running_apns(ca.folder, max_concurrent_streams=1) as server, Client(server, ca) as client:
        encoder = Encoder()
        blocks = [encoder.encode(client.headers()) for _ in range(2)]
        flags = http2.END_HEADERS
        client.socket.sendall(b"".join(http2.frame(1, flags, 2 * at + 1, block) for at, block in enumerate(blocks)))
        client.h2.streams.clear()
        frames = read_frames(client.socket, until_kind=http2.RST_STREAM)
    assert frames[-1] == (http2.RST_STREAM, 3, http2.REFUSED_STREAM.to_bytes(4, "big"))
    assert server.refused == {"TooManyStreams": 1}


def read_frames(connection, until_kind):
    """Read (kind, stream id, payload) until a kind of frame arrives."""
    frames = []
    reader = connection.makefile("rb")
    while not frames or frames[-1][0] != until_kind:
        header = reader.read(9)
        if len(header) < 9:
            raise AssertionError(f"the connection ended after {frames}")
        size = int.from_bytes(header[:3], "big")
        frames.append((header[3], int.from_bytes(header[5:], "big"), reader.read(size)))
    return frames


@pytest.mark.parametrize(
    "sent, code",
    [
        (http2.frame(http2.DATA, 0, 1, b"x"), http2.PROTOCOL_ERROR),
        (http2.frame(http2.HEADERS, http2.END_HEADERS, 2, b"\x82"), http2.PROTOCOL_ERROR),
        (http2.frame(http2.HEADERS, http2.END_HEADERS, 1, b"\xff\xff\xff\xff\xff"), http2.COMPRESSION_ERROR),
        (http2.frame(http2.CONTINUATION, http2.END_HEADERS, 1, b"\x82"), http2.PROTOCOL_ERROR),
        (http2.frame(http2.HEADERS, 0, 1, b"\x82") + http2.frame(http2.PING, 0, 0, b"8" * 8), http2.PROTOCOL_ERROR),
        (http2.frame(http2.WINDOW_UPDATE, 0, 0, b"\0" * 4), http2.PROTOCOL_ERROR),
        (http2.frame(http2.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), http2.FLOW_CONTROL_ERROR),
        (http2.frame(http2.SETTINGS, 0, 0, b"12345"), http2.FRAME_SIZE_ERROR),
        (b"\x01\x00\x00" + b"\0" * 6, http2.FRAME_SIZE_ERROR),
    ],
)
def test_a_broken_frame_ends_the_connection_with_its_error(server, ca, sent, code):
    with Client(server, ca) as client:
        client.socket.sendall(sent)
        *_, (_, _, payload) = read_frames(client.socket, until_kind=http2.GOAWAY)
    assert int.from_bytes(payload[4:8], "big") == code


def test_error_bodies_stop_at_the_window_of_a_client_that_acknowledges_nothing(server, ca):
    with Client(server, ca) as client:
        unknown = client.headers(_path="/3/device/" + "ff" * 32)
        answered = 0
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            for _ in range(3000):
                answered += client.push(unknown)[0] == 400
    assert answered == 65_535 // len('{"reason": "BadDeviceToken"}')


def test_planted_faults_strike_as_told(server, ca):
    with Client(server, ca) as client:
        server.fault_next(Answer(503, "ServiceUnavailable"), Answer(500, body=b""), Reset())
        server.fault_for(TOKEN, Answer(429, "TooManyRequests"), times=1)
        assert client.push(client.headers())[:2] == (503, {"reason": "ServiceUnavailable"})
        assert client.push(client.headers())[:2] == (500, None)
        assert isinstance(client.push(client.headers()), StreamReset)
        assert client.push(client.headers())[:2] == (429, {"reason": "TooManyRequests"})
        assert client.push(client.headers())[0] == 200
        server.fault_for(TOKEN, GoAway("Shutdown"))
        server.clear_faults()
        assert client.push(client.headers())[0] == 200
        server.fault_next(GoAway("Shutdown"))
        ended = client.push(client.headers())
    assert ended.last_stream_id == 11 and json.loads(ended.additional_data) == {"reason": "Shutdown"}


# --- the pretend certificate authority --------------------------------------------------------------------------------


def test_certificates_are_reused_after_a_restart_and_keys_are_private(tmp_path):
    first = PushCA(tmp_path / "ca")
    identity = first.push_identity()
    first.server_identity()
    second = PushCA(tmp_path / "ca")

    assert second.push_identity() == identity
    assert identity.topic.startswith("com.apple.mgmt.External.")
    for name in ("ca", "push", "server"):
        _, key = second.identity_files(name)
        assert stat.S_IMODE(os.stat(key).st_mode) == 0o600


def test_the_portal_signs_a_certificate_request_with_its_own_key(ca):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    certificate = x509.load_pem_x509_certificate(ca.sign_push_csr(csr.public_bytes(serialization.Encoding.PEM)))

    assert certificate.public_key() == key.public_key()
    assert topic_of(certificate).startswith("com.apple.mgmt.External.")
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.ca_file.read_bytes()))
