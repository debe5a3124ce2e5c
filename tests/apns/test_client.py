"""PushClient against the pretend APNs: real HTTP/2 over TLS on loopback, one test for each way a push can end."""

import asyncio
import datetime as dt
import os
import socket
import ssl
import threading
import warnings

import pytest
from aioapns.connection import APNsBaseClientProtocol

from apns import client as client_module
from apns import pool as pool_module
from apns.client import PushRequest, PushResult
from apns.runtime import runtime, shut_down
from simulator import http2
from simulator.apns_faults import Answer, Close, GoAway, Late, Reset, Silence
from simulator.push_ca import PushCA
from tests.apns.pretend_apns import client_for, enrolled, eventually, running_apns

UTC = dt.UTC


@pytest.fixture(scope="module")
def ca_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("push-ca")


@pytest.fixture
def server(ca_folder):
    with running_apns(ca_folder) as running:
        yield running
        shut_down()


def the_connection(server, client):
    slot = runtime().pool._slots[(client.identity.topic, "127.0.0.1", server.port)]
    return slot.connection


# --- what APNs sees ---------------------------------------------------------------------------------------------------


def test_a_push_is_accepted_by_a_server_as_strict_as_apple_and_wakes_the_device(server):
    woken = []
    [request] = enrolled(server, 1)
    server.register(request.token, request.topic, request.push_magic, lambda: woken.append(request.channel_id))

    result = client_for(server).push_many([request])[1]

    assert result.accepted and result.status == 200 and result.apns_id and not result.transport_error
    assert woken == [1]
    assert not server.refused


def test_priority_and_expiry_reach_apns_which_keeps_the_push_for_a_device_that_is_away(server):
    woken = []
    topic = server.push_ca.push_identity().topic
    tokens = [os.urandom(32), os.urandom(32)]
    for token in tokens:
        server.register(token, topic, "magic", lambda token=token: woken.append(token))
        server.set_online(token, False)
    soon = dt.datetime.now(UTC) + dt.timedelta(hours=1)
    past = dt.datetime.now(UTC) - dt.timedelta(hours=1)
    requests = [
        PushRequest("kept", tokens[0], "magic", topic, priority=5, expires_at=soon),
        PushRequest("expired", tokens[1], "magic", topic, priority=5, expires_at=past),
    ]

    results = client_for(server).push_many(requests)
    for token in tokens:
        server.set_online(token, True)

    assert [result.status for result in results.values()] == [200, 200]
    assert woken == [tokens[0]]


def test_a_push_magic_with_quotes_and_accents_arrives_as_it_is(server):
    woken = []
    topic = server.push_ca.push_identity().topic
    magic = 'quote " backslash \\ and é 🍏'
    server.register(b"\x01" * 40, topic, magic, lambda: woken.append(True))

    result = client_for(server).push_many([PushRequest(1, b"\x01" * 40, magic, topic)])[1]

    assert result.accepted and woken == [True] and server.ignored_by_device == 0


