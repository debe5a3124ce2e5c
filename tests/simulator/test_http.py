"""The device's HTTP client: framing, keep-alive, lost connections."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from simulator.http import Client, TransportError


@asynccontextmanager
async def answering(*answers: bytes, close_after_each=False):
    """Serve raw answers, one a request; yields the URL and the list of connections made."""
    left, connections = list(answers), []

    async def serve(reader, writer):
        connections.append(writer)
        try:
            while left:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(left.pop(0))
                await writer.drain()
                if close_after_each:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", connections
    finally:
        server.close()
        await server.wait_closed()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def get(*answers, times=1, close_after_each=False):
    """Send requests over one client; return responses and how many connections they took."""

    async def play():
        async with answering(*answers, close_after_each=close_after_each) as (url, connections):
            client = Client(timeout_s=5)
            try:
                return [await client.request("GET", url) for _ in range(times)], len(connections)
            finally:
                client.close()

    return asyncio.run(play())


def test_one_connection_serves_many_requests():
    responses, connections = get(ok(b"a"), ok(b""), ok(b"c"), times=3)
    assert [response.body for response in responses] == [b"a", b"", b"c"]
    assert connections == 1


def test_a_kept_connection_that_was_closed_is_opened_again():
    responses, connections = get(ok(b"a"), ok(b"b"), times=2, close_after_each=True)
    assert [response.body for response in responses] == [b"a", b"b"]
    assert connections == 2


def test_chunks_and_bodies_without_length_are_read():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n"
    assert get(chunked)[0][0].body == b"abcde"
    assert get(b"HTTP/1.1 200 OK\r\n\r\nto the end", close_after_each=True)[0][0].body == b"to the end"


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
)
def test_a_broken_answer_is_a_transport_error(answer):
    with pytest.raises(TransportError):
        get(answer, close_after_each=True)


def test_a_redirect_is_followed_for_downloads_only():
    async def play():
        redirect = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        async with answering(redirect, redirect, ok(b"there")) as (url, _):
            client = Client(timeout_s=5)
            assert (await client.request("PUT", url)).status == 302
            assert (await client.download(url)).body == b"there"
            client.close()

    asyncio.run(play())


def test_nobody_listening_is_a_transport_error():
    async def play():
        async with answering() as (url, _):
            pass
        with pytest.raises(TransportError):
            await Client(timeout_s=5).request("GET", url)

    asyncio.run(play())
