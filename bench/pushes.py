"""Pushes per second of one worker process, against a pretend APNs in a process of its own.

The client alone, then the product's whole way: wishes in PostgreSQL, claimed, pushed, outcomes recorded. Both ends
speak HTTP/2 in Python, so their processor time is reported apart: on a machine of two cores the slower of the two is
the limit, and APNs itself is no Python.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench import messages
from bench.processes import used_s
from bench.queues import fleet_channels
from bench.run import Run, emit
from simulator.apns import ApnsServer
from simulator.push_ca import PushCA

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
TARGET_PER_S = 3000


def pushes(run: Run) -> None:
    """Push with the client, then through the service."""
    tokens = max(run.options.pushes, run.options.devices)
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.pushes", str(run.stage.data_dir / "push"), os.environ["APNS_PORT"], str(tokens)],
        cwd=PROJECT_FOLDER, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        server.stdout.readline()
        _client(run, server.pid)
        _service(run, server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        accepted = json.loads(server.stdout.readline())
        server.wait()
    emit("push_server", **accepted)


def _client(run: Run, server_pid: int) -> None:
    from django.conf import settings

    from apns.client import PushClient, PushRequest

    identity = run.stage.push_ca.push_identity()
    client = PushClient(
        identity.certificate_pem, identity.key_pem, run.topic,
        settings.APNS_HOST, settings.APNS_PORT, settings.APNS_CA_FILE,
    )  # fmt: skip
    requests = [
        PushRequest(number, messages.push_token(number), messages.push_magic(number), run.topic)
        for number in range(run.options.pushes)
    ]
    client.push_many(requests[:100])
    cost = _Cost(server_pid, 0)
    results = client.push_many(requests)
    accepted = sum(result.accepted for result in results.values())
    emit("push_client", **cost.per_push(len(requests)), accepted=accepted, target_per_s=TARGET_PER_S)


def _service(run: Run, server_pid: int) -> None:
    from django.db import transaction

    from apns.models import PushState
    from apns.services import push_due, request_wake

    with transaction.atomic():
        wished = request_wake(fleet_channels())
    cost = _Cost(server_pid, run.stage.postgres_pid())
    claimed = 0
    while taken := push_due():
        claimed += taken
    emit(
        "push_service", **cost.per_push(claimed), target_per_s=TARGET_PER_S, wished=wished,
        accepted_in_database=PushState.objects.filter(status=200, requested_at=None).count(),
    )  # fmt: skip


class _Cost:
    """Time and processor time from its making on."""

    def __init__(self, server_pid: int, postgres_pid: int):
        self.pids = (server_pid, postgres_pid)
        self.before = self._now()

    def _now(self) -> list[float]:
        return [time.perf_counter(), time.process_time(), *(used_s(pid) if pid else 0.0 for pid in self.pids)]

    def per_push(self, pushes: int) -> dict:
        elapsed_s, own, server, database = (now - then for now, then in zip(self._now(), self.before, strict=True))
        per_push_us = 1e6 / max(1, pushes)
        return {
            "pushes_per_s": pushes / elapsed_s,
            "pushes": pushes,
            "worker_cpu_us": own * per_push_us,
            "database_cpu_us": database * per_push_us,
            "pretend_apns_cpu_us": server * per_push_us,
        }


# The pretend APNs, in its own process


async def _serve(folder: str, port: int, tokens: int) -> None:
    push_ca = PushCA(folder)
    server = ApnsServer(push_ca, port=port)
    topic = push_ca.push_identity().topic
    for number in range(tokens):
        server.register(messages.push_token(number), topic, messages.push_magic(number), lambda: None)
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await stop.wait()
    counts = {"accepted": server.accepted, "refused": dict(server.refused), "connections": server.connections_made}
    print(json.dumps(counts), flush=True)
    await server.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