def test_many_pushes_from_several_threads_share_one_connection_that_stays(server):
    requests = enrolled(server, 300)
    client = client_for(server)
    results = {}
    threads = [
        threading.Thread(target=lambda part=part: results.update(client.push_many(requests[part::3])))
        for part in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client_for(server).push_many(requests[:1])

    assert len(results) == 300 and all(result.accepted for result in results.values())
    assert server.connections_made == 1


def test_silence_does_not_close_the_connection(server, monkeypatch):
    monkeypatch.setattr(APNsBaseClientProtocol, "INACTIVITY_TIME", 0.01)
    [request] = enrolled(server, 1)
    client = client_for(server)

    client.push_many([request])
    threading.Event().wait(0.2)
    client.push_many([request])

    assert server.connections_made == 1 and server.accepted == 2


def test_no_more_streams_are_opened_than_apns_allows(ca_folder):
    with running_apns(ca_folder, max_concurrent_streams=3) as server:
        server.fault_next(Late(), times=40)
        results = client_for(server).push_many(enrolled(server, 50))
        shut_down()

    assert all(result.accepted for result in results.values())
    assert not server.refused


def test_a_body_larger_than_the_window_of_a_stream_is_sent_in_pieces(ca_folder):
    with running_apns(ca_folder, stream_window_bytes=7) as server:
        results = client_for(server).push_many(enrolled(server, 20))
        shut_down()

    assert all(result.accepted for result in results.values())
    assert not server.refused


def test_more_pushes_than_one_flow_control_window_holds_all_arrive(server):
    requests = enrolled(server, 1500)  # some 80 KB of bodies: APNs' first window is 64 KiB

    results = client_for(server).push_many(requests)

    assert all(result.accepted for result in results.values()) and server.accepted == 1500


def test_a_channel_named_twice_is_pushed_once(server):
    [request] = enrolled(server, 1)

    results = client_for(server).push_many([request, request])

    assert list(results) == [1] and server.accepted == 1


def test_no_pushes_open_no_connection(server):
    assert client_for(server).push_many([]) == {}
    assert server.connections_made == 0


# --- answers ----------------------------------------------------------------------------------------------------------


def test_thousands_of_error_bodies_do_not_stall_the_connection(server):
    topic = server.push_ca.push_identity().topic
    unknown = [PushRequest(number, os.urandom(32), "magic", topic) for number in range(4000)]

    results = client_for(server).push_many(unknown)

    assert {(result.status, result.reason) for result in results.values()} == {(400, "BadDeviceToken")}
    assert server.connections_made == 1


def test_gone_comes_with_the_time_since_when(server):
    [request] = enrolled(server, 1)
    server.unregister(request.token, gone_at=1_766_000_000)

    result = client_for(server).push_many([request])[1]

    assert result.gone and result.reason == "Unregistered" and not result.should_back_off
    assert result.timestamp == dt.datetime.fromtimestamp(1_766_000_000, UTC)


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"\xff\xfe", b'["reason"]', b'{"reason": 7}'])
def test_an_error_without_a_readable_body_keeps_its_status(server, body):
    first, second = enrolled(server, 2)
    server.fault_for(first.token, Answer(502, body=body))

    results = client_for(server).push_many([first, second])

    assert (results[1].status, results[1].reason, results[1].should_back_off) == (502, "", True)
    assert results[2].accepted
    assert server.connections_made == 1


@pytest.mark.parametrize("timestamp", ['"soon"', "true", "99999999999999999999", "null"])
def test_a_timestamp_that_is_none_is_left_out(server, timestamp):
    [request] = enrolled(server, 1)
    server.fault_for(
        request.token, Answer(410, body=f'{{"reason": "Unregistered", "timestamp": {timestamp}}}'.encode())
    )

    result = client_for(server).push_many([request])[1]

    assert result.gone and result.timestamp is None


def test_a_reset_stream_fails_one_push_and_no_other(server):
    requests = enrolled(server, 20)
    server.fault_for(requests[4].token, Reset())

    results = client_for(server).push_many(requests)

    assert "INTERNAL_ERROR" in results[5].transport_error and results[5].should_back_off
    assert sum(result.accepted for result in results.values()) == 19
    assert server.connections_made == 1


def test_a_refused_stream_is_sent_again(server):
    [request] = enrolled(server, 1)
    server.fault_next(Reset(http2.REFUSED_STREAM))

    assert client_for(server).push_many([request])[1].accepted


def test_a_topic_of_another_certificate_is_a_configuration_error(server):
    [request] = enrolled(server, 1)
    other = PushRequest(1, request.token, request.push_magic, "com.apple.mgmt.External.someone-else")

    result = client_for(server).push_many([other])[1]

    assert result.reason == "TopicDisallowed" and result.is_configuration_error and not result.should_back_off


