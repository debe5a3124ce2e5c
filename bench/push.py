"""Pushes per second of one worker, to a pretend APNs in a process of its own: the client alone, and with its rows.

`python -m bench.push FOLDER COUNT` is that process. CPU seconds of this process tell the ceiling of one core, which a
busy machine does not change.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import messages
from simulator.apns import ApnsServer
from simulator.push_ca import Identity, PushCA

SPREAD = 10_000


@dataclass
class PretendApns:
    port: int
    ca_file: str
    identity: Identity


@contextlib.contextmanager
def pretend_apns(folder: Path, topic: str, tokens: int = SPREAD) -> Iterator[PretendApns]:
    """Run a pretend APNs that knows the push tokens 0 to ``tokens`` of `bench.messages`."""
    push_ca = PushCA(folder)
    command = [sys.executable, "-m", "bench.push", str(folder), str(tokens), topic]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[1]) as process:
        try:
            port = json.loads(process.stdout.readline())["port"]
            yield PretendApns(port, str(push_ca.ca_file), push_ca.issue_push_identity(topic=topic))
        finally:
            process.terminate()


async def serve(folder: str, tokens: int, topic: str) -> None:
    server = ApnsServer(PushCA(folder))
    for number in range(tokens):
        server.register(messages.push_token(number), topic, messages.push_magic(number), lambda: None)
    await server.start()
    print(json.dumps({"port": server.port}), flush=True)
    await asyncio.Event().wait()


def measure_client(apns: PretendApns, count: int = SPREAD) -> dict:
    """Push once to each of ``count`` devices by `PushClient` alone."""
    from apns.client import PushClient, PushRequest

    identity = apns.identity
    client = PushClient(
        identity.certificate_pem, identity.key_pem, identity.topic, "127.0.0.1", apns.port, apns.ca_file
    )
    requests = [
        PushRequest(number, messages.push_token(number), messages.push_magic(number), identity.topic)
        for number in range(count)
    ]
    client.push_many(requests[:1])  # connects
    with stopwatch(count) as measured:
        results = client.push_many(requests)
    measured["failed"] = sum(not result.accepted for result in results.values())
    return measured


def measure_due(apns: PretendApns, channels) -> dict:
    """Wake every channel of a ChannelQuerySet through its rows: wish, claims, pushes, outcomes."""
    from django.conf import settings

    from apns.certificates import store_push_certificate
    from apns.services import push_due, request_wake
    from devices.timeline import SYSTEM

    settings.APNS_HOST, settings.APNS_PORT, settings.APNS_CA_FILE = "127.0.0.1", apns.port, apns.ca_file
    pem = apns.identity.certificate_pem + apns.identity.key_pem
    store_push_certificate(pem, actor=SYSTEM, force_topic_change=True)
    began_at = time.perf_counter()
    count = request_wake(channels)
    wish_s = time.perf_counter() - began_at
    with stopwatch(count) as measured:
        while push_due():
            pass
    return measured | {"wishes": count, "wish_s": wish_s}


@contextlib.contextmanager
def stopwatch(count: int) -> Iterator[dict]:
    measured = {}
    began_at, cpu_began_at = time.perf_counter(), time.process_time()
    yield measured
    cpu_s = time.process_time() - cpu_began_at
    measured["pushes_per_s"] = count / (time.perf_counter() - began_at)
    measured["cpu_ms_per_push"] = cpu_s * 1000 / max(count, 1)
    measured["ceiling_per_core"] = count / cpu_s


def pushes(run) -> None:
    """Measure pushes per second of one worker."""
    from apns.models import PushState
    from bench.run import TOPIC, emit
    from devices.models import Channel

    with pretend_apns(run.stage.data_dir / "push-ca", TOPIC) as apns:
        emit("push_client", **measure_client(apns))
        measured = measure_due(apns, Channel.objects.device_channels())
        emit("push_due", **measured, accepted=PushState.objects.exclude(accepted_at=None).count())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
