"""Requests per second of the command endpoint, beside a calibration under the same server and the same load.

Product and calibration take turns (A B A B …) and medians are compared, because a machine drifts while it is measured.
"""

import statistics
from collections import Counter
from dataclasses import dataclass, field

from bench import messages
from bench.fleet import IDENTITY_MODES
from bench.generator import Outcome, Plan, Script, drive
from bench.processes import used_s
from bench.queues import clear_queues, found_in_database, queue_questions
from bench.run import Run, emit, latencies, note, rate
from bench.stage import CALIBRATION, PRODUCT, TRIVIAL, Web

IDLE_TARGET, CYCLE_TARGET = 0.85, 0.8
WARM_UP_S = 1.5


@dataclass
class Side:
    """One of the two that are compared: its web server, and what its rounds saw and cost."""

    web: Web
    postgres_pid: int
    outcomes: list[Outcome] = field(default_factory=list)
    web_cpu_s: float = 0.0
    database_cpu_s: float = 0.0

    def play(self, plan: Plan) -> None:
        """Run one round and keep what it saw."""
        web, database = used_s(self.web.child.process.pid), used_s(self.postgres_pid)
        self.outcomes.append(drive(plan))
        self.web_cpu_s += used_s(self.web.child.process.pid) - web
        self.database_cpu_s += used_s(self.postgres_pid) - database

    @property
    def requests_per_s(self) -> float:
        return statistics.median(map(rate, self.outcomes))

    @property
    def cpu_us_per_request(self) -> float:
        """Processor time of web server and PostgreSQL."""
        return (self.web_cpu_s + self.database_cpu_s) / max(1, self.requests) * 1e6

    @property
    def requests(self) -> int:
        return self.total("requests")

    def total(self, name: str) -> int:
        return sum(getattr(outcome, name) for outcome in self.outcomes)

    def figures(self, prefix: str = "") -> dict:
        """What a line of results says about this side."""
        per_request_us = 1e6 / max(1, self.requests)
        figures = {
            "requests_per_s": self.requests_per_s,
            **latencies([value for outcome in self.outcomes for value in outcome.request_s]),
            "requests": self.requests,
            "errors": self.total("errors"),
            "web_cpu_us": self.web_cpu_s * per_request_us,
            "database_cpu_us": self.database_cpu_s * per_request_us,
            "generator_cpu_us": sum(outcome.cpu_s for outcome in self.outcomes) * per_request_us,
        }
        return {prefix + name: value for name, value in figures.items()}


def ceiling(run: Run) -> None:
    """How many requests per second generator and web server manage together when the application does nothing."""
    for mode in IDENTITY_MODES:
        scripts = run.fleet.scripts(mode, {})
        side = Side(run.web(TRIVIAL), run.stage.postgres_pid())
        _warm_up(run, side, scripts)
        side.play(_timed(run, side, scripts))
        emit("loadgen_ceiling", identity=mode, **side.figures())


def idle(run: Run) -> None:
    """A device asks and there is nothing to do."""
    for mode in IDENTITY_MODES:
        scripts = run.fleet.scripts(mode, {})
        product, calibration = _sides(run)
        for side in (product, calibration):
            _warm_up(run, side, scripts)
        for _ in range(run.options.rounds):
            product.play(_timed(run, product, scripts))
            calibration.play(_timed(run, calibration, scripts))
            _tell(product, calibration)
        _emit_comparison("idle", mode, product, calibration, IDLE_TARGET)


def cycle(run: Run) -> None:
    """A device asks, is given a command, reports, is given the next one, until the answer is empty."""
    commands = {f"00000000-0000-0000-0003-{number:012d}": kind for number, kind in enumerate(messages.QUESTIONS)}
    for mode in IDENTITY_MODES:
        scripts = run.fleet.scripts(mode, commands)
        in_database: Counter = Counter()
        product, calibration = _sides(run)
        for side in (product, calibration):
            _warm_up(run, side, [Script(script.opening) for script in scripts])
        for _ in range(run.options.rounds):
            queue_questions(commands)
            product.play(Plan(product.web.port, scripts, run.options.connections))
            in_database.update(found_in_database(commands))
            clear_queues()
            calibration.play(Plan(calibration.web.port, scripts, run.options.connections, is_scripted=True))
            _tell(product, calibration)
        _emit_comparison(
            "cycle", mode, product, calibration, CYCLE_TARGET,
            cycles_per_s=statistics.median(o.delivered / o.elapsed_s for o in product.outcomes),
            commands_queued=len(scripts) * len(commands) * run.options.rounds,
            **{f"{name}_in_database": count for name, count in in_database.items()},
        )  # fmt: skip


def _sides(run: Run) -> tuple[Side, Side]:
    """Product and calibration, each under its own web server, running at the same time."""
    product, calibration = (Side(run.web(name), run.stage.postgres_pid()) for name in (PRODUCT, CALIBRATION))
    return product, calibration


def _timed(run: Run, side: Side, scripts: list[Script]) -> Plan:
    return Plan(side.web.port, scripts, run.options.connections, seconds=run.options.seconds)


def _warm_up(run: Run, side: Side, scripts: list[Script]) -> None:
    """Let every worker meet devices, so that caches are as full as in a running installation."""
    drive(Plan(side.web.port, scripts, run.options.connections, seconds=min(WARM_UP_S, run.options.seconds)))


def _tell(product: Side, calibration: Side) -> None:
    note(f"product {rate(product.outcomes[-1]):.0f}/s, calibration {rate(calibration.outcomes[-1]):.0f}/s")


def _emit_comparison(benchmark: str, mode: str, product: Side, calibration: Side, target: float, **more) -> None:
    ratio = product.requests_per_s / calibration.requests_per_s
    emit(
        benchmark, identity=mode, ratio=ratio, target_ratio=target, meets_target=ratio >= target,
        cpu_ratio=calibration.cpu_us_per_request / product.cpu_us_per_request,
        **product.figures(), lost=product.total("missing"), repeated=product.total("repeated"),
        unexpected=product.total("unexpected"), **more,
        bytes_per_request=round(product.total("bytes_sent") / max(1, product.requests)),
        **calibration.figures("calibration_"),
    )  # fmt: skip