@pytest.mark.parametrize(
    "result, facts",
    [
        (PushResult(200), {"accepted"}),
        (PushResult(400, "BadDeviceToken"), {"is_token_error"}),
        (PushResult(400, "DeviceTokenNotForTopic"), {"is_token_error"}),
        (PushResult(400, "TopicDisallowed"), {"is_configuration_error"}),
        (PushResult(400, "BadPriority"), set()),
        (PushResult(400, "IdleTimeout"), {"should_back_off"}),
        (PushResult(403, "BadCertificate"), {"is_configuration_error"}),
        (PushResult(403), {"is_configuration_error"}),
        (PushResult(410, "Unregistered"), {"gone"}),
        (PushResult(410, "ExpiredToken"), {"gone"}),
        (PushResult(413, "PayloadTooLarge"), set()),
        (PushResult(429, "TooManyRequests"), {"should_back_off"}),
        (PushResult(500, "InternalServerError"), {"should_back_off"}),
        (PushResult(503, "Shutdown"), {"should_back_off"}),
        (PushResult(None, transport_error="lost"), {"should_back_off"}),
        (PushResult(None, "BadCertificate", transport_error="GOAWAY"), {"is_configuration_error"}),
    ],
)
def test_each_answer_of_apples_table_is_one_kind_of_outcome(result, facts):
    kinds = {"accepted", "gone", "is_token_error", "is_configuration_error", "should_back_off"}
    assert {kind for kind in kinds if getattr(result, kind)} == facts


# --- connections that end ---------------------------------------------------------------------------------------------


def test_after_goaway_what_was_not_answered_is_sent_again_on_a_new_connection(server):
    requests = enrolled(server, 50)
    server.fault_for(requests[20].token, GoAway("Shutdown"), times=1)

    results = client_for(server).push_many(requests)

    assert all(result.accepted for result in results.values())
    assert server.connections_made == 2


def test_a_connection_that_drops_without_a_word_is_replaced(server):
    requests = enrolled(server, 50)
    server.fault_for(requests[20].token, Close(), times=1)

    results = client_for(server).push_many(requests)

    assert all(result.accepted for result in results.values())
    assert server.connections_made == 2


def test_endless_goaway_ends_after_three_tries_with_its_reason(server):
    [request] = enrolled(server, 1)
    server.fault_for(request.token, GoAway("InternalServerError"))

    result = client_for(server).push_many([request])[1]

    assert result.status is None and result.reason == "InternalServerError" and result.should_back_off
    assert "InternalServerError" in result.transport_error
    assert server.connections_made == 3


def test_retries_wait_longer_each_time_and_never_equally(server, monkeypatch):
    waits = []
    monkeypatch.setattr(client_module.random, "uniform", lambda low, high: waits.append((low, high)) or low)
    [request] = enrolled(server, 1)
    server.fault_for(request.token, GoAway())

    client_for(server).push_many([request])

    assert waits == [(0.5, 1.0)] * 2


def test_goaway_for_a_bad_certificate_is_a_configuration_error(server):
    [request] = enrolled(server, 1)
    server.fault_for(request.token, GoAway("BadCertificate"))

    assert client_for(server).push_many([request])[1].is_configuration_error


def test_one_push_that_always_ends_the_connection_does_not_keep_the_others_from_arriving(server):
    requests = enrolled(server, 30)
    server.fault_for(requests[0].token, Close())

    results = client_for(server).push_many(requests[1:] + requests[:1])

    assert not results[1].accepted and results[1].should_back_off
    assert all(results[number].accepted for number in range(2, 31))


def test_a_push_without_an_answer_times_out_and_leaves_the_others_and_the_connection_alone(server):
    requests = enrolled(server, 3)
    server.fault_for(requests[0].token, Silence(), times=1)
    client = client_for(server, answer_timeout_s=0.4)
    ended = threading.Event()
    results = {}

    def push_the_silent_one():
        results.update(client.push_many(requests[:1]))
        ended.set()

    silent = threading.Thread(target=push_the_silent_one)
    silent.start()
    answered = 0
    while not ended.wait(0.02):
        answered += client.push_many(requests[1:2])[2].accepted
    silent.join()

    assert "did not answer" in results[1].transport_error and results[1].should_back_off
    assert answered > 1
    assert client.push_many(requests[:1])[1].accepted
    assert server.connections_made == 1


