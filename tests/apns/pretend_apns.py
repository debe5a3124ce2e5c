"""A pretend APNs in a thread of its own, for tests that push to it."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from apns.client import PushClient, PushRequest
from simulator.apns import ApnsServer
from simulator.push_ca import PushCA


@contextmanager
def running_apns(folder: Path, **options) -> Iterator[ApnsServer]:
    """Run the server on a free loopback port until the end of the block."""
    server = ApnsServer(PushCA(folder), **options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def client_for(server: ApnsServer, identity=None, port=None, ca_file=None, **options) -> PushClient:
    """Make a client for the server, with its own push certificate unless another is given, and short waits."""
    identity = identity or server.push_ca.push_identity()
    options = {"retry_base_s": 0.01, "answer_timeout_s": 5.0} | options
    return PushClient(
        identity.certificate_pem,
        identity.key_pem,
        identity.topic,
        "127.0.0.1",
        port or server.port,
        ca_file or str(server.push_ca.ca_file),
        **options,
    )


def enrolled(server: ApnsServer, count: int) -> list[PushRequest]:
    """Register devices with the server and return a push for each; the channel id counts from 1."""
    topic = server.push_ca.push_identity().topic
    requests = []
    for number in range(1, count + 1):
        request = PushRequest(number, os.urandom(32), f"magic-{number}", topic)
        server.register(request.token, topic, request.push_magic, lambda: None)
        requests.append(request)
    return requests


def eventually(holds: Callable[[], bool], within_s: float = 5.0) -> bool:
    """Wait until something holds in the server's thread."""
    give_up_at = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.01)
    return True
