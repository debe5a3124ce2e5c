"""The fault run: servers are killed while the fleet works through its commands, and nothing may be lost.

Devices send a request again until it is answered 200, as real ones do. At the end every command is acknowledged once,
every report is there once and interpreted; a report that was sent twice because its 200 was lost is kept as repeated.
"""

import os
import signal
import time

from bench import messages
from bench.fleet import MDM_SIGNATURE
from bench.generator import Plan, finish, launch
from bench.queues import clear_queues, found_in_database, queue_questions
from bench.run import Run, emit, note
from bench.stage import Stage, Web
from mdm_project.run import Child

PAUSE_S = 1.5
REDIS_HANGS_S = 2.0
ANSWER_TIMEOUT_S = 8.0
INTERPRETED_WITHIN_S = 90.0


def faults(run: Run) -> None:
    """Kill and stop servers under load, then count what the database holds."""
    kinds = list(messages.QUESTIONS)
    commands = {
        f"00000000-0000-0000-0005-{number:012d}": kinds[number % len(kinds)]
        for number in range(run.options.fault_commands)
    }
    scripts = run.fleet.scripts(MDM_SIGNATURE, commands)
    with run.stage.web(workers=run.options.web_workers) as web, run.stage.workers() as workers:
        queue_questions(commands)
        began_at = time.monotonic()
        load = launch(
            Plan(
                web.port, scripts, run.options.connections, think_s=run.options.fault_think_s,
                answer_timeout_s=ANSWER_TIMEOUT_S,
            )
        )  # fmt: skip
        struck = {}
        for name, strike in FAULTS.items():
            time.sleep(PAUSE_S)
            struck[name] = load.poll() is None
            note(
                f"{name} after {time.monotonic() - began_at:.1f} s" + ("" if struck[name] else ": too late, load over")
            )
            strike(run.stage, web)
        outcome = finish(load)
        note("the load is over; waiting until every report is interpreted")
        interpreted_after_s = _wait_until_interpreted(run.stage, commands, workers)
    found = found_in_database(commands)
    expected = len(scripts) * len(commands)
    is_intact = (
        found["acknowledged"] == found["reports"] == expected
        and not found["uninterpreted"] and not found["problems"] and not found["waiting"]
        and not outcome.missing and not outcome.unexpected and not outcome.repeated
    )  # fmt: skip
    emit(
        "faults", is_intact=is_intact, devices=len(scripts), commands_queued=expected,
        struck_under_load=[name for name, was_running in struck.items() if was_running],
        seconds=outcome.elapsed_s, requests=outcome.requests, requests_per_s=outcome.requests / outcome.elapsed_s,
        statuses={str(status): count for status, count in sorted(outcome.statuses.items())},
        unanswered=dict(sorted(outcome.failures.items())),
        lost=outcome.missing, unexpected=outcome.unexpected, delivered_after_report=outcome.repeated,
        **{f"{name}_in_database": count for name, count in found.items()},
        interpreted_after_s=interpreted_after_s,
        restarted={child.name: child.failures for child in workers if child.failures},
    )  # fmt: skip
    clear_queues()


def _kill_web_worker(_stage: Stage, web: Web) -> None:
    os.kill(web.worker_pids()[-1], signal.SIGKILL)


def _hang_and_kill_redis(stage: Stage, _web: Web) -> None:
    """Redis first hangs, which is worse for its clients than a refusal, then dies and is started again."""
    pid = stage.redis_pid()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(REDIS_HANGS_S)
    os.kill(pid, signal.SIGKILL)


def _restart_postgres(stage: Stage, _web: Web) -> None:
    """A fast shutdown, as an administrator's restart: sessions are ended."""
    os.kill(stage.postgres_pid(), signal.SIGINT)


def _kill_postgres(stage: Stage, _web: Web) -> None:
    """The postmaster dies; what was committed comes back from the log of writes."""
    os.kill(_until(stage.postgres_pid), signal.SIGKILL)


FAULTS = {
    "a web worker is killed": _kill_web_worker,
    "Redis hangs, is killed and comes back": _hang_and_kill_redis,
    "PostgreSQL restarts": _restart_postgres,
    "PostgreSQL is killed": _kill_postgres,
}


def _until(find, within_s: float = 30.0):
    """Return what find returns once that is something."""
    gives_up_at = time.monotonic() + within_s
    while not (found := find()) and time.monotonic() < gives_up_at:
        time.sleep(0.1)
    return found


def _wait_until_interpreted(stage: Stage, commands: dict[str, str], workers: list[Child]) -> float:
    """Wait until no report waits, or long enough; return how long it took."""
    from django.db import OperationalError, connections

    began_at = time.monotonic()
    while time.monotonic() - began_at < INTERPRETED_WITHIN_S:
        for child in workers:
            child.check(os.environ.copy())
        try:
            if not found_in_database(commands)["uninterpreted"]:
                return time.monotonic() - began_at
        except OperationalError:
            connections.close_all()
        time.sleep(0.5)
    alive = {child.name: child.process.poll() is None for child in workers}
    note(f"reports still wait: PostgreSQL {stage.postgres_pid()}, Redis {stage.redis_pid()}, alive {alive}")
    return time.monotonic() - began_at