def test_a_dead_peer_is_left_for_a_new_connection(server):
    [request] = enrolled(server, 1)
    server.fault_for(request.token, Silence(whole_connection=True), times=1)
    client = client_for(server, answer_timeout_s=0.2)

    assert not client.push_many([request])[1].accepted
    assert client.push_many([request])[1].accepted
    assert server.connections_made == 2


def test_a_server_that_allows_no_stream_at_all_is_given_up_after_three_tries(ca_folder):
    with running_apns(ca_folder, max_concurrent_streams=0) as server:
        [request] = enrolled(server, 1)
        result = client_for(server, answer_timeout_s=0.1).push_many([request])[1]
        shut_down()

    assert "no push through" in result.transport_error and result.should_back_off
    assert server.connections_made == 3


def test_a_connection_that_died_while_idle_is_noticed_before_it_is_used(server, monkeypatch):
    monkeypatch.setattr(pool_module, "PROBE_AFTER_S", 0.0)
    [request] = enrolled(server, 1)
    client = client_for(server)
    client.push_many([request])
    assert client.push_many([request])[1].accepted and server.connections_made == 1

    monkeypatch.setattr(pool_module, "PROBE_TIMEOUT_S", 0.2)
    [connection] = server.connections
    server.loop.call_soon_threadsafe(connection.transport.pause_reading)

    assert client.push_many([request])[1].accepted
    assert server.connections_made == 2


class AnswerThoughCancelled:
    """A fault of this test: the answer crosses the cancellation on the wire."""

    def __init__(self):
        self.struck = threading.Event()
        self.answered = threading.Event()

    def strike(self, connection, stream_id, apns_id):
        self.struck.set()
        asyncio.get_running_loop().call_later(0.2, self._answer, connection, stream_id, apns_id)

    def _answer(self, connection, stream_id, apns_id):
        stream = http2.Stream([], 65535, 65535)
        stream.has_ended = True
        connection.streams[stream_id] = stream
        connection.respond(stream_id, 400, [(b"apns-id", apns_id)], b'{"reason": "TooLate"}')
        connection.flush()
        self.answered.set()


def test_a_caller_that_gives_up_breaks_no_other_push_even_when_its_answer_comes_late(server):
    first, second = enrolled(server, 2)
    fault = AnswerThoughCancelled()
    server.fault_for(first.token, fault, times=1)
    client = client_for(server)
    exchange = client_module._exchange(first)
    work = client_module._deliver(runtime().pool, client.identity, [exchange], 0.01)
    waiting = asyncio.run_coroutine_threadsafe(work, runtime().loop)
    assert fault.struck.wait(5)

    waiting.cancel()
    assert client.push_many([second])[2].accepted
    assert fault.answered.wait(5)

    assert client.push_many([first, second])[1].accepted
    assert server.connections_made == 1


def test_the_stream_of_a_caller_that_gave_up_is_freed_at_apns_too(server):
    [request] = enrolled(server, 1)
    server.fault_for(request.token, Silence())
    client = client_for(server, answer_timeout_s=60)
    work = client_module._deliver(runtime().pool, client.identity, [client_module._exchange(request)], 0.01)
    waiting = asyncio.run_coroutine_threadsafe(work, runtime().loop)
    assert eventually(lambda: any(connection.streams for connection in server.connections))

    waiting.cancel()

    assert eventually(lambda: not any(connection.streams for connection in server.connections))


def test_nothing_is_kept_of_a_push_once_it_is_answered(server):
    requests = enrolled(server, 600)
    for request in requests[::2]:
        server.unregister(request.token)
    client = client_for(server)
    for _ in range(5):
        client.push_many(requests)

    connection = the_connection(server, client)
    kept = [connection._waiting, connection._blocked, connection._queue]
    inherited = [connection.requests, connection.request_streams, connection.request_statuses]
    assert not any(kept + inherited)
    assert len(connection.conn.streams) < 1000


# --- certificates and connecting --------------------------------------------------------------------------------------


def test_an_expired_certificate_is_noticed_before_connecting(server):
    [request] = enrolled(server, 1)
    yesterday = dt.datetime.now(UTC) - dt.timedelta(days=1)
    expired = server.push_ca.issue_push_identity(topic=request.topic, not_after=yesterday)

    result = client_for(server, expired).push_many([request])[1]

    assert result.reason == client_module.CERTIFICATE_EXPIRED and result.is_configuration_error
    assert f"{yesterday:%Y-%m-%d}" in result.transport_error
    assert server.connections_made == 0


def test_a_certificate_of_the_future_is_noticed_before_connecting(server):
    [request] = enrolled(server, 1)
    in_two_years = dt.datetime.now(UTC) + dt.timedelta(days=730)
    early = server.push_ca.issue_push_identity(topic=request.topic, not_after=in_two_years)

    result = client_for(server, early).push_many([request])[1]

    assert result.reason == client_module.CERTIFICATE_NOT_YET_VALID and result.is_configuration_error
    assert server.connections_made == 0


def test_a_renewed_certificate_replaces_the_connection_of_the_old_one(server):
    [request] = enrolled(server, 1)
    renewed = server.push_ca.issue_push_identity(topic=request.topic)
    client_for(server).push_many([request])
    [old] = server.connections

    assert client_for(server, renewed).push_many([request])[1].accepted
    assert client_for(server, renewed).push_many([request])[1].accepted

    assert server.connections_made == 2
    assert eventually(lambda: old not in server.connections)


def test_a_certificate_of_another_authority_gets_nothing_through(server, tmp_path):
    [request] = enrolled(server, 1)
    stranger = PushCA(tmp_path).issue_push_identity(topic=request.topic)

    result = client_for(server, stranger).push_many([request])[1]

    assert "refuses the push certificate" in result.transport_error
    assert server.accepted == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_refused_with_a_tls_alert_is_a_configuration_error_and_not_tried_again(server, tmp_path, version):
    [request] = enrolled(server, 1)
    stranger = PushCA(tmp_path).issue_push_identity(topic=request.topic)
    context = server._ssl_context()
    context.minimum_version = context.maximum_version = version
    refusals = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Blocking TLS, because asyncio's servers hang up without sending the alert.
        thread = threading.Thread(target=refuse_handshakes, args=(listener, context, refusals))
        thread.start()
        client = client_for(server, stranger, port=listener.getsockname()[1])
        result = client.push_many([request])[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert result.reason == pool_module.CERTIFICATE_REFUSED and result.is_configuration_error
    assert len(refusals) == 1


def refuse_handshakes(listener, context, refusals):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            try:
                context.wrap_socket(connection, server_side=True).close()
            except ssl.SSLError as exc:
                refusals.append(exc.reason)


def test_a_key_of_another_certificate_is_a_configuration_error(server):
    [request] = enrolled(server, 1)
    ours, other = server.push_ca.push_identity(), server.push_ca.issue_push_identity()
    mixed = type(ours)(ours.certificate_pem, other.key_pem)

    result = client_for(server, mixed).push_many([request])[1]

    assert result.reason == pool_module.CERTIFICATE_UNUSABLE and result.is_configuration_error


def test_a_server_of_an_unknown_authority_gets_no_push(server, tmp_path):
    [request] = enrolled(server, 1)
    client = client_for(server, ca_file=str(PushCA(tmp_path).ca_file))

    result = client.push_many([request])[1]

    assert result.reason == pool_module.SERVER_UNTRUSTED and result.is_configuration_error
    assert server.accepted == 0


def test_a_server_that_is_down_is_a_transport_error_after_three_tries(ca_folder):
    with running_apns(ca_folder) as server:
        [request] = enrolled(server, 1)
        client = client_for(server)

    result = client.push_many([request])[1]
    shut_down()

    assert result.status is None and str(server.port) in result.transport_error and result.should_back_off


def test_a_forked_worker_opens_its_own_connection(server):
    requests = enrolled(server, 2)
    client = client_for(server)
    client.push_many(requests)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # later Pythons warn of every fork beside threads
        child = os.fork()
    if child == 0:
        accepted = all(result.accepted for result in client.push_many(requests).values())
        os._exit(0 if accepted else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert client.push_many(requests)[1].accepted
    assert server.connections_made == 2
